//! The errors of the router.

use std::fmt;
use std::time::Duration;

use ms_actor::{AskError, AskFailure, SendFailure};
use ms_core::{ActorPath, ExitReason};

/// Why a message was not routed, or why one of its handlers gave no answer.
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
        /// The path of the handler.
        path: ActorPath,
        /// The deadline.
        within: Duration,
    },
    /// The mailbox of a handler is full.
    #[error("the mailbox of {path} is full ({capacity} messages)")]
    MailboxFull {
        /// The path of the handler.
        path: ActorPath,
        /// The capacity of the mailbox.
        capacity: usize,
    },
    /// A handler ended before it answered, or takes no messages.
    #[error("{path} is gone: {reason}")]
    HandlerGone {
        /// The path of the handler.
        path: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// A handler dropped the message without an answer.
    #[error("{path} dropped the message without an answer")]
    NoReply {
        /// The path of the handler.
        path: ActorPath,
    },
    /// The ask would have closed a cycle of actors that wait for each other.
    #[error("asking {path} would deadlock: it is itself waiting for the caller")]
    Deadlock {
        /// The path of the handler.
        path: ActorPath,
        /// The actors of the cycle.
        cycle: Vec<ActorPath>,
    },
    /// All handlers were asked, and none answered.
    #[error("none of the {} handlers of {message} answered: {}", .failures.len(), Lines(.failures))]
    NoAnswer {
        /// The type of the message.
        message: &'static str,
        /// The failure of each.
        failures: Vec<RouteError>,
    },
    /// Too few handlers agree.
    #[error("{agreed} of {asked} handlers agree where {needed} are needed ({} failed)", .failures.len())]
    QuorumNotReached {
        /// The number of equal answers that were needed.
        needed: usize,
        /// The number of the most frequent answer.
        agreed: usize,
        /// The number of handlers that were asked.
        asked: usize,
        /// The failures of those that did not answer.
        failures: Vec<RouteError>,
    },
}

/// Displays failures in one line. There can be many, and one source would name only one.
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
    /// Returns why a send failed, as the router says it.
    pub(crate) fn from_send(path: &ActorPath, failure: SendFailure) -> Self {
        match failure {
            SendFailure::Full { path, capacity } => Self::MailboxFull { path, capacity },
            SendFailure::Closed { path, reason } => Self::HandlerGone { path, reason },
            SendFailure::TimedOut { path, within } => Self::Timeout { path, within },
            // A kind of failure that this version does not know: nobody got the message.
            _ => Self::NoReply { path: path.clone() },
        }
    }

    /// Returns why an ask failed, as the router says it.
    pub(crate) fn from_ask(path: &ActorPath, failure: AskFailure) -> Self {
        match failure {
            AskFailure::NotSent(failure) => Self::from_send(path, failure),
            AskFailure::Exited { path, reason } => Self::HandlerGone { path, reason },
            AskFailure::TimedOut { path, within } => Self::Timeout { path, within },
            AskFailure::Deadlock { cycle } => Self::Deadlock { path: path.clone(), cycle },
            // `NoReply`, and what this version does not know.
            _ => Self::NoReply { path: path.clone() },
        }
    }
}

/// A message for one handler that was not answered. It is given back when it was not sent.
pub struct Unrouted<M> {
    /// The error at the handler that was tried last.
    pub error: RouteError,
    /// The message; `None` when a handler may have got it.
    pub message: Option<M>,
}

// Both by hand, so that the error passes for the one inside: a derived source would print it twice.
impl<M> fmt::Display for Unrouted<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<M> std::error::Error for Unrouted<M> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
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
        /// The path of the actor.
        handler: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// There is no such route, or not any more.
    #[error("there is no such route; it ended with its handler, or was removed before")]
    NoSuchRoute,
    /// A type has as many routes as it may have.
    #[error("{message} has reached its limit of {max} routes; raise max_routes, or find the leak")]
    TooManyRoutes {
        /// The type of the message.
        message: &'static str,
        /// The bound.
        max: usize,
    },
    /// The router has not been started.
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
    /// The router itself waits for the caller.
    #[error(
        "asking the router here would deadlock: it is itself waiting for this actor; ask from a task outside the actor"
    )]
    Deadlock,
}

impl RouterError {
    pub(crate) fn from_ask<M>(within: Duration, error: &AskError<M>) -> Self {
        match &error.failure {
            AskFailure::Deadlock { .. } => Self::Deadlock,
            AskFailure::NoReply { .. } => Self::Down(ExitReason::NoProc),
            other => match other.exit_reason() {
                Some(reason) => Self::Down(reason.clone()),
                // A full mailbox too: an ask waits for room until its deadline.
                None => Self::TimedOut(within),
            },
        }
    }
}
