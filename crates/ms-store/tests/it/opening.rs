//! What a store may be opened in: names, modes, databases of others, schemas of before.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::borrow::Cow;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{at, claim, close, open, refusal, run, submit, task};
use ms_core::task::{StoreError, TaskFilter};
use ms_store::{StoreConfig, discard, probe};
use ms_task::TaskStore;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection, Executor, Row, SqlSafeStr, SqliteConnection};

use crate::common;

async fn database(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    options.connect().await.unwrap()
}

/// A database that SQLite keeps with this kind of journal.
async fn journaled(path: &Path, journal: SqliteJournalMode) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    options.journal_mode(journal).connect().await.unwrap()
}

/// T13: names by which SQLite keeps a database in memory are no names of a store.
#[test]
fn t13_a_name_that_is_no_file_is_refused_and_nothing_is_taken() {
    run(|node| async move {
        for name in [":memory:", "file:tasks.db?mode=memory", "file::memory:", ":x"] {
            let text = refusal(&node, StoreConfig::new(name)).await;
            assert!(text.contains("give the path of a file"), "{name}: {text}");
            for refused in [probe(Path::new(name)), discard(Path::new(name))] {
                assert!(matches!(refused, Err(StoreError::Unsuitable { .. })), "{refused:?}");
            }
        }
    });
    assert!(!Path::new(":memory:").exists() && !Path::new(":memory:.lock").exists());
}

/// T13: the database of another program is refused before anything is written into it.
#[test]
fn t13_the_database_of_another_program_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        for (name, sql) in [
            ("named", "PRAGMA application_id = 252006675; CREATE TABLE fossil (x)"),
            ("nameless", "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)"),
            // Tables of the same names do not make a store.
            ("like", "CREATE TABLE tasks (id); CREATE TABLE meta (name)"),
        ] {
            for journal in [SqliteJournalMode::Delete, SqliteJournalMode::Wal] {
                let path = dir.path().join(format!("{name}-{journal:?}.db"));
                let mut conn = journaled(&path, journal).await;
                conn.execute(sql).await.unwrap();
                conn.close().await.unwrap();
                let before = fs::read(&path).unwrap();
                let text = refusal(&node, StoreConfig::new(&path)).await;
                assert!(text.contains("another program"), "{name} {journal:?}: {text}");
                assert!(fs::read(&path).unwrap() == before, "{name} {journal:?}: it was touched");
            }
        }
        // One that holds nothing is nobody's.
        let path = dir.path().join("empty.db");
        let mut conn = database(&path).await;
        conn.execute("VACUUM").await.unwrap();
        conn.close().await.unwrap();
        let (store, root) = open(&node, StoreConfig::new(&path)).await;
        submit(&store, task(1)).await.unwrap();
        close(root).await;
    });
}

/// Payloads may be private: a database that others get at is closed to them.
#[test]
fn a_database_that_others_can_open_is_closed_to_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = at(dir.path()).path;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    run(|node| async move {
        let (_, root) = open(&node, at(dir.path())).await;
        close(root).await;
        assert_eq!(mode(&path), 0o600);
        for open_mode in [0o666, 0o644, 0o660] {
            fs::set_permissions(&path, PermissionsExt::from_mode(open_mode)).unwrap();
            let (store, root) = open(&node, at(dir.path())).await;
            submit(&store, task(1)).await.unwrap();
            for suffix in ["db", "db-wal", "db-shm", "db.lock"] {
                assert_eq!(mode(&path.with_extension(suffix)), 0o600, "{suffix}");
            }
            close(root).await;
        }
    });
}

/// Where everybody may rename files, anybody may put another store in the place of this one.
#[test]
fn a_directory_that_everybody_may_write_is_refused_unless_files_in_it_stay_their_owners() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let text = refusal(&node, at(dir.path())).await;
        assert!(text.contains("chmod o-w"), "{text}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was made in it");
        for fine in [0o1777, 0o775] {
            fs::set_permissions(dir.path(), PermissionsExt::from_mode(fine)).unwrap();
            let (_, root) = open(&node, at(dir.path())).await;
            close(root).await;
        }
    });
}

/// The schema as the first release made it.
async fn as_the_first_release_made_it(path: &Path) {
    let mut conn = journaled(path, SqliteJournalMode::Wal).await;
    let sql = include_str!("../../migrations/0001_tasks.sql").into_sql_str();
    let first = Migration::new(1, Cow::Borrowed("tasks"), MigrationType::Simple, sql, false);
    Migrator::with_migrations(vec![first]).run(&mut conn).await.unwrap();
    conn.execute("INSERT INTO meta VALUES ('identity', 'as-it-was'), ('clock', '1795521600000')")
        .await
        .unwrap();
    conn.close().await.unwrap();
}

