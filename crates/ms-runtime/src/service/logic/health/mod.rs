//! Health: what checks say, folded into what the whole is.
//!
//! [`HealthState`] keeps the latest outcome of every check and folds them by criticality;
//! [`Probe`] turns good and bad looks into a steady yes or no by thresholds. Neither runs
//! a check or reads a clock.
//!
//! Three questions are kept apart. *Startup*: has the boot been done. *Liveness*: does the
//! root supervisor answer; no dependency is looked at, for restarting this process mends
//! no database. *Readiness*: may it take work.

mod probe;
mod state;
mod text;

pub use probe::{Probe, ProbeChange, ProbeSettings};
pub use state::{ComponentHealth, HealthError, HealthState, SystemHealthReport};
pub use text::{MAX_HEALTH_MESSAGE, public_message};

use std::time::Duration;

use ms_core::health::{Criticality, HealthResult, HealthStatus};

/// Topic of the news that the health of a component changed.
pub const HEALTH_CHANGED: &str = "health_changed";

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
