//! What can go wrong between a caller and the registry.

use std::fmt;
use std::time::Duration;

use ms_actor::{AnyRef, AskError, SendError};
use ms_core::{ActorPath, ExitReason};

use crate::map::Map;
use crate::name::{Name, NameError};
use crate::nearest::nearest;

/// Why the registry's actor did not carry out a change. Lookups do not need it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// Nobody has started it.
    #[error(
        "the registry {scope} has not been started; give its blueprint to a supervisor, or use Registry::spawn"
    )]
    NotStarted {
        /// The registry's name.
        scope: String,
    },
    /// It ended before it answered; whether the change was made is not known.
    #[error(
        "the registry {scope} ended before it answered ({reason}); look the entry up and try again"
    )]
    Down {
        /// The registry's name.
        scope: String,
        /// Why it ended.
        reason: ExitReason,
    },
    /// It did not answer in time; whether the change was made is not known.
    #[error(
        "the registry {scope} did not answer within {within:?}; look the entry up and try again"
    )]
    TimedOut {
        /// The registry's name.
        scope: String,
        /// The deadline.
        within: Duration,
    },
    /// The caller itself keeps the registry waiting.
    #[error("the registry {scope} cannot be asked here: its answer would wait for this very actor")]
    Deadlock {
        /// The registry's name.
        scope: String,
    },
}

impl Unavailable {
    pub(crate) fn from_ask<M>(scope: &str, within: Duration, error: AskError<M>) -> Self {
        let scope = scope.to_owned();
        match error {
            AskError::NotSent(SendError::Closed { reason, .. })
            | AskError::Exited { reason, .. } => Self::Down { scope, reason },
            AskError::Deadlock { .. } => Self::Deadlock { scope },
            AskError::NotSent(_) | AskError::TimedOut { .. } => Self::TimedOut { scope, within },
            AskError::NoReply { .. } => Self::Down { scope, reason: ExitReason::NoProc },
        }
    }
}

/// Why a name was not registered or not taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The text is no name, or longer than this registry permits.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A living actor has the name.
    #[error("the name {name} is held by {holder}; take another, or have the holder unregister")]
    AlreadyRegistered {
        /// The name.
        name: Name,
        /// Who has it.
        holder: ActorPath,
    },
    /// The actor that was to have it has ended for good.
    #[error("{owner} has ended for good ({reason}), so nothing can be kept for it")]
    OwnerGone {
        /// Who was to have it.
        owner: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The name is held by nobody.
    #[error("the name {name} is not registered")]
    NotRegistered {
        /// The name.
        name: Name,
    },
    /// The registry is at its bound.
    #[error(
        "the registry holds its maximum of {max} entries; raise max_entries, or find who leaks them"
    )]
    Full {
        /// The bound.
        max: usize,
    },
    /// The registry's actor did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a group was not joined or not left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The text is no name, or longer than this registry permits.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The actor is no member (any more): `pg`'s `not_joined`.
    #[error("{member} is no member of the group {group}, or has left as often as it joined")]
    NotJoined {
        /// The group.
        group: Name,
        /// Who wanted to leave.
        member: ActorPath,
    },
    /// The actor has ended for good.
    #[error("{member} has ended for good ({reason}), so it cannot join")]
    MemberGone {
        /// Who was to join.
        member: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The registry is at its bound.
    #[error(
        "the registry holds its maximum of {max} entries; raise max_entries, or find who leaks them"
    )]
    Full {
        /// The bound.
        max: usize,
    },
    /// The registry's actor did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why nothing is watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// There are as many watchers as permitted.
    #[error("the registry has its maximum of {max} watchers; share one, or raise max_watchers")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// The one that wants to watch has ended for good.
    #[error("{watcher} has ended for good ({reason}), so it cannot watch")]
    WatcherGone {
        /// Who wanted to watch.
        watcher: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// There is no such subscription (any more).
    #[error("there is no such subscription; it ended with its watcher, or was ended before")]
    NoSuchSubscription,
    /// The registry's actor did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a lookup gave nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No living actor has this name.
    #[error("{0}")]
    NotFound(NotFound),
    /// An actor of another type has it.
    #[error("{name} is a {found}, not a {expected}")]
    WrongType {
        /// The name.
        name: String,
        /// The type that was asked for.
        expected: &'static str,
        /// The type of the actor that has the name.
        found: String,
    },
}

/// A name nobody has. Finds the nearest known one when it is shown, not before:
/// a caller that polls for a name does not pay for advice.
#[derive(Clone)]
pub struct NotFound {
    pub(crate) scope: String,
    pub(crate) name: String,
    pub(crate) known: Map<Name, AnyRef>,
}

impl NotFound {
    /// The name that was looked for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The known name that is most like it, if any is like it at all.
    #[must_use]
    pub fn nearest(&self) -> Option<Name> {
        nearest(&self.name, self.known.iter().map(|(name, _)| name))
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, name, known } = self;
        match self.nearest() {
            Some(near) => {
                write!(f, "no actor is registered as {name:?} in {scope}; did you mean {near:?}?")
            }
            None => write!(
                f,
                "no actor is registered as {name:?} in {scope} ({} names known)",
                known.len()
            ),
        }
    }
}

impl fmt::Debug for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotFound")
            .field("scope", &self.scope)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
