//! Cleanup handlers: what is done last, by priority, and verified.
//!
//! Handlers run one after another, the lowest priority first; each has a time limit, and
//! neither a failure nor a panic of one, nor one that hangs, keeps the next from its turn. The
//! actor `cleanup` runs them as the last step of a shutdown, that after a failed boot included;
//! in an emergency plain threads do, since nobody knows then which actors still answer. What
//! is open is on a list of the node ([`ms_actor::Resources`]).

mod actor;
mod database;
mod run;

pub(crate) use actor::{CleanupActor, CleanupArgs, RunCleanup};
pub use database::{ConnectionPool, DatabaseCleanupHandler};
pub(crate) use run::{in_order, on_threads};

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A boxed future of a handler.
pub type CleanupFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something to be cleaned up at the end of a shutdown.
pub trait CleanupHandler: Send + Sync + 'static {
    /// Its name, for reports.
    fn name(&self) -> &str;

    /// Lower ones run first; equal ones by name. What others may still use comes late:
    /// databases have [`DatabaseCleanupHandler::PRIORITY`], the rest should be below.
    fn priority(&self) -> u32;

    /// Cleans up; what was closed already is no error. Called once in a shutdown, and once more
    /// when a second signal makes an emergency of it.
    fn cleanup(&self) -> CleanupFuture<'_, Result<(), CleanupError>>;

    /// Looks whether it worked.
    fn verify(&self) -> CleanupFuture<'_, Result<(), CleanupError>>;
}

impl<T: CleanupHandler + ?Sized> CleanupHandler for Arc<T> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn priority(&self) -> u32 {
        (**self).priority()
    }

    fn cleanup(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        (**self).cleanup()
    }

    fn verify(&self) -> CleanupFuture<'_, Result<(), CleanupError>> {
        (**self).verify()
    }
}

/// Why a handler did not clean up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CleanupError {
    /// It failed.
    #[error("it failed")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
    /// It says it has cleaned up, and has not.
    #[error("it is not clean: {0}")]
    VerificationFailed(String),
    /// It took too long.
    #[error("it was not done within {0:?}")]
    TimedOut(Duration),
    /// It panicked.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// The time of the whole step was over before its turn.
    #[error("the time was over before its turn")]
    NoTime,
}

/// How one handler went.
#[derive(Debug)]
pub enum CleanupOutcome {
    /// It cleaned up, verified.
    Success(Duration),
    /// It did not.
    Failure(CleanupError),
    /// It did, but that could not be verified.
    VerificationFailure(CleanupError),
}

/// How all handlers went, in the order they ran.
#[derive(Debug, Default)]
pub struct CleanupReport {
    /// Names and outcomes.
    pub handlers: Vec<(String, CleanupOutcome)>,
    /// Resources that were still open after all of them.
    pub leaked: Vec<String>,
}

impl CleanupReport {
    /// Whether all went well and nothing was left open.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let good =
            |(_, outcome): &(String, CleanupOutcome)| matches!(outcome, CleanupOutcome::Success(_));
        self.leaked.is_empty() && self.handlers.iter().all(good)
    }
}
