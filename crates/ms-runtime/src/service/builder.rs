//! What a service is made of.

use std::sync::Arc;

use ms_actor::Node;
use ms_supervisor::Observer;

use super::tree::Planned;
use super::wiring::Wiring;
use super::{Raised, Service, ServiceEnd, run, tree};
use crate::control::NodeControl;
use crate::node::{MainResult, RunError, Runtime};
use crate::service::boot::SnapshotStore;
use crate::service::cleanup::CleanupHandler;
use crate::service::components::{Absent, ComponentSpec, TypeKey};
use crate::service::emergency::EmergencyProcedure;
use crate::service::health::{HealthRef, ReadinessPath};
use crate::service::integration::{Calls, IntegrationObserver};
use crate::service::logic::plan::BootPlan;
use crate::service::preflight;
use crate::service::preflight::{
    ClockSane, FileDescriptors, PanicUnwind, PreFlightCheck, PreFlightCheckFailed, PreFlightReport,
};
use crate::service::settings::Settings;

/// Collects what a service is made of, then runs it.
///
/// ```no_run
/// use std::process::ExitCode;
/// use ms_runtime::{Builder, Component, ComponentSpec, Settings};
///
/// struct Store;
/// impl Component for Store {}
/// struct Api;
/// impl Component for Api {}
///
/// fn main() -> ExitCode {
///     let end = Builder::new(Settings::new("shop"))
///         .component(ComponentSpec::new("store", || Store))
///         .component(ComponentSpec::new("api", || Api).needs(["store"]))
///         .run();
///     match end {
///         Ok(end) => end.exit_code(),
///         Err(error) => {
///             eprintln!("{error:?}");
///             error.exit_code()
///         }
///     }
/// }
/// ```
#[derive(Clone)]
#[doc(alias = "SystemBootstrapper")]
#[doc(alias = "IntegrationOrchestrator")]
pub struct Builder {
    pub(super) settings: Settings,
    pub(super) components: Vec<ComponentSpec>,
    pub(super) absent: Vec<Absent>,
    pub(super) checks: Vec<Arc<dyn PreFlightCheck>>,
    pub(super) cleanup: Vec<Arc<dyn CleanupHandler>>,
    pub(super) procedures: Vec<Arc<dyn EmergencyProcedure>>,
    pub(super) store: Option<Arc<dyn SnapshotStore>>,
    pub(super) observer: Option<Arc<dyn Observer>>,
    pub(super) calls: Calls,
    pub(super) integration: Option<Arc<dyn IntegrationObserver>>,
    pub(super) paths: Vec<Arc<dyn ReadinessPath>>,
}

