//! Short names for the times that keys are declared with.

use std::time::Duration;

/// One hour.
pub const HOUR: Duration = secs(3_600);
/// One day.
pub const DAY: Duration = secs(86_400);

/// Returns this number of seconds.
#[must_use]
pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Returns this number of milliseconds.
#[must_use]
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
