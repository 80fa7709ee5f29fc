//! The errors of calls through breakers and fallbacks.

use std::time::Duration;

use ms_actor::{AskError, AskFailure};
use ms_core::{ActorPath, ExitReason};

/// Why the actor of a breaker or a fallback, or an alternative service, did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The actor has not been started.
    #[error("the actor has not been started; give its blueprint to a supervisor")]
    NotStarted,
    /// The actor ended before it answered.
    #[error("{path} ended before it answered: {reason}")]
    Down {
        /// The path of the actor.
        path: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The actor did not answer in time.
    #[error("{path} did not answer within {within:?}")]
    TimedOut {
        /// The path of the actor.
        path: ActorPath,
        /// The deadline.
        within: Duration,
    },
    /// The actor itself waits for the caller.
    #[error(
        "asking {path} here would deadlock: it is itself waiting for this actor; ask from a task outside the actor"
    )]
    Deadlock {
        /// The path of the actor.
        path: ActorPath,
    },
}

impl Unavailable {
    pub(crate) fn from_ask<M>(path: ActorPath, within: Duration, error: &AskError<M>) -> Self {
        match &error.failure {
            AskFailure::Deadlock { .. } => Self::Deadlock { path },
            AskFailure::NoReply { .. } => Self::Down { path, reason: ExitReason::NoProc },
            other => match other.exit_reason() {
                Some(reason) => Self::Down { path, reason: reason.clone() },
                None => Self::TimedOut { path, within },
            },
        }
    }
}

/// The refusal of an open circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the circuit is open; try again in {retry_after:?}")]
pub struct CircuitOpen {
    /// Time after which a try may be granted; zero when the tries under way take all slots.
    pub retry_after: Duration,
}

/// Why a call through a breaker has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The circuit is open, so the call was not made.
    #[error(transparent)]
    Open(CircuitOpen),
    /// The call took too long and was dropped.
    #[error("no answer within {within:?}")]
    TimedOut {
        /// The deadline of the call.
        within: Duration,
    },
    /// The call failed.
    #[error("the call failed")]
    Failed(#[source] E),
    /// The breaker itself did not answer, so the call was not made.
    #[error("the circuit breaker is not available")]
    NoBreaker(#[source] Unavailable),
}

/// Why a fallback has no answer either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FallbackError {
    /// No strategy has an answer.
    #[error("no fallback could answer")]
    Nothing,
    /// The strategy was to switch features off, which gives no answer.
    #[error("degraded: {} off until a call succeeds", .features.join(", "))]
    Degraded {
        /// The names of all features that are off.
        features: Vec<String>,
    },
    /// Too many services have been asked in turn, perhaps in a circle.
    #[error("the call was forwarded too often; look for a cycle among the alternative services")]
    HopLimit,
    /// The fallback or an alternative service did not answer.
    #[error("the fallback is not available")]
    Unavailable(#[from] Unavailable),
}

/// A fallback already has its maximum number of watchers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the fallback has reached its limit of {max} watchers; have one of them forward the changes"
)]
pub struct TooManyWatchers {
    /// The maximum.
    pub max: usize,
}
