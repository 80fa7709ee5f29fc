//! The errors of the bus.

use std::time::Duration;

use ms_actor::{AskError, AskFailure};
use ms_core::{ActorPath, ExitReason};
use ms_json::EncodeError;
use ms_supervisor::SupervisorError;

use crate::subject::{Filter, Subject, SubjectError};

/// Why a payload could not be decoded or encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// The value could not be encoded.
    #[error("{name} could not be encoded as JSON; check its Serialize implementation")]
    Encode {
        /// The type of the value.
        name: &'static str,
        /// What the encoder reports.
        #[source]
        source: EncodeError,
    },
    /// The value could not be decoded.
    #[error(
        "a payload of type {found} cannot be decoded as {wanted}; subscribe with the published type, or narrow the filter"
    )]
    Decode {
        /// The type that was wanted.
        wanted: &'static str,
        /// The type that was published; `JSON` where it came from another process.
        found: &'static str,
        /// What the decoder reports.
        #[source]
        source: serde_json::Error,
    },
}

/// Why an event was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The subject is invalid.
    #[error("the subject of {event} is invalid")]
    Subject {
        /// The type of the event.
        event: &'static str,
        /// What is wrong with the subject.
        #[source]
        source: SubjectError,
    },
    /// The subject is outside the type's `SUBJECT`, so subscribers to the type would miss it.
    #[error("{subject} does not match {of_type}, the SUBJECT of {event}; widen SUBJECT")]
    OutsideType {
        /// The type of the event.
        event: &'static str,
        /// The subject of the event.
        subject: Subject,
        /// The `SUBJECT` of the type.
        of_type: Filter,
    },
}

/// Why a subscription did not take an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The buffer is full, and its policy drops nothing.
    #[error("the subscriber's buffer is full ({capacity} events)")]
    Full {
        /// The capacity of the buffer.
        capacity: usize,
    },
    /// The buffer is gone.
    #[error("the subscriber's buffer has ended: {reason}")]
    Gone {
        /// Why its outlet ended.
        reason: ExitReason,
    },
    /// There was no room before the deadline.
    #[error("there was no room in the subscriber's buffer within {within:?}")]
    TimedOut {
        /// The deadline.
        within: Duration,
    },
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The request was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Nobody subscribes to the subject.
    #[error("no subscription matches {subject}; start the responder first, or check its filter")]
    NoResponders {
        /// The subject of the request.
        subject: Subject,
    },
    /// No subscriber took the request.
    #[error(
        "none of the {matched} subscribers to {subject} accepted the request: their buffers are full or have ended; try again later"
    )]
    NotTaken {
        /// The subject of the request.
        subject: Subject,
        /// The number of subscribers.
        matched: usize,
    },
    /// All subscribers have handled the request, and none has answered.
    #[error("{subject} was handled but not answered; a responder must call Delivery::reply")]
    NoReply {
        /// The subject of the request.
        subject: Subject,
    },
    /// No answer came before the deadline.
    #[error("no answer to {subject} within {within:?}; the responder may still handle the request")]
    TimedOut {
        /// The subject of the request.
        subject: Subject,
        /// The deadline.
        within: Duration,
    },
    /// The answer is of another type.
    #[error("the answer cannot be decoded")]
    Reply(#[source] PayloadError),
}

/// Why a subscription was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The filter is invalid.
    #[error("the filter is invalid")]
    Filter(#[from] SubjectError),
    /// The name of the queue group is not a single token.
    #[error("{0:?} is not a valid name for a queue group; use letters, digits, '-' and '_'")]
    Group(String),
    /// The bus has as many subscriptions as it may have.
    #[error(
        "the bus has reached its limit of {max} subscriptions; raise max_subscriptions, or find the leak"
    )]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// The subscriber has ended for good.
    #[error("{subscriber} has ended for good ({reason}), so nothing can be delivered to it")]
    SubscriberGone {
        /// The path of the subscriber.
        subscriber: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The bus has not been started.
    #[error("the event bus has not been started; give EventBus::child to a supervisor")]
    NotStarted,
    /// The outlet of the subscription did not start.
    #[error("the buffer of the subscription did not start")]
    Buffer(#[source] SupervisorError),
    /// The bus ended before it answered.
    #[error(
        "the event bus ended before it answered ({0}); its supervisor restarts it, so try again"
    )]
    Down(ExitReason),
    /// The bus did not answer before the deadline.
    #[error("the event bus did not answer within {0:?}")]
    TimedOut(Duration),
    /// The bus itself waits for the caller.
    #[error(
        "asking the event bus here would deadlock: it is itself waiting for this actor; ask from a task outside the actor"
    )]
    Deadlock,
}

impl SubscribeError {
    pub(crate) fn from_ask<M>(within: Duration, error: &AskError<M>) -> Self {
        match &error.failure {
            AskFailure::Deadlock { .. } => Self::Deadlock,
            AskFailure::TimedOut { .. } => Self::TimedOut(within),
            other => match other.exit_reason() {
                Some(reason) => Self::Down(reason.clone()),
                // A full mailbox too: an ask waits for room until its deadline.
                None => Self::TimedOut(within),
            },
        }
    }
}
