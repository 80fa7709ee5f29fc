//! Durable tasks: shown, taken in, given up, tried again.
//!
//! What changes them is on record as every other steering is, under the path of the actor that
//! hands tasks out, and without what a task carries.

use std::time::Duration;

use ms_control::proto::{Reply, TaskShown, TaskTaken, TaskVerb};
use ms_control::{ControlError, Peer, codes};
use ms_core::ActorPath;
use ms_core::task::{NewTask, StoreError, Submitted, TaskError, TaskFilter, TaskId, TaskState};
use ms_worker::tasks::{TaskClient, TaskRefusal};

use super::NodeControl;
use super::steer::Order;

impl NodeControl {
    pub(super) async fn tasks(&self, filter: TaskFilter) -> Result<Reply, ControlError> {
        let page = self.task_client()?.list(filter).await;
        page.map(Reply::Tasks).map_err(|error| of_store(&error))
    }

    pub(super) async fn task(&self, id: TaskId) -> Result<Reply, ControlError> {
        let client = self.task_client()?;
        let found = client.get(id).await.map_err(|error| of_store(&error))?;
        let task = found.ok_or_else(|| no_task(id))?;
        let result = match task.state {
            TaskState::Completed => client.result(id).await.map_err(|error| of_store(&error))?,
            _ => None,
        };
        Ok(Reply::Task(Box::new(TaskShown { task, result })))
    }

    pub(super) async fn submit_task(
        &self,
        peer: Peer,
        task: NewTask,
        within: Duration,
    ) -> Result<Reply, ControlError> {
        let client = self.task_client()?;
        let order =
            Order::new(peer, self.tasks_path()?, format!("task submit {}", task.kind), None);
        self.carry_out(order, within, async move {
            task.check().map_err(|error| of_task(&error))?;
            let submitted = client.submit(task).await.map_err(|error| of_refusal(&error))?;
            let Submitted { view, repeated } = submitted;
            Ok(Reply::TaskTaken(Box::new(TaskTaken { task: view, repeated })))
        })
        .await
    }

    pub(super) async fn steer_task(
        &self,
        peer: Peer,
        id: TaskId,
        verb: TaskVerb,
        reason: Option<String>,
        within: Duration,
    ) -> Result<Reply, ControlError> {
        let client = self.task_client()?;
        let order = Order::new(peer, self.tasks_path()?, format!("task {verb} {id}"), reason);
        self.carry_out(order, within, async move {
            let done = match verb {
                TaskVerb::Cancel => client.cancel(id).await,
                TaskVerb::Retry => client.replay(id).await,
            };
            done.map(|task| Reply::TaskSteered(Box::new(task))).map_err(|error| of_refusal(&error))
        })
        .await
    }

    fn task_client(&self) -> Result<TaskClient, ControlError> {
        self.0.shown.tasks.clone().ok_or_else(|| {
            ControlError::new(&codes::NO_TASK_STORE, "this node has no task store")
                .why("its program keeps no durable tasks, or did not give RunConfig their client")
                .next("`msctl info` tells which node answers; --control chooses another")
        })
    }

    /// The actor that hands tasks out; the root, while that has not started.
    fn tasks_path(&self) -> Result<ActorPath, ControlError> {
        match self.0.shown.tasks.as_ref().and_then(TaskClient::dispatcher) {
            Some(dispatcher) => Ok(dispatcher.path().clone()),
            None => Ok(self.root()?.path().clone()),
        }
    }
}

fn no_task(id: TaskId) -> ControlError {
    ControlError::new(&codes::NO_TASK, format!("there is no task {id}"))
        .next("`msctl tasks ls` shows the tasks of this node")
}

fn of_refusal(refusal: &TaskRefusal) -> ControlError {
    match refusal {
        TaskRefusal::Task(error) => of_task(error),
        TaskRefusal::Store(error) => of_store(error),
        // What this does not know of may have been carried out, too.
        _ => ControlError::timed_out(refusal.to_string()),
    }
}

fn of_task(error: &TaskError) -> ControlError {
    let told = error.to_string();
    match error {
        TaskError::NotFound(id) => no_task(*id),
        TaskError::TooLarge { .. } => ControlError::too_large(told),
        // What is wrong may quote the payload. It is a reason, which is kept off the record.
        TaskError::InvalidPayload { kind, invalid } => {
            let field = &invalid.field;
            let what = format!("the payload is not what the kind {kind} takes, at {field}");
            ControlError::bad_request(what).why(invalid.why.clone())
        }
        TaskError::OutOfBounds { .. }
        | TaskError::Contradiction { .. }
        | TaskError::BatchTooLarge { .. } => ControlError::bad_request(told),
        TaskError::Unreadable { .. } => ControlError::new(&codes::STORE_FAILED, told),
        // The rest is about the state of the task or of its queue.
        _ => ControlError::new(&codes::TASK_REFUSED, told),
    }
}

fn of_store(error: &StoreError) -> ControlError {
    ControlError::new(&codes::STORE_FAILED, "the task store failed")
        .why(error.to_string())
        .next("a submission may be sent again with the same --key; see the node's log")
}
