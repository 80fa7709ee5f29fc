//! Connections to the database, and the questions that are asked of a fresh one.

use ms_core::task::QueueName;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Row, SqliteConnection};

use crate::batch::Counts;
use crate::config::StoreConfig;
use crate::marks::{LOG_LIMIT, PAGE};
use crate::rows::state_of;

/// Opens a connection, which SQLx serves on a thread of its own.
pub(crate) async fn connect(
    config: &StoreConfig,
    read_only: bool,
) -> Result<SqliteConnection, sqlx::Error> {
    let mut options = SqliteConnectOptions::new()
        .filename(&config.path)
        // The guard has made the file. If it is gone, an empty one must not take its place.
        .create_if_missing(false)
        .read_only(read_only)
        .busy_timeout(config.busy)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    if !read_only {
        options = options
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("max_page_count", (config.max_bytes / PAGE).max(16).to_string())
            .pragma("journal_size_limit", LOG_LIMIT.to_string())
            // The writer folds the log in itself, after it has answered.
            .pragma("wal_autocheckpoint", "0");
    }
    options.connect().await
}

/// Counts the tasks by queue and state.
pub(crate) async fn counts(conn: &mut SqliteConnection) -> Result<Counts, sqlx::Error> {
    let sql = "SELECT queue, state, count(*) FROM tasks GROUP BY queue, state";
    let mut counts = Counts::default();
    for row in sqlx::query(sql).fetch_all(conn).await? {
        // A stored queue name was valid when it was written.
        let queue = QueueName::new(row.try_get::<&str, _>(0)?);
        if let (Ok(queue), Some(state)) = (queue, state_of(row.try_get(1)?)) {
            counts.add(&queue, state, row.try_get::<i64, _>(2)?.cast_unsigned());
        }
    }
    Ok(counts)
}

/// Returns the place in the order that the next new task gets.
pub(crate) async fn next_seq(conn: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT max(seq) FROM tasks").fetch_one(conn).await?;
    Ok(last.unwrap_or(0).saturating_add(1))
}

/// Returns SQLite's number of the last change by another connection: good for comparisons only
/// (<https://www.sqlite.org/pragma.html#pragma_data_version>).
pub(crate) async fn others(conn: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(conn).await
}
