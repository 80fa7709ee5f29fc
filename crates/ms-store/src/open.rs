//! Opening a store: the file, its schema, its identity, its clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::Node;
use ms_core::task::{QueueName, StoreError, TaskTime};
use ms_core::time::later;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row, SqliteConnection};
use tokio::time::Instant;
use uuid::Uuid;

use crate::batch::Counts;
use crate::clock::StoreClock;
use crate::config::StoreConfig;
use crate::error::classify;
use crate::guard::{Guard, file_path, unsuitable, unusable};
use crate::hold::{Holding, Tenancy};
use crate::marks::{APPLICATION, LOG_LIMIT, PAGE};
use crate::read::Reader;
use crate::rows::state_of;
use crate::schema::migrate;
use crate::watch::{Watch, stamp};
use crate::write::{Opened, Writer, others};

/// Connections that read tasks by their ids.
const READERS_BY_ID: usize = 2;
/// Databases up to this size, in bytes, are looked through at every opening.
const CHECKED_UP_TO: u64 = 64 << 20;
/// How long whoever has the lock may take to leave before the store is in use by another.
const LEAVES_WITHIN: Duration = Duration::from_secs(1);
/// How often that is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// A store that is open.
pub(crate) struct Store {
    pub(crate) guard: Arc<Guard>,
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
}

/// Who reads tasks by their ids, and who reads lists of them.
#[derive(Default)]
pub(crate) struct Readers {
    pub(crate) by_id: Vec<Reader>,
    pub(crate) lists: Vec<Reader>,
}

/// All readers, connected: what is open can be read on when the file has moved.
async fn readers(config: &StoreConfig, guard: &Arc<Guard>) -> Result<Readers, StoreError> {
    let mut readers = Readers::default();
    for _ in 0..READERS_BY_ID {
        readers.by_id.push(Reader::open(config, guard).await?);
    }
    for _ in 0..config.readers.clamp(1, 16) {
        readers.lists.push(Reader::open(config, guard).await?);
    }
    Ok(readers)
}

/// Opens the store, or says why not. A damaged one is never replaced, and that of another
/// program is not touched.
pub(crate) async fn open(
    config: StoreConfig,
    node: Node,
    holding: Holding,
) -> Result<(Tenancy, Store), StoreError> {
    // Until all is known: what an earlier life is writing still belongs to it.
    let (tenancy, turn) = holding.take_over(config.busy.saturating_mul(2)).await?;
    // One whose thread is blocked for good does not give them back itself.
    holding.leave();
    let opened = open_in_turn(config, node, &holding).await;
    if opened.is_err() {
        holding.leave();
    }
    drop(turn);
    Ok((tenancy, opened?))
}

async fn open_in_turn(
    mut config: StoreConfig,
    node: Node,
    holding: &Holding,
) -> Result<Store, StoreError> {
    config.path = file_path(&config.path)?;
    let guard = Arc::new(take(&config.path).await?);
    let lock = format!("lock of the task store {}", config.path.display());
    holding.has(&guard, node.resources().open(lock));
    let known = async {
        recognise(&config, &guard).await?;
        refuse_less(&config, &guard).await
    };
    if let Err(error) = known.await {
        // The one connection that looked is closed.
        guard.close();
        return Err(error);
    }
    let path = config.path.clone();
    let wrong = |error| classify(error, &path);
    let mut conn = connect(&config, false).await.map_err(wrong)?;
    check_journal(&mut conn, &path).await?;
    check(&mut conn, &path).await?;
    claim(&mut conn).await.map_err(wrong)?;
    migrate(&mut conn, &path).await?;
    let identity = identity(&mut conn).await.map_err(wrong)?;
    refuse_another(&guard, &identity, &path)?;
    let generation = begin_generation(&mut conn).await.map_err(wrong)?;
    let come_to = recorded(&mut conn).await.map_err(wrong)?;
    let clock = StoreClock::new(&node, &config.wall, come_to);
    let counts = counts(&mut conn).await.map_err(wrong)?;
    let next_seq = next_seq(&mut conn).await.map_err(wrong)?;
    let others = others(&mut conn).await.map_err(wrong)?;
    let watch = Watch::begin(Arc::clone(&guard), identity, generation).await;
    let watch = watch.map_err(|error| unusable(&path, error))?;
    let readers = readers(&config, &guard).await?;
    let opened = Opened { clock, watch, conn, counts, next_seq, others };
    Ok(Store { guard, writer: Writer::new(config, node, holding.clone(), opened), readers })
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
            .pragma("journal_size_limit", LOG_LIMIT.to_string())
            // The writer does it itself, after it has answered.
            .pragma("wal_autocheckpoint", "0");
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
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(conn).await.map_err(wrong)?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt { path: path.display().to_string(), what: found })
}

/// A new database says whose it is before anything else is put into it: one that is killed while
/// its tables are made would be a stranger's at the next start.
async fn claim(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let found: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *conn).await?;
    if found == 0 {
        let claim = format!("PRAGMA application_id = {APPLICATION}");
        conn.execute(AssertSqlSafe(claim)).await?;
    }
    Ok(())
}

/// The identity of the database; a new one gets one.
async fn identity(conn: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    let fresh = Uuid::now_v7().simple().to_string();
    let insert = "INSERT INTO meta (name, value) VALUES ('identity', ?1) ON CONFLICT DO NOTHING";
    sqlx::query(insert).bind(fresh).execute(&mut *conn).await?;
    sqlx::query_scalar("SELECT value FROM meta WHERE name = 'identity'").fetch_one(conn).await
}

