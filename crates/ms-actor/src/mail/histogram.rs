//! Waiting times in powers of two: 44 counters, no allocation after the first sample.

/// Bucket `n` holds times of at least 2^n nanoseconds.
const BUCKETS: usize = 44;

#[derive(Debug, Clone)]
pub(crate) struct WaitHistogram {
    buckets: [u32; BUCKETS],
    max: u64,
}

impl Default for WaitHistogram {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], max: 0 }
    }
}

impl WaitHistogram {
    pub(crate) fn record(&mut self, nanos: u64) {
        // A time of 0 has no highest bit.
        let bucket = (63 - (nanos | 1).leading_zeros()) as usize;
        let slot = &mut self.buckets[bucket.min(BUCKETS - 1)];
        *slot = slot.saturating_add(1);
        self.max = self.max.max(nanos);
    }

    /// Returns the value below which `share` (0.0 to 1.0) of the samples lie, to a factor of two.
    pub(crate) fn quantile_us(&self, share: f64) -> Option<u64> {
        let total: u64 = self.buckets.iter().map(|&n| u64::from(n)).sum();
        if total == 0 {
            return None;
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank within the samples"
        )]
        let rank = ((total as f64) * share).ceil() as u64;
        let mut seen = 0;
        for (at, &count) in self.buckets.iter().enumerate() {
            seen += u64::from(count);
            if seen >= rank {
                return Some(((2u64 << at) - 1).min(self.max) / 1_000);
            }
        }
        Some(self.max / 1_000)
    }

    pub(crate) fn max_us(&self) -> u64 {
        self.max / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_factor_of_two() {
        let mut waits = WaitHistogram::default();
        (0..99).for_each(|_| waits.record(10_000));
        waits.record(5_000_000);
        assert!((10..=20).contains(&waits.quantile_us(0.5).expect("has samples")));
        assert!((10..=20).contains(&waits.quantile_us(0.99).expect("has samples")));
        assert_eq!(waits.quantile_us(1.0), Some(5_000));
        assert_eq!(waits.max_us(), 5_000);
        assert_eq!(WaitHistogram::default().quantile_us(0.5), None);
    }
}
