//! The errors of one task, and of a store as a whole.

use std::error::Error;
use std::sync::Arc;

use super::id::{AgentKind, QueueName, TaskId};
use super::state::{FencingToken, TaskState};
use crate::invalid::Invalid;

/// The reason why a request about one task was refused. Other tasks of a batch are not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// A value outside its bounds.
    #[error("{what} must be {bounds}")]
    OutOfBounds {
        /// Which field.
        what: &'static str,
        /// What is permitted.
        bounds: &'static str,
    },
    // Apart from `OutOfBounds`: no schema can express it, so over HTTP it is 422 and not 400.
    /// Values that are each within their bounds, and contradict one another.
    #[error("{what} must be {bounds}")]
    Contradiction {
        /// Which field, or fields.
        what: &'static str,
        /// What is permitted.
        bounds: &'static str,
    },
    /// More bytes than a request, result, step or checkpoint may have.
    #[error(
        "{what} has {bytes} bytes of JSON and may have {limit}; keep large data elsewhere and pass its address"
    )]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// More tasks than one call may carry.
    #[error("{found} tasks in one call; send at most {limit}")]
    BatchTooLarge {
        /// How many there were.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The queue holds as many unfinished tasks as it may.
    #[error(
        "the queue {queue} holds {limit} unfinished tasks, which is its limit; try again later"
    )]
    QueueFull {
        /// Which queue.
        queue: QueueName,
        /// Its limit.
        limit: u64,
    },
    /// No such queue was declared.
    #[error("there is no queue {0}; declare it, or use another")]
    UnknownQueue(QueueName),
    /// No agents of that kind were declared.
    #[error("there are no agents of the kind {0}; declare a pool of them, or name another kind")]
    UnknownKind(AgentKind),
    /// Its payload is not of the form that agents of its kind take; nothing was stored.
    #[error("the payload is not valid for the kind {kind}: {invalid}")]
    InvalidPayload {
        /// The kind of agent.
        kind: AgentKind,
        /// Which part of the payload is wrong, and how.
        invalid: Invalid,
    },
    /// No task has that id.
    #[error("there is no task {0}; if it has ended, it was deleted after its retention time")]
    NotFound(TaskId),
    /// A task with that id is there already.
    #[error("a task {0} exists already; use a new id for each task")]
    Duplicate(TaskId),
    /// The same idempotency key came with another request.
    #[error(
        "the idempotency key was used before, for the different request of task {first}; use a new key"
    )]
    KeyConflict {
        /// The task that was made with the key.
        first: TaskId,
    },
    /// The task is not in a state that permits this.
    #[error("task {id} is {state}, so it cannot be {verb}")]
    WrongState {
        /// Which task.
        id: TaskId,
        /// Where it is in its life.
        state: TaskState,
        /// What was asked for: `completed`, `cancelled`, `replayed` and so on.
        verb: &'static str,
    },
    /// The caller is late: the task was given to another agent, or has been taken back.
    #[error("the lease of task {id} was lost (fencing token {}); the result is refused, discard it", .given.0)]
    StaleToken {
        /// Which task.
        id: TaskId,
        /// The token of the assignment that is over.
        given: FencingToken,
    },
    /// Its deadline has passed.
    #[error("the deadline of task {0} has passed")]
    DeadlinePassed(TaskId),
    /// More steps than one task may journal.
    #[error("task {id} has journaled {limit} steps, which is the limit; use a checkpoint")]
    TooManySteps {
        /// Which task.
        id: TaskId,
        /// The limit.
        limit: usize,
    },
    /// What was stored of the task cannot be read.
    #[error(
        "the stored data of task {id} cannot be read: {what}; see the log, and restore the store from a backup"
    )]
    Unreadable {
        /// Which task.
        id: TaskId,
        /// What is wrong with it.
        what: String,
    },
}

/// The reason why a store carried out no part of a call.
///
/// Nothing of the call was done, except after [`StoreError::Unknown`].
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system, a quota or the permitted size of the store is full.
    #[error(
        "the task store is full, and nothing was written; free space or raise its limit, and it resumes by itself"
    )]
    Full(#[source] ErrorSource),
    /// Another process has it.
    #[error(
        "the task store {0} is in use by another process; stop that process, or give this one its own directory"
    )]
    Locked(String),
    /// It was busy for too long.
    #[error("the task store was busy for too long; try again")]
    Busy(#[source] ErrorSource),
    /// More requests wait than may.
    #[error("the task store has {0} requests waiting, which is its limit; try again later")]
    Overloaded(usize),
    /// The file is damaged.
    #[error(
        "the task store {path} is damaged: {what}; restore a backup, or move it and its `.lock` file away to start with an empty store"
    )]
    Corrupt {
        /// Which file.
        path: String,
        /// What was found.
        what: String,
    },
    /// What is open is no longer what lies in its place, so nothing is written any more.
    #[error(
        "the task store {path} was lost while it was open: {what}; put its files back, or restore a backup and restart"
    )]
    Lost {
        /// Which file.
        path: String,
        /// What happened to it, and how many tasks that concerns.
        what: String,
    },
    /// Nothing durable can be kept there.
    #[error("the task store cannot be kept at {path}: {what}")]
    Unsuitable {
        /// The path that was given.
        path: String,
        /// Why not, and what to do.
        what: String,
    },
    /// What is stored of this task cannot be read; the others are not concerned.
    #[error(
        "the stored data of task {id} cannot be read: {what}; see the log, and restore the store from a backup"
    )]
    Unreadable {
        /// Which task.
        id: TaskId,
        /// What is wrong with it.
        what: String,
    },
    /// It cannot be written.
    #[error(
        "the task store {0} cannot be written; check the owner and the mode of file and directory"
    )]
    ReadOnly(String),
    /// It was written by a newer version of this program.
    #[error(
        "the task store has schema {found}, but this version reads only up to {known}; run the newer version"
    )]
    NewerSchema {
        /// The version of the file.
        found: i64,
        /// The newest version known here.
        known: i64,
    },
    /// It is down, or not up yet: it took nothing.
    #[error("the task store is down ({0}), and nothing was stored; try again when it is up")]
    Away(String),
    /// No answer came, so it is not known whether the request was carried out.
    #[error(
        "the task store gave no answer ({0}); the request may have been carried out: send it again with its idempotency key, or look the task up"
    )]
    Unknown(String),
    /// Anything else.
    #[error("the task store failed")]
    Other(#[source] ErrorSource),
}

/// A cause from outside, shared so that every waiting caller gets it.
pub type ErrorSource = Arc<dyn Error + Send + Sync>;

impl StoreError {
    /// Returns whether the same request may well succeed in a while.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        // `Unknown` too: under the same id or key, sending it again makes no second task.
        matches!(
            self,
            Self::Full(_)
                | Self::Busy(_)
                | Self::Overloaded(_)
                | Self::Away(_)
                | Self::Unknown(_)
                | Self::Other(_)
        )
    }
}