impl Builder {
    /// A service without components. Three checks are always made: panics unwind, there
    /// are file descriptors, the clock is sane.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let checks: Vec<Arc<dyn PreFlightCheck>> =
            vec![Arc::new(PanicUnwind), Arc::new(FileDescriptors::default()), Arc::new(ClockSane)];
        Self {
            settings,
            components: Vec::new(),
            absent: Vec::new(),
            checks,
            cleanup: Vec::new(),
            procedures: Vec::new(),
            store: None,
            observer: None,
            calls: Calls::new(),
            integration: None,
            paths: Vec::new(),
        }
    }

    /// Adds a component. The order of adding does not matter.
    #[must_use]
    pub fn component(mut self, component: ComponentSpec) -> Self {
        self.components.push(component);
        self
    }

    /// Notes that a component is left out that would provide a `T`, and what is to be done to
    /// have it: for the error of one that requires it. `remedy` is an order, such as "set
    /// `persistence.enabled` to true".
    #[must_use]
    pub fn without<T: Clone + Send + Sync + 'static>(
        mut self,
        component: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let (component, remedy) = (component.into(), remedy.into());
        self.absent.push(Absent { key: TypeKey::of::<T>(), component, remedy });
        self
    }

    /// Adds a path that work takes: it is walked at every look of the readiness probe, and the
    /// service is not ready while it fails.
    #[must_use]
    pub fn readiness_path(mut self, path: impl ReadinessPath) -> Self {
        self.paths.push(Arc::new(path));
        self
    }

    /// Adds a pre-flight check.
    #[must_use]
    pub fn preflight(mut self, check: impl PreFlightCheck) -> Self {
        self.checks.push(Arc::new(check));
        self
    }

    /// Adds a cleanup handler, run at the end of a shutdown.
    #[must_use]
    pub fn cleanup(mut self, handler: impl CleanupHandler) -> Self {
        self.cleanup.push(Arc::new(handler));
        self
    }

    /// Adds a procedure for emergencies.
    #[must_use]
    pub fn emergency(mut self, procedure: impl EmergencyProcedure) -> Self {
        self.procedures.push(Arc::new(procedure));
        self
    }

    /// Sets where the state of components goes at shutdown.
    #[must_use]
    pub fn snapshots(mut self, store: impl SnapshotStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Tells `observer` what every supervisor of the service does.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Counts the calls that are reported on this line.
    #[must_use]
    pub fn calls(mut self, calls: &Calls) -> Self {
        self.calls = calls.clone();
        self
    }

    /// Tells `observer` of each call that is counted, and of each incident.
    #[must_use]
    pub fn integration_observer(mut self, observer: impl IntegrationObserver) -> Self {
        self.integration = Some(Arc::new(observer));
        self
    }

    /// Puts the components in order, without starting anything.
    ///
    /// # Errors
    /// Ids, dependencies, what is required and not provided, phases, the wished order or
    /// settings at fault, named.
    pub fn plan(&self) -> Result<BootPlan, RunError> {
        self.settings.check()?;
        Ok(Planned::new(self)?.plan)
    }

    /// Runs the pre-flight checks, and nothing else. Blocks.
    ///
    /// # Errors
    /// All checks that failed.
    pub fn check(&self) -> Result<PreFlightReport, PreFlightCheckFailed> {
        preflight::run(&self.checks, self.settings.boot.preflight_within)
    }

    /// Runs the service until a signal, its own end or an emergency ends it. Blocks; call
    /// it from `main`, and return its exit code from there.
    ///
    /// SIGTERM, SIGINT and SIGQUIT shut it down in order, a boot under way included; a
    /// second one kills what is left. SIGHUP has components reload.
    ///
    /// # Errors
    /// [`RunError`], each with its exit code; what had started was stopped again.
    pub fn run(self) -> Result<ServiceEnd, RunError> {
        run::run(self, async |_| std::future::pending().await)
    }

    /// As [`Builder::run`], with a future beside the service, on the node's own thread, once
    /// it is ready: for a job, which has an end of its own. The end of the future shuts the
    /// service down in order. It is dropped when something else ends the service first.
    ///
    /// # Errors
    /// As [`Builder::run`], and [`RunError::Main`] when the future fails.
    pub fn run_with(
        self,
        main: impl AsyncFnOnce(&Runtime) -> MainResult + Send + 'static,
    ) -> Result<ServiceEnd, RunError> {
        run::run(self, main)
    }

    /// Starts the service on the actix system of this thread: for tests, and for programs
    /// with a main loop of their own. No signal is looked at.
    ///
    /// # Errors
    /// As [`Builder::run`].
    pub async fn start(self) -> Result<Service, RunError> {
        let checked = self.clone();
        let preflight = tokio::task::spawn_blocking(move || checked.check()).await;
        let preflight = preflight.map_err(|_| RunError::Panicked)??;
        let node = Node::boot(self.settings.run.node.clone())?;
        let (wiring, emergencies) = Wiring::new(self.settings.health);
        let raised = self.raise(node, preflight, wiring, emergencies).await?;
        Service::boot(raised).await
    }

    /// Brings the tree up; its components wait for the boot.
    pub(super) async fn raise(
        self,
        node: Node,
        preflight: PreFlightReport,
        wiring: Wiring,
        emergencies: tokio::sync::mpsc::Receiver<crate::service::logic::emergency::EmergencyReason>,
    ) -> Result<Raised, RunError> {
        self.settings.check()?;
        let plan = Planned::new(&self)?;
        let run = self.settings.run.clone();
        let control = NodeControl::new(node.clone(), run.allow_faults, run.shown.clone());
        let desk = control.desk();
        control.provide_health(&desk, HealthRef::new(wiring.clone()));
        wiring.open(desk.clone());
        let tree = tree::tree(&self, &plan, &wiring, &node)?;
        let runtime = Runtime::start_with(node, run, (control, desk), |_| tree).await?;
        if let Err(error) = tree::connect(runtime.node(), runtime.root(), &wiring).await {
            let _ = runtime.stop(super::TREE_WITHIN).await;
            return Err(tree::lost(&error).into());
        }
        let boot_within = plan.longest_boot();
        let shutdown = self.settings.shutdown;
        Ok(Raised { runtime, wiring, emergencies, preflight, plan, shutdown, boot_within })
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("settings", &self.settings)
            .field("components", &self.components)
            .finish_non_exhaustive()
    }
}
