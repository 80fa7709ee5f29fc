//! What can go wrong between a sender and an actor.

use std::fmt;
use std::time::Duration;

use ms_core::{ActorPath, ExitReason};

/// Why a message was not delivered, without the message: an error that any other can have as its
/// source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendFailure {
    /// The mailbox is at its bound and the actor's spec says to refuse.
    #[error(
        "the mailbox of {path} is full ({capacity} messages); slow down, or give it a larger bound or another overflow policy"
    )]
    Full {
        /// Path of the actor it was for.
        path: ActorPath,
        /// The bound.
        capacity: usize,
    },
    /// The actor has ended and will not come back, or refuses mail while it is restarted.
    #[error(
        "{path} does not accept messages: {reason}; look the actor up again, or see `msctl why {path}`"
    )]
    Closed {
        /// Path of the actor it was for.
        path: ActorPath,
        /// Why its last incarnation ended.
        reason: ExitReason,
    },
    /// There was no room in the mailbox before the deadline.
    #[error("no room in the mailbox of {path} within {within:?}; it is overloaded or hung")]
    TimedOut {
        /// Path of the actor it was for.
        path: ActorPath,
        /// The deadline.
        within: Duration,
    },
}

/// Reports that a message was not delivered, and gives it back.
///
/// It displays as its [`SendFailure`], and has the sources of that.
#[non_exhaustive]
pub struct SendError<M> {
    /// Why.
    pub failure: SendFailure,
    /// The message, unsent.
    pub message: M,
}

impl<M> SendError<M> {
    pub(crate) fn new(message: M, failure: SendFailure) -> Self {
        Self { failure, message }
    }

    /// Returns the message that was not sent.
    pub fn into_message(self) -> M {
        self.message
    }

    /// Drops the message and returns why it was not sent, to keep it or to have it as a source.
    pub fn into_failure(self) -> SendFailure {
        self.failure
    }
}

impl<M> From<SendError<M>> for SendFailure {
    fn from(error: SendError<M>) -> Self {
        error.failure
    }
}

/// Why an ask was not answered, without the message: an error that any other can have as its
/// source.
///
/// ```
/// use ms_actor::AskFailure;
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("no price for {item}")]
/// struct NoPrice {
///     item: String,
///     #[source]
///     failure: AskFailure,
/// }
/// # fn assert_error<E: std::error::Error + Send + Sync + Clone + 'static>() {}
/// # assert_error::<AskFailure>();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskFailure {
    /// The message was never sent.
    #[error(transparent)]
    NotSent(#[from] SendFailure),
    /// The actor ended before it answered.
    #[error("{path} ended before it answered: {reason}")]
    Exited {
        /// Path of the actor that was asked.
        path: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// No answer within the deadline; the actor may still work on it.
    #[error("{path} did not answer within {within:?}; it may still handle the message")]
    TimedOut {
        /// Path of the actor that was asked.
        path: ActorPath,
        /// The deadline.
        within: Duration,
    },
    /// The handler, or an overflowing mailbox, dropped the message without an answer.
    #[error(
        "{path} dropped the message without a reply; check that its handler replies in every case"
    )]
    NoReply {
        /// Path of the actor that was asked.
        path: ActorPath,
    },
    /// The ask would have closed a cycle of actors that wait for each other.
    #[error("deadlock: {}; have one of them reply before it asks, or send without waiting", Cycle(.cycle))]
    Deadlock {
        /// The cycle, from the asker back to the asker.
        cycle: Vec<ActorPath>,
    },
}

impl AskFailure {
    /// Returns whether the message surely had no effect: it was never in the mailbox.
    #[must_use]
    pub const fn is_unsent(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::Deadlock { .. })
    }

    /// Returns why the asked actor ended, if that is what happened.
    #[must_use]
    pub fn exit_reason(&self) -> Option<&ExitReason> {
        match self {
            Self::Exited { reason, .. } | Self::NotSent(SendFailure::Closed { reason, .. }) => {
                Some(reason)
            }
            _ => None,
        }
    }
}

