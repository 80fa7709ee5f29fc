//! A limit on log lines that repeat themselves.

use std::time::Duration;

use crate::time::Tick;

/// Lets the first of many equal lines through, and then one in a while. A full disk is reported a
/// hundred times a second, and would hide every other line.
///
/// ```
/// use std::time::Duration;
/// use ms_core::{Repeats, Tick};
///
/// let mut repeats = Repeats::new(Duration::from_secs(10));
/// assert_eq!(repeats.admit(Tick::from_millis(0)), Some(0));
/// assert_eq!(repeats.admit(Tick::from_millis(5)), None);
/// assert_eq!(repeats.admit(Tick::from_millis(10_000)), Some(1), "one was left out");
/// ```
#[derive(Debug, Clone)]
pub struct Repeats {
    every: Duration,
    last: Option<Tick>,
    left_out: u64,
}

impl Repeats {
    /// Lets one line through in `every`.
    #[must_use]
    pub const fn new(every: Duration) -> Self {
        Self { every, last: None, left_out: 0 }
    }

    /// Returns how many lines were left out before this one; `None` leaves this one out too.
    pub fn admit(&mut self, now: Tick) -> Option<u64> {
        if self.last.is_some_and(|last| now.since(last) < self.every) {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_in_a_time_and_none_is_uncounted() {
        let mut repeats = Repeats::new(Duration::from_secs(10));
        let (mut written, mut left_out) = (0, 0);
        for millis in 0..60_000 {
            if let Some(missing) = repeats.admit(Tick::from_millis(millis)) {
                written += 1;
                left_out += missing;
            }
        }
        assert_eq!((written, left_out), (6, 60_000 - 6 - 9_999));
    }

    #[test]
    fn what_comes_seldom_is_written_each_time() {
        let mut repeats = Repeats::new(Duration::from_secs(10));
        for n in 0..5 {
            assert_eq!(repeats.admit(Tick::from_millis(n * 10_000)), Some(0));
        }
    }
}
