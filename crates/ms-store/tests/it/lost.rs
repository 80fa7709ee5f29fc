//! Files that vanish, move or are written over while the store is open: nothing more is taken, it
//! is said why and how much that concerns, and what only moved may be put back.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{at, claim, close, fresh, open, refusal, run, submit, task, until};
use ms_core::task::{StoreError, TaskId};
use ms_core::view::EventKind;
use ms_store::SqliteTasks;
use ms_task::{Submission, TaskStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};

use crate::common;

/// Submits until it is refused; gives the ids that were acknowledged and the refusal.
async fn until_refused(store: &SqliteTasks) -> (Vec<TaskId>, StoreError) {
    let mut taken = Vec::new();
    let refused = until("a refusal", async || {
        let submission = Submission { id: fresh(), task: task(1) };
        match store.submit(vec![submission]).await {
            Ok(answers) => {
                taken.extend(answers.into_iter().map(|answer| answer.unwrap().view.id));
                None
            }
            // It may have been written: the file was lost in the middle of it.
            Err(StoreError::Unknown(_)) => None,
            Err(error) => Some(error),
        }
    });
    let refused = refused.await;
    (taken, refused)
}

fn over(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

/// What is done to the files of a store, by its name and what is said of it.
type Harm = (&'static str, &'static str, fn(&Path));

const HARM: [Harm; 9] = [
    ("removed", "removed or renamed", |db| fs::remove_file(db).unwrap()),
    ("renamed", "removed or renamed", |db| fs::rename(db, db.with_extension("x")).unwrap()),
    ("replaced", "another one", |db| {
        fs::copy(db, db.with_extension("x")).unwrap();
        fs::rename(db.with_extension("x"), db).unwrap();
    }),
    ("cut", "truncated", |db| {
        fs::File::options().write(true).open(db).unwrap().set_len(4_096).unwrap()
    }),
    ("written over", "something else", |db| {
        let bytes = vec![b'x'; usize::try_from(fs::metadata(db).unwrap().len()).unwrap()];
        let mut file = fs::File::options().write(true).open(db).unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
    }),
    ("written over in the middle", "another program", |db| {
        let file = fs::File::options().write(true).open(db).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[b'x'; 512], 9_000).unwrap();
    }),
    ("lock removed", ".lock", |db| fs::remove_file(db.with_extension("db.lock")).unwrap()),
    ("log removed", "-wal", |db| fs::remove_file(db.with_extension("db-wal")).unwrap()),
    ("log cut", "-wal", |db| over(&db.with_extension("db-wal"), b"")),
];

/// T18
#[test]
fn t18_nothing_is_taken_once_a_file_is_lost_and_the_error_counts_its_tasks() {
    for (harm, words, harming) in HARM {
        let dir = tempfile::tempdir().unwrap();
        run(|node| async move {
            let (store, root) = open(&node, at(dir.path())).await;
            for n in 0..3 {
                submit(&store, task(n)).await.unwrap();
            }
            harming(&at(dir.path()).path);
            let (taken, refused) = until_refused(&store).await;
            let text = refused.to_string();
            assert!(matches!(refused, StoreError::Lost { .. }), "{harm}: {text}");
            assert!(text.contains(words), "{harm}: {text}");
            let held = format!("it held {0} tasks, {0} of them not finished", 3 + taken.len());
            assert!(text.contains(&held), "{harm}: {text} after {}", taken.len());
            // And from now on, whatever is asked.
            for _ in 0..3 {
                let again = store.submit(vec![Submission { id: fresh(), task: task(1) }]).await;
                assert!(matches!(again, Err(StoreError::Lost { .. })), "{harm}: {again:?}");
                let claimed = store.claim(common::wish(1, 1, common::LEASE)).await;
                assert!(matches!(claimed, Err(StoreError::Lost { .. })), "{harm}: {claimed:?}");
            }
            let stats = store.stats().await;
            assert!(matches!(stats, Err(StoreError::Lost { .. })), "{harm}: {stats:?}");
            let noted = node.events().kept().into_iter().any(|event| match event.kind {
                EventKind::Noted { topic, text, .. } => {
                    topic == ms_core::health::FEATURES_OFF && text.contains(words)
                }
                _ => false,
            });
            assert!(noted, "{harm}: no event says so");
            close(root).await;
        });
    }
}