/// Reports that an ask was not answered, and gives the message back where it was not sent.
///
/// It displays as its [`AskFailure`], and has the sources of that.
#[non_exhaustive]
pub struct AskError<M> {
    /// Why.
    pub failure: AskFailure,
    /// The message, where it was not sent: [`AskFailure::NotSent`] and [`AskFailure::Deadlock`].
    pub message: Option<M>,
}

impl<M> AskError<M> {
    /// The message was sent, and nobody has it any more.
    pub(crate) fn sent(failure: AskFailure) -> Self {
        Self { failure, message: None }
    }

    pub(crate) fn deadlock(message: M, cycle: Vec<ActorPath>) -> Self {
        Self { failure: AskFailure::Deadlock { cycle }, message: Some(message) }
    }

    /// Returns why the asked actor ended, if that is what happened.
    pub fn exit_reason(&self) -> Option<&ExitReason> {
        self.failure.exit_reason()
    }

    /// Returns the message, where it was not sent.
    pub fn into_message(self) -> Option<M> {
        self.message
    }

    /// Drops the message and returns why there is no answer, to keep it or to have it as a source.
    pub fn into_failure(self) -> AskFailure {
        self.failure
    }
}

impl<M> From<SendError<M>> for AskError<M> {
    fn from(error: SendError<M>) -> Self {
        Self { failure: error.failure.into(), message: Some(error.message) }
    }
}

impl<M> From<AskError<M>> for AskFailure {
    fn from(error: AskError<M>) -> Self {
        error.failure
    }
}

// By hand, as a derive would ask the same of `M`: a message need not be shown, and an error about
// it passes for the failure in it, so that a chain of sources does not print that twice.
macro_rules! passes_for_its_failure {
    ($($error:ident)*) => {$(
        impl<M> fmt::Debug for $error<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($error)).field(&self.failure).finish()
            }
        }

        impl<M> fmt::Display for $error<M> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.failure.fmt(f)
            }
        }

        impl<M> std::error::Error for $error<M> {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                self.failure.source()
            }
        }
    )*};
}

passes_for_its_failure!(SendError AskError);

struct Cycle<'a>(&'a [ActorPath]);

impl fmt::Display for Cycle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, path) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" waits for ")?;
            }
            write!(f, "{path}")?;
        }
        Ok(())
    }
}

/// Why a debug message was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DebugError {
    /// The actor has no live incarnation.
    #[error("{path} is not running: {reason}")]
    NotRunning {
        /// Who was asked.
        path: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The actor did not answer in time: it blocks its thread, or a neighbour does.
    #[error("{path} did not answer a debug message within {within:?}: its thread is blocked")]
    Unresponsive {
        /// Who was asked.
        path: ActorPath,
        /// The deadline.
        within: Duration,
    },
}

/// Why a node did not boot.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The program was built with `panic = "abort"`.
    #[error(
        "this program was built with panic = \"abort\", so a crash of one actor would end the process; \
         set panic = \"unwind\" in its Cargo profile"
    )]
    PanicAbort,
    /// There is no actix system on this thread.
    #[error(
        "no actix System runs on this thread; call Node::boot inside System::new().block_on(..)"
    )]
    NoSystem,
    /// A thread could not be started.
    #[error(
        "could not start a thread for an arbiter; raise the thread limit or ask for fewer arbiters"
    )]
    Thread(#[source] std::io::Error),
    /// A configuration value outside its bounds.
    #[error("{what} is {value}, but must be {bounds}")]
    Config {
        /// Which value.
        what: &'static str,
        /// What it was.
        value: String,
        /// What is permitted.
        bounds: &'static str,
    },
}

/// Why a factory made no actor.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum StartError {
    /// The actor does not want to run now: OTP's `ignore`.
    Ignore,
    /// It cannot run.
    Failed(ExitReason),
}

impl<E: std::error::Error + 'static> From<E> for StartError {
    fn from(error: E) -> Self {
        Self::Failed(ExitReason::from_error(&error))
    }
}

/// A mailbox that no message could ever get into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a mailbox with a capacity of 0 can take no message; set a capacity of at least 1, or make it unbounded"
)]
pub struct MailboxSpecError;
