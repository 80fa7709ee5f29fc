//! The bus as a part of a tree.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use actix::Actor;
use ms_actor::{Blueprint, Placement, Ref, StateValue, unix_ms};
use ms_core::view::Tier;
use ms_core::{ExitReason, Restart, Shutdown};
use ms_supervisor::{ChildSpec, SupervisorSpec};

use crate::actor::EventBusActor;
use crate::config::BusConfig;
use crate::handle::BusClient;
use crate::local::Local;
use crate::log::LogActor;
use crate::messages::Unsubscribe;
use crate::parts::Parts;
use crate::state::Shared;
use crate::subject::Filter;
use crate::transport::{InProcess, Transport};

/// How long waiting events are still delivered when the bus is stopped.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// An event bus. Give [`EventBus::child`] to a supervisor, and [`EventBus::client`] to publishers
/// and subscribers.
///
/// ```text
/// event-bus
/// ├─ outlets     one actor for each subscriber, which empties its queue
/// │  └─ s1, s2 …
/// ├─ bus         the subscriptions
/// └─ log         ids of events, where [`EventBus::log`] was called
/// ```
#[derive(Clone)]
pub struct EventBus {
    parts: Arc<Parts>,
    beside: Vec<ChildSpec>,
}

impl EventBus {
    /// Returns a bus of this process, which needs no server.
    #[must_use]
    pub fn new(config: BusConfig) -> Self {
        Self::with_transport(config, Arc::new(InProcess), unix_ms)
    }

    /// Returns a bus whose events travel by `transport`, and are stamped by the clock `unix_ms`
    /// in milliseconds since 1970.
    #[must_use]
    pub fn with_transport(
        config: BusConfig,
        transport: Arc<dyn Transport>,
        unix_ms: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        let parts = Parts::new(Shared::new(config, unix_ms), transport);
        Self { parts: Arc::new(parts), beside: Vec::new() }
    }

    /// Starts `child` behind the bus: an actor of the transport, or one that subscribes.
    #[must_use]
    pub fn beside(mut self, child: ChildSpec) -> Self {
        self.beside.push(child);
        self
    }

    /// Writes the ids of events that match `filter` to the log, at most `per_second` a second,
    /// at the level `info` and with the target `ms_bus::log`.
    #[must_use]
    pub fn log(self, filter: Filter, per_second: u32) -> Self {
        let bus = self.client();
        let log = move || LogActor::new(bus.clone(), filter.clone(), per_second);
        let log = ChildSpec::inspectable("log", log, LogActor::view);
        self.beside(log)
    }

    /// Sets how many events may wait in subscriptions made after this call.
    pub fn default_buffer(&self, events: usize) {
        self.parts.shared.buffer.store(events, Relaxed);
    }

    /// Returns a handle for publishers and subscribers. It is valid before the bus runs.
    #[must_use]
    pub fn client(&self) -> BusClient {
        BusClient::new(Arc::clone(&self.parts))
    }

    /// Returns the subscriptions of this process, for the actors of a transport.
    #[must_use]
    pub fn local(&self) -> Local {
        Local(Arc::clone(&self.parts.shared))
    }

    /// Returns the supervisor of the bus, with this id.
    #[must_use]
    pub fn supervisor(&self, id: impl AsRef<str>) -> SupervisorSpec {
        let tree = SupervisorSpec::one_for_one(id)
            .intensity(5, Duration::from_secs(60))
            // Before the bus actor, which needs it to subscribe, and so stopped after it.
            .child(ChildSpec::supervisor(self.outlets()))
            .child(self.actor());
        self.beside.iter().cloned().fold(tree, SupervisorSpec::child)
    }

    /// Returns [`EventBus::supervisor`] as the spec of a child.
    #[must_use]
    pub fn child(&self, id: impl AsRef<str>) -> ChildSpec {
        ChildSpec::supervisor(self.supervisor(id))
    }

    fn actor(&self) -> ChildSpec {
        let parts = Arc::clone(&self.parts);
        let factory = move |me: &Ref<EventBusActor>| {
            parts.actor.fill(me);
            let weak = me.downgrade();
            parts.shared.links.set_unsubscribe(move |id| {
                if let Some(actor) = weak.upgrade() {
                    drop(actor.try_tell(Unsubscribe(id)));
                }
            });
            Ok(EventBusActor::new(Arc::clone(&parts.shared), Arc::clone(&parts.transport)))
        };
        let view = Some(EventBusActor::view as fn(&EventBusActor) -> StateValue);
        let blueprint = Blueprint::with_view(factory, Tier::Kernel, view);
        // On a thread of its own: an actor that hogs its thread must not keep others from
        // subscribing, and the bus's own work must not delay the supervisors.
        ChildSpec::blueprint("bus", blueprint).placement(Placement::Dedicated).keep_mailbox()
    }

    fn outlets(&self) -> SupervisorSpec {
        // Each outlet is started with a blueprint of its own; the template only decides how it is
        // treated. Outlets are temporary, and the bus starts the next one itself: a subscriber
        // whose events crash its outlet must not use up the restarts that all outlets share, and
        // take the tree down with it.
        let template = ChildSpec::actor("outlet", || Placeholder)
            .restart(Restart::Temporary)
            .shutdown(Shutdown::Timeout(DRAIN_LIMIT));
        let links = Arc::clone(&self.parts.shared.links);
        SupervisorSpec::dynamic("outlets", template).init(move |me| {
            links.set_outlets(me);
            Ok(None)
        })
    }
}

/// The actor of the outlets' template, which nobody starts. It stops at once.
struct Placeholder;

impl Actor for Placeholder {
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
