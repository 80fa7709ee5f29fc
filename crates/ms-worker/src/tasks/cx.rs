//! What an agent has while it does a task.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ms_core::task::{
    FailureKind, FencingToken, StoreError, TaskError, TaskFailure, TaskId, TaskView,
};
use ms_core::traceparent::TraceContext;
use ms_task::{Journal, JournalEntry, TaskCommand, TaskStore};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::json::{decode, encode};
use super::outcome::{LONGEST_PAUSE, PAUSE};
use crate::agent::Agent;
use crate::cx::Cx;

/// An agent's surroundings while it does a task: its [`Cx`], and the task's journal.
pub struct TaskCx<'a, G: Agent> {
    cx: &'a mut Cx<G>,
    store: Arc<dyn TaskStore>,
    id: TaskId,
    token: FencingToken,
    trace: Option<TraceContext>,
    journal: Journal,
    desk: Rc<Desk>,
}

/// What an attempt and whoever runs it both look at.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Whether an entry of the journal is on its way to the store.
    writing: Cell<bool>,
    /// Set when the agent hands the task back.
    back: Cell<Option<Duration>>,
}

impl Desk {
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.get()
    }

    /// After which time the task may start again, if the agent handed it back.
    pub(crate) fn handed_back(&self) -> Option<Duration> {
        self.back.get()
    }
}

impl<'a, G: Agent> TaskCx<'a, G> {
    pub(crate) fn new(
        cx: &'a mut Cx<G>,
        store: Arc<dyn TaskStore>,
        (id, token): (TaskId, FencingToken),
        trace: Option<TraceContext>,
        journal: Journal,
        desk: Rc<Desk>,
    ) -> Self {
        Self { cx, store, id, token, trace, journal, desk }
    }

    /// The task's id: the natural idempotency key for what it does to the outside.
    #[must_use]
    pub const fn task_id(&self) -> TaskId {
        self.id
    }

    /// Where in the trace of its submission this attempt is, if it has one: what a call to
    /// another service gives on as `traceparent`. Log lines of the attempt have its ids.
    #[must_use]
    pub const fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// Does a step of the task, once: its result is on disk when this returns, and a later
    /// attempt is given that result instead of doing the step again.
    ///
    /// A crash inside a step, or between its end and the write, has it done again: make what
    /// it does to the outside idempotent. Names are unique within a task, of 1 to 128 bytes.
    ///
    /// # Errors
    /// The step's own failure, which is not journaled; a result that is not what an earlier
    /// attempt journaled under this name; a task that is no longer this agent's.
    pub async fn step<T, F, W>(&mut self, name: &str, work: F) -> Result<T, TaskFailure>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> W,
        W: Future<Output = Result<T, TaskFailure>>,
    {
        if let Some(known) = self.journal.steps.get(name) {
            return decode(&format!("the step {name:?}"), known);
        }
        let result = work().await?;
        let value = encode(&format!("the result of the step {name:?}"), &result)?;
        let entry = JournalEntry::Step { name: name.to_owned(), value: value.clone() };
        self.write(entry).await?;
        self.journal.steps.insert(name.to_owned(), value);
        Ok(result)
    }

    /// Leaves something for a later attempt, in place of the last checkpoint; it is on disk
    /// when this returns.
    ///
    /// # Errors
    /// More than 1 MiB of JSON, or a task that is no longer this agent's.
    pub async fn checkpoint<T: Serialize>(&mut self, state: &T) -> Result<(), TaskFailure> {
        let value = encode("the checkpoint", state)?;
        self.write(JournalEntry::Checkpoint(value.clone())).await?;
        self.journal.checkpoint = Some(value);
        Ok(())
    }

    /// The last checkpoint, if an attempt left one.
    ///
    /// # Errors
    /// The checkpoint is no `T`; the failure is permanent.
    pub fn restore<T: DeserializeOwned>(&self) -> Result<Option<T>, TaskFailure> {
        self.journal.checkpoint.as_ref().map(|value| decode("the checkpoint", value)).transpose()
    }

    /// Gives the task back: return what this gives as the error of `perform`.
    ///
    /// The attempt does not count, however often it happens. The task keeps its journal and may
    /// start again `after` this time, with whichever agent is free then. It is for work that
    /// cannot be done now through no fault of its own: the agent is told to stop
    /// ([`Cx::cancelled`]), a person has not answered yet, the other side asks for patience.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use ms_core::task::TaskFailure;
    /// # use ms_worker::Agent;
    /// # use ms_worker::tasks::TaskCx;
    /// # async fn is_approved() -> bool { false }
    /// async fn approved<G: Agent>(cx: &TaskCx<'_, G>) -> Result<(), TaskFailure> {
    ///     if is_approved().await {
    ///         return Ok(());
    ///     }
    ///     Err(cx.hand_back(Duration::from_secs(60)))
    /// }
    /// ```
    #[must_use = "return it as the error of `perform`"]
    pub fn hand_back(&self, after: Duration) -> TaskFailure {
        self.desk.back.set(Some(after));
        TaskFailure::new(FailureKind::Interrupted, "the agent handed the task back")
    }

    async fn write(&self, entry: JournalEntry) -> Result<(), TaskFailure> {
        let command = TaskCommand::Journal(self.id, self.token, entry);
        let writing = Writing::begin(&self.desk);
        let answers = self.written(command).await;
        drop(writing);
        let mut answers = answers?;
        match answers.pop() {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(TaskFailure::from_error(FailureKind::Error, &error)),
            None => Err(TaskFailure::retry("the store did not answer for the journal")),
        }
    }

    /// Says it again for as long as the store may take it later: an outage is no fault of the
    /// attempt's, and an entry that was taken before is the same one once more. The end of the
    /// lease ends the attempt, and this with it.
    async fn written(
        &self,
        command: TaskCommand,
    ) -> Result<Vec<Result<TaskView, TaskError>>, StoreError> {
        let mut pause = PAUSE;
        loop {
            match self.store.execute(vec![command.clone()]).await {
                Err(error) if error.is_transient() => {
                    tracing::debug!(%error, "an entry of a journal waits for the store");
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                }
                answers => return answers,
            }
        }
    }
}

/// An entry on its way to the store, also when whoever writes it is dropped.
struct Writing<'a>(&'a Desk);

impl<'a> Writing<'a> {
    fn begin(desk: &'a Desk) -> Self {
        desk.writing.set(true);
        Self(desk)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.writing.set(false);
    }
}

impl<G: Agent> Deref for TaskCx<'_, G> {
    type Target = Cx<G>;

    fn deref(&self) -> &Cx<G> {
        self.cx
    }
}

impl<G: Agent> DerefMut for TaskCx<'_, G> {
    fn deref_mut(&mut self) -> &mut Cx<G> {
        self.cx
    }
}

impl<G: Agent> fmt::Debug for TaskCx<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskCx({} for {})", self.cx.path(), self.id)
    }
}
