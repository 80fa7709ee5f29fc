//! What can go wrong between a sender and an actor.

use std::fmt;
use std::time::Duration;

use ms_core::{ActorPath, ExitReason};

/// Why a message was not delivered; carries the message back.
#[derive(thiserror::Error)]
pub enum SendError<M> {
    /// The mailbox is at its bound and the actor's spec says to refuse.
    #[error(
        "the mailbox of {path} is full ({capacity} messages); slow down, or give it a larger bound or another overflow policy"
    )]
    Full {
        /// The message, unsent.
        message: M,
        /// Whom it was for.
        path: ActorPath,
        /// The bound.
        capacity: usize,
    },
    /// The actor has ended and will not come back, or refuses mail while it is restarted.
    #[error("{path} takes no messages: {reason}; look it up again, or ask its supervisor why")]
    Closed {
        /// The message, unsent.
        message: M,
        /// Whom it was for.
        path: ActorPath,
        /// Why its last incarnation ended.
        reason: ExitReason,
    },
    /// There was no room in the mailbox before the deadline.
    #[error("no room in the mailbox of {path} within {within:?}; it is overloaded or hung")]
    TimedOut {
        /// The message, unsent.
        message: M,
        /// Whom it was for.
        path: ActorPath,
        /// The deadline.
        within: Duration,
    },
}

impl<M> SendError<M> {
    /// The message that was not sent.
    pub fn into_message(self) -> M {
        match self {
            Self::Full { message, .. }
            | Self::Closed { message, .. }
            | Self::TimedOut { message, .. } => message,
        }
    }

    /// The same error without the message, to log or to compare.
    pub fn reason(&self) -> String
    where
        Self: fmt::Display,
    {
        self.to_string()
    }
}

impl<M> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { path, capacity, .. } => {
                f.debug_struct("Full").field("path", path).field("capacity", capacity).finish()
            }
            Self::Closed { path, reason, .. } => {
                f.debug_struct("Closed").field("path", path).field("reason", reason).finish()
            }
            Self::TimedOut { path, within, .. } => {
                f.debug_struct("TimedOut").field("path", path).field("within", within).finish()
            }
        }
    }
}

/// Why an ask was not answered; carries an unsent message back.
#[derive(thiserror::Error)]
pub enum AskError<M> {
    /// The message was never sent.
    #[error(transparent)]
    NotSent(SendError<M>),
    /// The actor ended before it answered.
    #[error("{path} ended before it answered: {reason}")]
    Exited {
        /// Who was asked.
        path: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// No answer within the deadline; the actor may still work on it.
    #[error("{path} did not answer within {within:?}; it may still be at work on it")]
    TimedOut {
        /// Who was asked.
        path: ActorPath,
        /// The deadline.
        within: Duration,
    },
    /// The handler, or an overflowing mailbox, dropped the message without an answer.
    #[error("{path} dropped the message without an answer")]
    NoReply {
        /// Who was asked.
        path: ActorPath,
    },
    /// The ask would have closed a cycle of actors that wait for each other.
    #[error("deadlock: {}; let one of them answer without waiting", Cycle(.cycle))]
    Deadlock {
        /// The message, unsent.
        message: M,
        /// The cycle, from the asker back to the asker.
        cycle: Vec<ActorPath>,
    },
}

impl<M> AskError<M> {
    /// Why the asked actor ended, if that is what happened.
    pub fn exit_reason(&self) -> Option<&ExitReason> {
        match self {
            Self::Exited { reason, .. } | Self::NotSent(SendError::Closed { reason, .. }) => {
                Some(reason)
            }
            _ => None,
        }
    }

    /// The message, where it was not sent.
    pub fn into_message(self) -> Option<M> {
        match self {
            Self::NotSent(error) => Some(error.into_message()),
            Self::Deadlock { message, .. } => Some(message),
            _ => None,
        }
    }
}

impl<M> fmt::Debug for AskError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(error) => f.debug_tuple("NotSent").field(error).finish(),
            Self::Exited { path, reason } => {
                f.debug_struct("Exited").field("path", path).field("reason", reason).finish()
            }
            Self::TimedOut { path, within } => {
                f.debug_struct("TimedOut").field("path", path).field("within", within).finish()
            }
            Self::NoReply { path } => f.debug_struct("NoReply").field("path", path).finish(),
            Self::Deadlock { cycle, .. } => {
                f.debug_struct("Deadlock").field("cycle", cycle).finish()
            }
        }
    }
}

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
    #[error("{what} is {value}, which is outside {bounds}")]
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
#[error("a mailbox with room for 0 messages reaches nobody; give it 1 or more, or no bound at all")]
pub struct MailboxSpecError;
