//! What a service is made of.

use std::sync::Arc;

use ms_supervisor::Observer;

use crate::service::boot::SnapshotStore;
use crate::service::cleanup::CleanupHandler;
use crate::service::components::{Absent, ComponentSpec, TypeKey};
use crate::service::emergency::EmergencyProcedure;
use crate::service::health::ReadinessPath;
use crate::service::interactions::{Calls, InteractionObserver};
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
    pub(super) interaction_observer: Option<Arc<dyn InteractionObserver>>,
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
            interaction_observer: None,
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
    pub fn interaction_observer(mut self, observer: impl InteractionObserver) -> Self {
        self.interaction_observer = Some(Arc::new(observer));
        self
    }

    /// Runs the pre-flight checks, and nothing else. Blocks.
    ///
    /// # Errors
    /// All checks that failed.
    pub fn check(&self) -> Result<PreFlightReport, PreFlightCheckFailed> {
        preflight::run(&self.checks, self.settings.boot.preflight_within)
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
