//! Pages of tasks, in the order in which they were taken.
//!
//! A list with a filter is a few ranges of one index: one for each queue and kind there is and
//! each state asked for. So a page costs about its length, however many tasks are not in it.

use std::collections::HashMap;

use ms_core::task::{MAX_PAGE, TaskFilter, TaskId, TaskPage, TaskState};
use ms_task::TaskRecord;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use crate::rows::{UNREADABLE, decode, fault, id_at, ids, state_code};

/// Tasks of a page when no number is asked for.
const DEFAULT_PAGE: usize = 100;

const PLACE: &str = "SELECT seq FROM tasks WHERE id = ?1";
/// The place of a removed task: that of the last task made before it.
const PLACE_BEFORE: &str = "SELECT seq FROM tasks WHERE id < ?1 ORDER BY id DESC LIMIT 1";
const ALL: &str = "SELECT id, record FROM tasks INDEXED BY tasks_seq \
    WHERE seq > ?1 ORDER BY seq LIMIT ?2";
/// Each queue with each of its kinds, by skipping through the index.
const PAIRS: &str = "WITH RECURSIVE pairs (queue, kind) AS ( \
    SELECT * FROM (SELECT queue, kind FROM tasks INDEXED BY tasks_listed \
        ORDER BY queue, kind LIMIT 1) \
    UNION ALL \
    SELECT (SELECT t.queue FROM tasks t INDEXED BY tasks_listed \
            WHERE (t.queue, t.kind) > (pairs.queue, pairs.kind) ORDER BY t.queue, t.kind LIMIT 1), \
        (SELECT t.kind FROM tasks t INDEXED BY tasks_listed \
            WHERE (t.queue, t.kind) > (pairs.queue, pairs.kind) ORDER BY t.queue, t.kind LIMIT 1) \
    FROM pairs WHERE pairs.queue IS NOT NULL) \
    SELECT queue, kind FROM pairs WHERE queue IS NOT NULL";
// The index is named, so that SQLite never reads the whole table instead: without one, a page took
// 1.2 s at a million tasks.
const RANGE: &str = "SELECT seq, id FROM tasks INDEXED BY tasks_listed \
    WHERE queue = ?1 AND kind = ?2 AND state = ?3 AND seq > ?4 ORDER BY seq LIMIT ?5";
const RECORDS: &str = "SELECT id, record FROM tasks \
    WHERE id IN (SELECT unhex(value) FROM json_each(?1))";

/// Reads one page. A task that cannot be read is named on it, and does not hide the others.
pub(crate) async fn list(
    conn: &mut SqliteConnection,
    filter: &TaskFilter,
) -> Result<TaskPage, sqlx::Error> {
    let limit = if filter.limit == 0 { DEFAULT_PAGE } else { filter.limit.min(MAX_PAGE) };
    // One view of the store for all parts of the page.
    let mut view = conn.begin().await?;
    let after = place(&mut view, filter.after).await?;
    // One more, to know whether there is a next page.
    let filtered = filter.queue.is_some() || filter.kind.is_some() || filter.state.is_some();
    let found = if filtered {
        some(&mut view, filter, after, limit + 1).await?
    } else {
        let query = sqlx::query(ALL).bind(after).bind(number(limit + 1));
        read_rows(&query.fetch_all(&mut *view).await?)?
    };
    view.rollback().await?;
    Ok(page(found, limit))
}

fn page(mut found: Vec<ReadRow>, limit: usize) -> TaskPage {
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.iter().rev().find_map(|row| row.id).filter(|_| more);
    let mut page = TaskPage { next, ..TaskPage::default() };
    for ReadRow { id, record } in found {
        match record {
            Some(record) => page.tasks.push(record.view()),
            None => page.unreadable.extend(id),
        }
    }
    page
}

/// A row as far as it can be read.
struct ReadRow {
    id: Option<TaskId>,
    record: Option<TaskRecord>,
}

fn read_rows(rows: &[SqliteRow]) -> Result<Vec<ReadRow>, sqlx::Error> {
    let show = |row: &SqliteRow| {
        let text: &str = row.try_get(1)?;
        let id = id_at(row, 0).ok();
        let record = decode::<TaskRecord>(text).inspect_err(|error| {
            if let Some(left_out) = UNREADABLE.admit() {
                let (task, error) = (id.map(|id| id.to_string()), fault(error));
                tracing::error!(task, error, left_out, "a stored task cannot be read");
            }
        });
        Ok(ReadRow { id, record: record.ok() })
    };
    rows.iter().map(show).collect()
}

/// Returns the place behind which a page begins.
async fn place(conn: &mut SqliteConnection, after: Option<TaskId>) -> Result<i64, sqlx::Error> {
    let Some(after) = after else { return Ok(0) };
    for sql in [PLACE, PLACE_BEFORE] {
        let query = sqlx::query_scalar(sql).bind(after.uuid().as_bytes().to_vec());
        if let Some(place) = query.fetch_optional(&mut *conn).await? {
            return Ok(place);
        }
    }
    Ok(0)
}

/// Reads the first `limit` tasks of a filter.
async fn some(
    conn: &mut SqliteConnection,
    filter: &TaskFilter,
    after: i64,
    limit: usize,
) -> Result<Vec<ReadRow>, sqlx::Error> {
    let states = match &filter.state {
        Some(state) => std::slice::from_ref(state),
        None => TaskState::ALL.as_slice(),
    };
    let mut found: Vec<(i64, TaskId)> = Vec::new();
    for (queue, kind) in pairs(conn, filter).await? {
        for &state in states {
            let query =
                sqlx::query(RANGE).bind(&queue).bind(&kind).bind(i64::from(state_code(state)));
            let rows = query.bind(after).bind(number(limit)).fetch_all(&mut *conn).await?;
            for row in rows {
                // A row whose id cannot be read matches no filter.
                if let Ok(id) = id_at(&row, 1) {
                    found.push((row.try_get(0)?, id));
                }
            }
        }
    }
    found.sort_unstable();
    found.truncate(limit);
    let query = sqlx::query(RECORDS).bind(ids(found.iter().map(|&(_, id)| id))?);
    let rows = read_rows(&query.fetch_all(conn).await?)?;
    let mut rows: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    Ok(found.into_iter().filter_map(|(_, id)| rows.remove(&Some(id))).collect())
}

/// Reads the pairs of queue and kind that a filter lets through.
async fn pairs(
    conn: &mut SqliteConnection,
    filter: &TaskFilter,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    if let (Some(queue), Some(kind)) = (&filter.queue, &filter.kind) {
        return Ok(vec![(queue.to_string(), kind.to_string())]);
    }
    let mut pairs = Vec::new();
    for row in sqlx::query(PAIRS).fetch_all(conn).await? {
        let (queue, kind): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let wanted = filter.queue.as_ref().is_none_or(|wanted| wanted.as_str() == queue)
            && filter.kind.as_ref().is_none_or(|wanted| wanted.as_str() == kind);
        if wanted {
            pairs.push((queue, kind));
        }
    }
    Ok(pairs)
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
