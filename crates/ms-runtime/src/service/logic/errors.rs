//! Counts critical errors.

use std::collections::VecDeque;
use std::time::Duration;

use ms_core::Tick;

/// Counts critical errors in a sliding window. The threshold makes an emergency.
#[derive(Debug, Clone)]
pub struct ErrorBudget {
    threshold: usize,
    window: Duration,
    seen: VecDeque<Tick>,
}

impl ErrorBudget {
    /// Returns a budget of this many errors within this time; a threshold of 0 counts as 1.
    #[must_use]
    pub fn new(threshold: usize, window: Duration) -> Self {
        Self { threshold: threshold.max(1), window, seen: VecDeque::new() }
    }

    /// Counts one error, and returns whether the threshold is reached.
    pub fn record(&mut self, now: Tick) -> bool {
        while self.seen.front().is_some_and(|seen| now.since(*seen) > self.window) {
            self.seen.pop_front();
        }
        self.seen.push_back(now);
        // No more than the threshold is kept, so that a storm of errors uses no memory.
        if self.seen.len() > self.threshold {
            self.seen.pop_front();
        }
        self.seen.len() >= self.threshold
    }

    /// Returns the number of errors that count, as of the last one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S5.4-05
    #[test]
    fn critical_errors_are_an_emergency_at_their_threshold_within_the_window_only() {
        let mut budget = ErrorBudget::new(3, Duration::from_secs(10));
        let at = |second: u64| Tick::from_millis(second * 1000);
        assert_eq!([0, 5, 11, 16].map(|second| budget.record(at(second))), [false; 4]);
        assert!(budget.record(at(17)));
        assert!(budget.record(at(18)), "and stays one");
    }
}
