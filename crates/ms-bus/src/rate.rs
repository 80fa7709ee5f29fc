//! So many in a time, and how many more there were. Pure.

use std::time::Duration;

use ms_core::Tick;

/// A bound on how much is done in a period.
#[derive(Debug, Clone)]
pub(crate) struct RateBound {
    most: u32,
    period: Duration,
    since: Option<Tick>,
    used: u32,
    left_out: u64,
}

impl RateBound {
    pub(crate) const fn new(most: u32, period: Duration) -> Self {
        Self { most, period, since: None, used: 0, left_out: 0 }
    }

    /// Whether one more may be done now; then, how many were left out since the last one.
    pub(crate) fn admit(&mut self, now: Tick) -> Option<u64> {
        let over = self.since.is_none_or(|since| now.since(since) >= self.period);
        if over {
            (self.since, self.used) = (Some(now), 0);
        }
        if self.used >= self.most {
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
        /// Whatever comes when: never more than permitted in a window, and none is forgotten.
        #[test]
        fn it_bounds_and_counts(
            per_second in 0_u32..5,
            waits in proptest::collection::vec(0_u64..400, 0..80),
        ) {
            let mut bound = RateBound::new(per_second, Duration::from_secs(1));
            let (mut now, mut done, mut told, mut refused) = (0, Vec::new(), 0, 0);
            for wait in waits {
                now += wait;
                match bound.admit(Tick::from_millis(now)) {
                    Some(left_out) => { told += left_out; done.push(now); }
                    None => refused += 1,
                }
            }
            prop_assert_eq!(told + bound.left_out, refused);
            // Two windows touch at most.
            for start in &done {
                let within = done.iter().filter(|at| (*start..*start + 1000).contains(*at));
                prop_assert!(within.count() <= 2 * per_second as usize);
            }
        }
    }
}
