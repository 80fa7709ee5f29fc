//! A rate limit.

use std::time::Duration;

use ms_core::time::Tick;

/// A token bucket: at most `per_second` starts a second, with a burst of `burst`.
///
/// It starts empty, so that a process which dies and comes back does not start more than
/// the rate permits. In any span of `t` seconds it grants at most `burst + t * per_second`.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    /// Nanoseconds that one token takes to grow.
    interval: u64,
    /// Most nanoseconds of credit.
    full: u64,
    credit: u64,
    at: Tick,
}

impl TokenBucket {
    /// Makes a bucket that is empty at `now`. Rates are kept within a millionth and a thousand
    /// million a second, and a burst is at least 1.
    #[must_use]
    pub fn empty(per_second: f64, burst: u32, now: Tick) -> Self {
        // An infinite rate gets the fastest there is: its own interval would be 0, and tokens are
        // counted by dividing by it.
        let rate = if per_second.is_finite() { per_second.clamp(1e-6, 1e9) } else { 1e9 };
        // Rounded up: never faster than asked for.
        let interval = (1e9 / rate).ceil() as u64;
        Self {
            interval,
            full: interval.saturating_mul(u64::from(burst.max(1))),
            credit: 0,
            at: now,
        }
    }

    /// Takes up to `wanted` tokens and says how many there were.
    pub fn take(&mut self, wanted: u64, now: Tick) -> u64 {
        let available = self.available(now);
        let taken = wanted.min(available);
        self.credit -= taken * self.interval;
        taken
    }

    /// Returns how many tokens could be taken now.
    pub fn available(&mut self, now: Tick) -> u64 {
        let grown = u64::try_from(now.since(self.at).as_nanos()).unwrap_or(u64::MAX);
        self.credit = self.credit.saturating_add(grown).min(self.full);
        // `max`, because the time is an argument and may be behind an earlier one.
        self.at = self.at.max(now);
        self.credit / self.interval
    }

    /// Returns how long after `now` a token is there; zero if one is.
    #[must_use]
    pub fn wait(&self, now: Tick) -> Duration {
        let needed = Duration::from_nanos(self.interval.saturating_sub(self.credit));
        needed.saturating_sub(now.since(self.at))
    }
}
