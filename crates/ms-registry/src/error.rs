//! The errors of the registry.

use std::fmt;
use std::time::Duration;

use ms_actor::{AnyRef, AskError, AskFailure};
use ms_core::{ActorPath, ExitReason};

use crate::logic::map::Map;
use crate::logic::nearest::nearest;
use crate::name::{Name, NameError};

/// Why the registry's actor did not make a change. Lookups do not depend on the actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unavailable {
    /// The registry has not been started.
    #[error(
        "the registry {scope} has not been started; give its blueprint to a supervisor, or use Registry::spawn"
    )]
    NotStarted {
        /// The registry's name.
        scope: String,
    },
    /// The registry ended before it answered; whether the change was made is not known.
    #[error(
        "the registry {scope} ended before it answered ({reason}); look the entry up and try again"
    )]
    Down {
        /// The registry's name.
        scope: String,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The registry did not answer in time; whether the change was made is not known.
    #[error(
        "the registry {scope} did not answer within {within:?}; look the entry up and try again"
    )]
    TimedOut {
        /// The registry's name.
        scope: String,
        /// The deadline.
        within: Duration,
    },
    /// The registry itself waits for the caller.
    #[error(
        "asking the registry {scope} here would deadlock: it is itself waiting for this actor; ask from a task outside the actor"
    )]
    Deadlock {
        /// The registry's name.
        scope: String,
    },
}

impl Unavailable {
    pub(crate) fn from_ask<M>(scope: &str, within: Duration, error: &AskError<M>) -> Self {
        let scope = scope.to_owned();
        match &error.failure {
            AskFailure::Deadlock { .. } => Self::Deadlock { scope },
            AskFailure::NoReply { .. } => Self::Down { scope, reason: ExitReason::NoProc },
            other => match other.exit_reason() {
                Some(reason) => Self::Down { scope, reason: reason.clone() },
                // A full mailbox too: an ask waits for room until its deadline.
                None => Self::TimedOut { scope, within },
            },
        }
    }
}

/// Why a name was not registered or not unregistered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The text is not a valid name, or longer than this registry permits.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Another living actor has the name.
    #[error(
        "the name {name} is already registered for {holder}; use another name, or have the holder unregister"
    )]
    AlreadyRegistered {
        /// The name.
        name: Name,
        /// The path of the actor that has it.
        holder: ActorPath,
    },
    /// The actor to register has ended for good.
    #[error("{owner} has ended for good ({reason}), so it cannot be registered")]
    OwnerGone {
        /// The path of the actor.
        owner: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// Nobody has the name.
    #[error("the name {name} is not registered")]
    NotRegistered {
        /// The name.
        name: Name,
    },
    /// The registry is at its bound.
    #[error(
        "the registry has reached its limit of {max} entries; raise max_entries, or find the leak"
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
    /// The text is not a valid name, or longer than this registry permits.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The actor is not a member, or not any more: `pg`'s `not_joined`.
    #[error("{member} is not a member of the group {group}, or has left as often as it joined")]
    NotJoined {
        /// The group.
        group: Name,
        /// The path of the actor.
        member: ActorPath,
    },
    /// The actor has ended for good.
    #[error("{member} has ended for good ({reason}), so it cannot join")]
    MemberGone {
        /// The path of the actor.
        member: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// The registry is at its bound.
    #[error(
        "the registry has reached its limit of {max} entries; raise max_entries, or find the leak"
    )]
    Full {
        /// The bound.
        max: usize,
    },
    /// The registry's actor did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a watch was not added or not ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The registry has as many watchers as it may have.
    #[error(
        "the registry has reached its limit of {max} watchers; share one, or raise max_watchers"
    )]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// The watcher has ended for good.
    #[error("{watcher} has ended for good ({reason}), so it cannot watch")]
    WatcherGone {
        /// The path of the watcher.
        watcher: ActorPath,
        /// Why it ended.
        reason: ExitReason,
    },
    /// There is no such subscription, or not any more.
    #[error("there is no such subscription; it was cancelled before, or ended with its watcher")]
    NoSuchSubscription,
    /// The registry's actor did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a lookup found no actor.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No living actor has this name.
    #[error("{0}")]
    NotFound(NotFound),
    /// An actor of another type has this name.
    #[error("{name} is a {found}, not a {expected}")]
    WrongType {
        /// The name.
        name: String,
        /// The type that was asked for.
        expected: &'static str,
        /// The type of the actor.
        found: String,
    },
}

/// A name that nobody has. The nearest known name is searched when the error is displayed and not
/// before, so that a caller that polls for a name does not pay for a suggestion.
#[derive(Clone)]
pub struct NotFound {
    pub(crate) scope: String,
    pub(crate) name: String,
    pub(crate) known: Map<Name, AnyRef>,
}

impl NotFound {
    /// Returns the name that was looked up.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the known name that is most like it, if one is near.
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
