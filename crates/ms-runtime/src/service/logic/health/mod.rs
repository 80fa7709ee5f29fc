//! Health: the results of checks, combined into the health of the service.
//!
//! [`HealthState`] keeps the latest result of every check and combines them by criticality.
//! [`Probe`] turns good and bad looks into a steady yes or no by thresholds. Neither runs a check
//! or reads a clock.
//!
//! Three questions are kept apart. *Startup*: is the boot done? *Liveness*: does the root
//! supervisor answer? No dependency counts there, since a restart of this process repairs no
//! database. *Readiness*: may the service take work?

mod probe;
mod state;
mod text;

pub use probe::{Probe, ProbeChange, ProbeSettings};
pub use state::{ComponentHealth, HealthError, HealthState, SystemHealthReport};
pub use text::{MAX_HEALTH_MESSAGE, public_message};

use std::time::Duration;

use ms_core::health::{Criticality, HealthResult, HealthStatus};

/// Topic of the event that the health of a component changed.
pub const HEALTH_CHANGED: &str = "health_changed";

/// Returns what one result means for the whole service. `timeouts` is the number of timeouts in a
/// row, with this one; at `threshold` of them a critical component counts as unhealthy.
// A single timeout may be a busy machine. To call the service unhealthy for it would take it out of
// the load balancer just when it is needed.
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

/// The time of a round of checks, passed in by the caller, who has a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoundTime {
    /// From the first question to the last answer.
    pub took: Duration,
    /// Milliseconds since 1970 by the wall clock, for human readers.
    pub unix_ms: u64,
}
