//! What can go wrong when asking something of a supervisor.

use ms_actor::{AskError, AskFailure};
use ms_core::tree::NoTree;
use ms_core::{ActorPath, ChildId, ExitReason, IdError, Incarnation};
use ms_policy::{CommandError, SpecError};

/// Why a supervisor did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SupervisorError {
    /// It refused, or the child failed: OTP's error term.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The supervisor did not answer.
    #[error("the supervisor {path} did not answer")]
    NoAnswer {
        /// Path of the supervisor.
        path: ActorPath,
        /// Why not.
        #[source]
        failure: AskFailure,
    },
    /// The rows that the supervisor gave make no tree.
    #[error(
        "the rows of the supervisor {path} do not form a tree; this is a bug, please report it"
    )]
    NoTree {
        /// Path of the supervisor.
        path: ActorPath,
        /// What is wrong with them.
        source: NoTree,
    },
    /// There is no actor at this path.
    #[error("there is no actor at {path}; `msctl tree` lists all actors")]
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
    /// The child was restarted: it is another incarnation than the one that is meant.
    #[error("{path} is {lives} now, and {meant} was meant")]
    AnotherIncarnation {
        /// Path of the child.
        path: ActorPath,
        /// The incarnation that the order is for.
        meant: Incarnation,
        /// The present one.
        lives: Incarnation,
    },
    /// A spec or id that cannot be used.
    #[error("invalid child spec")]
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
    pub(crate) fn no_answer<M>(path: &ActorPath, error: AskError<M>) -> Self {
        Self::NoAnswer { path: path.clone(), failure: error.into_failure() }
    }
}

/// Why a tree did not start.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StartRootError {
    /// A flag or a child spec is wrong: nothing was started.
    #[error("the tree was not started")]
    Spec(#[from] SpecError),
    /// An id that cannot be used.
    #[error("the tree was not started")]
    Id(#[from] IdError),
    /// A child did not start; those before it were stopped again, in reverse order.
    #[error("the tree did not start: {0}")]
    Failed(ExitReason),
}
