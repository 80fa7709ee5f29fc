//! Damaged files, full disks, other processes: a typed refusal, and nothing lost.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use common::{at, claim, close, fresh, open, refusal, run, submit, task};
use ms_core::task::{StoreError, TaskFilter, TaskLogEvent};
use ms_store::StoreConfig;
use ms_task::{Submission, TaskCommand, TaskOutcome, TaskStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};

use crate::common;

/// A store with a few tasks, closed.
async fn filled(node: &ms_actor::Node, dir: &Path, tasks: u64) {
    let (store, root) = open(node, at(dir)).await;
    let tasks = (0..tasks).map(|n| Submission { id: fresh(), task: task(n) }).collect();
    store.submit(tasks).await.unwrap().into_iter().for_each(|one| drop(one.unwrap()));
    close(root).await;
}

async fn edit(dir: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(dir.join("tasks.db"));
    let mut conn = options.connect().await.unwrap();
    conn.execute(sql).await.unwrap();
    sqlx::Connection::close(conn).await.unwrap();
}

/// RELIABILITY 49: cut at many lengths, bits flipped at many places: refused or whole, never
/// recreated, never a panic.
#[test]
fn t13_a_damaged_file_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        filled(&node, dir.path(), 200).await;
        let file = dir.path().join("tasks.db");
        let whole = std::fs::read(&file).unwrap();
        let lock = dir.path().join("tasks.db.lock");
        let remembered = std::fs::read(&lock).unwrap();
        let spoil = |bytes: &[u8]| {
            // What is put here is no older than what was.
            std::fs::write(&lock, &remembered).unwrap();
            for side in ["tasks.db-wal", "tasks.db-shm"] {
                drop(std::fs::remove_file(dir.path().join(side)));
            }
            std::fs::write(&file, bytes).unwrap();
        };
        for length in [0, 1, 50, 100, 4_096, whole.len() / 2, whole.len() - 4_096] {
            spoil(&whole[..length]);
            let text = refusal(&node, at(dir.path())).await;
            assert!(text.contains("damaged"), "cut at {length}: {text}");
            assert_eq!(std::fs::read(&file).unwrap().len(), length, "it was touched");
        }
        let garbage = vec![b'x'; 8_192];
        spoil(&garbage);
        assert!(refusal(&node, at(dir.path())).await.contains("damaged"));
        assert_eq!(std::fs::read(&file).unwrap(), garbage);
        for flip in 0..60_usize {
            let at = flip * 7_919 % whole.len();
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (flip % 8);
            spoil(&flipped);
            // Refused, or open: then every task is there, or reading says what is wrong.
            if let Ok((store, root)) = common::try_open(&node, common::at(dir.path())).await {
                let all = TaskFilter { limit: 1_000, ..TaskFilter::default() };
                let page = store.list(all).await;
                let listed = page.map(|page| page.tasks.len() + page.unreadable.len());
                assert!(matches!(listed, Ok(200) | Err(_)), "flip at {at}: {listed:?}");
                close(root).await;
            }
            assert!(std::fs::metadata(&file).unwrap().len() >= whole.len() as u64);
        }
        drop(std::fs::remove_file(&file));
        assert!(refusal(&node, at(dir.path())).await.contains("gone"));
        assert!(!file.exists(), "a lost store is never recreated by itself");
        spoil(&whole);
        let (store, root) = open(&node, at(dir.path())).await;
        assert_eq!(
            store
                .list(TaskFilter { limit: 1_000, ..TaskFilter::default() })
                .await
                .unwrap()
                .tasks
                .len(),
            200
        );
        close(root).await;
    });
}

#[test]
fn a_record_that_cannot_be_read_is_the_trouble_of_its_task_only() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        filled(&node, dir.path(), 3).await;
        edit(dir.path(), "UPDATE tasks SET record = 'x' WHERE id = (SELECT min(id) FROM tasks)")
            .await;
        let (store, root) = open(&node, at(dir.path())).await;
        // It is the first in line, and holds up the others once.
        assert!(claim(&store, 1).await.is_empty());
        assert_eq!(claim(&store, 1).await.len() + claim(&store, 1).await.len(), 2);
        submit(&store, task(4)).await.unwrap();
        close(root).await;
    });
}

/// S6.1-01
#[test]
fn a_second_process_a_newer_schema_and_another_store_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (_store, root) = open(&node, at(dir.path())).await;
        let text = refusal(&node, at(dir.path())).await;
        assert!(text.contains("in use by another process"), "{text}");
        close(root).await;

        let other = tempfile::tempdir().unwrap();
        filled(&node, other.path(), 1).await;
        let mine = std::fs::read(dir.path().join("tasks.db")).unwrap();
        std::fs::copy(other.path().join("tasks.db"), dir.path().join("tasks.db")).unwrap();
        let text = refusal(&node, at(dir.path())).await;
        assert!(text.contains("not the store that was here"), "{text}");
        std::fs::write(dir.path().join("tasks.db"), mine).unwrap();

        let newer = "INSERT INTO _sqlx_migrations \
            VALUES (99, 'from the future', CURRENT_TIMESTAMP, 1, x'00', 0)";
        edit(dir.path(), newer).await;
        let text = refusal(&node, at(dir.path())).await;
        assert!(text.contains("schema 99"), "{text}");
    });
}

