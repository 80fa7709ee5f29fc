//! What the parts of a service know of each other.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ms_actor::{Node, Ref};
use ms_core::lifecycle::ComponentId;
use ms_core::view::Lifecycle;
use ms_ops::Desk;
use ms_supervisor::SupervisorRef;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::service::boot::LifecycleActor;
use crate::service::cleanup::CleanupActor;
use crate::service::emergency::EmergencyActor;
use crate::service::gate::WorkGate;
use crate::service::health::HealthActor;
use crate::service::interactions::InteractionsActor;
use crate::service::logic::emergency::EmergencyReason;
use crate::service::settings::HealthSettings;
use crate::service::until::until;

/// How far a service has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ServiceStage {
    /// The boot is under way.
    #[default]
    Starting,
    /// It takes work.
    Running,
    /// It shuts down.
    Stopping,
    /// All its components have stopped.
    Stopped,
}

/// What the lifecycle publishes for all to read. It alone writes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Published {
    pub(crate) stage: ServiceStage,
    /// How long the boot took, once it is done.
    pub(crate) booted: Option<Duration>,
    /// Components that are to run: started, and not ordered to stop.
    pub(crate) up: Arc<BTreeSet<ComponentId>>,
}

/// What the actor `health` has come to, for all to read, and for its next life to go on with.
/// It alone writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdicts {
    /// The startup probe has passed.
    pub(crate) started: bool,
    /// It has failed: the boot takes longer than it grants.
    pub(crate) overdue: bool,
    /// What the liveness probe says, and when it looked last.
    pub(crate) live: Option<(bool, Instant)>,
    /// What the readiness probe makes of the components.
    pub(crate) components: bool,
    /// And of the paths.
    pub(crate) paths: bool,
}

/// References to the service's own actors.
#[derive(Debug)]
pub(crate) struct Handles {
    pub(crate) node: Node,
    pub(crate) root: SupervisorRef,
    pub(crate) components: SupervisorRef,
    pub(crate) lifecycle: Ref<LifecycleActor>,
    pub(crate) health: Ref<HealthActor>,
    pub(crate) interactions: Ref<InteractionsActor>,
    pub(crate) cleanup: Ref<CleanupActor>,
    pub(crate) emergency: Ref<EmergencyActor>,
}

impl Handles {
    /// Whether the root supervisor turns: it answers an inspector in this time, which it does
    /// between any two messages, serves others, and has not been at one message for that long.
    pub(crate) async fn is_live(&self, within: Duration) -> bool {
        let root = self.root.any();
        root.ask_status(within).await.is_ok()
            && root.lifecycle() != Lifecycle::Suspended
            && root.silent_for().is_none_or(|silent| silent <= within)
    }
}

/// Emergencies that may wait for the main loop; the first ends the process.
const EMERGENCIES: usize = 8;

/// The wiring of one service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Wiring(Arc<Inner>);

struct Inner {
    gate: WorkGate,
    published: watch::Sender<Published>,
    health: HealthSettings,
    verdicts: watch::Sender<Verdicts>,
    emergencies: mpsc::Sender<EmergencyReason>,
    /// Set once when the tree has started, emptied when it is gone: the actors hold this
    /// very wiring, and would keep each other in memory.
    handles: ArcSwapOption<Handles>,
    /// Set before the tree starts, emptied with the handles and for the same reason.
    desk: ArcSwapOption<Desk>,
}

impl Wiring {
    /// Returns a wiring, and the end at which its emergencies arrive.
    pub(crate) fn new(health: HealthSettings) -> (Self, mpsc::Receiver<EmergencyReason>) {
        let (emergencies, raised) = mpsc::channel(EMERGENCIES);
        // With a delay a service is ready when its first checks say so.
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

    /// The desk of the node is there.
    pub(crate) fn open(&self, desk: Desk) {
        self.0.desk.store(Some(Arc::new(desk)));
    }

    /// The desk, while the service is there.
    pub(crate) fn desk(&self) -> Option<Desk> {
        self.0.desk.load().as_deref().cloned()
    }

    pub(crate) fn disconnect(&self) {
        self.0.handles.store(None);
        self.0.desk.store(None);
    }

    /// The service's actors, while its tree is up.
    pub(crate) fn handles(&self) -> Option<Arc<Handles>> {
        self.0.handles.load_full()
    }

    pub(crate) fn published(&self) -> Published {
        self.0.published.borrow().clone()
    }

    pub(crate) fn stage(&self) -> ServiceStage {
        self.0.published.borrow().stage
    }

    /// For the lifecycle only.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut Published)) {
        self.0.published.send_modify(change);
    }

    /// How the health of the service is looked at.
    pub(crate) fn health_settings(&self) -> &HealthSettings {
        &self.0.health
    }

    pub(crate) fn verdicts(&self) -> Verdicts {
        *self.0.verdicts.borrow()
    }

    /// For the actor `health` only.
    pub(crate) fn judge(&self, change: impl FnOnce(&mut Verdicts)) {
        self.0.verdicts.send_modify(change);
    }

    /// Resolves when the boot is done.
    pub(crate) async fn booted(&self) {
        until(&self.0.published, |now| now.booted.is_some()).await;
    }

    /// Whether a component is to run.
    pub(crate) fn wants(&self, id: &ComponentId) -> bool {
        self.0.published.borrow().up.contains(id)
    }

    pub(crate) async fn shutting_down(&self) {
        until(&self.0.published, |now| now.stage >= ServiceStage::Stopping).await;
    }

    /// Tells whoever runs the service to stop at once. One more while eight wait changes
    /// nothing, so it may get lost.
    pub(crate) fn emergency(&self, reason: EmergencyReason) {
        if let Err(error) = self.0.emergencies.try_send(reason) {
            tracing::error!(%error, "an emergency finds nobody to hear it, or others before it");
        }
    }
}

impl fmt::Debug for Wiring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wiring").field("stage", &self.stage()).finish_non_exhaustive()
    }
}
