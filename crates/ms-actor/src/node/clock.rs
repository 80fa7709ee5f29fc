//! The clock of a node: exact, or for the price of a load.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ms_core::Tick;
use ms_core::time::later;

use crate::time::{after, nanos};

/// How often the watchdog looks; also the grain of the coarse clock.
pub(super) const TICK: Duration = Duration::from_millis(20);
/// Deadlines this far away may be set by the coarse clock.
// There the 20 ms by which such a deadline may be late are a hundredth of it.
const COARSE_FROM: Duration = Duration::from_secs(2);
/// When the watchdog comes this much later than it meant to, it is the process that stood still.
/// It looks every 20 ms, or every 100 ms where nothing happens.
const STANDSTILL_NS: u64 = 1_000_000_000;

/// Time since the node booted.
pub(super) struct Clock {
    /// Time is tokio's, which tests may pause.
    is_virtual: bool,
    booted: Instant,
    booted_virtual: tokio::time::Instant,
    coarse: AtomicU64,
    /// When the coarse clock is to be set next.
    coarse_until: AtomicU64,
    /// When the process last began to run again after a standstill; 0 if it had none.
    resumed: AtomicU64,
}

impl Clock {
    /// Starts it.
    pub(super) fn new(is_virtual: bool) -> Self {
        Self {
            is_virtual,
            booted: Instant::now(),
            booted_virtual: tokio::time::Instant::now(),
            // Not 0, which means "no turn is on" where a mailbox keeps it.
            coarse: AtomicU64::new(1),
            coarse_until: AtomicU64::new(nanos(TICK)),
            resumed: AtomicU64::new(0),
        }
    }

    pub(super) fn now(&self) -> Tick {
        let since =
            if self.is_virtual { self.booted_virtual.elapsed() } else { self.booted.elapsed() };
        Tick::from_nanos(nanos(since))
    }

    /// Returns what [`crate::node::handle::Node::coarse`] does.
    pub(super) fn coarse(&self) -> u64 {
        if self.is_virtual {
            self.now().as_nanos().max(1)
        } else {
            self.coarse.load(Ordering::Relaxed)
        }
    }

    /// Returns a deadline by the coarse clock where that is near enough, never early.
    pub(super) fn deadline(&self, within: Duration) -> tokio::time::Instant {
        if within < COARSE_FROM || self.is_virtual {
            return after(within);
        }
        // From the end of the present tick, so that it is late rather than early.
        let since_boot = Duration::from_nanos(self.coarse_until.load(Ordering::Relaxed));
        later(later(self.booted_virtual, since_boot), within)
    }

    /// Sets the coarse clock, which is set again after a tick.
    pub(super) fn refresh_coarse(&self, tick: Duration) {
        let now = self.now().as_nanos().max(1);
        let still = now.saturating_sub(self.coarse.load(Ordering::Relaxed));
        if still > STANDSTILL_NS {
            self.resumed.store(now, Ordering::Relaxed);
            let still = Duration::from_nanos(still);
            tracing::warn!(
                ?still,
                "the process was suspended: actors are not reported as hung for this time"
            );
        }
        self.coarse.store(now, Ordering::Relaxed);
        self.coarse_until.store(now.saturating_add(nanos(tick)), Ordering::Relaxed);
    }

    /// Returns since when silence counts. The whole process may have been stopped (SIGSTOP, a
    /// machine that was suspended or starved): monotonic time passed, and nothing ran, so nobody in
    /// it was silent for that time. The watchdog finds out; who comes before it finds its clock
    /// late.
    pub(super) fn awake_since(&self, now: u64) -> u64 {
        let late = now.saturating_sub(self.coarse.load(Ordering::Relaxed));
        match !self.is_virtual && late > STANDSTILL_NS {
            true => now,
            false => self.resumed.load(Ordering::Relaxed),
        }
    }
}
