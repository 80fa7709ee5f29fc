//! What can go wrong.

use ms_json::EncodeError;
use std::time::Duration;

use ms_actor::AskError;
use ms_core::{ActorPath, ExitReason};
use ms_supervisor::SupervisorError;

use crate::subject::{Filter, Subject, SubjectError};

/// Why a payload could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// It could not be written.
    #[error("{name} could not be written as JSON; see its Serialize")]
    Encode {
        /// The type.
        name: &'static str,
        /// Why.
        #[source]
        source: EncodeError,
    },
    /// It could not be read.
    #[error(
        "a payload of {found} does not read as {wanted}; subscribe with its own type, or to fewer subjects"
    )]
    Decode {
        /// The type that was wanted.
        wanted: &'static str,
        /// The type that was published, `JSON` where it came from elsewhere.
        found: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Why an event was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Its subject is none.
    #[error("the subject of a {event} is no subject")]
    Subject {
        /// The type of the event.
        event: &'static str,
        /// What is wrong with it.
        #[source]
        source: SubjectError,
    },
    /// Its subject is not one of its type: who subscribed to the type would miss it.
    #[error("{subject} does not match {of_type}, the SUBJECT of {event}; widen that")]
    OutsideType {
        /// The type of the event.
        event: &'static str,
        /// Its subject.
        subject: Subject,
        /// What the type promises.
        of_type: Filter,
    },
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Nobody subscribes to its subject.
    #[error("nobody subscribes to {subject}; start who answers first, or look at its filter")]
    NoResponders {
        /// The subject.
        subject: Subject,
    },
    /// No subscriber took it: their buffers are full, or they are gone.
    #[error("none of the {matched} subscribers to {subject} took the request; they are behind")]
    NotTaken {
        /// The subject.
        subject: Subject,
        /// How many there are.
        matched: usize,
    },
    /// All that got it were done with it without an answer.
    #[error("nobody who got {subject} answered; they must call Delivery::reply")]
    NoReply {
        /// The subject.
        subject: Subject,
    },
    /// No answer came in time.
    #[error("no answer to {subject} within {within:?}; who answers may still be at work on it")]
    TimedOut {
        /// The subject.
        subject: Subject,
        /// The deadline.
        within: Duration,
    },
    /// The answer is of another type.
    #[error("the answer cannot be read")]
    Reply(#[source] PayloadError),
}

/// Why a subscription was not made.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The filter is none.
    #[error("the filter is none")]
    Filter(#[from] SubjectError),
    /// The name of a queue group is one token.
    #[error("{0:?} is no name of a queue group; letters, digits, '-' and '_' are permitted")]
    Group(String),
    /// There are as many as permitted.
    #[error("the bus has its maximum of {max} subscriptions; raise it, or find who leaks them")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// The subscriber has ended for good.
    #[error("{subscriber} has ended for good ({reason}), so nothing is delivered to it")]
    SubscriberGone {
        /// Who.
        subscriber: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// Nobody has started the bus.
    #[error("the event bus is not started; give EventBus::child to a supervisor")]
    NotStarted,
    /// The buffer of the subscription did not start.
    #[error("the buffer of the subscription did not start")]
    Buffer(#[source] SupervisorError),
    /// The bus ended before it answered.
    #[error("the event bus ended before it answered: {0}; it is restarted, so ask again")]
    Down(ExitReason),
    /// The bus did not answer in time.
    #[error("the event bus did not answer within {0:?}")]
    TimedOut(Duration),
    /// The caller itself keeps the bus waiting.
    #[error("the event bus cannot be asked here: its answer would wait for this very actor")]
    Deadlock,
}

impl SubscribeError {
    pub(crate) fn from_ask<M>(within: Duration, error: &AskError<M>) -> Self {
        match error {
            AskError::Deadlock { .. } => Self::Deadlock,
            AskError::TimedOut { .. } => Self::TimedOut(within),
            other => match other.exit_reason() {
                Some(reason) => Self::Down(reason.clone()),
                None => Self::TimedOut(within),
            },
        }
    }
}
