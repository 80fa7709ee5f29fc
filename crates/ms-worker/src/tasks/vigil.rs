//! Facts shared by the dispatcher and its agents: time in which the process did not run, and
//! whether renewals may not have reached the store.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ms_actor::Node;
use ms_core::Tick;
use ms_core::time::{later, part, total};
use ms_task::Pulse;
use tokio::time::{Instant, sleep_until};

/// Longest interval of the pulse: a stop of the process for twice as long is noticed.
const PULSE: Duration = Duration::from_secs(1);

/// The shared facts; see the module. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Vigil(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: Node,
    pulse: Mutex<Pulse>,
    in_doubt: AtomicBool,
}

impl Vigil {
    /// Makes a vigil for leases of this length: it notices a gap that is short beside a lease, too.
    pub(crate) fn new(node: Node, lease: Duration) -> Self {
        let every = part(lease, 3).clamp(Duration::from_millis(10), PULSE);
        let pulse = Mutex::new(Pulse::new(every));
        Self(Arc::new(Inner { node, pulse, in_doubt: AtomicBool::new(false) }))
    }

    /// Returns all time in which the process did not run while tasks were in hand.
    pub(crate) fn lost(&self) -> Duration {
        let now = self.0.node.now();
        self.pulse(|pulse| pulse.lost(now))
    }

    /// Notes that the dispatcher ran. Returns when the next beat is due.
    pub(crate) fn beat(&self) -> Duration {
        let now = self.0.node.now();
        self.pulse(|pulse| {
            pulse.beat(now);
            pulse.every()
        })
    }

    /// Stops the pulse: no task is in hand, and nobody's time is lost.
    pub(crate) fn rest(&self) {
        let now = self.0.node.now();
        self.pulse(|pulse| pulse.rest(now));
    }

    pub(crate) fn is_beaten(&self) -> bool {
        self.pulse(|pulse| pulse.is_beaten())
    }

    /// Notes that a request to the store was not carried out: leases may end though their agents
    /// are well.
    pub(crate) fn doubt(&self) {
        self.0.in_doubt.store(true, Ordering::Relaxed);
    }

    /// Returns whether there was doubt, and clears it.
    pub(crate) fn take_doubt(&self) -> bool {
        self.0.in_doubt.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> Tick {
        self.0.node.now()
    }

    fn pulse<T>(&self, look: impl FnOnce(&mut Pulse) -> T) -> T {
        look(&mut self.0.pulse.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The last time at which the arbiter of an agent with a task ran; shared with the dispatcher.
#[derive(Debug, Clone, Default)]
pub(crate) struct SignOfLife(Arc<AtomicU64>);

impl SignOfLife {
    pub(crate) fn give(&self, now: Tick) {
        self.0.store(now.as_nanos(), Ordering::Relaxed);
    }

    fn last(&self) -> Tick {
        Tick::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Waits until an agent has had more than its time for a task and its arbiter has been silent for
/// `silence`: one that gives signs of life holds the limit itself. Time that the process lost
/// counts for neither.
pub(crate) async fn overdue(vigil: Vigil, sign: SignOfLife, limit: Duration, silence: Duration) {
    let (begun, lost_before) = (Instant::now(), vigil.lost());
    let time = total([limit, silence]);
    let (mut until, mut seen) = (later(begun, time), lost_before);
    loop {
        sleep_until(until).await;
        let (now, lost) = (Instant::now(), vigil.lost());
        let due = later(begun, total([time, lost.saturating_sub(lost_before)]));
        let gap = lost.saturating_sub(std::mem::replace(&mut seen, lost));
        let silent = vigil.now().since(sign.last()).saturating_sub(gap);
        until = due.max(later(now, silence.saturating_sub(silent)));
        if until <= now {
            return;
        }
    }
}
