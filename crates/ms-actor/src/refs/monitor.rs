//! A monitor to await.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context as Task, Poll};

use ms_core::{ActorPath, ExitReason, Incarnation};
use tokio::sync::oneshot;

use crate::cell::any::AnyCell;
use crate::cell::monitor::{Down, MonitorId, Watcher};
use crate::refs::any::AnyRef;

/// A monitor to await, as [`crate::AnyRef::monitor`] gives it.
///
/// Dropping it takes the monitor back: nothing of it stays with the actor.
#[must_use = "a monitor says something only when it is awaited"]
pub struct Monitor {
    pub(crate) id: MonitorId,
    pub(crate) down: oneshot::Receiver<Down>,
    /// `None` once the end was reported.
    pub(crate) of: Option<Weak<dyn AnyCell>>,
}

impl Monitor {
    /// Returns its number, as [`Down::monitor`] will carry it.
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
            // The sender goes only when the whole node does, without having reported anything.
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
            of.core().unwatch(self.id.number());
        }
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("id", &self.id).finish_non_exhaustive()
    }
}

impl AnyRef {
    /// Watches the present incarnation; see [`crate::Down`].
    pub fn monitor(&self) -> Monitor {
        let (tell, down) = oneshot::channel();
        let id = MonitorId::next();
        // Whoever dropped the monitor does not want to know.
        self.watch(Watcher {
            monitor: id,
            notify: Box::new(move |notice| drop(tell.send(notice))),
        });
        Monitor { id, down, of: Some(Arc::downgrade(self.cell())) }
    }
}

/// Returns a path for an actor whose node is gone.
#[allow(clippy::expect_used, reason = "a constant that is a valid path")]
fn lost_path() -> ActorPath {
    ActorPath::new("/lost").expect("a valid path")
}
