//! A number between 0 and 1 out of the last looks at a component.

use std::collections::VecDeque;

use ms_core::health::HealthStatus;

/// Looks that a health score is the mean of.
pub const SCORE_LOOKS: usize = 20;

/// The last looks, in half points, so that a sum is exact.
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

    /// `None` before the first look.
    pub(super) fn value(&self) -> Option<f64> {
        let sum: u32 = self.0.iter().map(|&half| u32::from(half)).sum();
        // At most twenty looks: exact.
        let looks = u32::try_from(self.0.len()).ok().filter(|&looks| looks > 0)?;
        Some(f64::from(sum) / f64::from(2 * looks))
    }
}
