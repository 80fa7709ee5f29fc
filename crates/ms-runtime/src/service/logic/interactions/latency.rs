//! The times of calls, in fixed buckets.

use std::time::Duration;

/// Upper ends of the buckets, in microseconds. A last bucket has no end.
// 100 ms is the target of a call and 1 s the threshold of an alert. Both are ends of buckets, so
// that the shares below and above them are exact.
pub const BUCKETS_US: [u64; 12] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// The outcome of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// The called component did its part. To refuse a wrong request counts as that, too.
    Done,
    /// The called component did not do its part.
    Failed,
    /// The caller gave up; the time is how long it had waited.
    GivenUp,
}

/// The calls of one pair.
#[derive(Debug, Clone, Default)]
pub(super) struct Latency {
    buckets: [u64; BUCKETS_US.len() + 1],
    failed: u64,
    given_up: u64,
    sum_us: u64,
    max_us: u64,
}

impl Latency {
    pub(super) fn note(&mut self, took: Duration, outcome: CallOutcome) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BUCKETS_US.partition_point(|&end| end < us);
        self.buckets[at] += 1;
        self.failed += u64::from(outcome == CallOutcome::Failed);
        self.given_up += u64::from(outcome == CallOutcome::GivenUp);
        self.sum_us = self.sum_us.saturating_add(us);
        self.max_us = self.max_us.max(us);
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    pub(super) fn given_up(&self) -> u64 {
        self.given_up
    }

    pub(super) fn max_us(&self) -> u64 {
        self.max_us
    }

    pub(super) fn mean_us(&self) -> u64 {
        self.sum_us.checked_div(self.count()).unwrap_or(0)
    }

    /// Returns the time that this many percent of the calls did not exceed.
    pub(super) fn percentile_us(&self, percent: u64) -> u64 {
        let rank = self.count().saturating_mul(percent).div_ceil(100);
        let mut seen = 0;
        for (at, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return BUCKETS_US.get(at).map_or(self.max_us, |&end| end.min(self.max_us));
            }
        }
        self.max_us
    }

    /// Returns the buckets, each with its upper end; `None` for the last.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let ends = BUCKETS_US.iter().copied().map(Some).chain([None]);
        ends.zip(self.buckets.iter().copied())
    }
}
