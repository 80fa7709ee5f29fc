//! A service: a node with components that boot in order, are kept alive, and stop in order.
//!
//! [`Builder`] collects components, checks and handlers, and either runs the service as the
//! main thing of a process ([`Builder::run`], `run.rs`) or starts it on the actix system
//! of the caller ([`Builder::start`], `raise.rs`). `tree.rs` composes the tree; [`Service`] is a
//! running one.

mod boot;
mod builder;
mod cleanup;
mod components;
#[cfg(feature = "config")]
pub mod configuration;
mod context;
mod emergency;
mod error;
mod gate;
mod handle;
mod health;
mod interactions;
pub mod logic;
pub mod preflight;
mod raise;
mod run;
mod settings;
mod tree;
mod until;
mod wiring;

pub use boot::{
    BootstrapError, InitializationCause, InitializationError, PersistFuture, RollbackReport,
    ShutdownError, ShutdownReason, ShutdownSummary, SnapshotStore,
};
pub use builder::Builder;
pub use cleanup::{
    CleanupError, CleanupFuture, CleanupHandler, CleanupOutcome, CleanupReport, ConnectionPool,
    DatabaseCleanupHandler,
};
pub use components::{
    Component, ComponentContext, ComponentFailure, ComponentSpec, DependencyError,
    DependencyErrors, ReloadOutcome, StateSnapshot, TreeContext,
};
pub use context::{PhaseContext, SystemContext};
pub use emergency::{
    CrashReport, EmergencyError, EmergencyProcedure, EmergencyRef, EmergencySummary,
    ProcedureOutcome,
};
pub use error::ServiceStartError;
pub use gate::{GateError, Permit, WorkGate};
pub use handle::ServiceHandle;
pub use health::{HealthRef, HealthUnavailable, PathFuture, PathHealth, Readiness, ReadinessPath};
pub use interactions::{
    Call, CallReporter, Calls, InteractionObserver, InteractionsRef, InteractionsUnavailable,
};
pub(crate) use interactions::{GetInteractionMetrics, InteractionsActor};
pub use run::ServiceEnd;
pub use settings::{
    BootSettings, EmergencySettings, HealthSettings, Settings, SettingsError, ShutdownSettings,
    SupervisionSettings,
};
pub use wiring::ServiceStage;
pub(crate) use wiring::{Handles, Wiring};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::AskError;
use ms_core::ExitReason;
use ms_core::time::later;
use ms_supervisor::SupervisorRef;
use tokio::sync::mpsc;
use tokio::time::Instant;

use boot::{Boot, Hurry, Reload, Shutdown};
use logic::boot::BootReport;
use logic::emergency::EmergencyReason;
use preflight::PreFlightReport;

use crate::node::{Outcome, RunEnd, RunError, Runtime};

/// How long what is left of the tree may take after the seven steps: nothing of it has
/// anything left to do.
const TREE_WITHIN: Duration = Duration::from_secs(2);
/// How long after a second signal the summary is waited for.
const SUMMARY_WITHIN: Duration = Duration::from_millis(200);

/// A tree that is up, whose components have not started yet.
pub(crate) struct Raised {
    pub(crate) runtime: Runtime,
    pub(crate) wiring: Wiring,
    pub(crate) emergencies: mpsc::Receiver<EmergencyReason>,
    pub(crate) preflight: PreFlightReport,
    pub(crate) plan: tree::Planned,
    pub(crate) shutdown: ShutdownSettings,
    /// Longest a boot with all its deadlines and its rollback may take.
    pub(crate) boot_within: Duration,
}

impl Raised {
    /// Boots it; once.
    pub(crate) async fn boot(&self) -> Result<BootReport, BootstrapError> {
        let lost = |why: String| BootstrapError::Lost(why);
        let handles = self.wiring.handles().ok_or_else(|| lost("the tree is not up".into()))?;
        let answer = handles.lifecycle.ask(Boot).within(self.boot_within).await;
        answer.map_err(|error| lost(error.to_string()))?
    }

    /// The seven steps; `None` if the lifecycle is not there to do them.
    pub(crate) async fn shut_down(&self, reason: ShutdownReason) -> Option<Arc<ShutdownSummary>> {
        let handles = self.wiring.handles()?;
        // A boot under way is undone first, and its machine has the word on how long that takes.
        let within = self.shutdown.deadline.saturating_add(self.boot_within);
        let until = later(Instant::now(), within);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match handles.lifecycle.ask(Shutdown(reason.clone())).within(left).await {
                Ok(summary) => return summary,
                // It was found hung, or crashed, while it carried the order out. Its next life
                // knows nothing of it.
                Err(AskError::Exited { .. }) if !handles.lifecycle.any().is_closed() => {
                    tracing::warn!("the lifecycle ended while it shut down: telling it again");
                }
                Err(_) => return None,
            }
        }
    }

    /// The seven steps, or what there was of them when `hurry` came; and whether it came.
    pub(crate) async fn shut_down_or(
        &self,
        reason: ShutdownReason,
        hurry: impl Future<Output = ()>,
    ) -> (Option<Arc<ShutdownSummary>>, bool) {
        let mut steps = std::pin::pin!(self.shut_down(reason));
        let ended = self.runtime.tree_ended();
        tokio::select! {
            summary = &mut steps => (summary, false),
            // Without a tree nobody is left to carry them out.
            _ = ended => (None, false),
            () = hurry => {
                self.order(Hurry);
                let summary = tokio::time::timeout(SUMMARY_WITHIN, steps).await;
                (summary.unwrap_or(None), true)
            }
        }
    }

    fn order<M>(&self, order: M)
    where
        M: actix::Message + Send + 'static,
        M::Result: Send,
        boot::LifecycleActor: actix::Handler<M>,
    {
        let Some(handles) = self.wiring.handles() else { return };
        if handles.lifecycle.try_tell(order).is_err() {
            tracing::error!("the lifecycle takes no orders");
        }
    }

    pub(crate) fn reload(&self) {
        self.order(Reload);
    }

    /// What is left: the tree, the endpoint, the node.
    /// A tree that stops in order does not make up for the components that were killed before.
    pub(crate) async fn finish(
        self,
        shutdown: Option<&ShutdownSummary>,
        hurry: impl Future<Output = ()>,
    ) -> Outcome {
        let ended = self.runtime.stop_or(TREE_WITHIN, hurry).await;
        self.wiring.disconnect();
        match ended.end {
            RunEnd::Stopped if shutdown.is_some_and(|summary| summary.report.used_force()) => {
                Outcome { end: RunEnd::Forced, ..ended }
            }
            _ => ended,
        }
    }
}