/// RELIABILITY 52
#[test]
fn links_and_places_that_cannot_be_written_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let nowhere = StoreConfig::new(dir.path().join("missing/tasks.db"));
        assert!(refusal(&node, nowhere).await.contains("cannot be written"));
        std::fs::write(dir.path().join("file"), "x").unwrap();
        let below_a_file = StoreConfig::new(dir.path().join("file/tasks.db"));
        assert!(refusal(&node, below_a_file).await.contains("cannot be written"));
        std::os::unix::fs::symlink("/etc/hostname", dir.path().join("tasks.db")).unwrap();
        assert!(refusal(&node, at(dir.path())).await.contains("a link"));
    });
}

/// RELIABILITY 51, with the permitted size of the file in place of the disk's: SQLite takes
/// the same way.
#[test]
fn t14_a_full_store_refuses_whole_requests_and_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let config =
            StoreConfig { max_bytes: 1 << 20, keep_ended: Duration::ZERO, ..at(dir.path()) };
        let (store, root) = open(&node, config).await;
        let (mut kept, mut full) = (Vec::new(), None);
        for _ in 0..200 {
            let batch: Vec<_> = (0..4)
                .map(|_| Submission { id: fresh(), task: task("x".repeat(10_000)) })
                .collect();
            match store.submit(batch).await {
                Ok(stored) => kept.extend(stored.into_iter().map(|one| one.unwrap().view.id)),
                Err(error) => {
                    full = Some(error);
                    break;
                }
            }
        }
        assert!(matches!(full, Some(StoreError::Full(_))), "{full:?}");
        let all = TaskFilter { limit: 1_000, ..TaskFilter::default() };
        let listed = store.list(all.clone()).await.unwrap().tasks;
        assert_eq!(listed.iter().map(|task| task.id).collect::<Vec<_>>(), kept, "half written");
        let id = |event: &TaskLogEvent| match event {
            TaskLogEvent::Moved(transition) => Some(transition.id),
            _ => None,
        };
        let published: Vec<_> =
            store.events().kept().iter().filter_map(|event| id(&event.kind)).collect();
        assert_eq!(published, kept, "a change that was not written is not published");

        // Room is made: what ended is removed. Nothing has to be restarted.
        let given = claim(&store, kept.len()).await;
        let cancel = given.iter().take(40).map(|one| TaskCommand::Cancel(one.view.id)).collect();
        store.execute(cancel).await.unwrap();
        let mut removed = 0;
        while removed < 40 {
            removed += store.sweep().await.unwrap().removed;
        }
        submit(&store, task("x".repeat(10_000))).await.unwrap();
        let last = given.last().unwrap();
        let done = TaskOutcome::Completed(serde_json::json!("ok"));
        let done = store.execute(vec![TaskCommand::Finish(last.view.id, last.token, done)]).await;
        assert!(done.unwrap()[0].is_ok());
        close(root).await;
    });
}

/// A commit that wrote nothing says nothing about the disk: what claims and looks for work all
/// the while does not hide that nothing can be taken.
#[test]
fn t14_a_commit_that_wrote_nothing_does_not_end_the_trouble() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let config =
            StoreConfig { max_bytes: 1 << 20, keep_ended: Duration::ZERO, ..at(dir.path()) };
        let (store, root) = open(&node, config).await;
        let big = || Submission { id: fresh(), task: task("x".repeat(100_000)) };
        let mut taken = Vec::new();
        let full = loop {
            match store.submit(vec![big()]).await {
                Ok(mut stored) => taken.push(stored.remove(0).unwrap().view.id),
                Err(error) => break error,
            }
        };
        assert!(matches!(full, StoreError::Full(_)), "{full}");
        let trouble = async || store.stats().await.unwrap().trouble;
        assert!(trouble().await.unwrap().contains("full"));
        for _ in 0..5 {
            let nothing = store.claim(common::wish(0, 0, common::LEASE)).await.unwrap();
            assert!(nothing.assignments.is_empty());
        }
        assert!(trouble().await.is_some(), "a commit of nothing has ended it");

        // Room is made, nobody asks for anything, and it is over by itself.
        let cancel = taken.iter().map(|&id| TaskCommand::Cancel(id)).collect();
        store.execute(cancel).await.unwrap();
        store.sweep().await.unwrap();
        common::until("the end of the trouble", async || match trouble().await {
            None => Some(()),
            Some(_) => None,
        })
        .await;
        close(root).await;
    });
}

/// RELIABILITY 59: the clock goes on from where it was, though the wall clock was set back.
#[test]
fn t15_the_store_s_clock_never_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        filled(&node, dir.path(), 1).await;
        let ahead = "UPDATE meta SET value = '9000000000000' WHERE name = 'clock'";
        edit(dir.path(), ahead).await;
        let (store, root) = open(&node, at(dir.path())).await;
        let view = submit(&store, task(1)).await.unwrap();
        assert!(view.timings.submitted.as_millis() >= 9_000_000_000_000);
        close(root).await;
    });
}
