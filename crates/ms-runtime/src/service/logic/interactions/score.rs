//! The health score: a number between 0 and 1 from the last looks at a component.

use std::collections::VecDeque;

use ms_core::health::HealthStatus;

/// Number of looks of which a health score is the mean.
pub const SCORE_LOOKS: usize = 20;

/// The last looks, in half points.
// Integers, so that the sum is exact: a component that is always healthy scores exactly 1.
#[derive(Debug, Clone, Default)]
pub(super) struct Score(VecDeque<u8>);

impl Score {
    pub(super) fn look(&mut self, status: HealthStatus) {
        if self.0.len() == SCORE_LOOKS {
            self.0.pop_front();
        }
        self.0.push_back(match status {
            HealthStatus::Healthy => 2,
            HealthStatus::Degraded => 1,
            HealthStatus::Unknown | HealthStatus::Unhealthy => 0,
        });
    }

    pub(super) fn looks(&self) -> usize {
        self.0.len()
    }

    /// Returns the mean; `None` before the first look.
    pub(super) fn value(&self) -> Option<f64> {
        let sum: u32 = self.0.iter().map(|&half| u32::from(half)).sum();
        // At most twenty looks, so the conversions are exact.
        let looks = u32::try_from(self.0.len()).ok().filter(|&looks| looks > 0)?;
        Some(f64::from(sum) / f64::from(2 * looks))
    }
}
