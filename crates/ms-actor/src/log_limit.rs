//! [`Repeats`] with a clock, for those who have none.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ms_core::{Repeats, Tick};

/// Lets the first of many equal log lines through, and then one each interval. Made for a `static`
/// beside the line it limits.
///
/// ```
/// use std::time::Duration;
/// use ms_actor::LogLimit;
///
/// static REFUSED: LogLimit = LogLimit::new(Duration::from_secs(10));
/// if let Some(left_out) = REFUSED.admit() {
///     tracing::warn!(left_out, "a request was refused");
/// }
/// ```
#[derive(Debug)]
pub struct LogLimit {
    repeats: Mutex<Repeats>,
    began: OnceLock<Instant>,
}

impl LogLimit {
    /// Lets one line through in `every`.
    #[must_use]
    pub const fn new(every: Duration) -> Self {
        Self { repeats: Mutex::new(Repeats::new(every)), began: OnceLock::new() }
    }

    /// Returns whether the line is to be written now, and if so how many were left out before it.
    pub fn admit(&self) -> Option<u64> {
        let run = self.began.get_or_init(Instant::now).elapsed();
        // No panic leaves it half done.
        let mut repeats = self.repeats.lock().unwrap_or_else(PoisonError::into_inner);
        repeats.admit(Tick::ZERO + run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_written_and_an_immediate_second_is_counted() {
        static LIMIT: LogLimit = LogLimit::new(Duration::from_secs(3_600));
        assert_eq!(LIMIT.admit(), Some(0));
        assert_eq!((LIMIT.admit(), LIMIT.admit()), (None, None));
    }
}