/// Whether the lock file remembers another store than this.
fn refuse_another(guard: &Guard, identity: &str, path: &Path) -> Result<(), StoreError> {
    if guard.known.as_ref().is_none_or(|known| known.identity == identity) {
        return Ok(());
    }
    let what = "it is not the store that was here before; if that is meant, remove the .lock \
                file beside it";
    Err(StoreError::Corrupt { path: path.display().to_string(), what: what.to_owned() })
}

/// Whether the database has come less far than the lock file remembers. The main file was looked
/// at when the lock was taken; this is about what was in the log when the process was killed.
async fn refuse_less(config: &StoreConfig, guard: &Arc<Guard>) -> Result<(), StoreError> {
    let Some(known) = guard.known.as_ref().filter(|known| known.committed > known.generation)
    else {
        return Ok(());
    };
    let path = &config.path;
    let wrong = |error| classify(error, path);
    let mut conn = connect(config, true).await.map_err(wrong)?;
    let found = sqlx::query_scalar::<_, i64>("PRAGMA user_version").fetch_one(&mut conn).await;
    conn.close().await.map_err(wrong)?;
    let (found, committed) = (found.map_err(wrong)?, known.committed);
    if found >= i64::from(committed) {
        return Ok(());
    }
    let what = format!(
        "what was written to it last is missing (generation {found}, it had come to {committed}): \
         its -wal file is gone, empty, cut, or another's; if that is meant, remove the .lock file \
         beside it"
    );
    Err(StoreError::Corrupt { path: path.display().to_string(), what })
}

/// Each opening is a generation of its own: a copy from before it is an older one.
async fn begin_generation(conn: &mut SqliteConnection) -> Result<u32, sqlx::Error> {
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *conn).await?;
    let generation = u32::try_from(found).unwrap_or(0).saturating_add(1);
    conn.execute(AssertSqlSafe(stamp(generation))).await?;
    // Whose it is and how far it has come is told by the file itself, however this ends.
    conn.execute("PRAGMA wal_checkpoint(PASSIVE)").await?;
    Ok(generation)
}

/// Whether the database is a store's, or nobody's yet. Nothing is written to find that out.
async fn recognise(config: &StoreConfig, guard: &Arc<Guard>) -> Result<(), StoreError> {
    let path = &config.path;
    if guard.unmade {
        return Ok(());
    }
    let header = {
        let guard = Arc::clone(guard);
        let read = tokio::task::spawn_blocking(move || guard.header()).await;
        let read = read.map_err(|error| StoreError::Other(Arc::new(error)))?;
        read.map_err(|error| unusable(path, error))?
    };
    let Some(header) = header else { return Ok(()) };
    let mut application = header.application;
    let mut ours = true;
    // What was said last may be in the log still; and the stores of before said nothing.
    if application == 0 {
        let wrong = |error| classify(error, path);
        let mut conn = connect(config, true).await.map_err(wrong)?;
        let looked = look_inside(&mut conn).await;
        conn.close().await.map_err(wrong)?;
        (application, ours) = looked.map_err(wrong)?;
    }
    if application == APPLICATION || (application == 0 && ours) {
        return Ok(());
    }
    let what = format!(
        "it is the database of another program (application id {application}), and was left as \
         it is; give the task store a file of its own"
    );
    Err(unsuitable(path, what))
}

/// Whose a database says it is, and whether it is empty or has the tables of a store.
async fn look_inside(conn: &mut SqliteConnection) -> Result<(u32, bool), sqlx::Error> {
    let application: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *conn).await?;
    let sql = "SELECT count(*), count(*) FILTER (WHERE type = 'table' \
               AND name IN ('meta', 'tasks', 'requests', '_sqlx_migrations')) FROM sqlite_schema";
    let row = sqlx::query(sql).fetch_one(conn).await?;
    let (all, known) = (row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?);
    Ok((u32::try_from(application).unwrap_or(u32::MAX), all == 0 || known == 4))
}

/// Without a log of its own beside it nothing here holds.
async fn check_journal(conn: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(conn)
        .await
        .map_err(|error| classify(error, path))?;
    if mode == "wal" {
        return Ok(());
    }
    let what = format!(
        "SQLite keeps its journal there as `{mode}` and not as `wal`; give it a local file system"
    );
    Err(unsuitable(path, what))
}

/// How far the clock had come.
async fn recorded(conn: &mut SqliteConnection) -> Result<TaskTime, sqlx::Error> {
    let clock: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'clock'")
        .fetch_optional(conn)
        .await?;
    let millis = clock.and_then(|clock| clock.parse().ok()).unwrap_or(0);
    Ok(TaskTime::from_millis(millis))
}

pub(crate) async fn counts(conn: &mut SqliteConnection) -> Result<Counts, sqlx::Error> {
    let sql = "SELECT queue, state, count(*) FROM tasks GROUP BY queue, state";
    let mut counts = Counts::default();
    for row in sqlx::query(sql).fetch_all(conn).await? {
        // What is stored as a queue was one when it was written.
        let queue = QueueName::new(row.try_get::<&str, _>(0)?);
        if let (Ok(queue), Some(state)) = (queue, state_of(row.try_get(1)?)) {
            counts.add(&queue, state, row.try_get::<i64, _>(2)?.cast_unsigned());
        }
    }
    Ok(counts)
}

/// The place in the order that the next new task gets.
pub(crate) async fn next_seq(conn: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT max(seq) FROM tasks").fetch_one(conn).await?;
    Ok(last.unwrap_or(0).saturating_add(1))
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
