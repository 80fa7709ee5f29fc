//! The client: submitting, reading, cancelling, replaying.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ms_actor::{LateRef, Ref};
use ms_core::task::{
    AgentKind, NewTask, QueueName, StoreError, Submitted, TaskError, TaskFilter, TaskId, TaskPage,
    TaskView,
};
use ms_core::time::later;
use ms_task::{StoreFuture, StoreStats, Submission, TaskCommand, TaskEnd, TaskStore};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::dispatcher::Dispatcher;
use super::intake::{Intake, OnRefused};
use super::messages::{StopWork, TouchStore, Wake};

/// Longest pause between two polls of a task that a caller waits for.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Time for which a request is sent again to a store that ended with it in hand. A restart of the
/// store takes less, so the caller does not notice.
const SEND_AGAIN_FOR: Duration = Duration::from_secs(2);
/// Pause before it is sent again.
const SEND_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// Why a call about a task failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TaskRefusal {
    /// The task or the request is at fault.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The store carried out nothing.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The task has not ended in time; it goes on.
    #[error(
        "task {id} has not ended within {within:?}; it is still in progress, check again later"
    )]
    NotYet {
        /// The id of the task.
        id: TaskId,
        /// The deadline.
        within: Duration,
    },
}

/// A handle to durable tasks; cheap to clone, and valid over restarts of all actors behind it.
#[derive(Debug, Clone)]
pub struct TaskClient {
    pub(crate) store: Arc<dyn TaskStore>,
    pub(crate) dispatcher: LateRef<Dispatcher>,
    pub(crate) queues: Arc<BTreeSet<QueueName>>,
    pub(crate) kinds: Arc<BTreeMap<AgentKind, Intake>>,
    pub(crate) on_refused: OnRefused,
}

impl TaskClient {
    /// Submits a task. It is on disk when this returns `Ok`: from then on it ends in one of
    /// the four ways, whatever crashes.
    ///
    /// # Errors
    /// [`TaskRefusal::Task`] says what is wrong with it, [`TaskRefusal::Store`] why nothing can be
    /// taken. After [`StoreError::Unknown`] it may have been taken: an idempotency key makes
    /// sending it again safe.
    pub async fn submit(&self, task: NewTask) -> Result<Submitted, TaskRefusal> {
        let mut answers = self.submit_all(vec![task]).await?;
        Ok(answers.pop().ok_or_else(no_answer)??)
    }

    /// Submits many tasks at once, at most 1,000; each is accepted or refused by itself.
    ///
    /// # Errors
    /// As [`TaskClient::submit`], for all of them together.
    pub async fn submit_all(
        &self,
        tasks: Vec<NewTask>,
    ) -> Result<Vec<Result<Submitted, TaskError>>, TaskRefusal> {
        let (mut good, mut refused) = (Vec::new(), Vec::new());
        for task in tasks {
            match self.check(&task) {
                Ok(()) => {
                    good.push(Submission { id: fresh_id(), task });
                    refused.push(None);
                }
                Err(error) => refused.push(Some(error)),
            }
        }
        let mut stored = Vec::new();
        if !good.is_empty() {
            // Before the store is asked: the caller may be dropped while it waits.
            let _wake = self.wake_at_the_end();
            stored = self.store_all(good).await?;
        }
        let mut stored = stored.into_iter();
        let answer = |refused: Option<TaskError>| match refused {
            Some(error) => Ok(Err(error)),
            None => stored.next().ok_or_else(no_answer),
        };
        Ok(refused.into_iter().map(answer).collect::<Result<_, _>>()?)
    }

    /// Reads a task; `None` if there is none, or it was removed.
    ///
    /// # Errors
    /// Only when the store does not answer.
    pub async fn get(&self, id: TaskId) -> Result<Option<TaskView>, StoreError> {
        again(|| self.store.get(id)).await
    }

    /// Reads the result of a completed task.
    ///
    /// # Errors
    /// Only when the store does not answer.
    pub async fn result(&self, id: TaskId) -> Result<Option<Value>, StoreError> {
        again(|| self.store.result(id)).await
    }

