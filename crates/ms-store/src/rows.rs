//! Rows out and in. A batch of rows is one JSON parameter, whatever its length: one
//! statement, prepared once, instead of one for each row.

use std::time::Duration;

use ms_actor::LogLimit;
use ms_core::task::{TaskId, TaskState, TaskTime};
use ms_task::TaskRecord;
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
    i64,
);

impl<'a> TaskRow<'a> {
    /// `seq` is its place in the order; one that has a row keeps the place it has.
    pub(crate) fn new(record: &'a TaskRecord, seq: i64, now: TaskTime) -> Self {
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
            seq,
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

/// The ids of rows. One that cannot be read is left out: it is damaged, and the others are not.
pub(crate) fn ids_at(rows: &[SqliteRow], column: usize) -> Vec<TaskId> {
    let id = |row| {
        let unreadable = |error: &sqlx::Error| {
            if let Some(left_out) = UNREADABLE.admit() {
                tracing::error!(%error, left_out, "a stored id cannot be read");
            }
        };
        id_at(row, column).inspect_err(unreadable).ok()
    };
    rows.iter().filter_map(id).collect()
}

/// What is wrong with stored JSON, without quoting it: payloads may be private.
pub(crate) fn fault(error: &serde_json::Error) -> String {
    let sort = match error.classify() {
        serde_json::error::Category::Data => "it has not the form it should have",
        serde_json::error::Category::Eof => "it ends too soon",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is no JSON",
    };
    format!("{sort} (line {}, column {})", error.line(), error.column())
}

/// One line in a time for all that cannot be read: whoever lists it again finds it again.
pub(crate) static UNREADABLE: LogLimit = LogLimit::new(Duration::from_secs(10));

/// A list of ids as a parameter.
pub(crate) fn ids(ids: impl IntoIterator<Item = TaskId>) -> Result<String, sqlx::Error> {
    json(&ids.into_iter().map(hex).collect::<Vec<_>>())
}

/// Rows as a parameter.
pub(crate) fn json<T: Serialize>(rows: &T) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))
}