/// Moves the rows of a store of today into the schema of before: they are the same but for
/// their place in the order.
async fn rows_of_before(from: &Path, into: &Path) {
    let mut conn = database(into).await;
    let attach = format!("ATTACH '{}' AS today", from.display());
    conn.execute(sqlx::AssertSqlSafe(attach)).await.unwrap();
    conn.execute(
        "INSERT INTO tasks SELECT id, queue, kind, state, priority, submitted, ready, not_before, \
         expires, ended, key, record FROM today.tasks; \
         INSERT INTO requests SELECT * FROM today.requests; DETACH today",
    )
    .await
    .unwrap();
    conn.close().await.unwrap();
}

/// The first write into a new database says whose it is: what a kill leaves of it before it has its
/// tables is opened at the next start, and not taken for a stranger's.
#[test]
fn a_database_that_was_killed_while_it_was_made_is_gone_on_with() {
    for claimed in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        run(|node| async move {
            let path = at(dir.path()).path;
            let mut conn = journaled(&path, SqliteJournalMode::Wal).await;
            if claimed {
                conn.execute("PRAGMA application_id = 0x4d535453").await.unwrap();
            }
            // What a migrator makes before the first migration.
            Migrator::with_migrations(Vec::new()).run(&mut conn).await.unwrap();
            conn.close().await.unwrap();
            if claimed {
                let (store, root) = open(&node, at(dir.path())).await;
                let submitted = submit(&store, task(1)).await;
                assert!(submitted.is_ok(), "{submitted:?}");
                close(root).await;
            } else {
                let text = refusal(&node, at(dir.path())).await;
                assert!(text.contains("another program"), "{text}");
            }
        });
    }
}

/// A rollback journal as SQLite writes it over a database of so many pages.
fn journal(pages: u32) -> Vec<u8> {
    let mut bytes = vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    for number in [0, 0x5eed, pages, 512, 4_096] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.resize(512, 0);
    bytes
}

/// SQLite writes the first page of a new database, its mode to keep a log in it, under a rollback
/// journal: a kill between the two, or the power, leaves both, and nothing was kept yet.
#[test]
fn a_store_that_was_killed_while_its_first_page_was_written_is_made_anew() {
    run(|node| async move {
        for page in ["whole", "zeros", "empty"] {
            let dir = tempfile::tempdir().unwrap();
            let path = at(dir.path()).path;
            match page {
                "whole" => {
                    let conn = journaled(&path, SqliteJournalMode::Wal).await;
                    conn.close().await.unwrap();
                    assert_eq!(fs::metadata(&path).unwrap().len(), 4_096);
                }
                "zeros" => fs::write(&path, [0; 4_096]).unwrap(),
                _ => fs::write(&path, []).unwrap(),
            }
            let beside = dir.path().join("tasks.db-journal");
            fs::write(&beside, journal(0)).unwrap();
            let probed = probe(&path);
            assert!(probed.is_ok(), "{page}: {probed:?}");
            for submitted in [1, 2] {
                let (store, root) = open(&node, at(dir.path())).await;
                submit(&store, task(submitted)).await.unwrap();
                let found = store.list(TaskFilter::default()).await.unwrap().tasks.len();
                assert_eq!(found, submitted, "{page}");
                close(root).await;
            }
            assert!(!beside.exists(), "{page}");
        }
    });
}

/// By any other journal than that of its making something would be undone that was written.
#[test]
fn t13_a_rollback_journal_that_is_none_of_the_stores_is_refused_and_nothing_is_undone() {
    run(|node| async move {
        let dir = tempfile::tempdir().unwrap();
        let config = at(dir.path());
        let (store, root) = open(&node, config.clone()).await;
        submit(&store, task(1)).await.unwrap();
        close(root).await;
        let beside = dir.path().join("tasks.db-journal");
        let lock = fs::read(dir.path().join("tasks.db.lock")).unwrap();
        let before = fs::read(&config.path).unwrap();
        for (pages, lock, words) in [
            (0, &*lock, "move that file away"),
            (9, &*lock, "move that file away"),
            // Of a store whose lock file was removed the database itself says that it is one.
            (0, b"", "move that file away"),
            (9, b"", "move that file away"),
        ] {
            fs::write(&beside, journal(pages)).unwrap();
            fs::write(dir.path().join("tasks.db.lock"), lock).unwrap();
            let text = refusal(&node, config.clone()).await;
            assert!(text.contains(words), "{pages}: {text}");
            assert!(probe(&config.path).is_err(), "{pages}");
            assert!(fs::read(&config.path).unwrap() == before, "{pages}: it was touched");
            assert!(fs::read(&beside).unwrap() == journal(pages), "{pages}: it was touched");
        }
        // One that was done with is none.
        fs::write(&beside, [0; 512]).unwrap();
        fs::write(dir.path().join("tasks.db.lock"), &lock).unwrap();
        let (store, root) = open(&node, config).await;
        assert_eq!(store.list(TaskFilter::default()).await.unwrap().tasks.len(), 1);
        close(root).await;

        // A stranger's, cut short in a transaction of its own.
        let path = dir.path().join("theirs.db");
        let mut conn = database(&path).await;
        conn.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY)").await.unwrap();
        conn.close().await.unwrap();
        let before = fs::read(&path).unwrap();
        fs::write(dir.path().join("theirs.db-journal"), journal(2)).unwrap();
        let text = refusal(&node, StoreConfig::new(&path)).await;
        assert!(text.contains("another program"), "{text}");
        assert!(fs::read(&path).unwrap() == before, "it was touched");
    });
}

