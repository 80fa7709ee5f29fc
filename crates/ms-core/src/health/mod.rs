//! Health: what checks say, folded into what the whole is.
//!
//! [`HealthBook`] keeps the latest outcome of every check and folds them by criticality;
//! [`Probe`] turns good and bad looks into a steady yes or no by thresholds. Neither runs
//! a check or reads a clock.
//!
//! Three questions are kept apart. *Startup*: has the boot been done. *Liveness*: does the
//! root supervisor answer; no dependency is looked at, for restarting this process mends
//! no database. *Readiness*: may it take work.

mod book;
mod probe;
mod text;

pub use book::{ComponentHealth, HealthBook, HealthError, SystemHealthReport};
pub use probe::{Probe, ProbeChange, ProbeSettings};
pub use text::{MAX_HEALTH_MESSAGE, public_message};

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Topic of the event by which an actor says that features of it are off; its text names them.
pub const FEATURES_OFF: &str = "degraded";
/// Topic of the event by which it says that all are on again; its text is for people.
pub const FEATURES_ON: &str = "recovered";
/// Topic of the news that the health of a component changed.
pub const HEALTH_CHANGED: &str = "health_changed";

/// What one check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result", content = "message")]
pub enum HealthResult {
    /// All is well.
    Healthy,
    /// It works, but not as it should.
    Degraded(String),
    /// It does not work.
    Unhealthy(String),
    /// It did not answer in time.
    Timeout,
}

/// How a component or the whole is, best first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// All is well.
    Healthy,
    /// Nothing is known yet, or the last check did not answer.
    #[default]
    Unknown,
    /// It works, but not as it should.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl HealthStatus {
    /// Its name, as reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the failure of one component means for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Without it no work can be done: the whole is unhealthy.
    #[default]
    Critical,
    /// Work goes on without it: the whole is degraded.
    Degradable,
}

/// What one outcome makes of the whole. `timeouts` counts those in a row, this one
/// included; a critical component is given up at `threshold` of them.
#[must_use]
pub fn contribution(
    criticality: Criticality,
    result: &HealthResult,
    timeouts: u32,
    threshold: u32,
) -> HealthStatus {
    match (result, criticality) {
        (HealthResult::Healthy, _) => HealthStatus::Healthy,
        (HealthResult::Degraded(_), _) => HealthStatus::Degraded,
        (HealthResult::Unhealthy(_), Criticality::Critical) => HealthStatus::Unhealthy,
        (HealthResult::Timeout, Criticality::Critical) if timeouts >= threshold.max(1) => {
            HealthStatus::Unhealthy
        }
        (HealthResult::Unhealthy(_) | HealthResult::Timeout, _) => HealthStatus::Degraded,
    }
}

/// How long a round of checks took, and when it was: passed in by whoever has a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoundTime {
    /// From the first question to the last answer.
    pub took: Duration,
    /// Milliseconds since 1970, by the wall clock, for people.
    pub unix_ms: u64,
}
