//! Monitors: one notice of one end (OTP's `monitor` and `'DOWN'`).

use std::sync::atomic::{AtomicU64, Ordering};

use actix::Message;
use ms_core::{ActorPath, ExitReason, Incarnation};

/// A monitored incarnation has ended. Sent exactly once a monitor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Down {
    /// Which monitor this answers.
    pub monitor: MonitorId,
    /// Who ended.
    pub path: ActorPath,
    /// Which start of it; [`Incarnation::NONE`] when it was dead already.
    pub incarnation: Incarnation,
    /// Why; [`ExitReason::NoProc`] when it was dead already.
    pub reason: ExitReason,
}

impl Message for Down {
    type Result = ();
}

/// The number of one monitor, unique in the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MonitorId(u64);

impl MonitorId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// Who is to be notified.
pub(crate) struct Watcher {
    pub(crate) monitor: MonitorId,
    pub(crate) notify: Box<dyn FnOnce(Down) + Send>,
}

impl Watcher {
    pub(crate) fn id(&self) -> u64 {
        self.monitor.0
    }

    pub(crate) fn fire(self, path: ActorPath, incarnation: Incarnation, reason: ExitReason) {
        (self.notify)(Down { monitor: self.monitor, path, incarnation, reason });
    }
}
