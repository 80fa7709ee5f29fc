//! The budget of retries of a service. Pure.
//!
//! It is a share of the calls, not a number for each call. When a service fails, every call is
//! retried, and a number for each would double the load on what is left of the service.

/// The tokens that one retry costs; each call earns as many as the percentage.
const COST: u32 = 100;
/// Largest number of saved retries: a long quiet time must not pay for a storm.
const SAVED: u32 = 10;

/// The retries of one service.
#[derive(Debug)]
pub(super) struct RetryBudget {
    percent: u32,
    tokens: u32,
}

impl RetryBudget {
    /// Creates a budget of `percent` of the calls, with one retry to begin with.
    pub(super) const fn new(percent: u32) -> Self {
        Self { percent, tokens: if percent == 0 { 0 } else { COST } }
    }

    /// Counts a call.
    pub(super) fn called(&mut self) {
        self.tokens = self.tokens.saturating_add(self.percent).min(SAVED * COST);
    }

    /// Takes a retry; false if none is left.
    pub(super) const fn take(&mut self) -> bool {
        match self.tokens.checked_sub(COST) {
            Some(left) => {
                self.tokens = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(percent: u32, calls: usize) -> usize {
        let mut budget = RetryBudget::new(percent);
        let retried = (0..calls).filter(|_| {
            budget.called();
            budget.take()
        });
        retried.count()
    }

    #[test]
    fn a_share_of_the_calls_is_retried_and_one_more() {
        assert_eq!(granted(20, 100), 21);
        assert_eq!(granted(100, 50), 50);
        assert_eq!(granted(0, 100), 0);
    }

    #[test]
    fn what_is_saved_up_has_a_bound() {
        let mut budget = RetryBudget::new(100);
        (0..1_000).for_each(|_| budget.called());
        let saved = std::iter::from_fn(|| budget.take().then_some(())).count();
        assert_eq!(saved, 10);
    }
}
