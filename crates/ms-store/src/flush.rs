//! Writing the changes of a batch into its transaction.

use ms_core::task::TaskId;
use ms_task::TaskRecord;
use sqlx::SqliteConnection;

use crate::batch::Batch;
use crate::rows::{TaskRow, hex, ids, json};

/// Rows of one statement: with the largest bodies they stay below SQLite's gigabyte for one value.
const CHUNK: usize = 256;

const UPSERT_TASKS: &str = "INSERT INTO tasks (id, queue, kind, state, priority, \
    submitted, ready, not_before, expires, ended, key, record, seq) \
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, \
    value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value -> 11, value ->> 12 \
    FROM json_each(?1) WHERE true \
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, ready = excluded.ready, \
    not_before = excluded.not_before, expires = excluded.expires, ended = excluded.ended, \
    record = excluded.record";
const INSERT_REQUESTS: &str = "INSERT INTO requests (id, request) \
    SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?1)";
const INSERT_RESULTS: &str = "INSERT INTO results (id, result) \
    SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?1)";
const UPSERT_STEPS: &str = "INSERT INTO steps (id, name, value) \
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM json_each(?1) WHERE true \
    ON CONFLICT (id, name) DO UPDATE SET value = excluded.value";
const UPSERT_CHECKPOINTS: &str = "INSERT INTO checkpoints (id, value) \
    SELECT unhex(value ->> 0), value ->> 1 FROM json_each(?1) WHERE true \
    ON CONFLICT (id) DO UPDATE SET value = excluded.value";

/// Writes what the batch has changed so far.
pub(crate) async fn flush(
    conn: &mut SqliteConnection,
    batch: &mut Batch,
) -> Result<(), sqlx::Error> {
    let dirty = std::mem::take(&mut batch.dirty);
    batch.wrote |= !dirty.is_empty() || !batch.steps.is_empty() || !batch.checkpoints.is_empty();
    let records = dirty.iter().filter_map(|id| batch.records.get(id));
    let seq = |record: &TaskRecord| batch.seqs.get(&record.id).copied().unwrap_or_default();
    let rows: Vec<_> = records.map(|record| TaskRow::new(record, seq(record), batch.now)).collect();
    let mut bytes = write(conn, UPSERT_TASKS, &rows).await?;
    let hexed = |(id, text): (TaskId, String)| (hex(id), text);
    let requests: Vec<_> = batch.requests.drain(..).map(hexed).collect();
    bytes += write(conn, INSERT_REQUESTS, &requests).await?;
    let results: Vec<_> = batch.results.drain(..).map(hexed).collect();
    bytes += write(conn, INSERT_RESULTS, &results).await?;
    let steps = std::mem::take(&mut batch.steps).into_iter();
    let steps: Vec<_> = steps.map(|((id, name), value)| (hex(id), name, value)).collect();
    bytes += write(conn, UPSERT_STEPS, &steps).await?;
    let checkpoints = std::mem::take(&mut batch.checkpoints).into_iter();
    let checkpoints = checkpoints.map(hexed).collect::<Vec<_>>();
    batch.bytes += bytes + write(conn, UPSERT_CHECKPOINTS, &checkpoints).await?;
    let forget = std::mem::take(&mut batch.forget);
    if !forget.is_empty() {
        let forget = ids(forget)?;
        for sql in [
            "DELETE FROM steps WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
            "DELETE FROM checkpoints WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
        ] {
            sqlx::query(sql).bind(&forget).execute(&mut *conn).await?;
        }
    }
    Ok(())
}

/// Writes rows and returns how many bytes they are as text.
async fn write<T: serde::Serialize>(
    conn: &mut SqliteConnection,
    sql: &'static str,
    rows: &[T],
) -> Result<usize, sqlx::Error> {
    let mut bytes = 0;
    // One statement for many rows: a statement for each row would dominate the time of a commit.
    for rows in rows.chunks(CHUNK) {
        let rows = json(&rows)?;
        bytes += rows.len();
        sqlx::query(sql).bind(rows).execute(&mut *conn).await?;
    }
    Ok(bytes)
}
