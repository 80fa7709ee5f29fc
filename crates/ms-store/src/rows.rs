//! Rows out and in. A batch of rows is one JSON parameter, whatever its length: one
//! statement, prepared once, instead of one for each row.

use ms_core::task::{TaskId, TaskRecord, TaskState};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

/// A row of `tasks`, in the order of the statement in `write.rs`.
#[derive(Serialize)]
pub(crate) struct TaskRow<'a>(
    String,
    &'a str,
    &'a str,
    u8,
    i16,
    u64,
    Option<u8>,
    u64,
    Option<u64>,
    Option<u64>,
    Option<&'a str>,
    &'a TaskRecord,
);

impl<'a> TaskRow<'a> {
    pub(crate) fn new(record: &'a TaskRecord, now: ms_core::task::TaskTime) -> Self {
        let timings = &record.timings;
        let is_pending = record.state == TaskState::Pending;
        Self(
            hex(record.id),
            record.queue.as_str(),
            record.kind.as_str(),
            state_code(record.state),
            record.priority.get(),
            timings.submitted.as_millis(),
            is_pending.then(|| u8::from(timings.not_before <= now)),
            timings.not_before.as_millis(),
            record.expires_at().map(|at| at.as_millis()),
            timings.ended.map(|at| at.as_millis()),
            record.key.as_ref().map(|key| key.as_str()),
            record,
        )
    }
}

/// The number a state has on disk.
pub(crate) const fn state_code(state: TaskState) -> u8 {
    match state {
        TaskState::Pending => 0,
        TaskState::Assigned => 1,
        TaskState::Running => 2,
        TaskState::Completed => 3,
        TaskState::Failed => 4,
        TaskState::Cancelled => 5,
        TaskState::Dead => 6,
    }
}

/// The state with this number.
pub(crate) fn state_of(code: i64) -> Option<TaskState> {
    TaskState::ALL.into_iter().find(|&state| i64::from(state_code(state)) == code)
}

/// An id as SQLite's `unhex` takes it.
pub(crate) fn hex(id: TaskId) -> String {
    id.uuid().simple().to_string()
}

/// An id as it is in a row.
pub(crate) fn id_at(row: &SqliteRow, column: usize) -> Result<TaskId, sqlx::Error> {
    let bytes: &[u8] = row.try_get(column)?;
    Uuid::from_slice(bytes).map(TaskId::new).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// A list of ids as a parameter.
pub(crate) fn ids(ids: impl IntoIterator<Item = TaskId>) -> Result<String, sqlx::Error> {
    json(&ids.into_iter().map(hex).collect::<Vec<_>>())
}

/// Rows as a parameter.
pub(crate) fn json<T: Serialize>(rows: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}
