//! Cleanup handlers: the last step of a shutdown, by priority, and verified.
//!
//! Handlers run one after another, the lowest priority first, each with a time limit. A handler
//! that fails, panics or hangs does not keep the next one from its turn. The actor `cleanup` runs
//! them as the last step of a shutdown, also after a failed boot. In an emergency plain threads run
//! them, since nobody knows then which actors still answer. The node lists what is open
//! ([`ms_actor::Resources`]).

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

/// A boxed future of a [`CleanupHandler`].
pub type CleanupFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something to clean up at the end of a shutdown.
pub trait CleanupHandler: Send + Sync + 'static {
    /// Returns its name, for reports.
    fn name(&self) -> &str;

    /// Returns its priority. Lower ones run first, equal ones by name. Clean up late what other
    /// handlers may still use: databases have [`DatabaseCleanupHandler::PRIORITY`], the rest should
    /// be below.
    fn priority(&self) -> u32;

    /// Cleans up. To find it closed already is no error: this is called once in a shutdown, and
    /// once more when a second signal turns that into an emergency.
    fn cleanup(&self) -> CleanupFuture<'_, Result<(), CleanupError>>;

    /// Checks that the cleanup worked.
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
    /// It reported success, and is not clean.
    #[error("it is not clean: {0}")]
    VerificationFailed(String),
    /// It took too long.
    #[error("it was not done within {0:?}")]
    TimedOut(Duration),
    /// It panicked.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// The time of all handlers was over before its turn.
    #[error("the time limit for all cleanup handlers had passed before it could run")]
    NoTime,
}

/// The outcome of one handler.
#[derive(Debug)]
pub enum CleanupOutcome {
    /// It cleaned up, and that was verified.
    Success(Duration),
    /// It did not.
    Failure(CleanupError),
    /// It reported success, but that could not be verified.
    VerificationFailure(CleanupError),
}

/// The outcomes of all handlers, in the order in which they ran.
#[derive(Debug, Default)]
pub struct CleanupReport {
    /// Names and outcomes.
    pub handlers: Vec<(String, CleanupOutcome)>,
    /// Resources that were still open afterwards.
    pub leaked: Vec<String>,
}

impl CleanupReport {
    /// Returns whether all handlers succeeded and nothing was left open.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let good =
            |(_, outcome): &(String, CleanupOutcome)| matches!(outcome, CleanupOutcome::Success(_));
        self.leaked.is_empty() && self.handlers.iter().all(good)
    }
}
