//! Runs cleanup handlers one by one: for the actor, or on plain threads.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::{Builder, Handle};
use tokio::time::{Instant, timeout};

use super::{CleanupError, CleanupFuture, CleanupHandler, CleanupOutcome};

type Handlers = Vec<Arc<dyn CleanupHandler>>;

/// Sorts handlers into the order in which they run: the lowest priority first, equal ones by name.
pub(crate) fn in_order(mut handlers: Handlers) -> Handlers {
    handlers.sort_by(|a, b| (a.priority(), a.name()).cmp(&(b.priority(), b.name())));
    handlers
}

/// Runs one handler, and verifies it.
pub(super) async fn run_one(handler: &dyn CleanupHandler, within: Duration) -> CleanupOutcome {
    let began = Instant::now();
    if within.is_zero() {
        return CleanupOutcome::Failure(CleanupError::NoTime);
    }
    if let Err(error) = caught(|| handler.cleanup(), within).await {
        return CleanupOutcome::Failure(error);
    }
    let left = within.saturating_sub(began.elapsed());
    match caught(|| handler.verify(), left).await {
        Ok(()) => CleanupOutcome::Success(began.elapsed()),
        Err(error) => CleanupOutcome::VerificationFailure(error),
    }
}

/// Runs the code of a handler. A panic, and too long a run, become errors.
async fn caught<'a>(
    code: impl FnOnce() -> CleanupFuture<'a, Result<(), CleanupError>>,
    within: Duration,
) -> Result<(), CleanupError> {
    // Called within the future, not before it: the call itself may panic, before there is a future.
    let run = AssertUnwindSafe(async { code().await }).catch_unwind();
    match timeout(within, run).await {
        Ok(Ok(done)) => done,
        Ok(Err(payload)) => {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            Err(CleanupError::Panicked(text.unwrap_or_else(|| "no message".to_owned())))
        }
        Err(_) => Err(CleanupError::TimedOut(within)),
    }
}

/// Runs one handler on a thread where it may block. When its time is over, it is skipped and the
/// thread is left behind.
pub(super) async fn on_a_thread(
    handler: Arc<dyn CleanupHandler>,
    within: Duration,
) -> CleanupOutcome {
    let here = Handle::current();
    let run = move || here.block_on(run_one(&*handler, within));
    match timeout(within, tokio::task::spawn_blocking(run)).await {
        Ok(Ok(outcome)) => outcome,
        // Panics are caught within `run_one`. Only a runtime that shuts down gives this error.
        Ok(Err(_)) => CleanupOutcome::Failure(CleanupError::NoTime),
        Err(_) => CleanupOutcome::Failure(CleanupError::TimedOut(within)),
    }
}

/// Runs handlers without an actor or a runtime of the node, for emergencies, and reports each
/// outcome to `done`. Blocks until `until` at most.
pub(crate) fn on_threads(
    handlers: &Handlers,
    each: Duration,
    until: std::time::Instant,
    done: impl Fn(String, CleanupOutcome),
) {
    let left = || until.saturating_duration_since(std::time::Instant::now());
    for handler in handlers {
        let outcome = on_a_plain_thread(Arc::clone(handler), each.min(left()));
        done(handler.name().to_owned(), outcome);
    }
}

fn on_a_plain_thread(handler: Arc<dyn CleanupHandler>, within: Duration) -> CleanupOutcome {
    if within.is_zero() {
        return CleanupOutcome::Failure(CleanupError::NoTime);
    }
    let (done, finished) = mpsc::channel();
    let run = move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let outcome = match runtime {
            Ok(runtime) => runtime.block_on(run_one(&*handler, within)),
            Err(error) => CleanupOutcome::Failure(CleanupError::Failed(error.into())),
        };
        // After its time nobody receives the outcome.
        drop(done.send(outcome));
    };
    match thread::Builder::new().name("ms-cleanup".to_owned()).spawn(run) {
        // Not joined: a handler that hangs is left behind.
        Ok(_) => finished
            .recv_timeout(within)
            .unwrap_or(CleanupOutcome::Failure(CleanupError::TimedOut(within))),
        Err(error) => CleanupOutcome::Failure(CleanupError::Failed(error.into())),
    }
}
