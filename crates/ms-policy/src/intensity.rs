//! The restart window (D1, D2).

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use ms_core::spec::Intensity;
use ms_core::time::Tick;

/// The restarts of one supervisor within its period.
///
/// As OTP's `add_restart`: whole seconds, an entry counts while
/// `entry >= now - period`, so the window is inclusive and, by truncation,
/// `period` to `period + 1` seconds long. Entries of one second share a record,
/// so the window never holds more than `period + 1` of them, whatever the intensity.
#[derive(Debug, Clone)]
pub(super) struct Window {
    limit: u64,
    period: u64,
    /// Second and restarts in it, newest last.
    entries: VecDeque<(u64, u64)>,
    total: u64,
}

impl Window {
    pub(super) fn new(intensity: &Intensity) -> Self {
        Self {
            limit: u64::from(intensity.max_restarts),
            period: intensity.period.as_secs(),
            entries: VecDeque::new(),
            total: 0,
        }
    }

    /// Adds a restart; `false` when the supervisor has to give up. The entry is
    /// added even then (D2).
    #[must_use]
    pub(super) fn add(&mut self, now: Tick) -> bool {
        let now = now.as_secs();
        let oldest = now.saturating_sub(self.period);
        while let Some(&(at, count)) = self.entries.front().filter(|(at, _)| *at < oldest) {
            debug_assert!(at < oldest);
            self.total -= count;
            self.entries.pop_front();
        }
        match self.entries.back_mut() {
            Some((at, count)) if *at == now => *count += 1,
            _ => self.entries.push_back((now, 1)),
        }
        self.total += 1;
        self.total <= self.limit
    }

    /// Restarts that still count at `now`.
    pub(super) fn used(&self, now: Tick) -> u64 {
        let oldest = now.as_secs().saturating_sub(self.period);
        self.entries.iter().filter(|(at, _)| *at >= oldest).map(|(_, count)| count).sum()
    }

    /// The restarts that still count, by their age, for [`Policy::fingerprint`](super::Policy::fingerprint).
    pub(super) fn fingerprint(&self, now: Tick, hasher: &mut impl Hasher) {
        // Limit and period never change; the total is that of the entries.
        let Self { limit: _, period, entries, total: _ } = self;
        let now = now.as_secs();
        let oldest = now.saturating_sub(*period);
        for (at, count) in entries.iter().filter(|(at, _)| *at >= oldest) {
            (now - at, count).hash(hasher);
        }
    }

    /// Whether one more restart at `now` is granted.
    pub(super) fn grants(&self, now: Tick) -> bool {
        self.used(now) < self.limit
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn window(max_restarts: u32, period: u64) -> Window {
        Window::new(&Intensity { max_restarts, period: Duration::from_secs(period) })
    }

    #[test]
    fn d1_window_is_inclusive_and_counts_whole_seconds() {
        let mut w = window(1, 5);
        assert!(w.add(Tick::from_millis(1_000)));
        // 6.999 s is second 6; 6 - 5 = 1, and the entry of second 1 still counts.
        assert!(!w.grants(Tick::from_millis(6_999)));
        assert!(w.grants(Tick::from_millis(7_000)));
        assert!(!w.add(Tick::from_millis(6_999)));
    }

    #[test]
    fn d1_zero_gives_up_at_the_first() {
        assert!(!window(0, 5).add(Tick::ZERO));
    }

    #[test]
    fn d1_memory_is_bounded_by_the_period() {
        let mut w = window(u32::MAX, 2);
        for ms in 0..100_000 {
            assert!(w.add(Tick::from_millis(ms)));
        }
        assert!(w.entries.len() <= 3);
    }
}