    /// Reads those of these tasks that have ended, each with its result: for callers that wait for
    /// many tasks. At most 1,000 are looked at.
    ///
    /// # Errors
    /// Only when the store does not answer.
    pub async fn ends(&self, ids: Vec<TaskId>) -> Result<Vec<TaskEnd>, StoreError> {
        again(|| self.store.ends(ids.clone())).await
    }

    /// Reads a task as it was submitted.
    ///
    /// # Errors
    /// Only when the store does not answer.
    pub async fn request(&self, id: TaskId) -> Result<Option<NewTask>, StoreError> {
        self.store.request(id).await
    }

    /// Reads a page of tasks; the dead letters are those in the state
    /// [`TaskState::Dead`](ms_core::task::TaskState::Dead).
    ///
    /// # Errors
    /// Only when the store does not answer.
    pub async fn list(&self, filter: TaskFilter) -> Result<TaskPage, StoreError> {
        again(|| self.store.list(filter.clone())).await
    }

    /// Counts by queue and state.
    ///
    /// # Errors
    /// Only when the store does not answer.
    pub async fn stats(&self) -> Result<StoreStats, StoreError> {
        self.store.stats().await
    }

    /// Checks along the path of a write whether one would succeed now. Nothing is written.
    ///
    /// # Errors
    /// Why a write would fail; [`StoreError::Unknown`] if there was no answer.
    pub async fn touch_store(&self, within: Duration) -> Result<(), StoreError> {
        answered(within, self.store.touch()).await
    }

    /// Checks whether the dispatcher could claim a task now: it runs, and the store answers it.
    /// Nothing is claimed.
    ///
    /// # Errors
    /// As [`TaskClient::touch_store`].
    pub async fn touch_dispatcher(&self, within: Duration) -> Result<(), StoreError> {
        let Some(dispatcher) = self.dispatcher() else {
            return Err(StoreError::Away("the dispatcher has not started".to_owned()));
        };
        let asked = async {
            let answer = dispatcher.ask(TouchStore).within(within).await;
            answer.unwrap_or_else(|error| Err(StoreError::Away(error.to_string())))
        };
        answered(within, asked).await
    }

    /// Cancels a task that has not ended. An agent that works on it is stopped at its next
    /// `await`; what it has done to the outside stays done.
    ///
    /// # Errors
    /// Not found, or ended otherwise.
    pub async fn cancel(&self, id: TaskId) -> Result<TaskView, TaskRefusal> {
        let view = self.one(TaskCommand::Cancel(id)).await?;
        if let Some(dispatcher) = self.dispatcher() {
            // With a full mailbox the agent finds out when its lease is not renewed.
            drop(dispatcher.try_tell(StopWork(id)));
        }
        Ok(view)
    }

    /// Takes a task out of the dead letters, or one that failed: it has all its attempts again,
    /// and goes on from its journal.
    ///
    /// # Errors
    /// Not found, or in another state.
    pub async fn replay(&self, id: TaskId) -> Result<TaskView, TaskRefusal> {
        let _wake = self.wake_at_the_end();
        self.one(TaskCommand::Replay(id)).await
    }

    /// Waits until a task has ended.
    ///
    /// # Errors
    /// Not found; [`TaskRefusal::NotYet`] after `within`.
    pub async fn ended(&self, id: TaskId, within: Duration) -> Result<TaskView, TaskRefusal> {
        let until = later(Instant::now(), within);
        let mut pause = Duration::from_millis(1);
        loop {
            match self.store.get(id).await {
                Ok(None) => return Err(TaskError::NotFound(id).into()),
                Ok(Some(view)) if view.state.is_ended() => return Ok(view),
                Ok(Some(_)) if Instant::now() >= until => {
                    return Err(TaskRefusal::NotYet { id, within });
                }
                Err(error) if !error.is_transient() || Instant::now() >= until => {
                    return Err(error.into());
                }
                Ok(Some(_)) | Err(_) => sleep(pause).await,
            }
            pause = pause.saturating_mul(2).min(LOOK_EVERY);
        }
    }

