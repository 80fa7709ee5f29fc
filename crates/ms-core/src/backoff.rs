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
    /// The delay after `failures` failures in a row, for a random number in
    /// `0.0..1.0`.
    ///
    /// The jitter spreads the delay evenly over `±jitter` of itself. Where that would
    /// pass `max` the spread is cut at `max`, not piled up there.
    #[must_use]
    pub fn delay(&self, failures: u32, unit_random: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(63);
        let base = self.min.as_secs_f64() * (1_u64 << doublings) as f64;
        let base = base.min(self.max.as_secs_f64());
        let low = base * (1.0 - self.jitter);
        let high = (base * (1.0 + self.jitter)).min(self.max.as_secs_f64());
        let delay = low + unit_random.clamp(0.0, 1.0) * (high - low);
        Duration::try_from_secs_f64(delay).unwrap_or(self.max).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(min: u64, max: u64, jitter: f64) -> Backoff {
        Backoff {
            min: Duration::from_secs(min),
            max: Duration::from_secs(max),
            jitter,
            reset_after: Duration::from_secs(60),
        }
    }

    #[test]
    fn delays_double_up_to_the_cap() {
        let b = backoff(1, 10, 0.0);
        let delays: Vec<u64> = (1..=6).map(|n| b.delay(n, 0.5).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 10, 10]);
        assert_eq!(b.delay(u32::MAX, 0.5).as_secs(), 10);
    }

    #[test]
    fn jitter_spreads_evenly_and_never_passes_max() {
        let b = backoff(10, 100, 0.2);
        assert_eq!(b.delay(1, 0.0), Duration::from_secs(8));
        assert!(b.delay(1, 1.0) <= Duration::from_millis(12_001));
        let capped = backoff(10, 10, 0.2);
        assert_eq!(capped.delay(5, 1.0), Duration::from_secs(10));
        assert_eq!(capped.delay(5, 0.5), Duration::from_secs(9));
    }
}
