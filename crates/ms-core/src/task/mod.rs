//! Durable tasks: the words that callers, stores, workers and tools share.
//!
//! Ids, states, what is submitted and what is shown, errors, and the events of a task. What is
//! *decided* about tasks (the life of one, queues, claims, the port of a store) is `ms-task`.

mod error;
mod failure;
mod id;
mod list;
mod new;
mod state;
mod steering;
mod time;
mod transition;
mod view;

pub use error::{ErrorSource, StoreError, TaskError};
pub use failure::{FailureKind, MAX_CAUSES, MAX_FAILURE_TEXT, TaskFailure};
pub use id::{AgentKind, IdempotencyKey, MAX_KEY, MAX_TASK_NAME, QueueName, TaskId, TaskIdError};
pub use list::{MAX_PAGE, Submitted, TaskFilter, TaskPage};
pub use new::{
    MAX_ATTEMPTS, MAX_BATCH, MAX_PAYLOAD, MAX_PRIORITY, MAX_TASK_TIME, NewTask, Priority, Retry,
};
pub use state::{FencingToken, TaskState};
pub use steering::{TaskLogEvent, TaskSteering};
pub use time::TaskTime;
pub use transition::{TaskChange, TaskTransition};
pub use view::{Lease, TaskView, Timings};
