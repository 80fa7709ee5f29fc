//! The context that an agent has while it does a task.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ms_core::task::{FailureKind, FencingToken, TaskFailure, TaskId};
use ms_core::traceparent::TraceContext;
use ms_task::{Journal, JournalEntry, TaskCommand, TaskStore};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::json::{decode, encode};
use super::outcome::{FIRST_RETRY_PAUSE, until_taken};
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
    flags: Rc<AttemptFlags>,
}

/// Flags that an attempt shares with the code that runs it.
#[derive(Debug, Default)]
pub(crate) struct AttemptFlags {
    /// Whether an entry of the journal is on its way to the store.
    writing: Cell<bool>,
    /// Set when the agent hands the task back.
    back: Cell<Option<Duration>>,
}

impl AttemptFlags {
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.get()
    }

    /// Returns after which time the task may start again, if the agent handed it back.
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
        flags: Rc<AttemptFlags>,
    ) -> Self {
        Self { cx, store, id, token, trace, journal, flags }
    }

    /// Returns the task's id, the natural idempotency key for what it does to the outside.
    #[must_use]
    pub const fn task_id(&self) -> TaskId {
        self.id
    }

    /// Returns this attempt's place in the trace of its submission, if it has one. Pass it on as
    /// `traceparent` in calls to other services; log lines of the attempt have its ids.
    #[must_use]
    pub const fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// Runs a step of the task once. Its result is on disk when this returns, and a later attempt
    /// gets that result instead of running the step again.
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

    /// Saves a checkpoint for later attempts in place of the last one; it is on disk when this
    /// returns.
    ///
    /// # Errors
    /// More than 1 MiB of JSON, or a task that is no longer this agent's.
    pub async fn checkpoint<T: Serialize>(&mut self, state: &T) -> Result<(), TaskFailure> {
        let value = encode("the checkpoint", state)?;
        self.write(JournalEntry::Checkpoint(value.clone())).await?;
        self.journal.checkpoint = Some(value);
        Ok(())
    }

    /// Returns the last checkpoint, if an attempt saved one.
    ///
    /// # Errors
    /// The checkpoint is no `T`; the failure is permanent.
    pub fn restore<T: DeserializeOwned>(&self) -> Result<Option<T>, TaskFailure> {
        self.journal.checkpoint.as_ref().map(|value| decode("the checkpoint", value)).transpose()
    }

    /// Gives the task back: return this call's result as the error of `perform`.
    ///
    /// The attempt does not count, however often it happens. The task keeps its journal and may
    /// start again `after` this time, with whichever agent is free then. It is for work that
    /// cannot be done now through no fault of its own: the agent is asked to stop
    /// ([`Cx::cancelled`]), a person has not answered yet, a service asks to come back later.
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
        self.flags.back.set(Some(after));
        TaskFailure::new(FailureKind::Interrupted, "the agent handed the task back")
    }

    async fn write(&self, entry: JournalEntry) -> Result<(), TaskFailure> {
        let command = TaskCommand::Journal(self.id, self.token, entry);
        let (writing, mut pause) = (Writing::begin(&self.flags), FIRST_RETRY_PAUSE);
        // An outage is no fault of the attempt, and an entry that was taken before is the same one
        // once more. The end of the lease ends the attempt, and this with it.
        let answers = until_taken(&*self.store, &command, &mut pause, |error| {
            tracing::debug!(%error, "an entry of a journal waits for the store");
        })
        .await;
        drop(writing);
        let mut answers = answers?;
        match answers.pop() {
            Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(TaskFailure::from_error(FailureKind::Error, &error)),
            None => Err(TaskFailure::retry("the store did not answer for the journal")),
        }
    }
}

/// Marks an entry as on its way to the store, and ends the mark even if the write is dropped.
struct Writing<'a>(&'a AttemptFlags);

impl<'a> Writing<'a> {
    fn begin(flags: &'a AttemptFlags) -> Self {
        flags.writing.set(true);
        Self(flags)
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
