//! Opening a store: the file, its schema, its identity, its clock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::Node;
use ms_core::task::{StoreError, TaskTime};
use ms_core::time::later;
use sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection};
use tokio::time::Instant;
use uuid::Uuid;

use crate::clock::StoreClock;
use crate::config::StoreConfig;
use crate::connection::{connect, counts, next_seq, others};
use crate::error::classify;
use crate::guard::{Guard, file_path, unsuitable, unusable};
use crate::marks::{APPLICATION, PAGE};
use crate::read::Reader;
use crate::schema::migrate;
use crate::tenancy::{Holding, Tenancy};
use crate::watch::{Watch, stamp};
use crate::write::{Opened, Writer};

/// Connections that read tasks by their ids.
// When lists shared them, 32 lists at once made a read by id wait for 28.8 s.
const READERS_BY_ID: usize = 2;
/// Databases up to this size, in bytes, are checked in full at every opening.
const CHECKED_UP_TO: u64 = 64 << 20;
/// Time in which the holder of the lock may leave before the store counts as in use.
const LEAVES_WITHIN: Duration = Duration::from_secs(1);
/// Pause between two tries to take the lock.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A store that is open.
pub(crate) struct Store {
    pub(crate) guard: Arc<Guard>,
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
}

/// The connections that read tasks by their ids, and those that read lists.
#[derive(Default)]
pub(crate) struct Readers {
    pub(crate) by_id: Vec<Reader>,
    pub(crate) lists: Vec<Reader>,
}

/// Opens all readers at once: an open file can still be read after it was moved.
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

/// Opens the store. A damaged one is never replaced, and the database of another program is not
/// touched.
pub(crate) async fn open(
    config: StoreConfig,
    node: Node,
    holding: Holding,
) -> Result<(Tenancy, Store), StoreError> {
    // Held until the store is open: an earlier life may still be writing.
    let (tenancy, turn) = holding.take_over(config.busy.saturating_mul(2)).await?;
    // A life whose thread is blocked for good does not give the locks back itself.
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

/// Takes the lock. A killed life of this very store may still have it: its successor starts before
/// its thread has let go.
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

/// Writes the application id into a new database before anything else: after a kill while its
/// tables are made, the next start would take it for a stranger's.
async fn claim(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let found: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *conn).await?;
    if found == 0 {
        let claim = format!("PRAGMA application_id = {APPLICATION}");
        conn.execute(AssertSqlSafe(claim)).await?;
    }
    Ok(())
}

/// Reads the identity of the database, and gives a new one its identity.
async fn identity(conn: &mut SqliteConnection) -> Result<String, sqlx::Error> {
    let fresh = Uuid::now_v7().simple().to_string();
    let insert = "INSERT INTO meta (name, value) VALUES ('identity', ?1) ON CONFLICT DO NOTHING";
    sqlx::query(insert).bind(fresh).execute(&mut *conn).await?;
    sqlx::query_scalar("SELECT value FROM meta WHERE name = 'identity'").fetch_one(conn).await
}

/// Refuses a store that is not the one that the lock file remembers.
fn refuse_another(guard: &Guard, identity: &str, path: &Path) -> Result<(), StoreError> {
    if guard.known.as_ref().is_none_or(|known| known.identity == identity) {
        return Ok(());
    }
    let what = "it is not the store that was here before; if that is intended, remove the .lock \
                file beside it";
    Err(StoreError::Corrupt { path: path.display().to_string(), what: what.to_owned() })
}

/// Refuses a database that has come less far than the lock file remembers. The main file was
/// checked when the lock was taken; this is about the log at the time when the process was killed.
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
        "the last writes to it are missing (generation {found} instead of {committed}): its -wal \
         file is gone, empty, truncated, or another store's; if that is intended, remove the \
         .lock file \
         beside it"
    );
    Err(StoreError::Corrupt { path: path.display().to_string(), what })
}

/// Begins a new generation: each opening is one, so that an earlier copy has a lower number.
async fn begin_generation(conn: &mut SqliteConnection) -> Result<u32, sqlx::Error> {
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *conn).await?;
    let generation = u32::try_from(found).unwrap_or(0).saturating_add(1);
    conn.execute(AssertSqlSafe(stamp(generation))).await?;
    // Folded in, so that the file itself shows its owner and generation however this ends.
    conn.execute("PRAGMA wal_checkpoint(PASSIVE)").await?;
    Ok(generation)
}

/// Checks, without writing, that the database is a store's or nobody's yet.
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
    // The id may still be in the log; and stores of the first release wrote none.
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
        "it is the database of another program (application id {application}), so it was left \
         unchanged; give the task store a file of its own"
    );
    Err(unsuitable(path, what))
}

/// Reads the application id of a database, and whether it is empty or has the tables of a store.
async fn look_inside(conn: &mut SqliteConnection) -> Result<(u32, bool), sqlx::Error> {
    let application: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *conn).await?;
    let sql = "SELECT count(*), count(*) FILTER (WHERE type = 'table' \
               AND name IN ('meta', 'tasks', 'requests', '_sqlx_migrations')) FROM sqlite_schema";
    let row = sqlx::query(sql).fetch_one(conn).await?;
    let (all, known) = (row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?);
    Ok((u32::try_from(application).unwrap_or(u32::MAX), all == 0 || known == 4))
}

/// Refuses a database without a write-ahead log, on which all promises of the store depend.
async fn check_journal(conn: &mut SqliteConnection, path: &Path) -> Result<(), StoreError> {
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(conn)
        .await
        .map_err(|error| classify(error, path))?;
    if mode == "wal" {
        return Ok(());
    }
    let what = format!(
        "SQLite uses the journal mode `{mode}` there instead of `wal`; put it on a local file \
         system"
    );
    Err(unsuitable(path, what))
}

/// Reads how far the clock had come.
async fn recorded(conn: &mut SqliteConnection) -> Result<TaskTime, sqlx::Error> {
    let clock: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'clock'")
        .fetch_optional(conn)
        .await?;
    let millis = clock.and_then(|clock| clock.parse().ok()).unwrap_or(0);
    Ok(TaskTime::from_millis(millis))
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
