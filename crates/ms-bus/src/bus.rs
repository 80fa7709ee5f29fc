//! The bus as a part of a tree.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix::Actor;
use ms_actor::{Blueprint, Overflow, Placement, Ref, StateValue, unix_ms};
use ms_core::view::Tier;
use ms_core::{ExitReason, Restart, Shutdown};
use ms_supervisor::{ChildSpec, Supervisor};

use crate::actor::EventBusActor;
use crate::client::{BusClient, Shared};
use crate::local::Local;
use crate::log::LogActor;
use crate::subject::Filter;
use crate::transport::{InProcess, Transport};

/// How long what waits is still given when the bus is stopped.
const DRAIN: Duration = Duration::from_secs(1);

/// How a bus is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusConfig {
    /// Partitions that keys are spread over. All processes of a system must have the same
    /// number: with another one a key belongs to another partition.
    pub partitions: u32,
    /// Events that may wait for a subscriber, unless its subscription says otherwise.
    pub buffer: usize,
    /// What happens to one more.
    pub overflow: Overflow,
    /// Most subscriptions.
    pub max_subscriptions: usize,
}

impl Default for BusConfig {
    /// 64 partitions, 1,024 events a subscriber of which the oldest are dropped, 16,384
    /// subscriptions.
    fn default() -> Self {
        Self {
            partitions: 64,
            buffer: 1_024,
            overflow: Overflow::DropOldest,
            max_subscriptions: 16_384,
        }
    }
}

/// An event bus: give [`EventBus::child`] to a supervisor, and [`EventBus::client`] to those who
/// publish and subscribe.
///
/// ```text
/// event-bus
/// ├─ outlets     one actor for each subscriber: it empties its queue
/// │  └─ s1, s2 …
/// ├─ bus         who subscribes to what
/// └─ log         ids of events, where [`EventBus::log`] was called
/// ```
#[derive(Clone)]
pub struct EventBus {
    shared: Arc<Shared>,
    beside: Vec<ChildSpec>,
}

impl EventBus {
    /// A bus of this process: it needs no server.
    #[must_use]
    pub fn new(config: BusConfig) -> Self {
        Self::with_transport(config, Arc::new(InProcess), unix_ms)
    }

    /// A bus whose events go by another way, and are stamped by another clock, in milliseconds
    /// since 1970.
    #[must_use]
    pub fn with_transport(
        config: BusConfig,
        transport: Arc<dyn Transport>,
        unix_ms: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let shared = Shared::new(config, transport, Arc::new(unix_ms));
        Self { shared: Arc::new(shared), beside: Vec::new() }
    }

    /// Has `child` started behind the bus: what a transport needs, or who subscribes first.
    #[must_use]
    pub fn beside(mut self, child: ChildSpec) -> Self {
        self.beside.push(child);
        self
    }

    /// Has the ids of events that match written to the log, at most so many a second: at the
    /// level `info`, with the target `ms_bus::log`.
    #[must_use]
    pub fn log(self, filter: Filter, per_second: u32) -> Self {
        let bus = self.client();
        let log = move || LogActor::new(bus.clone(), filter.clone(), per_second);
        let log = ChildSpec::inspectable("log", log, LogActor::view);
        self.beside(log)
    }

    /// Events that may wait for a subscriber, for subscriptions made from now on.
    pub fn default_buffer(&self, events: usize) {
        self.shared.buffer.store(events, Relaxed);
    }

    /// The way to it; good before it runs, too.
    #[must_use]
    pub fn client(&self) -> BusClient {
        BusClient::new(Arc::clone(&self.shared))
    }

    /// The subscriptions of this process, for the actors of a transport.
    #[must_use]
    pub fn local(&self) -> Local {
        Local(Arc::clone(&self.shared))
    }

    /// Its supervisor, by this name.
    #[must_use]
    pub fn supervisor(&self, id: impl AsRef<str>) -> Supervisor {
        let tree = Supervisor::one_for_one(id)
            .intensity(5, Duration::from_secs(60))
            .child(ChildSpec::supervisor(self.outlets()))
            .child(self.actor());
        self.beside.iter().cloned().fold(tree, Supervisor::child)
    }

    /// [`EventBus::supervisor`] as a child.
    #[must_use]
    pub fn child(&self, id: impl AsRef<str>) -> ChildSpec {
        ChildSpec::supervisor(self.supervisor(id))
    }

    fn actor(&self) -> ChildSpec {
        let shared = Arc::clone(&self.shared);
        let factory = move |me: &Ref<EventBusActor>| {
            shared.actor_is(me);
            Ok(EventBusActor::new(Arc::clone(&shared)))
        };
        let view = Some(EventBusActor::view as fn(&EventBusActor) -> StateValue);
        let blueprint = Blueprint::with_view(factory, Tier::Kernel, view);
        // On a thread of its own: nobody's work may keep others from subscribing, nor its own the
        // supervisors from their work.
        ChildSpec::blueprint("bus", blueprint).placement(Placement::Dedicated).keep_mailbox()
    }

    fn outlets(&self) -> Supervisor {
        // Each outlet has its own blueprint; the template says how they are treated. The bus
        // starts another one itself: a subscriber whose events crash it must not use up the
        // restarts of all others, and with them the tree.
        let template = ChildSpec::actor("outlet", || Nobody)
            .restart(Restart::Temporary)
            .shutdown(Shutdown::Timeout(DRAIN));
        let shared = Arc::clone(&self.shared);
        Supervisor::dynamic("outlets", template).init(move |me| {
            shared.outlets_are(me);
            Ok(None)
        })
    }
}

/// What the template of the outlets would make: it stops at once.
struct Nobody;

impl Actor for Nobody {
    type Context = ms_actor::Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.exit_with(ExitReason::Normal);
    }
}

impl fmt::Debug for EventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventBus").field(&self.client()).finish()
    }
}
