//! The arbiters of a node: chosen, given up, stopped.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use actix_rt::System;
use ms_core::time::later;
use ms_core::{ExitReason, Incarnation};

use crate::node::arbiter::{ArbiterSlot, Stay};
use crate::node::handle::Node;
use crate::node::here;
use crate::node::placement::Placement;
use crate::node::residents::Resident;
use crate::sync::lock;

/// Longest time an arbiter may spin: more would be no spinning but polling.
const MAX_SPIN: Duration = Duration::from_millis(10);
/// A loop that stands still this long is shown as not responding.
const STALLED_NS: u64 = 500_000_000;

impl Node {
    pub(super) fn start_arbiter(&self, dedicated: bool) -> std::io::Result<Arc<ArbiterSlot>> {
        // actix wants to know the system of the thread that asks; the watchdog's has none.
        if System::try_current().is_none() {
            System::set_current(self.0.system.clone());
        }
        ArbiterSlot::start(self.next_arbiter(), dedicated, self.spin_window())
    }

    pub(super) fn next_arbiter(&self) -> u32 {
        self.0.next_arbiter.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns how long its arbiters may spin: not at all where that would keep others from the
    /// core. `None` where time is virtual: such a node has no threads of its own, and leaves the
    /// window of the one it boots on as it is.
    pub(super) fn spin_window(&self) -> Option<Duration> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let window = if cores > 1 { self.0.config.spin.min(MAX_SPIN) } else { Duration::ZERO };
        (!self.is_virtual()).then_some(window)
    }

    /// Arbiters at work: the control arbiter, the pool and dedicated ones.
    #[must_use]
    pub fn arbiter_count(&self) -> usize {
        1 + lock(&self.0.pool).len() + lock(&self.0.others).len()
    }

    /// Chooses an arbiter.
    pub(crate) fn place(&self, placement: Placement) -> Result<Arc<ArbiterSlot>, ExitReason> {
        let control = || lock(&self.0.control).clone().ok_or(ExitReason::ArbiterLost);
        match placement {
            Placement::Control => control(),
            Placement::WithParent => here::slot().map_or_else(control, Ok),
            Placement::Dedicated if self.0.config.arbiters > 0 => {
                let slot =
                    self.start_arbiter(true).map_err(|error| ExitReason::from_error(&error))?;
                lock(&self.0.others).push(Arc::clone(&slot));
                Ok(slot)
            }
            Placement::Dedicated | Placement::Pool => {
                // One that has ended has no load and would draw all: a new one in its place.
                let ended: Vec<_> =
                    lock(&self.0.pool).iter().filter(|slot| !slot.alive()).cloned().collect();
                if !self.is_stopping() {
                    ended.iter().for_each(|slot| self.abandon(slot));
                }
                let least = lock(&self.0.pool)
                    .iter()
                    .min_by_key(|slot| slot.load.load(Ordering::Relaxed))
                    .cloned();
                least.map_or_else(control, Ok)
            }
        }
    }

    /// Takes an arbiter out of use for good and puts a new one in its place.
    pub(crate) fn abandon(&self, slot: &Arc<ArbiterSlot>) {
        if slot.abandoned.swap(true, Ordering::AcqRel) {
            return;
        }
        slot.stop();
        lock(&self.0.others).retain(|known| known.id != slot.id);
        let mut pool = lock(&self.0.pool);
        let before = pool.len();
        pool.retain(|known| known.id != slot.id);
        if pool.len() < before {
            match self.start_arbiter(false) {
                Ok(fresh) => pool.push(fresh),
                Err(error) => tracing::error!(%error, "cannot start a thread for a new arbiter"),
            }
        }
    }

    /// Ends the stay of one life on an arbiter; a second time changes nothing. A dedicated
    /// arbiter ends with it.
    pub(crate) fn leave(&self, stay: &Stay, resident: &dyn Resident, incarnation: Incarnation) {
        self.vacate(stay.end(resident, incarnation));
    }

    /// Ends a dedicated arbiter whose actor has ended.
    fn vacate(&self, slot: &Arc<ArbiterSlot>) {
        if slot.dedicated && !slot.abandoned.swap(true, Ordering::AcqRel) {
            slot.stop();
            lock(&self.0.others).retain(|known| known.id != slot.id);
        }
    }

    /// Returns whether the loop of an arbiter has stood still for half a second or more.
    pub(crate) fn is_stalled(&self, arbiter: u32) -> bool {
        let now = self.now().as_nanos();
        let late =
            |slot: &Arc<ArbiterSlot>| slot.silent_for(now, self.awake_since(now)) > STALLED_NS;
        let of_it = |list: &Mutex<Vec<Arc<ArbiterSlot>>>| {
            lock(list).iter().find(|slot| slot.id == arbiter).is_some_and(late)
        };
        !self.is_virtual() && (of_it(&self.0.pool) || of_it(&self.0.others))
    }

    /// Arbiters that are to be watched.
    pub(crate) fn watched(&self) -> Vec<Arc<ArbiterSlot>> {
        // Without the control arbiter: it is the thread of the actix system, and there is no other
        // one to put in its place.
        let mut all = lock(&self.0.pool).clone();
        all.extend(lock(&self.0.others).iter().cloned());
        all
    }

    /// Stops the pool's threads and waits for them, at most `within`.
    ///
    /// Stop the tree first: an arbiter that ends drops its actors without their hooks.
    /// Returns how many threads did not end in time; they end with the process.
    #[allow(clippy::disallowed_methods, reason = "runs after the loops have ended")]
    pub fn halt(&self, within: Duration) -> usize {
        self.0.stopping.store(true, Ordering::Release);
        let until = later(Instant::now(), within);
        let slots = self.watched();
        slots.iter().for_each(|slot| slot.stop());
        // actix joins no arbiter's thread, not even at the end of its system (fact 9).
        let mut threads: Vec<_> = slots.iter().filter_map(|slot| slot.take_thread()).collect();
        while !threads.is_empty() && Instant::now() < until {
            threads.retain(actix_rt::Arbiter::alive);
            std::thread::sleep(Duration::from_millis(1));
        }
        threads.len()
    }
}
