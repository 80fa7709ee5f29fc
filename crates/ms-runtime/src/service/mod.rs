//! A service: a node with components that boot in order, are supervised, and stop in order.
//!
//! [`Builder`] collects components, checks and handlers. It runs the service as the main loop of a
//! process ([`Builder::run`], `run.rs`), or starts it on the actix system of the caller
//! ([`Builder::start`], `raise.rs`). `tree.rs` composes the tree; [`Service`] is a running one.

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
mod stage;
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
pub use stage::ServiceStage;
pub(crate) use wiring::{Handles, Wiring};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::{AskError, AskFailure, Port};
use ms_core::ExitReason;
use ms_core::time::later;
use ms_supervisor::SupervisorRef;
use tokio::sync::mpsc;
use tokio::time::Instant;

use boot::{Boot, Hurry, LifecyclePorts, Reload, Shutdown};
use logic::boot::BootReport;
use logic::emergency::EmergencyReason;
use preflight::PreFlightReport;

use crate::node::{Outcome, RunEnd, RunError, Runtime};

/// How long the rest of the tree may take to stop after the seven steps.
// Short: the components are gone by then, and nobody else has work left.
const TREE_WITHIN: Duration = Duration::from_secs(2);
/// How long to wait for the summary after a second signal.
const SUMMARY_WITHIN: Duration = Duration::from_millis(200);

/// A tree that is up, and whose components have not started yet.
pub(crate) struct Raised {
    pub(crate) runtime: Runtime,
    pub(crate) wiring: Wiring,
    pub(crate) emergencies: mpsc::Receiver<EmergencyReason>,
    pub(crate) preflight: PreFlightReport,
    pub(crate) plan: tree::Planned,
    pub(crate) shutdown: ShutdownSettings,
    /// Longest time that a boot, with all its deadlines and its rollback, may take.
    pub(crate) boot_within: Duration,
}

impl Raised {
    /// Boots the service; once.
    pub(crate) async fn boot(&self) -> Result<BootReport, BootstrapError> {
        let lost = |why: String| BootstrapError::Lost(why);
        let handles = self
            .wiring
            .handles()
            .ok_or_else(|| lost("the supervision tree is not running".into()))?;
        let answer = handles.lifecycle.boot.ask(Boot, self.boot_within).await;
        answer.map_err(|error| lost(error.to_string()))?
    }

