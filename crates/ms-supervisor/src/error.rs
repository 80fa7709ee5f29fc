//! What can go wrong when asking something of a supervisor.

use ms_actor::AskError;
use ms_core::{ActorPath, ChildId, ExitReason, IdError};
use ms_policy::{CommandError, SpecError};

/// Why a supervisor did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SupervisorError {
    /// It refused, or the child failed: OTP's error term.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The supervisor did not answer.
    #[error("the supervisor {path} did not answer: {why}")]
    NoAnswer {
        /// Which supervisor.
        path: ActorPath,
        /// Why.
        why: String,
    },
    /// There is no actor at this path.
    #[error("there is no actor at {path}; `msctl tree` shows what there is")]
    NotFound {
        /// The path looked for.
        path: ActorPath,
    },
    /// The child is there, but is no actor of the type asked for.
    #[error("the child {id} is a {found}, not a {expected}")]
    WrongType {
        /// Which child.
        id: ChildId,
        /// What was asked for.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A spec or id that cannot be used.
    #[error("bad child spec: {0}")]
    Id(#[from] IdError),
    /// The verb makes no sense for this actor.
    #[error("{verb} is not possible for {path}: {why}")]
    Refused {
        /// What was asked.
        verb: &'static str,
        /// Of whom.
        path: ActorPath,
        /// Why not.
        why: &'static str,
    },
}

impl SupervisorError {
    pub(crate) fn no_answer<M>(path: &ActorPath, error: &AskError<M>) -> Self {
        let why = match error {
            AskError::Exited { reason, .. } => format!("it ended: {reason}"),
            AskError::TimedOut { within, .. } => format!("not within {within:?}"),
            AskError::NotSent(error) => error.to_string(),
            AskError::NoReply { .. } => "it dropped the question".to_owned(),
            AskError::Deadlock { cycle, .. } => format!("deadlock of {} actors", cycle.len()),
        };
        Self::NoAnswer { path: path.clone(), why }
    }
}

/// Why a tree did not start.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartRootError {
    /// A flag or a child spec is wrong: nothing was started.
    #[error("the tree was not started: {0}")]
    Spec(#[from] SpecError),
    /// An id that cannot be used.
    #[error("the tree was not started: {0}")]
    Id(#[from] IdError),
    /// A child did not start; those before it were stopped again, in reverse order.
    #[error("the tree did not start: {0}")]
    Failed(ExitReason),
}