/// Without a request: the files are looked at all the while.
#[test]
fn t18_an_idle_store_finds_out_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        fs::remove_file(at(dir.path()).path).unwrap();
        until("the loss", async || store.stats().await.err()).await;
        close(root).await;
    });
}

#[test]
fn t18_a_file_that_is_put_back_is_gone_on_with_and_nothing_acknowledged_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = at(dir.path()).path;
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let mut taken = vec![submit(&store, task(0)).await.unwrap().id];
        for suffix in ["db", "db.lock"] {
            let (there, away) = (path.with_extension(suffix), path.with_extension("away"));
            fs::rename(&there, &away).unwrap();
            let (more, _) = until_refused(&store).await;
            taken.extend(more);
            // What moved can be read.
            assert!(store.get(taken[0]).await.unwrap().is_some());
            fs::rename(&away, &there).unwrap();
            let id = until("a task that is taken", async || {
                let submission = Submission { id: fresh(), task: task(1) };
                let answers = store.submit(vec![submission]).await.ok()?;
                Some(answers.into_iter().next().unwrap().unwrap().view.id)
            });
            taken.push(id.await);
        }
        close(root).await;
        let (store, root) = open(&node, at(dir.path())).await;
        for id in taken {
            assert!(store.get(id).await.unwrap().is_some(), "{id} was acknowledged");
        }
        close(root).await;
    });
}

/// Whoever removes the lock file does not get the store.
#[test]
fn t18_one_file_has_one_store_with_or_without_its_lock_file() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        fs::remove_file(dir.path().join("tasks.db.lock")).unwrap();
        let text = refusal(&node, at(dir.path())).await;
        assert!(text.contains("in use by another"), "{text}");
        // A lock file was made anew by that: it is not the one of this store.
        let (_, refused) = until_refused(&store).await;
        assert!(matches!(refused, StoreError::Lost { .. }), "{refused}");
        close(root).await;
    });
}

/// A reader that finds the file damaged stops the writer, though the writer saw nothing of it.
#[test]
fn t18_what_a_reader_finds_malformed_stops_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let ids: Vec<_> = (0..500).map(|_| fresh()).collect();
        let all = ids.iter().map(|&id| Submission { id, task: task("x".repeat(2_000)) }).collect();
        store.submit(all).await.unwrap().into_iter().for_each(|one| drop(one.unwrap()));
        close(root).await;
        // Damage that the opening does not look for: it is too large for that.
        let path = at(dir.path()).path;
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(65 << 20).unwrap();
        let header_pages = u32::try_from((65_u64 << 20) / 4_096).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &header_pages.to_be_bytes(), 28).unwrap();
        // Only those with payloads: what the opening reads is whole.
        for (page, bytes) in fs::read(&path).unwrap().chunks(4_096).enumerate() {
            if bytes.windows(64).any(|run| run == [b'x'; 64]) {
                let at = u64::try_from(page).unwrap() * 4_096;
                std::os::unix::fs::FileExt::write_all_at(&file, &[0xA5; 64], at).unwrap();
            }
        }
        drop(file);
        let (store, root) = open(&node, at(dir.path())).await;
        let mut damaged = None;
        for id in ids {
            if let Err(error) = store.request(id).await {
                damaged = Some(error);
                break;
            }
        }
        let damaged = damaged.expect("a page that cannot be read");
        assert!(matches!(damaged, StoreError::Corrupt { .. }), "{damaged}");
        let (taken, refused) = until_refused(&store).await;
        assert!(taken.is_empty(), "taken after the damage was known: {taken:?}");
        assert!(refused.to_string().contains("damaged"), "{refused}");
        close(root).await;
    });
}

