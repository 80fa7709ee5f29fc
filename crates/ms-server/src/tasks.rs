//! The API's tasks: the client of the dispatcher.

use ms_core::task::{
    NewTask, StoreError, Submitted, TaskError, TaskFilter, TaskId, TaskPage, TaskView,
};
use ms_transport::{PortFuture, TaskAnswer, TasksPort};
use ms_worker::tasks::{TaskClient, TaskRefusal};
use serde_json::Value;

use crate::calls::FromTransport;

/// [`TaskClient`] as the API asks it; each call is reported.
pub(crate) struct ApiTasks(pub(crate) TaskClient, pub(crate) FromTransport);

impl TasksPort for ApiTasks {
    fn submit(
        &self,
        tasks: Vec<NewTask>,
    ) -> PortFuture<'_, Result<Vec<Result<Submitted, TaskError>>, StoreError>> {
        Box::pin(self.1.to_database.time(async move {
            let count = tasks.len();
            match self.0.submit_all(tasks).await.map_err(split) {
                Ok(answers) => Ok(answers),
                Err(Ok(refused)) => Ok(vec![Err(refused); count]),
                Err(Err(failed)) => Err(failed),
            }
        }))
    }

    fn get(&self, id: TaskId) -> PortFuture<'_, Result<Option<TaskView>, StoreError>> {
        Box::pin(self.1.to_database.time(self.0.get(id)))
    }

    fn result(&self, id: TaskId) -> PortFuture<'_, Result<Option<Value>, StoreError>> {
        Box::pin(self.1.to_database.time(self.0.result(id)))
    }

    fn list(&self, filter: TaskFilter) -> PortFuture<'_, Result<TaskPage, StoreError>> {
        Box::pin(self.1.to_database.time(self.0.list(filter)))
    }

    fn cancel(&self, id: TaskId) -> PortFuture<'_, TaskAnswer<TaskView>> {
        Box::pin(self.1.to_application.time(async move { answer(self.0.cancel(id).await) }))
    }

    fn retry(&self, id: TaskId) -> PortFuture<'_, TaskAnswer<TaskView>> {
        Box::pin(self.1.to_application.time(async move { answer(self.0.replay(id).await) }))
    }
}

fn answer(answer: Result<TaskView, TaskRefusal>) -> TaskAnswer<TaskView> {
    match answer.map_err(split) {
        Ok(view) => Ok(Ok(view)),
        Err(Ok(refused)) => Ok(Err(refused)),
        Err(Err(failed)) => Err(failed),
    }
}

/// What is the task's, and what is the store's.
fn split(refusal: TaskRefusal) -> Result<TaskError, StoreError> {
    match refusal {
        TaskRefusal::Task(error) => Ok(error),
        TaskRefusal::Store(error) => Err(error),
        late => Err(StoreError::Unknown(late.to_string())),
    }
}
