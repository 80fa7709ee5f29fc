//! What can go wrong on a route.

use std::fmt;
use std::time::Duration;

use ms_actor::{AskError, SendError};
use ms_core::{ActorPath, ExitReason};

/// Why a message was not routed, or one of its handlers gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// No living handler has a route for this type.
    #[error(
        "no handler has a route for {message}; add one with Router::add_route, or check that its actor runs"
    )]
    NoHandler {
        /// The type of the message.
        message: &'static str,
    },
    /// A handler did not answer, or had no room, before the deadline.
    #[error("{path} did not answer within {within:?}")]
    Timeout {
        /// Which handler.
        path: ActorPath,
        /// The deadline.
        within: Duration,
    },
    /// A handler's mailbox is at its bound.
    #[error("the mailbox of {path} is full ({capacity} messages)")]
    MailboxFull {
        /// Which handler.
        path: ActorPath,
        /// The bound.
        capacity: usize,
    },
    /// A handler ended before it answered, or takes no messages.
    #[error("{path} is gone: {reason}")]
    HandlerGone {
        /// Which handler.
        path: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// A handler dropped the message without an answer.
    #[error("{path} dropped the message without an answer")]
    NoReply {
        /// Which handler.
        path: ActorPath,
    },
    /// Asking this handler would have closed a cycle of actors that wait for each other.
    #[error("asking {path} would be a deadlock")]
    Deadlock {
        /// Which handler.
        path: ActorPath,
        /// The cycle.
        cycle: Vec<ActorPath>,
    },
    /// All handlers were asked and none answered.
    #[error("none of the {} handlers of {message} answered: {}", .failures.len(), Lines(.failures))]
    NoAnswer {
        /// The type of the message.
        message: &'static str,
        /// What became of each.
        failures: Vec<RouteError>,
    },
    /// Too few handlers agree.
    #[error("{agreed} of {asked} handlers agree where {needed} are needed ({} failed)", .failures.len())]
    QuorumNotReached {
        /// How many equal answers were needed.
        needed: usize,
        /// How many the most frequent answer got.
        agreed: usize,
        /// How many handlers were asked.
        asked: usize,
        /// What became of those that did not answer.
        failures: Vec<RouteError>,
    },
}

struct Lines<'a>(&'a [RouteError]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, failure)| {
            if at > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{failure}")
        })
    }
}

impl RouteError {
    /// Splits a refused send into what happened and the message.
    pub(crate) fn from_send<M>(error: SendError<M>) -> (Self, M) {
        match error {
            SendError::Full { message, path, capacity } => {
                (Self::MailboxFull { path, capacity }, message)
            }
            SendError::Closed { message, path, reason } => {
                (Self::HandlerGone { path, reason }, message)
            }
            SendError::TimedOut { message, path, within } => {
                (Self::Timeout { path, within }, message)
            }
        }
    }

    /// Splits a failed ask into what happened and the message, where it was not sent.
    pub(crate) fn from_ask<M>(path: &ActorPath, error: AskError<M>) -> (Self, Option<M>) {
        match error {
            AskError::NotSent(error) => {
                let (error, message) = Self::from_send(error);
                (error, Some(message))
            }
            AskError::Exited { path, reason } => (Self::HandlerGone { path, reason }, None),
            AskError::TimedOut { path, within } => (Self::Timeout { path, within }, None),
            AskError::NoReply { path } => (Self::NoReply { path }, None),
            AskError::Deadlock { message, cycle } => {
                (Self::Deadlock { path: path.clone(), cycle }, Some(message))
            }
        }
    }
}

/// A message for one handler that did not get through; gives it back where it was not sent.
#[derive(thiserror::Error)]
#[error("{error}")]
pub struct Unrouted<M> {
    /// What happened, at the handler tried last.
    #[source]
    pub error: RouteError,
    /// The message; `None` when a handler may have got it.
    pub message: Option<M>,
}

impl<M> fmt::Debug for Unrouted<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unrouted")
            .field("error", &self.error)
            .field("sent", &self.message.is_none())
            .finish()
    }
}

/// Why a change of the routes was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouterError {
    /// The actor of a new route has ended for good.
    #[error("{handler} has ended for good ({reason}), so no route leads to it")]
    HandlerGone {
        /// Whose route.
        handler: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// There is no such route (any more).
    #[error("there is no such route; it ended with its handler, or was removed before")]
    NoSuchRoute,
    /// There are as many routes for one type as permitted.
    #[error("{message} has its maximum of {max} routes; raise max_routes, or find who leaks them")]
    TooManyRoutes {
        /// The type of the message.
        message: &'static str,
        /// The bound.
        max: usize,
    },
    /// Nobody has started the router.
    #[error(
        "the router has not been started; give its blueprint to a supervisor, or use Router::spawn"
    )]
    NotStarted,
    /// The router ended before it answered.
    #[error("the router ended before it answered: {0}")]
    Down(ExitReason),
    /// The router did not answer in time.
    #[error("the router did not answer within {0:?}")]
    TimedOut(Duration),
    /// The caller itself keeps the router waiting.
    #[error("the router cannot be asked here: its answer would wait for this very actor")]
    Deadlock,
}

impl RouterError {
    pub(crate) fn from_ask<M>(within: Duration, error: AskError<M>) -> Self {
        match error {
            AskError::NotSent(SendError::Closed { reason, .. })
            | AskError::Exited { reason, .. } => Self::Down(reason),
            AskError::Deadlock { .. } => Self::Deadlock,
            AskError::NotSent(_) | AskError::TimedOut { .. } => Self::TimedOut(within),
            AskError::NoReply { .. } => Self::Down(ExitReason::NoProc),
        }
    }
}