/// A running service, on the actix system of the caller.
///
/// ```
/// use ms_runtime::{Builder, Component, ComponentSpec, ControlEndpoint, RunConfig, Settings, ShutdownReason};
///
/// struct Store;
/// impl Component for Store {}
///
/// # actix::System::new().block_on(async {
/// let settings = Settings::of(RunConfig::new("doc").arbiters(1).control(ControlEndpoint::Off));
/// let service = Builder::new(settings).component(ComponentSpec::new("store", || Store)).start().await?;
/// assert!(service.health().ready().await.is_ok_and(|now| now.ready));
/// let end = service.shut_down(ShutdownReason::Requested("the example is over".into())).await;
/// assert_eq!(end.code(), 0);
/// # Ok::<(), ms_runtime::RunError>(())
/// # }).unwrap();
/// ```
pub struct Service {
    raised: Raised,
    boot: BootReport,
}

impl Service {
    pub(crate) async fn boot(raised: Raised) -> Result<Self, RunError> {
        match raised.boot().await {
            Ok(boot) => Ok(Self { raised, boot }),
            Err(error) => {
                // What was prepared is cleaned up, as after any shutdown.
                raised.shut_down(ShutdownReason::BootFailed).await;
                let _ = raised.finish(None, std::future::pending()).await;
                Err(error.into())
            }
        }
    }

    /// How the boot went.
    #[must_use]
    pub fn boot_report(&self) -> &BootReport {
        &self.boot
    }

    /// How the pre-flight checks went.
    #[must_use]
    pub fn preflight_report(&self) -> &PreFlightReport {
        &self.raised.preflight
    }

    /// The root supervisor.
    #[must_use]
    pub fn root(&self) -> &SupervisorRef {
        self.raised.runtime.root()
    }

    /// The runtime below.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.raised.runtime
    }

    /// Answers for its health.
    #[must_use]
    pub fn health(&self) -> HealthRef {
        HealthRef::new(self.raised.wiring.clone())
    }

    /// Tells how its components get along.
    #[must_use]
    pub fn interactions(&self) -> InteractionsRef {
        InteractionsRef::new(self.raised.wiring.clone())
    }

    /// The gate that work has to pass.
    #[must_use]
    pub fn gate(&self) -> &WorkGate {
        self.raised.wiring.gate()
    }

    /// The way to report what it cannot live with.
    #[must_use]
    pub fn emergency(&self) -> EmergencyRef {
        EmergencyRef::new(self.raised.wiring.clone())
    }

    /// How far it has come.
    #[must_use]
    pub fn stage(&self) -> ServiceStage {
        self.raised.wiring.stage()
    }

    /// What each phase has brought up.
    #[must_use]
    pub fn context(&self) -> SystemContext {
        SystemContext::of(&self.raised.plan)
    }

    /// Has all components take over what may have changed outside: SIGHUP.
    pub fn reload(&self) {
        self.raised.reload();
    }

    /// Waits for an emergency. [`Builder::run`] acts on it; who starts a service by other
    /// means has to.
    pub async fn emergency_raised(&mut self) -> EmergencyReason {
        match self.raised.emergencies.recv().await {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }

    /// Waits for its tree to end by itself: the root supervisor gave up.
    pub async fn tree_ended(&self) -> ExitReason {
        self.raised.runtime.tree_ended().await
    }

    /// The seven steps of a shutdown, and no more: the tree stays up. Told twice, both are
    /// given the one summary. `None` if the lifecycle is not there to carry them out.
    pub async fn wind_down(&self, reason: ShutdownReason) -> Option<Arc<ShutdownSummary>> {
        self.raised.shut_down(reason).await
    }

    /// Shuts it down in seven steps, then stops the tree and the node.
    pub async fn shut_down(self, reason: ShutdownReason) -> ServiceEnd {
        self.shut_down_or(reason, std::future::pending()).await
    }

    /// As [`Service::shut_down`]; when `hurry` resolves, what is left is killed.
    pub async fn shut_down_or(
        self,
        reason: ShutdownReason,
        hurry: impl Future<Output = ()>,
    ) -> ServiceEnd {
        let (shutdown, hurried) = self.raised.shut_down_or(reason, hurry).await;
        let now = async {
            if !hurried {
                std::future::pending().await
            }
        };
        let ended = self.raised.finish(shutdown.as_deref(), now).await;
        ServiceEnd { outcome: ended, shutdown, emergency: None }
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("stage", &self.stage()).finish_non_exhaustive()
    }
}
