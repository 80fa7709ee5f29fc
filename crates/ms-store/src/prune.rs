//! Removing tasks that ended long ago: between commits, a few at a time.

use std::time::Duration;

use ms_core::task::{QueueName, TaskTime};
use sqlx::{Row, SqliteConnection};

use crate::batch::Counts;
use crate::rows::{json, state_of};

/// Most tasks that are removed at once: a commit may have to wait for it.
pub(crate) const AT_ONCE: usize = 500;

const OLD: &str = "SELECT lower(hex(id)), queue, state FROM tasks WHERE ended < ?1 \
    ORDER BY ended LIMIT ?2";
/// Deletes all rows of a task, its own last.
const REMOVE: [&str; 5] = [
    "DELETE FROM steps WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
    "DELETE FROM checkpoints WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
    "DELETE FROM results WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
    "DELETE FROM requests WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
    "DELETE FROM tasks WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
];

/// Removes tasks that ended more than `keep` before `now`, at most [`AT_ONCE`], and returns how
/// many. They need not be readable.
pub(crate) async fn remove_ended(
    conn: &mut SqliteConnection,
    counts: &mut Counts,
    now: TaskTime,
    keep: Duration,
) -> Result<usize, sqlx::Error> {
    let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
    let before = now.as_millis().saturating_sub(keep).cast_signed();
    let rows = sqlx::query(OLD).bind(before).bind(i64::try_from(AT_ONCE).unwrap_or(i64::MAX));
    let rows = rows.fetch_all(&mut *conn).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let ids: Vec<&str> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let ids = json(&ids)?;
    for sql in REMOVE {
        sqlx::query(sql).bind(&ids).execute(&mut *conn).await?;
    }
    for row in &rows {
        let queue = QueueName::new(row.try_get::<&str, _>(1)?);
        if let (Ok(queue), Some(state)) = (queue, state_of(row.try_get(2)?)) {
            counts.remove(&queue, state, 1);
        }
    }
    Ok(rows.len())
}
