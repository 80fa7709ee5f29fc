//! Reading, on connections that cannot write.

use std::sync::Arc;

use ms_core::task::{MAX_PAGE, StoreError, TaskId};
use ms_task::{StoreStats, TaskEnd, TaskRecord};
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, Row, SqliteConnection};

use crate::config::StoreConfig;
use crate::error::classify;
use crate::guard::Guard;
use crate::list::list;
use crate::marks::Loss;
use crate::messages::Read;
use crate::open::connect;
use crate::rows::{UNREADABLE, fault, id_at, ids};
use crate::write::{Totals, lost_error};

/// One connection that reads.
pub(crate) struct Reader {
    config: StoreConfig,
    guard: Arc<Guard>,
    conn: Option<SqliteConnection>,
}

/// Why something could not be read.
enum Unread {
    /// The database could not be asked.
    Database(sqlx::Error),
    /// What it has of a task is none of ours.
    Task(TaskId, String),
}

impl From<sqlx::Error> for Unread {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Reader {
    pub(crate) async fn open(config: &StoreConfig, guard: &Arc<Guard>) -> Result<Self, StoreError> {
        let conn = connect(config, true).await.map_err(|error| classify(error, &config.path))?;
        Ok(Self { config: config.clone(), guard: Arc::clone(guard), conn: Some(conn) })
    }

    /// Closes the connection, if there is one.
    pub(crate) async fn close(self) {
        if let Some(conn) = self.conn {
            drop(conn.close().await);
        }
    }

    /// Leaves the connection as it is: closed, it might write into a file that is not ours.
    pub(crate) fn abandon(self) {
        std::mem::forget(self.conn);
    }

    /// Reads and answers; `totals` are the writer's. Gives what is wrong with the file, if that
    /// was found out.
    pub(crate) async fn serve(&mut self, read: Read, totals: Totals) -> Option<StoreError> {
        let conn = match self.connection(&totals).await {
            Ok(conn) => conn,
            Err(error) => {
                read.refuse(error.clone());
                return Some(error);
            }
        };
        // Whoever has gone meanwhile did not want to know.
        let outcome = match read {
            Read::Get(id, reply) => {
                let found = record(conn, id).await;
                let found = found.map(|found| found.map(|record| record.view()));
                answer(found, |a| drop(reply.send(a)), &self.config)
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
                let page = list(conn, &filter).await.map_err(Unread::from);
                answer(page, |a| drop(reply.send(a)), &self.config)
            }
            Read::Budgets(reply) => {
                let kept = crate::budgets::kept(conn).await.map_err(Unread::from);
                answer(kept, |a| drop(reply.send(a)), &self.config)
            }
            Read::Stats(reply) => {
                answer(stats(conn, totals).await, |a| drop(reply.send(a)), &self.config)
            }
        };
        let error = outcome.err()?;
        // One that found damage is left alone: see `abandon`.
        match self.conn.take() {
            Some(conn) if matches!(error, StoreError::Corrupt { .. }) => std::mem::forget(conn),
            Some(conn) => drop(conn.close_hard().await),
            None => {}
        }
        Some(error)
    }

    async fn connection(&mut self, totals: &Totals) -> Result<&mut SqliteConnection, StoreError> {
        let conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.connect(totals).await?,
        };
        Ok(self.conn.insert(conn))
    }

    /// A connection to what the store has open, and not to what lies in its place since.
    async fn connect(&self, totals: &Totals) -> Result<SqliteConnection, StoreError> {
        let guard = Arc::clone(&self.guard);
        let looked = tokio::task::spawn_blocking(move || guard.is_in_place()).await;
        if !looked.is_ok_and(|in_place| in_place) {
            let loss = Loss::Moved("its file was removed, renamed or replaced".to_owned());
            return Err(lost_error(&self.config, &loss, &totals.counts));
        }
        connect(&self.config, true).await.map_err(|error| classify(error, &self.config.path))
    }
}

/// Answers, and gives the error after which the connection is no good.
fn answer<T>(
    found: Result<T, Unread>,
    send: impl FnOnce(Result<T, StoreError>),
    config: &StoreConfig,
) -> Result<(), StoreError> {
    let (answer, outcome) = match found {
        Ok(found) => (Ok(found), Ok(())),
        Err(Unread::Task(id, what)) => {
            if let Some(left_out) = UNREADABLE.admit() {
                tracing::error!(task = %id, error = what, left_out, "a stored task cannot be read");
            }
            (Err(StoreError::Unreadable { id, what }), Ok(()))
        }
        Err(Unread::Database(error)) => {
            let error = classify(error, &config.path);
            (Err(error.clone()), Err(error))
        }
    };
    send(answer);
    outcome
}

async fn record(conn: &mut SqliteConnection, id: TaskId) -> Result<Option<TaskRecord>, Unread> {
    body(conn, "SELECT record FROM tasks WHERE id = ?1", id).await
}

async fn body<T: DeserializeOwned>(
    conn: &mut SqliteConnection,
    sql: &'static str,
    id: TaskId,
) -> Result<Option<T>, Unread> {
    let query = sqlx::query_scalar(sql).bind(id.uuid().as_bytes().to_vec());
    let text: Option<String> = query.fetch_optional(conn).await?;
    let decoded = text.as_deref().map(decode).transpose();
    decoded.map_err(|error| Unread::Task(id, fault(&error)))
}

pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}

async fn ends(
    conn: &mut SqliteConnection,
    mut wanted: Vec<TaskId>,
) -> Result<Vec<TaskEnd>, Unread> {
    wanted.truncate(MAX_PAGE);
    let sql = "SELECT t.id, t.record, r.result FROM tasks t LEFT JOIN results r ON r.id = t.id \
               WHERE t.ended IS NOT NULL AND t.id IN (SELECT unhex(value) FROM json_each(?1)) \
               ORDER BY t.id";
    let rows = sqlx::query(sql).bind(ids(wanted)?).fetch_all(conn).await?;
    let end = |row: &SqliteRow| {
        let id = id_at(row, 0)?;
        let unread = |error: serde_json::Error| Unread::Task(id, fault(&error));
        let view = decode::<TaskRecord>(row.try_get(1)?).map_err(unread)?.view();
        let result: Option<&str> = row.try_get(2)?;
        Ok(TaskEnd { view, result: result.map(decode).transpose().map_err(unread)? })
    };
    let mut unread = None;
    let mut ends = Vec::with_capacity(rows.len());
    for row in &rows {
        match end(row) {
            Ok(end) => ends.push(end),
            Err(error) => unread = Some(error),
        }
    }
    // One that cannot be read does not hide the others; alone it is told.
    match unread {
        Some(error) if ends.is_empty() => Err(error),
        _ => Ok(ends),
    }
}

/// What is known of the store, when a connection can read at all.
async fn stats(conn: &mut SqliteConnection, totals: Totals) -> Result<StoreStats, Unread> {
    sqlx::query("SELECT value FROM meta WHERE name = 'identity'").fetch_one(conn).await?;
    let Totals { commits, requests, counts, trouble, .. } = totals;
    Ok(StoreStats { tasks: counts.by_queue(), commits, requests, trouble })
}
