//! Delays between restarts and between attempts: ours, not OTP's. Off unless a child spec asks.
//!
//! A failure is an end that is restarted or a start that failed. The n-th failure
//! in a row waits `min * 2^(n-1)`, at most `max`; a run of `reset_after` or longer
//! makes the next failure the first again. The restart is counted against the
//! intensity when the child fails, not when the delay is over.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A delay before an automatic restart, growing with consecutive failures. Off unless asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Delay before the first restart.
    pub min: Duration,
    /// Longest delay.
    pub max: Duration,
    /// Share of the delay that is random, 0.0 to 1.0: with 0.2 a delay of
    /// 10 s becomes 8 s to 12 s.
    pub jitter: f64,
    /// A run this long makes the next failure count as the first again.
    pub reset_after: Duration,
}

impl Backoff {
    /// Returns the delay after `failures` failures in a row, for a random number in `0.0..1.0`.
    ///
    /// The jitter spreads the delay evenly over `±jitter` of itself. Where that would
    /// pass `max` the spread is cut at `max`, not piled up there.
    #[must_use]
    pub fn delay(&self, failures: u32, unit_random: f64) -> Duration {
        // 63, or the shift would drop the bit.
        let doublings = failures.saturating_sub(1).min(63);
        // In floats: a `Duration` times 2^63 overflows, which panics.
        let base = self.min.as_secs_f64() * (1_u64 << doublings) as f64;
        let base = base.min(self.max.as_secs_f64());
        let low = base * (1.0 - self.jitter);
        let high = (base * (1.0 + self.jitter)).min(self.max.as_secs_f64());
        let delay = low + unit_random.clamp(0.0, 1.0) * (high - low);
        // A `max` of `Duration::MAX` is rounded up as a double, to more than a `Duration` holds.
        Duration::try_from_secs_f64(delay).unwrap_or(self.max).min(self.max)
    }
}
