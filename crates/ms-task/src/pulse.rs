//! Time in which the process did not run.

use std::time::Duration;

use ms_core::time::Tick;

/// Measures for how long the process did not run: it was stopped by SIGSTOP or a debugger, or the
/// machine had no free core.
///
/// It expects a beat at a regular interval, and counts the delay of a late one as lost time. A gap
/// that no beat has ended yet counts as well, so that whatever wakes first after it takes it into
/// account.
#[derive(Debug, Clone)]
pub struct Pulse {
    every: Duration,
    /// `None` while it expects no beats, and so loses no time.
    last: Option<Tick>,
    lost: Duration,
}

impl Pulse {
    /// Makes a pulse that expects a beat at this interval.
    #[must_use]
    pub const fn new(every: Duration) -> Self {
        Self { every, last: None, lost: Duration::ZERO }
    }

    /// Returns the interval at which it expects beats.
    #[must_use]
    pub const fn every(&self) -> Duration {
        self.every
    }

    /// Takes a beat; the first one after [`Pulse::rest`] only begins.
    pub fn beat(&mut self, now: Tick) {
        self.lost = self.lost(now);
        self.last = Some(now);
    }

    /// Stops expecting beats.
    pub fn rest(&mut self, now: Tick) {
        self.lost = self.lost(now);
        self.last = None;
    }

    /// Returns whether it expects beats at present.
    #[must_use]
    pub const fn is_beaten(&self) -> bool {
        self.last.is_some()
    }

    /// Returns all time that was lost so far. A beat that is late by less than an interval is on
    /// time.
    #[must_use]
    pub fn lost(&self, now: Tick) -> Duration {
        let late =
            self.last.map_or(Duration::ZERO, |last| now.since(last).saturating_sub(self.every));
        if late > self.every { self.lost.saturating_add(late) } else { self.lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(1);

    fn at(ms: u64) -> Tick {
        Tick::from_millis(ms)
    }

    #[test]
    fn regular_beats_lose_nothing_and_a_gap_is_lost() {
        let mut pulse = Pulse::new(EVERY);
        for ms in [0, 1_000, 2_100, 3_900] {
            pulse.beat(at(ms));
        }
        assert_eq!(pulse.lost(at(4_900)), Duration::ZERO);
        // Seen before the late beat, and by the same amount after it.
        assert_eq!(pulse.lost(at(44_900)), Duration::from_secs(40));
        pulse.beat(at(44_900));
        assert_eq!(pulse.lost(at(45_900)), Duration::from_secs(40));
    }

    #[test]
    fn while_nobody_beats_it_nothing_is_lost() {
        let mut pulse = Pulse::new(EVERY);
        assert_eq!(pulse.lost(at(99_000)), Duration::ZERO);
        pulse.beat(at(99_000));
        pulse.rest(at(99_500));
        pulse.beat(at(500_000));
        assert_eq!(pulse.lost(at(500_000)), Duration::ZERO);
    }
}