    /// Carries out the seven steps of a shutdown; `None` if the lifecycle is not there to do it.
    pub(crate) async fn shut_down(&self, reason: ShutdownReason) -> Option<Arc<ShutdownSummary>> {
        let handles = self.wiring.handles()?;
        // A boot under way is rolled back first. Its machine decides how long that takes, so the
        // time of a whole boot is added here.
        let within = self.shutdown.deadline.saturating_add(self.boot_within);
        let until = later(Instant::now(), within);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match handles.lifecycle.shutdown.ask(Shutdown(reason.clone()), left).await {
                Ok(summary) => return summary,
                // It hung or crashed in the middle of the shutdown and was restarted. Its next
                // incarnation knows nothing of the order, so the order is given again.
                Err(AskError { failure: AskFailure::Exited { .. }, .. })
                    if !handles.lifecycle.shutdown.any().is_closed() =>
                {
                    tracing::warn!("the lifecycle ended during the shutdown: ordering it again");
                }
                Err(_) => return None,
            }
        }
    }

    /// Carries out the seven steps, or as many as there is time for until `hurry` resolves. Returns
    /// the summary, and whether `hurry` did resolve.
    pub(crate) async fn shut_down_or(
        &self,
        reason: ShutdownReason,
        hurry: impl Future<Output = ()>,
    ) -> (Option<Arc<ShutdownSummary>>, bool) {
        let mut steps = std::pin::pin!(self.shut_down(reason));
        let ended = self.runtime.tree_ended();
        tokio::select! {
            summary = &mut steps => (summary, false),
            // Without a tree nobody is left to carry out the steps.
            _ = ended => (None, false),
            () = hurry => {
                self.order(|lifecycle| &lifecycle.hurry, Hurry);
                let summary = tokio::time::timeout(SUMMARY_WITHIN, steps).await;
                (summary.unwrap_or(None), true)
            }
        }
    }

    /// Sends an order to the lifecycle, without waiting for an answer.
    fn order<M>(&self, port: impl FnOnce(&LifecyclePorts) -> &Port<M>, order: M)
    where
        M: actix::Message + Send + 'static,
        M::Result: Send,
    {
        let Some(handles) = self.wiring.handles() else { return };
        if port(&handles.lifecycle).try_tell(order).is_err() {
            tracing::error!("the lifecycle actor accepts no orders");
        }
    }

    /// Orders a reload of all components.
    pub(crate) fn reload(&self) {
        self.order(|lifecycle| &lifecycle.reload, Reload);
    }

    /// Stops what is left after the seven steps: the tree, the endpoint, the node.
    pub(crate) async fn finish(
        self,
        shutdown: Option<&ShutdownSummary>,
        hurry: impl Future<Output = ()>,
    ) -> Outcome {
        let ended = self.runtime.stop_or(TREE_WITHIN, hurry).await;
        self.wiring.disconnect();
        match ended.end {
            // Components were killed before. That the rest of the tree stopped in order does not
            // make the shutdown an orderly one.
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
                // What had started is stopped by now. The shutdown runs the cleanup handlers,
                // which count on being run after a failed boot too.
                raised.shut_down(ShutdownReason::BootFailed).await;
                let _ = raised.finish(None, std::future::pending()).await;
                Err(error.into())
            }
        }
    }

    /// Returns the report of the boot.
    #[must_use]
    pub fn boot_report(&self) -> &BootReport {
        &self.boot
    }

    /// Returns the report of the pre-flight checks.
    #[must_use]
    pub fn preflight_report(&self) -> &PreFlightReport {
        &self.raised.preflight
    }

    /// Returns the root supervisor.
    #[must_use]
    pub fn root(&self) -> &SupervisorRef {
        self.raised.runtime.root()
    }

    /// Returns the runtime below.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.raised.runtime
    }

    /// Returns a reference to its health.
    #[must_use]
    pub fn health(&self) -> HealthRef {
        HealthRef::new(self.raised.wiring.clone())
    }

    /// Returns a reference to the statistics of calls between its components.
    #[must_use]
    pub fn interactions(&self) -> InteractionsRef {
        InteractionsRef::new(self.raised.wiring.clone())
    }

    /// Returns the gate that all work has to pass.
    #[must_use]
    pub fn gate(&self) -> &WorkGate {
        self.raised.wiring.gate()
    }

    /// Returns a reference that reports emergencies.
    #[must_use]
    pub fn emergency(&self) -> EmergencyRef {
        EmergencyRef::new(self.raised.wiring.clone())
    }

    /// Returns the stage that the service has reached.
    #[must_use]
    pub fn stage(&self) -> ServiceStage {
        self.raised.wiring.stage()
    }

    /// Returns what each phase of the boot has started.
    #[must_use]
    pub fn context(&self) -> SystemContext {
        SystemContext::of(&self.raised.plan)
    }

    /// Makes all components reload, as SIGHUP does.
    pub fn reload(&self) {
        self.raised.reload();
    }

    /// Waits for an emergency. [`Builder::run`] acts on emergencies; a caller that starts a service
    /// by other means has to do so itself.
    pub async fn emergency_raised(&mut self) -> EmergencyReason {
        match self.raised.emergencies.recv().await {
            Some(reason) => reason,
            None => std::future::pending().await,
        }
    }

    /// Waits for the tree to end by itself, which means that the root supervisor gave up.
    pub async fn tree_ended(&self) -> ExitReason {
        self.raised.runtime.tree_ended().await
    }

    /// Carries out the seven steps of a shutdown and leaves the tree up. Called twice, both calls
    /// get the same summary. `None` if the lifecycle is not there to carry out the steps.
    pub async fn wind_down(&self, reason: ShutdownReason) -> Option<Arc<ShutdownSummary>> {
        self.raised.shut_down(reason).await
    }

    /// Shuts the service down in seven steps, then stops the tree and the node.
    pub async fn shut_down(self, reason: ShutdownReason) -> ServiceEnd {
        self.shut_down_or(reason, std::future::pending()).await
    }

    /// Shuts the service down as [`Service::shut_down`] does, and kills what is left as soon as
    /// `hurry` resolves.
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