    /// Stores new tasks, and sends them again under the same ids when the store ended before it
    /// answered. It knows the ids it has, so no task is taken twice.
    async fn store_all(
        &self,
        tasks: Vec<Submission>,
    ) -> Result<Vec<Result<Submitted, TaskError>>, StoreError> {
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
        let mut answers = again(|| self.store.submit(tasks.clone())).await?;
        for (id, answer) in ids.into_iter().zip(&mut answers) {
            match answer {
                // The id was made here, so no other caller has it: the task was written before the
                // store ended.
                Err(TaskError::Duplicate(_)) => {
                    let view = again(|| self.store.get(id)).await;
                    if let Some(view) =
                        view.map_err(|error| StoreError::Unknown(error.to_string()))?
                    {
                        *answer = Ok(Submitted { view, repeated: false });
                    }
                }
                Ok(submitted) if submitted.view.id == id => submitted.repeated = false,
                _ => {}
            }
        }
        Ok(answers)
    }

    async fn one(&self, command: TaskCommand) -> Result<TaskView, TaskRefusal> {
        let mut answers = self.store.execute(vec![command]).await?;
        Ok(answers.pop().ok_or_else(no_answer)??)
    }

    fn check(&self, task: &NewTask) -> Result<(), TaskError> {
        if !self.queues.contains(&task.queue) {
            return Err(TaskError::UnknownQueue(task.queue.clone()));
        }
        let Some(intake) = self.kinds.get(&task.kind) else {
            return Err(TaskError::UnknownKind(task.kind.clone()));
        };
        intake.check(&task.payload).map_err(|invalid| {
            self.on_refused.report(&task.kind, &invalid);
            TaskError::InvalidPayload { kind: task.kind.clone(), invalid }
        })
    }

    /// Returns a guard that wakes the dispatcher when it is dropped, even if the answer never comes
    /// or the caller stops waiting: the store may have taken the request all the same.
    const fn wake_at_the_end(&self) -> WakeAtTheEnd<'_> {
        WakeAtTheEnd(self)
    }

    /// Returns the dispatcher, once it has started. Manual commands on tasks are recorded under its
    /// path, and registries know the tasks by it.
    #[must_use]
    pub fn dispatcher(&self) -> Option<Ref<Dispatcher>> {
        self.dispatcher.get()
    }
}

/// The guard of [`TaskClient::wake_at_the_end`].
struct WakeAtTheEnd<'a>(&'a TaskClient);

impl Drop for WakeAtTheEnd<'_> {
    fn drop(&mut self) {
        if let Some(dispatcher) = self.0.dispatcher() {
            // With a full mailbox it is awake already.
            drop(dispatcher.try_tell(Wake));
        }
    }
}

/// Calls the store again while it is away or ended with the request in hand. Once an attempt may
/// have been carried out, the error says so, whatever the last attempt returns.
async fn again<T>(ask: impl Fn() -> StoreFuture<T>) -> Result<T, StoreError> {
    let until = later(Instant::now(), SEND_AGAIN_FOR);
    let mut unknown = None;
    loop {
        let error = match ask().await {
            Err(error @ StoreError::Unknown(_)) => unknown.insert(error).clone(),
            Err(error @ StoreError::Away(_)) => error,
            answer => return answer.map_err(|error| unknown.unwrap_or(error)),
        };
        if Instant::now() >= until {
            return Err(unknown.unwrap_or(error));
        }
        sleep(SEND_AGAIN_AFTER).await;
    }
}

async fn answered<T>(
    within: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = |_| Err(StoreError::Unknown(format!("no answer within {within:?}")));
    tokio::time::timeout(within, call).await.unwrap_or_else(late)
}

fn no_answer() -> StoreError {
    StoreError::Unknown("none for this task".to_owned())
}

fn fresh_id() -> TaskId {
    TaskId::new(Uuid::now_v7())
}
