//! A bound on how often something happens. Pure.

use std::time::Duration;

use ms_core::Tick;

/// A bound on how often something happens in a period, which counts what it leaves out.
#[derive(Debug, Clone)]
pub(crate) struct RateLimit {
    max: u32,
    period: Duration,
    /// Begin of the running period; `None` before the first admission.
    since: Option<Tick>,
    used: u32,
    left_out: u64,
}

impl RateLimit {
    pub(crate) const fn new(max: u32, period: Duration) -> Self {
        Self { max, period, since: None, used: 0, left_out: 0 }
    }

    /// Admits one more now, and returns how many were left out since the last admission; `None`
    /// when the bound is reached.
    pub(crate) fn admit(&mut self, now: Tick) -> Option<u64> {
        let over = self.since.is_none_or(|since| now.since(since) >= self.period);
        if over {
            (self.since, self.used) = (Some(now), 0);
        }
        if self.used >= self.max {
            self.left_out += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Never more than permitted in a period, and nothing that is left out goes uncounted.
        #[test]
        fn it_bounds_and_counts(
            per_second in 0_u32..5,
            waits in proptest::collection::vec(0_u64..400, 0..80),
        ) {
            let mut bound = RateLimit::new(per_second, Duration::from_secs(1));
            let (mut now, mut done, mut reported, mut refused) = (0, Vec::new(), 0, 0);
            for wait in waits {
                now += wait;
                match bound.admit(Tick::from_millis(now)) {
                    Some(left_out) => { reported += left_out; done.push(now); }
                    None => refused += 1,
                }
            }
            prop_assert_eq!(reported + bound.left_out, refused);
            // Two windows touch at most.
            for start in &done {
                let within = done.iter().filter(|at| (*start..*start + 1000).contains(*at));
                prop_assert!(within.count() <= 2 * per_second as usize);
            }
        }
    }
}