#[test]
fn t13_an_older_copy_is_refused_unless_the_lock_file_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (at(dir.path()).path, dir.path().join("copy"));
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        submit(&store, task(1)).await.unwrap();
        close(root).await;
        fs::copy(&path, &copy).unwrap();
        let (store, root) = open(&node, at(dir.path())).await;
        submit(&store, task(2)).await.unwrap();
        close(root).await;
        fs::copy(&copy, &path).unwrap();
        let text = refusal(&node, at(dir.path())).await;
        assert!(text.contains("older copy") && text.contains("remove the .lock file"), "{text}");
        assert_eq!(fs::read(&copy).unwrap(), fs::read(&path).unwrap(), "it was touched");
        fs::remove_file(dir.path().join("tasks.db.lock")).unwrap();
        let (store, root) = open(&node, at(dir.path())).await;
        assert_eq!(claim(&store, 9).await.len(), 1);
        close(root).await;
    });
}

/// A log that is folded in again and again is the store's own doing, and no loss.
#[test]
fn t18_a_store_under_load_does_not_take_its_own_writing_for_somebody_elses() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let generation = || {
            let bytes = fs::read(at(dir.path()).path).unwrap();
            u32::from_be_bytes(bytes[60..64].try_into().unwrap())
        };
        let mut submitted = 0;
        while generation() < 4 {
            assert!(submitted < 20_000, "its log is never folded in");
            let batch = (0..100).map(|_| Submission { id: fresh(), task: task("x".repeat(4_000)) });
            for answer in store.submit(batch.collect()).await.expect("taken") {
                answer.unwrap();
                submitted += 1;
            }
        }
        assert_eq!(store.stats().await.unwrap().trouble, None);
        close(root).await;
    });
}

/// After a loss the store ends in order.
#[test]
fn t18_a_store_that_was_lost_can_be_stopped_and_leaves_the_file_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = at(dir.path()).path;
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        submit(&store, task(1)).await.unwrap();
        let garbage = vec![b'x'; 40_960];
        over(&path, &garbage);
        until("the loss", async || store.stats().await.err()).await;
        tokio::time::timeout(Duration::from_secs(60), close(root)).await.expect("it stops");
        assert!(fs::read(&path).unwrap() == garbage, "it was written to");
    });
}

/// A writer that was busy for too long makes its connection anew, in the middle of a log that
/// was begun by the one before: its own doing, too.
#[test]
fn t18_a_connection_made_anew_is_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let path = at(dir.path()).path;
    run(|node| async move {
        let config = ms_store::StoreConfig { busy: Duration::from_millis(20), ..at(dir.path()) };
        let (store, root) = open(&node, config).await;
        let batch = || (0..100).map(|_| Submission { id: fresh(), task: task("x".repeat(4_000)) });
        for _ in 0..4 {
            // The log is folded in and begun anew a few times by one connection.
            for _ in 0..30 {
                store.submit(batch().collect()).await.expect("taken");
            }
            let url = format!("sqlite://{}", path.display());
            let mut other =
                <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
            sqlx::Executor::execute(&mut other, "BEGIN IMMEDIATE").await.unwrap();
            let busy = store.submit(batch().collect()).await;
            assert!(matches!(busy, Err(StoreError::Busy(_))), "{busy:?}");
            sqlx::Executor::execute(&mut other, "ROLLBACK").await.unwrap();
            sqlx::Connection::close(other).await.unwrap();
        }
        for _ in 0..30 {
            store.submit(batch().collect()).await.expect("taken after it was busy");
        }
        close(root).await;
    });
}

/// By SQLite's own means: the files look as they should.
#[test]
fn t18_what_another_program_commits_is_found_out() {
    for busy in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        run(|node| async move {
            let (store, root) = open(&node, at(dir.path())).await;
            submit(&store, task(0)).await.unwrap();
            let options = SqliteConnectOptions::new().filename(at(dir.path()).path);
            let mut other = options.connect().await.unwrap();
            other.execute("DELETE FROM tasks").await.unwrap();
            let refused = match busy {
                true => until_refused(&store).await.1,
                // It is looked for all the while.
                false => until("the loss", async || store.stats().await.err()).await,
            };
            let text = refused.to_string();
            assert!(text.contains("another program wrote into its database"), "{text}");
            drop(other.close_hard().await);
            close(root).await;
        });
    }
}
