//! Reading, on connections that cannot write.

use std::collections::BTreeMap;

use ms_core::task::{
    MAX_PAGE, QueueName, StoreError, StoreStats, TaskEnd, TaskFilter, TaskId, TaskPage, TaskRecord,
};
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use crate::config::StoreConfig;
use crate::error::classify;
use crate::messages::Read;
use crate::open::connect;
use crate::rows::{ids, state_code, state_of};
use crate::write::Totals;

/// Tasks of a page when no number is asked for.
const DEFAULT_PAGE: usize = 100;

/// One connection that reads.
pub(crate) struct Reader {
    config: StoreConfig,
    conn: Option<SqliteConnection>,
}

impl Reader {
    pub(crate) const fn new(config: StoreConfig) -> Self {
        Self { config, conn: None }
    }

    /// Closes the connection, if there is one.
    pub(crate) async fn close(self) {
        if let Some(conn) = self.conn {
            drop(conn.close().await);
        }
    }

    /// Reads and answers; `totals` are the writer's.
    pub(crate) async fn serve(&mut self, read: Read, totals: Totals) {
        let conn = match self.connection().await {
            Ok(conn) => conn,
            Err(error) => return read.refuse(error),
        };
        // Whoever has gone meanwhile did not want to know.
        let outcome = match read {
            Read::Get(id, reply) => {
                let found = record(conn, id).await;
                answer(
                    found.map(|found| found.map(|record| record.view())),
                    |a| drop(reply.send(a)),
                    &self.config,
                )
            }
            Read::Request(id, reply) => {
                let sql = "SELECT request FROM requests WHERE id = ?1";
                answer(body(conn, sql, id).await, |a| drop(reply.send(a)), &self.config)
            }
            Read::Result(id, reply) => {
                let sql = "SELECT result FROM results WHERE id = ?1";
                answer(body(conn, sql, id).await, |a| drop(reply.send(a)), &self.config)
            }
            Read::Ends(wanted, reply) => {
                answer(ends(conn, wanted).await, |a| drop(reply.send(a)), &self.config)
            }
            Read::List(filter, reply) => {
                answer(list(conn, &filter).await, |a| drop(reply.send(a)), &self.config)
            }
            Read::Stats(reply) => {
                answer(stats(conn, totals).await, |a| drop(reply.send(a)), &self.config)
            }
        };
        if outcome.is_err()
            && let Some(conn) = self.conn.take()
        {
            drop(conn.close_hard().await);
        }
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => connect(&self.config, true)
                .await
                .map_err(|error| classify(error, &self.config.path))?,
        };
        Ok(self.conn.insert(conn))
    }
}

/// Answers, and says whether the connection is still good.
fn answer<T>(
    found: Result<T, sqlx::Error>,
    send: impl FnOnce(Result<T, StoreError>),
    config: &StoreConfig,
) -> Result<(), ()> {
    let outcome = found.as_ref().map(|_| ()).map_err(|_| ());
    send(found.map_err(|error| classify(error, &config.path)));
    outcome
}

async fn record(
    conn: &mut SqliteConnection,
    id: TaskId,
) -> Result<Option<TaskRecord>, sqlx::Error> {
    body(conn, "SELECT record FROM tasks WHERE id = ?1", id).await
}

async fn body<T: DeserializeOwned>(
    conn: &mut SqliteConnection,
    sql: &'static str,
    id: TaskId,
) -> Result<Option<T>, sqlx::Error> {
    let id = id.uuid();
    let query = sqlx::query_scalar(sql).bind(id.as_bytes().as_slice());
    let text: Option<String> = query.fetch_optional(conn).await?;
    text.as_deref().map(decode).transpose()
}

fn decode<T: DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

async fn ends(
    conn: &mut SqliteConnection,
    mut wanted: Vec<TaskId>,
) -> Result<Vec<TaskEnd>, sqlx::Error> {
    wanted.truncate(MAX_PAGE);
    let sql = "SELECT t.record, r.result FROM tasks t LEFT JOIN results r ON r.id = t.id \
               WHERE t.ended IS NOT NULL AND t.id IN (SELECT unhex(value) FROM json_each(?1)) \
               ORDER BY t.id";
    let rows = sqlx::query(sql).bind(ids(wanted)?).fetch_all(conn).await?;
    let end = |row: &SqliteRow| {
        let result: Option<&str> = row.try_get(1)?;
        let view = decode::<TaskRecord>(row.try_get(0)?)?.view();
        Ok(TaskEnd { view, result: result.map(decode).transpose()? })
    };
    rows.iter().map(end).collect()
}

async fn list(conn: &mut SqliteConnection, filter: &TaskFilter) -> Result<TaskPage, sqlx::Error> {
    // With a state its index is used, without one the primary key; both are in order of id.
    let sql = match filter.state {
        Some(_) => {
            "SELECT record FROM tasks WHERE state = ?1 AND id > ?2 \
                    AND (?3 IS NULL OR queue = ?3) AND (?4 IS NULL OR kind = ?4) ORDER BY id LIMIT ?5"
        }
        None => {
            "SELECT record FROM tasks WHERE ?1 IS NULL AND id > ?2 \
                 AND (?3 IS NULL OR queue = ?3) AND (?4 IS NULL OR kind = ?4) ORDER BY id LIMIT ?5"
        }
    };
    let limit = if filter.limit == 0 { DEFAULT_PAGE } else { filter.limit.min(MAX_PAGE) };
    let after = filter.after.map(|id| id.uuid().as_bytes().to_vec()).unwrap_or_default();
    let query = sqlx::query(sql)
        .bind(filter.state.map(|state| i64::from(state_code(state))))
        .bind(after)
        .bind(filter.queue.as_ref().map(|queue| queue.as_str()))
        .bind(filter.kind.as_ref().map(|kind| kind.as_str()))
        // One more, to know whether there is a next page.
        .bind(i64::try_from(limit + 1).unwrap_or(i64::MAX));
    let rows = query.fetch_all(conn).await?;
    let view = |row: &SqliteRow| Ok(decode::<TaskRecord>(row.try_get(0)?)?.view());
    let mut tasks = rows.iter().map(view).collect::<Result<Vec<_>, sqlx::Error>>()?;
    let more = tasks.len() > limit;
    tasks.truncate(limit);
    let next = if more { tasks.last().map(|task| task.id) } else { None };
    Ok(TaskPage { tasks, next })
}

async fn stats(conn: &mut SqliteConnection, totals: Totals) -> Result<StoreStats, sqlx::Error> {
    let sql = "SELECT queue, state, count(*) FROM tasks GROUP BY queue, state";
    let mut tasks: BTreeMap<QueueName, BTreeMap<_, u64>> = BTreeMap::new();
    for row in sqlx::query(sql).fetch_all(conn).await? {
        let queue = QueueName::new(row.try_get::<&str, _>(0)?);
        if let (Ok(queue), Some(state)) = (queue, state_of(row.try_get(1)?)) {
            let count = row.try_get::<i64, _>(2)?.cast_unsigned();
            tasks.entry(queue).or_default().insert(state, count);
        }
    }
    let Totals { commits, requests, trouble } = totals;
    Ok(StoreStats { tasks, commits, requests, trouble })
}
