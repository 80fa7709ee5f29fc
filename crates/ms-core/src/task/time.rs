//! The clock of tasks.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point on a store's clock, in milliseconds since 1970.
///
/// The store makes it: the wall clock when it was opened (or the last time it recorded,
/// if that is later) plus what the monotonic clock has run since. So it never goes back,
/// not over restarts either, and a clock that is set does not move leases and deadlines.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TaskTime(u64);

impl TaskTime {
    /// Makes a point `millis` milliseconds after 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Returns the time from `earlier` to `self`, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for TaskTime {
    type Output = Self;

    /// Stops at the last point that a store can write: its integers have a sign.
    fn add(self, rhs: Duration) -> Self {
        let millis = u64::try_from(rhs.as_millis()).unwrap_or(u64::MAX);
        // `max`: beyond that point a sum would come out earlier than what it was added to.
        Self(self.0.saturating_add(millis).min(i64::MAX.cast_unsigned()).max(self.0))
    }
}

impl fmt::Display for TaskTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
