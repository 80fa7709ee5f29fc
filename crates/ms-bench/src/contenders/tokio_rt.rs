//! The runtime of contenders on tokio: one thread with a `current_thread` loop, and a second one if a
//! workload uses two. The arbiters of actix are built in the same way.

use std::future::Future;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use crate::sample::Threads;

/// The loop of the second thread, if there is one.
pub(super) struct Side {
    handle: Option<Handle>,
    stop: Option<oneshot::Sender<()>>,
}

fn current_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Runs `work` on this thread.
pub(super) fn run<T>(threads: Threads, work: impl AsyncFnOnce(Side) -> T) -> T {
    let side = match threads {
        Threads::One => Side { handle: None, stop: None },
        Threads::Two => {
            let (stop, stopped) = oneshot::channel::<()>();
            let runtime = current_thread();
            let handle = runtime.handle().clone();
            // A `current_thread` loop runs its tasks only while something is blocked on.
            std::thread::spawn(move || runtime.block_on(stopped));
            Side { handle: Some(handle), stop: Some(stop) }
        }
    };
    current_thread().block_on(work(side))
}

impl Side {
    /// Runs a closure on the second thread, if there is one.
    pub(super) async fn there<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match &self.handle {
            Some(handle) => handle.spawn(work).await.expect("does not panic"),
            None => work.await,
        }
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        // It fails only if the thread has ended.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}
