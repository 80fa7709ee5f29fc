//! Lists, submits, cancels and retries durable tasks.

use ms_core::task::{
    NewTask, StoreError, Submitted, TaskFilter, TaskId, TaskPage, TaskState, TaskView,
};
use ms_ops::views::{Submittal, TaskDetails, TaskResult, TaskTaken};
use ms_ops::{OpError, codes};
use ms_worker::tasks::{TaskClient, TaskRefusal};

use super::NodeControl;

impl NodeControl {
    pub(super) async fn tasks(&self, filter: TaskFilter) -> Result<TaskPage, OpError> {
        Ok(self.task_client()?.list(filter).await?)
    }

    pub(super) async fn task(&self, id: TaskId) -> Result<TaskView, OpError> {
        self.task_client()?.get(id).await?.ok_or_else(|| OpError::no_task(id))
    }

    pub(super) async fn show_task(&self, id: TaskId) -> Result<TaskDetails, OpError> {
        let task = self.task(id).await?;
        let result = match task.state {
            TaskState::Completed => self.task_client()?.result(id).await?,
            _ => None,
        };
        Ok(TaskDetails { task, result })
    }

    pub(super) async fn task_result(&self, id: TaskId) -> Result<TaskResult, OpError> {
        let task = self.task(id).await?;
        if !task.state.is_ended() {
            let what = format!("task {id} is {}", task.state);
            return Err(OpError::new(&codes::NOT_FINISHED, what));
        }
        let success = task.state == TaskState::Completed;
        let output = if success { self.task_client()?.result(id).await? } else { None };
        let error = if success { None } else { task.failure.map(|failure| failure.to_string()) };
        Ok(TaskResult { success, state: task.state, output, error })
    }

    pub(super) async fn submit_task(&self, task: NewTask) -> Result<TaskTaken, OpError> {
        self.task_client()?.submit(task).await.map(taken).map_err(of_refusal)
    }

    /// Submits tasks together; each has an answer of its own.
    pub(super) async fn submit_batch(
        &self,
        tasks: Vec<NewTask>,
    ) -> Result<Vec<Submittal>, OpError> {
        let count = tasks.len();
        let refused = |error| Submittal::Refused(Box::new(error));
        let answers = match self.task_client()?.submit_all(tasks).await {
            Ok(answers) => answers,
            // A refusal of the whole batch is the answer to each of its tasks.
            Err(TaskRefusal::Task(error)) => {
                return Ok(vec![refused(OpError::from(error)); count]);
            }
            Err(late) => return Err(of_refusal(late)),
        };
        let each = answers.into_iter().map(|answer| match answer {
            Ok(submitted) => Submittal::Taken(Box::new(taken(submitted))),
            Err(error) => refused(error.into()),
        });
        Ok(each.collect())
    }

    pub(super) async fn cancel_task(&self, id: TaskId) -> Result<TaskView, OpError> {
        self.task_client()?.cancel(id).await.map_err(of_refusal)
    }

    pub(super) async fn retry_task(&self, id: TaskId) -> Result<TaskView, OpError> {
        self.task_client()?.replay(id).await.map_err(of_refusal)
    }

    fn task_client(&self) -> Result<&TaskClient, OpError> {
        self.0.exposed.tasks.as_ref().ok_or_else(|| {
            OpError::new(&codes::NO_TASK_STORE, "this node has no task store")
                .why("its program keeps no durable tasks, or did not give RunConfig their client")
                .next("`msctl info` shows which node answers; --control chooses another")
        })
    }
}

fn taken(Submitted { view, repeated }: Submitted) -> TaskTaken {
    TaskTaken { task: view, repeated }
}

fn of_refusal(refusal: TaskRefusal) -> OpError {
    match refusal {
        TaskRefusal::Task(error) => error.into(),
        TaskRefusal::Store(error) => error.into(),
        // Too late is no refusal: the store may have the task. The error says so, and not that
        // nothing happened.
        late => {
            let text = late.to_string();
            OpError::timed_out(text.clone()).detail(StoreError::Unknown(text).to_string())
        }
    }
}
