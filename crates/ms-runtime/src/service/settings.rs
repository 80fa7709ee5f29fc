//! The settings of a service: plain values with defaults, to be filled from a configuration.

use std::path::PathBuf;
use std::time::Duration;

use ms_core::{Intensity, Strategy};
use ms_supervisor::Heartbeat;

use crate::node::RunConfig;
use crate::service::logic::health::ProbeSettings;
use crate::service::logic::shutdown::{MIN_DEADLINE, RESERVE};

/// How components start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootSettings {
    /// Time for the start of a component, unless its spec sets another.
    pub start_within: Duration,
    /// Time for the whole boot (`components.startup_deadline`); 30 s. A boot that takes longer
    /// fails and is rolled back.
    pub within: Duration,
    /// Time for all pre-flight checks together.
    pub preflight_within: Duration,
    /// When a boot is cancelled: time for the starts under way to finish.
    pub cancel_grace: Duration,
    /// Preferred order among components that are free to start
    /// (`components.initialization_order`). Names of components that do not exist are ignored.
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

/// How components are supervised (`core.supervision`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupervisionSettings {
    /// Which components restart after the failure of one (`core.supervision.strategy`); only that
    /// one. Components stand in start order, so `RestForOne` restarts all that started after it.
    pub strategy: Strategy,
    /// Restarts allowed within a window, to the components and to the root each; 5 in 60 s.
    pub intensity: Intensity,
    /// When a component counts as hung and is restarted (`core.supervision.heartbeat_interval` and
    /// `heartbeat_missed`); after 3 heartbeats of 5 s in one message. Starts and stops have
    /// deadlines of their own; they count as hung only if they block their thread.
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

/// How health is checked (`components.health_checks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthSettings {
    /// Whether components are asked at all. If not, the three probes still answer, from what the
    /// tree knows.
    pub enabled: bool,
    /// When a boot counts as overdue.
    pub startup: ProbeSettings,
    /// When the root supervisor counts as dead.
    pub liveness: ProbeSettings,
    /// When the service counts as ready for work.
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
    /// Time until the process is killed from outside: `terminationGracePeriodSeconds` of
    /// Kubernetes, 30 s unless the manifest sets another.
    pub grace: Duration,
    /// The part of `grace` that the seven steps share; 25 s. The rest is for the tree, the control
    /// endpoint and the threads.
    pub deadline: Duration,
    /// Time for the stop of a component, unless its spec sets another.
    pub stop_within: Duration,
    /// Time for one cleanup handler.
    pub cleanup_within: Duration,
    /// Time for the emergency stop after a second signal; 1.5 s.
    pub forced_within: Duration,
}

impl ShutdownSettings {
    /// The part of `grace` that is kept for what follows the seven steps.
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
    /// Critical errors within the window that make an emergency; 5.
    pub critical_errors: usize,
    /// The window; 60 s.
    pub window: Duration,
    /// Memory that the process may use, in bytes. It ends if three looks in a row, one second
    /// apart, find more. `None` is no limit.
    pub memory_limit: Option<u64>,
    /// Time for all emergency procedures together; 10 s.
    pub limit: Duration,
    /// The directory of crash reports; `None` writes none.
    pub reports: Option<PathBuf>,
    /// Number of crash reports to keep, the latest; 10.
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

/// All settings of a service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The node, its arbiters and its control endpoint. The settings in `shutdown` take the place
    /// of its `stop_within`.
    pub run: RunConfig,
    /// How components start.
    pub boot: BootSettings,
    /// How components are supervised.
    pub supervision: SupervisionSettings,
    /// How their health is checked.
    pub health: HealthSettings,
    /// How the service shuts down.
    pub shutdown: ShutdownSettings,
    /// When and how the service gives up.
    pub emergency: EmergencySettings,
}

impl Settings {
    /// Returns the defaults, for a node of this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self::of(RunConfig::new(name))
    }

    /// Returns the defaults, for a node with this configuration.
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

    /// Checks that the settings agree with each other.
    ///
    /// # Errors
    /// [`SettingsError`] names the keys at fault.
    pub fn check(&self) -> Result<(), SettingsError> {
        let ShutdownSettings { grace, deadline, .. } = self.shutdown;
        if deadline < MIN_DEADLINE {
            return Err(SettingsError::DeadlineTooShort { deadline });
        }
        // Better refused at the start than killed in the middle of saving state, months later.
        if deadline.saturating_add(ShutdownSettings::RESERVE) > grace {
            let reserve = ShutdownSettings::RESERVE;
            return Err(SettingsError::GraceTooShort { grace, deadline, reserve });
        }
        Ok(())
    }
}

/// Settings that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The process would be killed from outside before its shutdown is over.
    #[error(
        "a shutdown of {deadline:?} (ShutdownSettings::deadline, shutdown.within) and a reserve of {reserve:?} for exiting do not fit into the grace period of {grace:?} (ShutdownSettings::grace, shutdown.kubernetes_grace); raise the grace period, or lower the deadline"
    )]
    GraceTooShort {
        /// The time until the process is killed.
        grace: Duration,
        /// The time that the seven steps may take.
        deadline: Duration,
        /// The time that is kept for the rest.
        reserve: Duration,
    },
    /// The shutdown is too short to be split into seven steps.
    #[error(
        "a shutdown of {deadline:?} (ShutdownSettings::deadline, shutdown.within) is shorter than {MIN_DEADLINE:?}; raise it"
    )]
    DeadlineTooShort {
        /// The time that was set.
        deadline: Duration,
    },
}
