//! The input of the policy.

use ms_core::exit::{ChildExit, ExitReason};
use ms_core::id::Incarnation;

use super::child::ChildKey;
use super::command::{Command, Ticket};

/// A fact or a request.
///
/// The answers to effects (`Started`, `Ignored`, `StartFailed` and the awaited
/// `Exited`) are taken at once. All others wait in the policy's inbox while an
/// operation is under way, in the order they came.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Start the children. Once, and first.
    Boot,
    /// The child's init is done: `{ok, Pid}` or, with `info`, `{ok, Pid, Info}`.
    Started {
        /// The child.
        key: ChildKey,
        /// The attempt.
        incarnation: Incarnation,
        /// Whether the start handed back something for the caller of `start_child`.
        info: bool,
    },
    /// The child's init said `ignore`. For a child that counted as started already, this is an
    /// end without consequences: it has no life, and no restart is due (ours).
    Ignored {
        /// The child.
        key: ChildKey,
        /// The attempt.
        incarnation: Incarnation,
    },
    /// The child did not start, its init timed out included.
    StartFailed {
        /// The child.
        key: ChildKey,
        /// The attempt.
        incarnation: Incarnation,
        /// Why.
        reason: ExitReason,
    },
    /// The child ended, by itself or because it was asked to.
    Exited {
        /// The child.
        key: ChildKey,
        /// The attempt, as [`Effect::Start`](super::Effect::Start) numbered it; an older one is
        /// ignored (B4). The exit has another number, that of the cell, which goes on counting
        /// when the supervisor is restarted.
        incarnation: Incarnation,
        /// Its end. The policy reads only the reason and returns the whole in its
        /// [`Decision`](super::Decision).
        exit: ChildExit,
    },
    /// The child lost its thread through no fault of its own and is gone. Ours:
    /// it is started again alone, whatever the strategy, uncounted. A temporary child
    /// is not started again (B1). Should that start fail, the retries are ordinary ones.
    Evacuated {
        /// The child.
        key: ChildKey,
        /// The attempt, as for [`Event::Exited`].
        incarnation: Incarnation,
        /// Its end.
        exit: ChildExit,
    },
    /// What [`Effect::RetryLater`](super::Effect::RetryLater) asked for (E1).
    TryAgain {
        /// The child.
        key: ChildKey,
    },
    /// The delay of [`Effect::ArmBackoff`](super::Effect::ArmBackoff) is over.
    BackoffElapsed {
        /// The child.
        key: ChildKey,
        /// As given in the effect; another one is ignored.
        incarnation: Incarnation,
    },
    /// An administrative call.
    Command {
        /// Names the reply.
        ticket: Ticket,
        /// The call.
        command: Command,
    },
    /// The parent wants it to stop, or died (F4). Strangers' exit signals are not
    /// for the policy (B4).
    Shutdown {
        /// What the supervisor will exit with.
        reason: ExitReason,
    },
    /// `sys:suspend`: from now on only the parent's shutdown is handled (I2). An
    /// operation under way is finished.
    Suspend,
    /// `sys:resume`: what waited is handled in order.
    Resume,
}

impl Event {
    /// Returns the child and the attempt, if this is the end of one.
    pub(super) const fn ended(&self) -> Option<(ChildKey, Incarnation)> {
        match self {
            Self::Exited { key, incarnation, .. }
            | Self::Evacuated { key, incarnation, .. }
            | Self::Ignored { key, incarnation } => Some((*key, *incarnation)),
            _ => None,
        }
    }

    /// Returns the reason of an end.
    pub(super) fn into_end_reason(self) -> Option<ExitReason> {
        match self {
            Self::Exited { exit, .. } | Self::Evacuated { exit, .. } => Some(exit.into_reason()),
            // There was no run. An orderly end is what a stop that meets it expects.
            Self::Ignored { .. } => Some(ExitReason::Shutdown),
            _ => None,
        }
    }
}
