//! Opening a store: the file, its schema, its identity, its clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::Node;
use ms_core::task::{QueueName, StoreError, TaskTime};
use ms_core::time::later;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, SqliteConnection};
use tokio::time::Instant;
use uuid::Uuid;

use crate::batch::Counts;
use crate::clock::StoreClock;
use crate::config::StoreConfig;
use crate::error::classify;
use crate::guard::Guard;
use crate::schema::migrate;
use crate::write::Writer;

/// Databases up to this size, in bytes, are looked through at every opening.
const CHECKED_UP_TO: u64 = 64 << 20;
/// How long whoever has the lock may take to leave before the store is in use by another.
const LEAVES_WITHIN: Duration = Duration::from_secs(1);
/// How often that is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// SQLite's page size.
const PAGE: u64 = 4_096;

/// Opens the store, or says why not. A damaged one is never replaced.
pub(crate) async fn open(config: StoreConfig, node: Node) -> Result<(Guard, Writer), StoreError> {
    let mut guard = take(&config.path).await?;
    let wrong = |error| classify(error, &config.path);
    let mut conn = connect(&config, false).await.map_err(wrong)?;
    check(&mut conn, &config.path).await?;
    migrate(&mut conn, &config.path).await?;
    let identity = identity(&mut conn).await.map_err(wrong)?;
    guard = remember(guard, identity, &config.path).await?;
    let come_to = recorded(&mut conn).await.map_err(wrong)?;
    let clock = StoreClock::new(&node, &config.wall, come_to);
    let counts = counts(&mut conn).await.map_err(wrong)?;
    Ok((guard, Writer::new(config, node, clock, conn, counts)))
}

/// Takes the lock. A life of this very store that was killed may be there still: its successor
/// is started before its thread has let go of it.
async fn take(path: &Path) -> Result<Guard, StoreError> {
    let until = later(Instant::now(), LEAVES_WITHIN);
    loop {
        let path = path.to_owned();
        let taken = tokio::task::spawn_blocking(move || Guard::take(&path)).await;
        match taken.map_err(|error| StoreError::Other(Arc::new(error)))? {
            Err(StoreError::Locked(_)) if Instant::now() < until => {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            taken => return taken,
        }
    }
}

/// One connection, on a thread of its own.
pub(crate) async fn connect(
    config: &StoreConfig,
    read_only: bool,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut options = SqliteConnectOptions::new()
        .filename(&config.path)
        .create_if_missing(false)
        .read_only(read_only)
        .busy_timeout(config.busy)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    if !read_only {
        options = options
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("max_page_count", (config.max_bytes / PAGE).max(16).to_string())
            .pragma("journal_size_limit", (64_u64 << 20).to_string());
    }
    options.connect().await
}

/// Looks the whole file through, while it is small enough for that.
async fn check(conn: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let wrong = |error| classify(error, path);
    let pages: i64 =
        sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *conn).await.map_err(wrong)?;
    if pages.cast_unsigned().saturating_mul(PAGE) > CHECKED_UP_TO {
        return Ok(());
    }
    let found: String =
        sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(conn).await.map_err(wrong)?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt { path: path.display().to_string(), what: found })
}

/// The identity of the database; a new one gets one.
async fn identity(conn: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    let fresh = Uuid::now_v7().simple().to_string();
    let insert = "INSERT INTO meta (name, value) VALUES ('identity', ?1) ON CONFLICT DO NOTHING";
    sqlx::query(insert).bind(fresh).execute(&mut *conn).await?;
    sqlx::query_scalar("SELECT value FROM meta WHERE name = 'identity'").fetch_one(conn).await
}

async fn remember(mut guard: Guard, identity: String, path: &Path) -> Result<Guard, StoreError> {
    match &guard.known {
        Some(known) if *known == identity => return Ok(guard),
        Some(_) => {
            let what = "it is not the store that was here before; if that is meant, remove the \
                        .lock file beside it";
            let path = path.display().to_string();
            return Err(StoreError::Corrupt { path, what: what.to_owned() });
        }
        None => {}
    }
    let write = tokio::task::spawn_blocking(move || guard.remember(&identity).map(|()| guard));
    let written = write.await.map_err(|error| StoreError::Other(Arc::new(error)))?;
    written.map_err(|error| StoreError::Other(Arc::new(error)))
}

/// How far the clock had come.
async fn recorded(conn: &mut SqliteConnection) -> Result<TaskTime, sqlx::Error> {
    let clock: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'clock'")
        .fetch_optional(conn)
        .await?;
    let millis = clock.and_then(|clock| clock.parse().ok()).unwrap_or(0);
    Ok(TaskTime::from_millis(millis))
}

async fn counts(conn: &mut SqliteConnection) -> Result<Counts, sqlx::Error> {
    let sql = "SELECT queue, count(*) FROM tasks WHERE state IN (0, 1, 2) GROUP BY queue";
    let rows = sqlx::query(sql).fetch_all(conn).await?;
    let mut counts = Counts::new();
    for row in rows {
        // What is stored as a queue was one when it was written.
        if let Ok(queue) = QueueName::new(row.try_get::<&str, _>(0)?) {
            counts.insert(queue, row.try_get::<i64, _>(1)?.cast_unsigned());
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// In time that passes when nothing else can: a look at the file is something else.
    #[tokio::test(start_paused = true)]
    async fn a_store_waits_for_who_is_about_to_leave_and_not_for_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tasks.db");
        let lock = File::create(dir.path().join("tasks.db.lock")).unwrap();
        lock.lock().unwrap();
        let leaves = async {
            tokio::time::sleep(LEAVES_WITHIN / 2).await;
            lock.unlock().unwrap();
        };
        let (taken, ()) = tokio::join!(take(&path), leaves);
        drop(taken.unwrap());
        lock.lock().unwrap();
        let refused = take(&path).await.expect_err("it stays");
        assert!(matches!(refused, StoreError::Locked(_)), "{refused}");
    }
}
