//! The messages from the handle to the actor. Each carries the channel of its reply, which is sent
//! when the commit is done and not when the message was handled.

use actix::Message;
use ms_core::task::{
    NewTask, StoreError, Submitted, TaskError, TaskFilter, TaskId, TaskPage, TaskView,
};
use ms_task::budget::KeptUsage;
use ms_task::{ClaimSpec, Claimed, Held, StoreStats, Submission, Swept, TaskCommand, TaskEnd};
use serde_json::Value;
use tokio::sync::oneshot;

pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Something to be written.
pub(crate) enum Write {
    Submit(Vec<Submission>, Reply<Vec<Result<Submitted, TaskError>>>),
    Execute(Vec<TaskCommand>, Reply<Vec<Result<TaskView, TaskError>>>),
    Claim(ClaimSpec, Reply<Claimed>),
    TakeBack(String, Reply<usize>),
    ReleaseBut(Held, Reply<usize>),
    Sweep(Reply<Swept>),
    Budgets(Vec<KeptUsage>, Reply<()>),
}

impl Message for Write {
    type Result = ();
}

impl Write {
    /// Returns how much work it is, in tasks.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Submit(tasks, _) => tasks.len(),
            Self::Execute(commands, _) => commands.len(),
            Self::Claim(wish, _) => wish.room.values().sum(),
            Self::Budgets(usage, _) => usage.len(),
            Self::TakeBack(..) | Self::ReleaseBut(..) | Self::Sweep(_) => 1,
        }
    }

    /// Returns whether it must be on disk before it is answered. Other writes may be lost with the
    /// power, because they are void after it anyway: leases and their renewals.
    pub(crate) fn is_promise(&self) -> bool {
        match self {
            Self::Submit(..) | Self::Budgets(..) => true,
            Self::Execute(commands, _) => commands
                .iter()
                .any(|command| !matches!(command, TaskCommand::Start(..) | TaskCommand::Renew(..))),
            Self::Claim(..) | Self::TakeBack(..) | Self::ReleaseBut(..) | Self::Sweep(_) => false,
        }
    }

    /// Returns whether it claims tasks for a caller that no longer waits.
    pub(crate) fn is_pointless(&self) -> bool {
        matches!(self, Self::Claim(_, reply) if reply.is_closed())
    }

    /// Answers with an error, unless the caller has gone meanwhile.
    pub(crate) fn refuse(self, error: StoreError) {
        match self {
            Self::Submit(_, reply) => drop(reply.send(Err(error))),
            Self::Execute(_, reply) => drop(reply.send(Err(error))),
            Self::Claim(_, reply) => drop(reply.send(Err(error))),
            Self::TakeBack(_, reply) | Self::ReleaseBut(_, reply) => drop(reply.send(Err(error))),
            Self::Sweep(reply) => drop(reply.send(Err(error))),
            Self::Budgets(_, reply) => drop(reply.send(Err(error))),
        }
    }
}

/// Runs through the path of a [`Write`] without writing, to find out whether one would succeed.
pub(crate) struct Touch(pub(crate) Reply<()>);

impl Touch {
    /// Answers with an error, unless the caller has gone meanwhile.
    pub(crate) fn refuse(self, error: StoreError) {
        drop(self.0.send(Err(error)));
    }
}

impl Message for Touch {
    type Result = ();
}

/// Closes the file; the actor stays and refuses all requests.
pub(crate) struct CloseFile(pub(crate) Reply<()>);

impl Message for CloseFile {
    type Result = ();
}

/// Something to be read.
pub(crate) enum Read {
    Get(TaskId, Reply<Option<TaskView>>),
    Request(TaskId, Reply<Option<NewTask>>),
    Result(TaskId, Reply<Option<Value>>),
    Ends(Vec<TaskId>, Reply<Vec<TaskEnd>>),
    List(TaskFilter, Reply<TaskPage>),
    Stats(Reply<StoreStats>),
    Budgets(Reply<Vec<KeptUsage>>),
}

impl Message for Read {
    type Result = ();
}

impl Read {
    /// Returns whether it reads tasks by their ids, so that it need not wait behind lists.
    pub(crate) const fn is_by_id(&self) -> bool {
        !matches!(self, Self::List(..))
    }

    pub(crate) fn refuse(self, error: StoreError) {
        match self {
            Self::Get(_, reply) => drop(reply.send(Err(error))),
            Self::Request(_, reply) => drop(reply.send(Err(error))),
            Self::Result(_, reply) => drop(reply.send(Err(error))),
            Self::Ends(_, reply) => drop(reply.send(Err(error))),
            Self::List(_, reply) => drop(reply.send(Err(error))),
            Self::Stats(reply) => drop(reply.send(Err(error))),
            Self::Budgets(reply) => drop(reply.send(Err(error))),
        }
    }
}
