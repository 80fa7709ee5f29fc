//! Monitors: one notice of one end (OTP's `monitor` and `'DOWN'`).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context as Task, Poll};

use actix::Message;
use ms_core::{ActorPath, ExitReason, Incarnation};
use tokio::sync::oneshot;

use crate::cell::core::AnyCell;

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

/// Who is to be told.
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

/// A monitor to await, as [`crate::AnyRef::monitor`] gives it.
///
/// Dropping it takes the monitor back: nothing of it stays with the actor.
#[must_use = "a monitor says something only when it is awaited"]
pub struct Monitor {
    pub(crate) id: MonitorId,
    pub(crate) down: oneshot::Receiver<Down>,
    /// `None` once the end was told.
    pub(crate) of: Option<Weak<dyn AnyCell>>,
}

impl Monitor {
    /// Its number, as [`Down::monitor`] will carry it.
    #[must_use]
    pub fn id(&self) -> MonitorId {
        self.id
    }
}

impl Future for Monitor {
    type Output = Down;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Down> {
        let monitor = self.id;
        let polled = Pin::new(&mut self.down).poll(task);
        if polled.is_ready() {
            self.of = None;
        }
        polled.map(|down| {
            // The sender goes only when the whole node does, without having told anybody.
            down.unwrap_or_else(|_| Down {
                monitor,
                path: lost_path(),
                incarnation: Incarnation::NONE,
                reason: ExitReason::NoProc,
            })
        })
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        if let Some(of) = self.of.take().and_then(|of| of.upgrade()) {
            of.core().unwatch(self.id.0);
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A path for an actor whose node is gone.
#[allow(clippy::expect_used, reason = "a constant that is a valid path")]
fn lost_path() -> ActorPath {
    ActorPath::new("/lost").expect("a valid path")
}
