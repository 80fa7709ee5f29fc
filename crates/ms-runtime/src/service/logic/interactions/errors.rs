//! Counts the operations that failed lately.

use std::time::Duration;

use ms_core::time::Tick;

/// The window of an error rate.
pub const ERROR_WINDOW: Duration = Duration::from_secs(60);

/// Slots of the window, and the length of one in seconds.
const SLOTS: usize = 12;
const SLOT_SECS: u64 = ERROR_WINDOW.as_secs() / SLOTS as u64;

/// What happened within one slot of time.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// Number of the slot since the clock began. Counts of another number are outdated.
    number: u64,
    all: u64,
    failed: u64,
}

/// Counts operations and failures within the window, in a fixed amount of memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors([Slot; SLOTS]);

impl Errors {
    #[allow(clippy::cast_possible_truncation, reason = "a remainder of 12")]
    pub(super) fn note(&mut self, now: Tick, ok: bool) {
        let number = now.as_secs() / SLOT_SECS;
        // A ring: the slot of a number holds that number or an older one. A fact that is a whole
        // window late finds a newer number there, and is dropped.
        let slot = &mut self.0[(number % SLOTS as u64) as usize];
        if slot.number > number {
            return;
        }
        if slot.number < number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot.all += 1;
        slot.failed += u64::from(!ok);
    }

    /// Returns the number of all operations, and of those that failed.
    pub(super) fn counts(&self, now: Tick) -> (u64, u64) {
        let number = now.as_secs() / SLOT_SECS;
        let within = self.0.iter().filter(|slot| slot.number + SLOTS as u64 > number);
        within.fold((0, 0), |(all, failed), slot| (all + slot.all, failed + slot.failed))
    }

    /// Returns the share that failed; `None` if nothing happened within the window.
    pub(super) fn rate(&self, now: Tick) -> Option<f64> {
        let (all, failed) = self.counts(now);
        #[allow(clippy::cast_precision_loss, reason = "a share, not a count")]
        let rate = failed as f64 / all as f64;
        (all > 0).then_some(rate)
    }
}
