//! Durations and points in time, as the kernel counts them.

use std::time::Duration;

use ms_core::time::later;
use tokio::time::Instant;

/// Returns the instant `within` from now; one past the end of time is as good as thirty years.
pub(crate) fn after(within: Duration) -> Instant {
    later(Instant::now(), within)
}

/// Returns the nanoseconds of a duration, saturating.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
