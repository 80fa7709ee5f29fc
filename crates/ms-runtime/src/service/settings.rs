//! How a service is run: plain values with defaults, to be filled from a configuration.

use std::path::PathBuf;
use std::time::Duration;

use ms_core::{Intensity, Strategy};
use ms_supervisor::Heartbeat;

use crate::node::RunConfig;
use crate::service::logic::health::ProbeSettings;
use crate::service::logic::shutdown::{MIN_DEADLINE, RESERVE};

/// How components are started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootSettings {
    /// How long a component's start may take unless its spec says otherwise.
    pub start_within: Duration,
    /// How long the boot may take as a whole (`components.startup_deadline`); 30 s. One that
    /// takes longer is undone and fails.
    pub within: Duration,
    /// How long the pre-flight checks may take together.
    pub preflight_within: Duration,
    /// When a boot is called off: how long what is under way may take to finish.
    pub cancel_grace: Duration,
    /// The order wished for among components that are free to start
    /// (`components.initialization_order`). Names of components that are not there are
    /// passed over.
    pub initialization_order: Vec<String>,
}

impl BootSettings {
    /// The order of the specification's example configuration.
    pub const INITIALIZATION_ORDER: [&str; 8] = [
        "logging",
        "metrics",
        "configuration",
        "database",
        "cache",
        "security",
        "transport",
        "application",
    ];
}

impl Default for BootSettings {
    fn default() -> Self {
        Self {
            start_within: Duration::from_secs(10),
            within: Duration::from_secs(30),
            preflight_within: Duration::from_secs(5),
            cancel_grace: Duration::from_secs(2),
            initialization_order: Self::INITIALIZATION_ORDER.map(str::to_owned).into(),
        }
    }
}

/// How components are kept alive (`core.supervision`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupervisionSettings {
    /// Which components one failure takes along (`core.supervision.strategy`): that one alone.
    /// Components stand in start order, so `RestForOne` takes along what was started after it.
    pub strategy: Strategy,
    /// Restarts granted within a window, to the components and to the root each:
    /// 5 in 60 s.
    pub intensity: Intensity,
    /// When a component is found hung and started again (`core.supervision.heartbeat_interval`
    /// and `heartbeat_missed`): at one message for 3 beats of 5 s. Starting and stopping have
    /// deadlines of their own and count only where they block their thread.
    pub heartbeat: Heartbeat,
}

impl Default for SupervisionSettings {
    fn default() -> Self {
        let period = Duration::from_secs(60);
        Self {
            strategy: Strategy::OneForOne,
            intensity: Intensity { max_restarts: 5, period },
            heartbeat: Heartbeat::default(),
        }
    }
}

/// How health is looked at (`components.health_checks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthSettings {
    /// Whether components are asked at all. Without, the three questions are still
    /// answered, out of what the tree knows.
    pub enabled: bool,
    /// When a boot is found to take long.
    pub startup: ProbeSettings,
    /// When the root supervisor is found not to answer.
    pub liveness: ProbeSettings,
    /// When the whole is found fit for work.
    pub readiness: ProbeSettings,
    /// How often components are asked (`core.supervision.health_check_interval`); 10 s.
    pub interval: Duration,
}

impl Default for HealthSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            startup: ProbeSettings::STARTUP,
            liveness: ProbeSettings::LIVENESS,
            readiness: ProbeSettings::READINESS,
            interval: Duration::from_secs(10),
        }
    }
}

/// How a service is shut down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShutdownSettings {
    /// The time the process is given from outside before it is killed: Kubernetes'
    /// `terminationGracePeriodSeconds`, 30 s unless the manifest says otherwise.
    pub grace: Duration,
    /// The part of it that the seven steps share; 25 s. The rest is for the tree, the
    /// control endpoint and the threads.
    pub deadline: Duration,
    /// How long a component's stop may take unless its spec says otherwise.
    pub stop_within: Duration,
    /// How long one cleanup handler may take.
    pub cleanup_within: Duration,
    /// How long the emergency stop of a second signal may take; 1.5 s.
    pub forced_within: Duration,
}

impl ShutdownSettings {
    /// What is kept of the grace for what comes after the seven steps.
    pub const RESERVE: Duration = RESERVE;
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(30),
            deadline: Duration::from_secs(25),
            stop_within: Duration::from_secs(5),
            cleanup_within: Duration::from_secs(2),
            forced_within: Duration::from_millis(1500),
        }
    }
}

/// When and how a service gives up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmergencySettings {
    /// Critical errors within the window that are an emergency; 5.
    pub critical_errors: usize,
    /// The window; 60 s.
    pub window: Duration,
    /// Memory that the process may use, in bytes; over it at three looks in a row, a second
    /// apart, it ends. No limit unless one is set.
    pub memory_limit: Option<u64>,
    /// How long all emergency procedures may take together; 10 s.
    pub limit: Duration,
    /// Where crash reports go; nowhere unless a state directory is set.
    pub reports: Option<PathBuf>,
    /// Crash reports kept, the latest; 10.
    pub keep: usize,
}

impl Default for EmergencySettings {
    fn default() -> Self {
        Self {
            critical_errors: 5,
            window: Duration::from_secs(60),
            memory_limit: None,
            limit: Duration::from_secs(10),
            reports: None,
            keep: 10,
        }
    }
}

/// All of them.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The node, its arbiters and its control endpoint. `stop_within` is not used: the
    /// shutdown settings take its place.
    pub run: RunConfig,
    /// How components are started.
    pub boot: BootSettings,
    /// How they are kept alive.
    pub supervision: SupervisionSettings,
    /// How their health is looked at.
    pub health: HealthSettings,
    /// How the service is shut down.
    pub shutdown: ShutdownSettings,
    /// When and how it gives up.
    pub emergency: EmergencySettings,
}

impl Settings {
    /// The defaults, for a node of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self::of(RunConfig::new(name))
    }

    /// The defaults, for a node that is run like this.
    #[must_use]
    pub fn of(run: RunConfig) -> Self {
        Self {
            run,
            boot: BootSettings::default(),
            supervision: SupervisionSettings::default(),
            health: HealthSettings::default(),
            shutdown: ShutdownSettings::default(),
            emergency: EmergencySettings::default(),
        }
    }

    /// Checks what belongs together.
    ///
    /// # Errors
    /// [`SettingsError`] names the keys at fault.
    pub fn check(&self) -> Result<(), SettingsError> {
        let ShutdownSettings { grace, deadline, .. } = self.shutdown;
        if deadline < MIN_DEADLINE {
            return Err(SettingsError::DeadlineTooShort { deadline });
        }
        if deadline.saturating_add(ShutdownSettings::RESERVE) > grace {
            let reserve = ShutdownSettings::RESERVE;
            return Err(SettingsError::GraceTooShort { grace, deadline, reserve });
        }
        Ok(())
    }
}

/// Settings that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The shutdown would be cut off from outside.
    #[error(
        "a shutdown of {deadline:?} (ShutdownSettings::deadline, shutdown.within) and {reserve:?} for the rest do not fit into {grace:?} (ShutdownSettings::grace, shutdown.kubernetes_grace); raise that one, or lower the other"
    )]
    GraceTooShort {
        /// What the process is given.
        grace: Duration,
        /// What the seven steps want.
        deadline: Duration,
        /// What the rest wants.
        reserve: Duration,
    },
    /// Too short to be split.
    #[error(
        "a shutdown of {deadline:?} (ShutdownSettings::deadline, shutdown.within) is shorter than {MIN_DEADLINE:?}; raise it"
    )]
    DeadlineTooShort {
        /// What was given.
        deadline: Duration,
    },
}
