//! The administrative calls to a supervisor, and their replies (G1 to G5).

use ms_core::exit::ExitReason;
use ms_core::id::{ChildId, Incarnation};
use ms_core::spec::ChildType;
use serde::{Deserialize, Serialize};

use super::child::{ChildEntry, ChildKey};
use super::report::PidRef;
use super::validate::ChildSpecError;

/// Joins a command with its reply; chosen by the caller of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Which child a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// By id: every strategy but `simple_one_for_one`, as in OTP.
    Id(ChildId),
    /// By key, where OTP takes a pid: `simple_one_for_one` only.
    Key(ChildKey),
}

/// An administrative call.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Adds a child at the end of the start order and starts it (G1).
    StartChild(ChildEntry),
    /// Starts one more child of the template (G5). Its arguments stay with the caller.
    StartDynamic,
    /// Stops a child; its spec stays unless it is temporary or dynamic (G2).
    TerminateChild(Target),
    /// Starts a stopped child (G3).
    RestartChild(ChildId),
    /// Forgets a stopped child (G3).
    DeleteChild(ChildId),
    /// Lists the children, latest start first (G4). O(n).
    WhichChildren,
    /// Counts the children (G4).
    CountChildren,
    /// Reads a child's spec (G3).
    GetChildSpec(Target),
}

/// The result of a command that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// `{ok, Pid}`; with `info`, `{ok, Pid, Info}` (A5).
    Started {
        /// The child.
        key: ChildKey,
        /// Its running incarnation.
        incarnation: Incarnation,
        /// Whether its start handed back something for the caller.
        info: bool,
    },
    /// `{ok, undefined}`: its init chose not to run.
    Ignored,
    /// `ok`.
    Done,
    /// The answer to [`Command::WhichChildren`].
    Children(Vec<ChildRow>),
    /// The answer to [`Command::CountChildren`].
    Counts(Counts),
    /// The answer to [`Command::GetChildSpec`].
    Spec(ChildEntry),
}

/// One row of `which_children`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildRow {
    /// The child.
    pub key: ChildKey,
    /// Its id; `None` under `simple_one_for_one`, where OTP says `undefined`.
    pub id: Option<ChildId>,
    /// The running incarnation, `undefined` or `restarting`.
    pub child: PidRef,
    /// Worker or supervisor.
    pub kind: ChildType,
}

/// `count_children`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Specs, running or not; 1 under `simple_one_for_one`.
    pub specs: usize,
    /// Children alive.
    pub active: usize,
    /// Children of type supervisor, running or not.
    pub supervisors: usize,
    /// Children of type worker, running or not.
    pub workers: usize,
}

/// Why a command was refused or failed. The variants are OTP's error terms.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// `{already_started, Pid}`.
    #[error("a child with this id is already running")]
    AlreadyStarted {
        /// The child that runs.
        key: ChildKey,
        /// Its incarnation.
        incarnation: Incarnation,
    },
    /// `already_present`.
    #[error("a child with this id exists but is not running; use restart_child or delete_child")]
    AlreadyPresent,
    /// `not_found`. Also for a key whose child is gone, where OTP says `ok` (Q2).
    #[error("there is no such child")]
    NotFound,
    /// `running`.
    #[error("the child is running; terminate it first")]
    Running,
    /// `restarting`.
    #[error("the child is being restarted; terminate it to cancel that")]
    Restarting,
    /// `simple_one_for_one`: the call makes no sense for a dynamic supervisor.
    #[error("a simple_one_for_one supervisor identifies its children by key, not by id")]
    SimpleOneForOne,
    /// Ours: `StartDynamic` needs a template.
    #[error("only a simple_one_for_one supervisor starts children from a template")]
    NotSimpleOneForOne,
    /// `max_children` (Elixir's).
    #[error("the supervisor has reached its limit of {limit} children (max_children)")]
    MaxChildren {
        /// The limit.
        limit: usize,
    },
    /// `{R, Child}` of `start_child`, the bare `R` of `restart_child`.
    #[error("the child did not start: {reason}")]
    StartFailed {
        /// Why.
        reason: ExitReason,
    },
    /// A spec error of `start_child`.
    #[error("invalid child spec")]
    InvalidSpec(#[from] ChildSpecError),
    /// Where an OTP caller would find the process dead: `noproc` or `shutdown`.
    #[error("the supervisor is stopping")]
    Stopping,
}
