//! The handle everybody holds.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use ms_actor::{Port, Ref, WeakRef};
use ms_supervisor::{SupervisorActor, SupervisorRef};
use tokio::sync::mpsc;

use crate::actor::EventBusActor;
use crate::bus::BusConfig;
use crate::event::{Delivery, Event};
use crate::feed::Feed;
use crate::meters::{BusStats, Totals};
use crate::payload::AnyEvent;
use crate::producer::Producer;
use crate::sink::{FeedSink, PortSink};
use crate::subscribe::Subscribe;
use crate::table::Table;
use crate::transport::Transport;

/// How long anything takes at most unless the caller says otherwise.
const DEFAULT_WITHIN: Duration = Duration::from_secs(5);

/// What handles and the actor share: the published table, and where the actors are.
pub(crate) struct Shared {
    pub(crate) config: BusConfig,
    pub(crate) buffer: AtomicUsize,
    pub(crate) clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) totals: Totals,
    pub(crate) next: AtomicU64,
    table: ArcSwap<Table>,
    actor: ArcSwapOption<WeakRef<EventBusActor>>,
    outlets: ArcSwapOption<WeakRef<SupervisorActor>>,
}

impl Shared {
    pub(crate) fn new(
        config: BusConfig,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Self {
        Self {
            buffer: AtomicUsize::new(config.buffer),
            config,
            clock,
            transport,
            totals: Totals::default(),
            next: AtomicU64::new(1),
            table: ArcSwap::default(),
            actor: ArcSwapOption::empty(),
            outlets: ArcSwapOption::empty(),
        }
    }

    pub(crate) fn table(&self) -> arc_swap::Guard<Arc<Table>> {
        self.table.load()
    }

    pub(crate) fn publish(&self, table: Table) {
        self.table.store(Arc::new(table));
    }

    pub(crate) fn actor(&self) -> Option<Ref<EventBusActor>> {
        self.actor.load().as_ref().and_then(|weak| weak.upgrade())
    }

    pub(crate) fn actor_is(&self, actor: &Ref<EventBusActor>) {
        self.actor.store(Some(Arc::new(actor.downgrade())));
    }

    /// The supervisor of the buffers.
    pub(crate) fn outlets(&self) -> Option<SupervisorRef> {
        let actor = self.outlets.load().as_ref().and_then(|weak| weak.upgrade())?;
        SupervisorRef::of(&actor.any())
    }

    pub(crate) fn outlets_are(&self, supervisor: &SupervisorRef) {
        let actor = supervisor.any().typed::<SupervisorActor>();
        self.outlets.store(actor.map(|actor| Arc::new(actor.downgrade())));
    }
}

/// The way to an event bus. Cheap to clone; usable from any thread, and before the bus runs:
/// what is published then is wanted by nobody.
#[derive(Clone)]
pub struct BusClient {
    pub(crate) shared: Arc<Shared>,
    pub(crate) within: Duration,
}

impl BusClient {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, within: DEFAULT_WITHIN }
    }

    /// The same with another deadline for subscribing and for [`Producer::publish_waiting`];
    /// five seconds otherwise.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { within: limit, ..self.clone() }
    }

    /// What carries the events: `memory`.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        self.shared.transport.name()
    }

    /// Publishes under a name: that of the component, or the path of the actor.
    pub fn producer(&self, name: impl Into<Arc<str>>) -> Producer {
        Producer::new(self.clone(), name.into())
    }

    /// Has events of type `E` delivered to an actor that handles `Delivery<E>`; all of them,
    /// unless [`Subscribe::to`] says which.
    pub fn subscribe<E: Event>(&self, port: Port<Delivery<E>>) -> Subscribe {
        Subscribe::new(self.clone(), E::SUBJECT, Arc::new(PortSink(port)))
    }

    /// Has events of all types delivered to an actor that handles [`AnyEvent`]; all of them,
    /// unless [`Subscribe::to`] says which.
    pub fn subscribe_any(&self, port: Port<AnyEvent>) -> Subscribe {
        Subscribe::new(self.clone(), ">", Arc::new(PortSink(port)))
    }

    /// Events of type `E` for code that is no actor: a component, a task. Its subscription
    /// ends when the feed is dropped.
    pub fn feed<E: Event>(&self) -> Feed<Delivery<E>> {
        let (into, out) = mpsc::channel(1);
        let sink = FeedSink { into, takes: PhantomData };
        Feed::new(Subscribe::new(self.clone(), E::SUBJECT, Arc::new(sink)), out)
    }

    /// What became of the events.
    #[must_use]
    pub fn stats(&self) -> BusStats {
        let totals = &self.shared.totals;
        let (counts, subscriptions) = self.shared.table().stats();
        BusStats {
            published: totals.published.load(Relaxed),
            unmatched: totals.unmatched.load(Relaxed),
            counts,
            subscriptions,
        }
    }
}

impl fmt::Debug for BusClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusClient")
            .field("carrier", &self.transport())
            .field("subscriptions", &self.shared.table().len())
            .finish_non_exhaustive()
    }
}
