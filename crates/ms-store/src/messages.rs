//! What the handle asks of the actor. A reply's channel travels with the question: the
//! answer is given when the commit is done, not when the message was handled.

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
    /// How much work it is, in tasks.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Submit(tasks, _) => tasks.len(),
            Self::Execute(commands, _) => commands.len(),
            Self::Claim(wish, _) => wish.room.values().sum(),
            Self::Budgets(usage, _) => usage.len(),
            Self::TakeBack(..) | Self::ReleaseBut(..) | Self::Sweep(_) => 1,
        }
    }

    /// Whether it must be on disk before it is answered. What else is lost with the power
    /// is void after it anyway: leases, and signs of life.
    pub(crate) fn is_promise(&self) -> bool {
        match self {
            Self::Submit(..) | Self::Budgets(..) => true,
            Self::Execute(commands, _) => commands
                .iter()
                .any(|command| !matches!(command, TaskCommand::Start(..) | TaskCommand::Renew(..))),
            Self::Claim(..) | Self::TakeBack(..) | Self::ReleaseBut(..) | Self::Sweep(_) => false,
        }
    }

    /// Whether it gives tasks to somebody who does not wait any more.
    pub(crate) fn is_pointless(&self) -> bool {
        matches!(self, Self::Claim(_, reply) if reply.is_closed())
    }

    /// Answers with an error. Who has gone meanwhile is not told.
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

/// Write nothing, by the way a [`Write`] takes: whether one could be carried out now.
pub(crate) struct Touch(pub(crate) Reply<()>);

impl Touch {
    /// Answers with an error. Who has gone meanwhile is not told.
    pub(crate) fn refuse(self, error: StoreError) {
        drop(self.0.send(Err(error)));
    }
}

impl Message for Touch {
    type Result = ();
}

/// Close the file; the actor stays and takes nothing any more.
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
    /// Whether it looks at tasks by their ids, and does not wait behind those that look for some.
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
