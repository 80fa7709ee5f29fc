//! Whether the loop of an arbiter turns, found out without waking one that has nothing to do.
//!
//! A loop notes when it goes to sleep and when it wakes, which costs it a store. The watchdog
//! asks only one that has been awake between two of its looks for a sign of life, and an answer
//! is a turn of the loop. A thread that is blocked neither sleeps nor answers.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// How often the loop went to sleep, and woke: an odd number while it sleeps.
    naps: AtomicU64,
    /// What that was when the watchdog last looked.
    seen: AtomicU64,
    /// When it was asked for a sign that it has not given yet, in nanoseconds; 0 if it was not.
    asked: AtomicU64,
}

impl Pulse {
    /// Notes that the loop goes to sleep or has woken. Only its own thread calls this.
    pub(crate) fn turn_over(&self) {
        self.naps.store(self.naps.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    /// Returns whether it sleeps just now.
    pub(crate) fn is_asleep(&self) -> bool {
        !self.naps.load(Ordering::Acquire).is_multiple_of(2)
    }

    /// Returns whether it is to be asked now: it has not slept since the last look, and has no
    /// question open. Called by the watchdog only.
    pub(crate) fn begins_to_ask(&self, now: u64) -> bool {
        let naps = self.naps.load(Ordering::Acquire);
        let before = self.seen.swap(naps, Ordering::Relaxed);
        let awake = naps.is_multiple_of(2) && naps == before;
        awake
            && self
                .asked
                .compare_exchange(0, now.max(1), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    /// Notes that a turn of the loop has answered the question.
    pub(crate) fn answers(&self) {
        self.asked.store(0, Ordering::Release);
    }

    /// Returns how long it has owed an answer; nothing before `awake` counts.
    pub(crate) fn silent_for(&self, now: u64, awake: u64) -> u64 {
        match self.asked.load(Ordering::Acquire) {
            0 => 0,
            asked => now.saturating_sub(asked.max(awake)),
        }
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests {
    use super::Pulse;

    #[test]
    fn one_that_sleeps_is_never_asked_and_one_that_is_awake_at_two_looks_once() {
        let pulse = Pulse::default();
        assert!(pulse.begins_to_ask(5), "awake since it began");
        assert!(!pulse.begins_to_ask(6), "asked already");
        assert_eq!((pulse.silent_for(9, 0), pulse.silent_for(9, 7)), (4, 2));
        pulse.answers();
        assert_eq!(pulse.silent_for(9, 0), 0);

        pulse.turn_over();
        assert!(!pulse.begins_to_ask(10) && !pulse.begins_to_ask(11), "it sleeps");
        assert!(pulse.is_asleep());
        pulse.turn_over();
        assert!(!pulse.is_asleep());
        assert!(!pulse.begins_to_ask(12), "it slept since the last look");
        assert!(pulse.begins_to_ask(13));
    }

    #[test]
    fn one_that_slept_and_woke_between_two_looks_is_not_asked() {
        let pulse = Pulse::default();
        for now in 1..10 {
            pulse.turn_over();
            pulse.turn_over();
            assert!(!pulse.begins_to_ask(now), "look {now}");
        }
    }
}
