//! The actor `cleanup`.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, Handler, Message, ResponseActFuture, WrapFuture};
use futures_util::FutureExt;
use ms_actor::{Context, StateValue};
use ms_core::time::later;
use tokio::time::{Instant, timeout};

use super::tracker::{Track, Tracker};
use super::{CleanupError, CleanupFuture, CleanupHandler, CleanupOutcome, CleanupReport};

/// What the actor is made of.
#[derive(Clone)]
pub(crate) struct CleanupArgs {
    pub(crate) handlers: Vec<Arc<dyn CleanupHandler>>,
    /// How long one handler may take.
    pub(crate) each: Duration,
}

/// Owns the cleanup handlers and the list of open resources.
pub(crate) struct CleanupActor {
    handlers: Vec<Arc<dyn CleanupHandler>>,
    each: Duration,
    tracker: Tracker,
}

impl CleanupActor {
    pub(crate) fn new(args: CleanupArgs) -> Self {
        let CleanupArgs { mut handlers, each } = args;
        handlers.sort_by(|a, b| (a.priority(), a.name()).cmp(&(b.priority(), b.name())));
        Self { handlers, each, tracker: Tracker::default() }
    }

    pub(crate) fn view(&self) -> StateValue {
        let handlers = self.handlers.iter().map(|handler| StateValue::from(handler.name()));
        let open = self.tracker.list().into_iter().map(StateValue::from);
        StateValue::map([
            ("handlers", StateValue::list(handlers)),
            ("resources", StateValue::list(open)),
        ])
    }
}

impl Actor for CleanupActor {
    type Context = Context<Self>;
}

impl Handler<Track> for CleanupActor {
    type Result = ();

    fn handle(&mut self, change: Track, _: &mut Self::Context) {
        self.tracker.take(change);
    }
}

/// Run all handlers within this time.
#[derive(Debug)]
pub(crate) struct RunCleanup {
    pub(crate) within: Duration,
}

impl Message for RunCleanup {
    type Result = CleanupReport;
}

impl Handler<RunCleanup> for CleanupActor {
    type Result = ResponseActFuture<Self, CleanupReport>;

    fn handle(&mut self, order: RunCleanup, _: &mut Self::Context) -> Self::Result {
        let (handlers, each) = (self.handlers.clone(), self.each);
        let run = async move {
            let until = later(Instant::now(), order.within);
            let mut outcomes = Vec::with_capacity(handlers.len());
            for handler in &handlers {
                let within = each.min(until.saturating_duration_since(Instant::now()));
                let outcome = run_one(&**handler, within).await;
                tracing::info!(handler = handler.name(), ?outcome, "cleanup");
                outcomes.push((handler.name().to_owned(), outcome));
            }
            outcomes
        };
        Box::pin(
            run.into_actor(self)
                .map(|handlers, this, _| CleanupReport { handlers, leaked: this.tracker.list() }),
        )
    }
}

async fn run_one(handler: &dyn CleanupHandler, within: Duration) -> CleanupOutcome {
    let began = Instant::now();
    if within.is_zero() {
        return CleanupOutcome::Failure(CleanupError::NoTime);
    }
    if let Err(error) = caught(|| handler.cleanup(), within).await {
        return CleanupOutcome::Failure(error);
    }
    match caught(|| handler.verify(), within).await {
        Ok(()) => CleanupOutcome::Success(began.elapsed()),
        Err(error) => CleanupOutcome::VerificationFailure(error),
    }
}

/// Runs user code; too long and a panic come back as errors.
async fn caught<'a>(
    code: impl FnOnce() -> CleanupFuture<'a, Result<(), CleanupError>>,
    within: Duration,
) -> Result<(), CleanupError> {
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

impl fmt::Debug for CleanupActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CleanupActor").field("tracker", &self.tracker).finish_non_exhaustive()
    }
}
