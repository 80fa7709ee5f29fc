//! Time as an argument.

use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point on the node's monotonic clock: nanoseconds since the node booted.
///
/// Pure code never reads a clock; its caller passes a `Tick`. Under
/// virtual time the same type carries the virtual instant.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Tick(u64);

impl Tick {
    /// The instant the clock started.
    pub const ZERO: Self = Self(0);

    /// Makes a tick `nanos` nanoseconds after the clock started.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Makes a tick `millis` milliseconds after the clock started.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Returns the nanoseconds since the clock started.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns the whole milliseconds since the clock started.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Returns the whole seconds since the clock started: the grain of OTP's restart window.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Returns the time from `earlier` to `self`, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// As good as for ever, and short enough that no clock overflows: thirty years.
// As tokio's own: a thousand years overflow an `Instant` on macOS, a hundred on FreeBSD.
pub const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// Returns the time `by` after `from`, at most [`FAR`] after it.
///
/// A caller's `Duration::MAX` means "no limit", and plain `Instant + Duration` panics with it.
/// Works with the `Instant`s of std and tokio; a [`Tick`] saturates by itself.
///
/// ```
/// use std::time::{Duration, Instant};
/// use ms_core::time::{FAR, later};
/// let now = Instant::now();
/// assert_eq!(later(now, Duration::from_secs(1)) - now, Duration::from_secs(1));
/// assert_eq!(later(now, Duration::MAX) - now, FAR);
/// ```
#[allow(clippy::arithmetic_side_effects, reason = "this is the place that makes it safe")]
pub fn later<T: Add<Duration, Output = T>>(from: T, by: Duration) -> T {
    from + by.min(FAR)
}

/// Returns the sum of durations, `Duration::MAX` where it would be more. Plain `sum` panics.
///
/// ```
/// use std::time::Duration;
/// use ms_core::time::total;
/// assert_eq!(total([Duration::from_secs(1), Duration::from_secs(2)]), Duration::from_secs(3));
/// assert_eq!(total([Duration::MAX, Duration::from_secs(2)]), Duration::MAX);
/// ```
pub fn total(parts: impl IntoIterator<Item = Duration>) -> Duration {
    parts.into_iter().fold(Duration::ZERO, Duration::saturating_add)
}

/// Returns one of `parts` equal parts; the whole for 0 parts, where plain division panics.
///
/// ```
/// use std::time::Duration;
/// use ms_core::time::part;
/// assert_eq!(part(Duration::from_secs(10), 4), Duration::from_millis(2_500));
/// assert_eq!(part(Duration::from_secs(10), 0), Duration::from_secs(10));
/// ```
#[must_use]
pub fn part(whole: Duration, parts: u32) -> Duration {
    whole.checked_div(parts).unwrap_or(whole)
}

impl Add<Duration> for Tick {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        let nanos = u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub for Tick {
    type Output = Duration;

    fn sub(self, rhs: Self) -> Duration {
        self.since(rhs)
    }
}