/// A database of before is brought to the schema of today, and its tasks are in the order of
/// their age.
#[test]
fn a_database_of_before_opens_and_is_in_order() {
    let (today, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = at(dir.path()).path;
    run(|node| async move {
        let (store, root) = open(&node, at(today.path())).await;
        let mut made = Vec::new();
        for n in 0..20 {
            made.push(submit(&store, task(n)).await.unwrap().id);
        }
        close(root).await;
        as_the_first_release_made_it(&path).await;
        rows_of_before(&at(today.path()).path, &path).await;
        // As its lock file was: the identity alone.
        fs::write(dir.path().join("tasks.db.lock"), "as-it-was").unwrap();

        for again in [false, true] {
            let (store, root) = open(&node, at(dir.path())).await;
            let all = store.list(TaskFilter::default()).await.unwrap().tasks;
            assert_eq!(all.iter().map(|task| task.id).collect::<Vec<_>>(), made, "{again}");
            close(root).await;
        }
        let (store, root) = open(&node, at(dir.path())).await;
        submit(&store, task(99)).await.unwrap();
        assert_eq!(claim(&store, 30).await.len(), 21);
        close(root).await;
        let mut conn = database(&path).await;
        let id = conn.fetch_one("PRAGMA application_id").await.unwrap();
        assert_eq!(id.get::<i64, _>(0), 0x4d53_5453);
        conn.close().await.unwrap();
    });
}

/// What is done to the log of a store whose process was killed, by its name.
type Harm = (&'static str, fn(&Path));

const LOG_HARM: [Harm; 3] = [
    ("removed", |log| fs::remove_file(log).unwrap()),
    ("emptied", |log| fs::write(log, b"").unwrap()),
    ("cut", |log| {
        let half = fs::metadata(log).unwrap().len() / 2;
        fs::File::options().write(true).open(log).unwrap().set_len(half).unwrap();
    }),
];

/// T13: what was acknowledged last is in the log alone, when a process is killed.
#[test]
fn t13_a_log_that_was_lost_while_nobody_had_the_store_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["tasks.db", "tasks.db-wal", "tasks.db.lock"];
    run(|node| async move {
        // As a process that is killed leaves it: what is open is copied.
        let left = dir.path().join("left");
        fs::create_dir(&left).unwrap();
        let (store, root) = open(&node, at(dir.path())).await;
        let lock = || fs::read_to_string(dir.path().join("tasks.db.lock")).unwrap();
        let mut taken = Vec::new();
        // How far it has come is remembered at the first commit, and again from time to time.
        for _ in 0..2 {
            let before = lock();
            common::until("it to be remembered", async || {
                taken.push(submit(&store, task("x".repeat(2_000))).await.unwrap().id);
                (lock() != before).then_some(())
            })
            .await;
        }
        names.iter().for_each(|name| drop(fs::copy(dir.path().join(name), left.join(name))));
        close(root).await;

        for (harm, harming) in LOG_HARM {
            let place = dir.path().join(harm);
            fs::create_dir(&place).unwrap();
            names.iter().for_each(|name| drop(fs::copy(left.join(name), place.join(name))));
            harming(&place.join("tasks.db-wal"));
            let before = fs::read(place.join("tasks.db")).unwrap();
            let text = refusal(&node, at(&place)).await;
            assert!(text.contains("the last writes to it are missing"), "{harm}: {text}");
            assert!(fs::read(place.join("tasks.db")).unwrap() == before, "{harm}: touched");
            // On purpose.
            fs::remove_file(place.join("tasks.db.lock")).unwrap();
            close(open(&node, at(&place)).await.1).await;
        }
        let (store, root) = open(&node, at(&left)).await;
        for id in taken {
            assert!(store.get(id).await.unwrap().is_some(), "{id}");
        }
        close(root).await;
    });
}
