//! Delays between restarts: ours, not OTP's. Off unless a child spec asks.
//!
//! A failure is an end that is restarted or a start that failed. The n-th failure
//! in a row waits `min * 2^(n-1)`, at most `max`; a run of `reset_after` or longer
//! makes the next failure the first again. The restart is counted against the
//! intensity when the child fails, not when the delay is over.

use std::time::Duration;

use crate::spec::Backoff;

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

/// A source of jitter: splitmix64 from a seed, so that the policy stays a function
/// of what it was fed.
#[derive(Debug, Clone)]
pub(super) struct Jitter(pub(super) u64);

impl Jitter {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number in `0.0..1.0`.
    pub(super) fn next_unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
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

    #[test]
    fn the_jitter_source_stays_in_the_unit_interval() {
        let mut jitter = Jitter::new(7);
        assert!((0..10_000).all(|_| (0.0..1.0).contains(&jitter.next_unit())));
    }
}
