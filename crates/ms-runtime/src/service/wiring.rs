//! Connects the parts of a service with each other.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ms_actor::{Node, Port, Ref};
use ms_core::lifecycle::ComponentId;
use ms_core::view::Lifecycle;
use ms_ops::Desk;
use ms_supervisor::SupervisorRef;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::service::boot::LifecyclePorts;
use crate::service::cleanup::CleanupActor;
use crate::service::emergency::CriticalError;
use crate::service::gate::WorkGate;
use crate::service::health::HealthPorts;
use crate::service::interactions::InteractionPorts;
use crate::service::logic::emergency::EmergencyReason;
use crate::service::settings::HealthSettings;
use crate::service::stage::ServiceStage;
use crate::service::until::until;

/// What the lifecycle publishes for everybody to read. Only the lifecycle writes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Published {
    pub(crate) stage: ServiceStage,
    /// How long the boot took, once it is done.
    pub(crate) booted: Option<Duration>,
    /// Components that should run: started, and not ordered to stop.
    pub(crate) up: Arc<BTreeSet<ComponentId>>,
}

/// The verdicts of the actor `health`, for everybody to read. Only that actor writes them.
// Kept here and not in the actor: its next incarnation goes on from them. A crash of `health` must
// not make a pod look unready, or ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdicts {
    /// The startup probe has passed.
    pub(crate) started: bool,
    /// The startup probe has failed: the boot takes longer than it allows.
    pub(crate) overdue: bool,
    /// The answer of the liveness probe, and when it last looked.
    pub(crate) live: Option<(bool, Instant)>,
    /// The answer of the readiness probe about the components.
    pub(crate) components: bool,
    /// The answer of the readiness probe about the paths.
    pub(crate) paths: bool,
}

/// Ways to the service's own actors.
// By message and not by actor: the actors themselves hold this wiring, and a type that named them
// would make one circle of the whole service.
#[derive(Debug)]
pub(crate) struct Handles {
    pub(crate) node: Node,
    pub(crate) root: SupervisorRef,
    pub(crate) components: SupervisorRef,
    pub(crate) lifecycle: LifecyclePorts,
    pub(crate) health: HealthPorts,
    pub(crate) interactions: InteractionPorts,
    pub(crate) cleanup: Ref<CleanupActor>,
    pub(crate) emergency: Port<CriticalError>,
}

impl Handles {
    /// Returns whether the root supervisor works: it answers an inspection in time, is not
    /// suspended, and has not been at one message for longer than that.
    // An inspection alone is not enough: a suspended actor answers it as well, and so may one that
    // has been waiting within one handler, and serves nobody.
    pub(crate) async fn is_live(&self, within: Duration) -> bool {
        let root = self.root.any();
        root.ask_status(within).await.is_ok()
            && root.lifecycle() != Lifecycle::Suspended
            && root.silent_for().is_none_or(|silent| silent <= within)
    }
}

/// Emergencies that may wait for the main loop. The first one ends the process.
const EMERGENCIES: usize = 8;

/// The connections between the parts of one service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Wiring(Arc<Inner>);

struct Inner {
    gate: WorkGate,
    published: watch::Sender<Published>,
    health: HealthSettings,
    verdicts: watch::Sender<Verdicts>,
    emergencies: mpsc::Sender<EmergencyReason>,
    /// Set once the tree has started, emptied when it has ended.
    // Emptied, because the actors hold this wiring: it would keep them, and itself, in memory.
    handles: ArcSwapOption<Handles>,
    /// Set before the tree starts, emptied together with the handles.
    desk: ArcSwapOption<Desk>,
}

impl Wiring {
    /// Returns a wiring, and the receiver of its emergencies.
    pub(crate) fn new(health: HealthSettings) -> (Self, mpsc::Receiver<EmergencyReason>) {
        let (emergencies, raised) = mpsc::channel(EMERGENCIES);
        // Without a delay the service counts as ready until a check says otherwise. With one, the
        // first checks decide: whoever sets a delay does not want traffic before them.
        let ready = !health.enabled || health.readiness.initial_delay.is_zero();
        let verdicts = Verdicts {
            started: false,
            overdue: false,
            live: None,
            components: ready,
            paths: ready,
        };
        let inner = Inner {
            gate: WorkGate::new(),
            published: watch::Sender::new(Published::default()),
            health,
            verdicts: watch::Sender::new(verdicts),
            emergencies,
            handles: ArcSwapOption::empty(),
            desk: ArcSwapOption::empty(),
        };
        (Self(Arc::new(inner)), raised)
    }

    pub(crate) fn gate(&self) -> &WorkGate {
        &self.0.gate
    }

    pub(crate) fn connect(&self, handles: Handles) {
        self.0.handles.store(Some(Arc::new(handles)));
    }

    /// Makes the desk of the node available.
    pub(crate) fn open(&self, desk: Desk) {
        self.0.desk.store(Some(Arc::new(desk)));
    }

    /// Returns the desk, while the service exists.
    pub(crate) fn desk(&self) -> Option<Desk> {
        self.0.desk.load().as_deref().cloned()
    }

    pub(crate) fn disconnect(&self) {
        self.0.handles.store(None);
        self.0.desk.store(None);
    }

    /// Returns the ways to the service's own actors, while its tree is up.
    pub(crate) fn handles(&self) -> Option<Arc<Handles>> {
        self.0.handles.load_full()
    }

    pub(crate) fn published(&self) -> Published {
        self.0.published.borrow().clone()
    }

    pub(crate) fn stage(&self) -> ServiceStage {
        self.0.published.borrow().stage
    }

    /// Changes what is published. Only the lifecycle may call this.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut Published)) {
        self.0.published.send_modify(change);
    }

    /// Returns how the health of the service is checked.
    pub(crate) fn health_settings(&self) -> &HealthSettings {
        &self.0.health
    }

    pub(crate) fn verdicts(&self) -> Verdicts {
        *self.0.verdicts.borrow()
    }

    /// Changes the verdicts. Only the actor `health` may call this.
    pub(crate) fn judge(&self, change: impl FnOnce(&mut Verdicts)) {
        self.0.verdicts.send_modify(change);
    }

    /// Waits until the boot is done.
    pub(crate) async fn booted(&self) {
        until(&self.0.published, |now| now.booted.is_some()).await;
    }

    /// Returns whether a component should run.
    pub(crate) fn wants(&self, id: &ComponentId) -> bool {
        self.0.published.borrow().up.contains(id)
    }

    /// Waits until the shutdown has begun.
    pub(crate) async fn shutting_down(&self) {
        until(&self.0.published, |now| now.stage >= ServiceStage::Stopping).await;
    }

    /// Tells the main loop to end the service at once.
    // A full queue drops the emergency: eight wait already, and the first of them ends the process.
    pub(crate) fn emergency(&self, reason: EmergencyReason) {
        if let Err(error) = self.0.emergencies.try_send(reason) {
            tracing::error!(%error, "an emergency was dropped: its queue is closed or full of \
                                     earlier ones");
        }
    }
}

impl fmt::Debug for Wiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wiring").field("stage", &self.stage()).finish_non_exhaustive()
    }
}
