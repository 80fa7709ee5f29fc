//! Errors of the task store as errors of the table.

use std::time::Duration;

use ms_core::task::{StoreError, TaskError, TaskId};

use crate::codes;
use crate::error::OpError;

/// The delay after which a caller may try a full queue or a full disk again.
const COME_AGAIN: Duration = Duration::from_secs(1);

impl OpError {
    /// Reports that there is no task of that id.
    #[must_use]
    pub fn no_task(id: TaskId) -> Self {
        Self::new(&codes::NO_TASK, format!("there is no task {id}"))
            .detail(TaskError::NotFound(id).to_string())
            .next("`msctl tasks ls` shows the tasks of this node")
    }
}

/// Reports a refusal that is about one task.
impl From<TaskError> for OpError {
    fn from(error: TaskError) -> Self {
        let text = error.to_string();
        match &error {
            TaskError::NotFound(id) => Self::no_task(*id),
            TaskError::TooLarge { .. } => Self::new(&codes::TOO_LARGE, text),
            // The text may quote the payload, which must not go on record: a cause does not.
            TaskError::InvalidPayload { kind, invalid } => {
                let field = &invalid.field;
                let what = format!("the payload is not valid for the kind {kind}, at {field}");
                Self::new(&codes::UNFIT_FIELD, what)
                    .why(invalid.why.clone())
                    .detail(text)
                    .at(of_payload(field), invalid.why.clone())
            }
            TaskError::OutOfBounds { what, .. } => Self::bad_request(text.clone()).at(*what, text),
            // 422 and not 400: no schema can express it, so the request was well-formed.
            TaskError::Contradiction { what, .. } => {
                Self::new(&codes::UNFIT_FIELD, text.clone()).at(*what, text)
            }
            // Not `TOO_LARGE`, which is about bytes: here the number of tasks is wrong.
            TaskError::BatchTooLarge { .. } => Self::bad_request(text),
            TaskError::UnknownQueue(_) => {
                Self::new(&codes::NO_QUEUE, text.clone()).at("queue", text)
            }
            TaskError::UnknownKind(_) => Self::new(&codes::NO_AGENT, text.clone()).at("kind", text),
            TaskError::QueueFull { .. } => {
                Self::new(&codes::QUEUE_FULL, text).retry_after(COME_AGAIN)
            }
            TaskError::Unreadable { .. } => Self::new(&codes::STORE_UNREADABLE, text),
            // The rest is about the state of the task.
            _ => Self::new(&codes::TASK_REFUSED, text),
        }
        .source(error)
    }
}

/// Returns the place of a payload's field in the task.
fn of_payload(field: &str) -> String {
    match field {
        "." => "payload".to_owned(),
        field if field.starts_with('[') => format!("payload{field}"),
        field => format!("payload.{field}"),
    }
}

/// Reports a failure of the store. An operator reads its causes; other callers read nothing of this
/// machine's paths.
impl From<StoreError> for OpError {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        let (code, detail) = match &error {
            StoreError::Overloaded(_) | StoreError::Busy(_) => (&codes::STORE_BUSY, text.clone()),
            StoreError::Unknown(_) => (&codes::STORE_SILENT, text.clone()),
            // Not 503: no later attempt would read this task either.
            StoreError::Unreadable { .. } => (&codes::STORE_UNREADABLE, text.clone()),
            StoreError::Away(_) => (&codes::STORE_FAILED, "the task store is down".to_owned()),
            StoreError::Full(_) | StoreError::NewerSchema { .. } | StoreError::Other(_) => {
                (&codes::STORE_FAILED, text.clone())
            }
            // The other texts name paths of this machine, which are not for callers.
            _ => (&codes::STORE_FAILED, "the task store cannot be used".to_owned()),
        };
        let made = Self::new(code, "the task store failed")
            .why(text)
            .detail(detail)
            .next("a submission may be sent again with the same --key; see the node's log")
            .source(error);
        match code.sort.status {
            503 => made.retry_after(COME_AGAIN),
            _ => made,
        }
    }
}
