//! Changes that have begun are brought to their end, whether anybody waits for them or not.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// Work that runs in the task of its caller, and in a task of its own once the caller has left.
///
/// A task for each from the beginning would be simpler, but would cost every submission a hop
/// through the scheduler for the sake of the few whose callers hang up.
pub(super) struct Carried<T: 'static> {
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T: 'static> Carried<T> {
    pub(super) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self { work: Some(Box::pin(work)) }
    }
}

impl<T: 'static> Future for Carried<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(work) = self.work.as_mut() else { return Poll::Pending };
        let done = work.as_mut().poll(cx);
        if done.is_ready() {
            // Or `drop` would spawn it once more, and a finished future must not be polled again.
            self.work = None;
        }
        done
    }
}

impl<T: 'static> Drop for Carried<T> {
    fn drop(&mut self) {
        let Some(work) = self.work.take() else { return };
        // Without a runtime the process is ending, and the work with it.
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { drop(work.await) })),
            Err(_) => tracing::warn!("a change was interrupted: its runtime has shut down"),
        }
    }
}
