//! Lists: their order, their filters, what cannot be read on them, and who waits for whom.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;

use common::{at, claim, close, fresh, kind, open, run, submit, task};
use ms_core::task::{
    MAX_PAGE, NewTask, QueueName, StoreError, TaskFailure, TaskFilter, TaskId, TaskState, TaskView,
};
use ms_store::SqliteTasks;
use ms_task::{Submission, TaskCommand, TaskOutcome, TaskStore};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Executor};
use uuid::Uuid;

use crate::common;

async fn edit(dir: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(dir.join("tasks.db"));
    let mut conn = options.connect().await.unwrap();
    conn.execute(sql).await.unwrap();
    sqlx::Connection::close(conn).await.unwrap();
}

/// All pages of a list, `limit` tasks each.
async fn all(store: &SqliteTasks, filter: &TaskFilter, limit: usize) -> Vec<TaskView> {
    let (mut found, mut after) = (Vec::new(), filter.after);
    loop {
        let page = TaskFilter { after, limit, ..filter.clone() };
        let page = store.list(page).await.unwrap();
        assert!(page.tasks.len() <= limit && page.unreadable.is_empty());
        found.extend(page.tasks);
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

fn ids(tasks: &[TaskView]) -> Vec<TaskId> {
    tasks.iter().map(|task| task.id).collect()
}

fn each_or_none<T: Clone>(values: &[T]) -> Vec<Option<T>> {
    values.iter().cloned().map(Some).chain([None]).collect()
}

/// An id as a client makes it whose clock shows this time.
fn made_at(unix_ms: u64) -> TaskId {
    let time = uuid::Timestamp::from_unix_time(unix_ms / 1_000, 0, 0, 0);
    TaskId::new(Uuid::new_v7(time))
}

/// T19: the clock of whoever makes ids may be set back, over a restart and in between.
#[test]
fn t19_a_reader_that_follows_the_list_misses_no_task_though_ids_go_back() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        const NOON: u64 = 1_795_521_600_000;
        let mut taken = Vec::new();
        let mut seen = Vec::new();
        for hours_back in [0, 2, 1, 5] {
            let (store, root) = open(&node, at(dir.path())).await;
            let made = made_at(NOON - hours_back * 3_600_000);
            let submission = Submission { id: made, task: task(hours_back) };
            store.submit(vec![submission]).await.unwrap().remove(0).unwrap();
            taken.push(made);
            // Whoever follows goes on behind the last one it has seen.
            let filter = TaskFilter { after: seen.last().copied(), ..TaskFilter::default() };
            seen.extend(ids(&all(&store, &filter, 2).await));
            assert_eq!(seen, taken);
            let filter = TaskFilter { kind: Some(kind("worker")), ..TaskFilter::default() };
            assert_eq!(ids(&all(&store, &filter, 2).await), taken, "with a filter too");
            close(root).await;
        }
    });
}

/// A cursor whose task was removed goes on where that was.
#[test]
fn a_cursor_outlives_its_task() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let mut made = Vec::new();
        for n in 0..5 {
            made.push(submit(&store, task(n)).await.unwrap().id);
        }
        close(root).await;
        edit(dir.path(), "DELETE FROM tasks WHERE seq = 3").await;
        let (store, root) = open(&node, at(dir.path())).await;
        let filter = TaskFilter { after: Some(made[2]), ..TaskFilter::default() };
        assert_eq!(ids(&all(&store, &filter, 10).await), made[3..]);
        close(root).await;
    });
}

/// Every filter gives what looking at each task would give, in the same order, page by page.
#[test]
fn a_filter_gives_what_looking_at_each_task_would_give() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let queues = ["default", "mail", "zoo"].map(|name| QueueName::new(name).unwrap());
        let kinds = ["a", "worker", "z"].map(kind);
        let mut tasks = Vec::new();
        for n in 0..90_usize {
            let task = NewTask {
                queue: queues[n * 7 % 3].clone(),
                kind: kinds[n * 5 / 3 % 3].clone(),
                ..task(n)
            };
            tasks.push(Submission { id: fresh(), task });
        }
        store.submit(tasks).await.unwrap().into_iter().for_each(|one| drop(one.unwrap()));
        let given = claim(&store, 9).await;
        let ends = given.iter().enumerate().map(|(n, one)| match n % 3 {
            0 => TaskCommand::Cancel(one.view.id),
            1 => {
                let failed = TaskOutcome::Failed(TaskFailure::permanent("no"));
                TaskCommand::Finish(one.view.id, one.token, failed)
            }
            _ => TaskCommand::Start(one.view.id, one.token),
        });
        store.execute(ends.collect()).await.unwrap();

        let every = all(&store, &TaskFilter::default(), 7).await;
        assert_eq!(every.len(), 90);
        let mut filters = 0;
        for queue in each_or_none(&queues) {
            for kind in each_or_none(&kinds) {
                for state in each_or_none(&TaskState::ALL) {
                    let expected: Vec<_> = every
                        .iter()
                        .filter(|task| queue.as_ref().is_none_or(|queue| *queue == task.queue))
                        .filter(|task| kind.as_ref().is_none_or(|kind| *kind == task.kind))
                        .filter(|task| state.is_none_or(|state| state == task.state))
                        .map(|task| task.id)
                        .collect();
                    let (queue, kind) = (queue.clone(), kind.clone());
                    let filter = TaskFilter { queue, kind, state, ..TaskFilter::default() };
                    for limit in [1, 4, 100] {
                        let found = ids(&all(&store, &filter, limit).await);
                        assert_eq!(found, expected, "{filter:?} by {limit}");
                    }
                    filters += usize::from(!expected.is_empty());
                }
            }
        }
        assert!(filters > 30, "only {filters} filters found something");
        // The statistics, which are kept without counting rows, equal the counts.
        let stats = store.stats().await.unwrap().tasks;
        for queue in queues {
            for state in TaskState::ALL {
                let counted = every.iter().filter(|one| one.queue == queue && one.state == state);
                let kept = stats.get(&queue).and_then(|states| states.get(&state)).copied();
                assert_eq!(kept.unwrap_or(0), counted.count() as u64, "{queue} {state}");
            }
        }
        close(root).await;
    });
}

/// Row by row: an unreadable task is named; read alone it is an error, and the page goes on.
#[test]
fn what_cannot_be_read_is_named_and_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let mut made = Vec::new();
        for n in 0..6 {
            made.push(submit(&store, task(n)).await.unwrap().id);
        }
        close(root).await;
        edit(dir.path(), "UPDATE tasks SET record = '{\"secret\":1}' WHERE seq IN (2, 4)").await;
        edit(
            dir.path(),
            "UPDATE requests SET request = 'no' WHERE id = \
            (SELECT id FROM tasks WHERE seq = 1)",
        )
        .await;
        let (store, root) = open(&node, at(dir.path())).await;
        let (bad, good) = ([made[1], made[3]], [made[0], made[2], made[4], made[5]]);
        for filter in [
            TaskFilter::default(),
            TaskFilter { state: Some(TaskState::Pending), ..TaskFilter::default() },
        ] {
            let page = store.list(filter.clone()).await.unwrap();
            assert_eq!((ids(&page.tasks), page.unreadable), (good.to_vec(), bad.to_vec()));
            // The cursor may be one that cannot be read.
            let page = store.list(TaskFilter { limit: 2, ..filter.clone() }).await.unwrap();
            assert_eq!(page.next, Some(made[1]));
            let page = TaskFilter { after: page.next, limit: 9, ..filter };
            assert_eq!(ids(&store.list(page).await.unwrap().tasks), good[1..]);
        }
        for (asked, id) in [
            (store.get(bad[0]).await.map(drop), bad[0]),
            (store.request(made[0]).await.map(drop), made[0]),
        ] {
            match asked {
                Err(error @ StoreError::Unreadable { id: of, .. }) => {
                    assert_eq!(of, id);
                    assert!(!error.is_transient() && !error.to_string().contains("secret"));
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(store.stats().await.unwrap().trouble, None);
        submit(&store, task(9)).await.unwrap();
        close(root).await;
    });
}

/// Sixty long lists are asked for, and then one task: it does not wait for them.
#[test]
fn a_task_by_id_waits_for_no_list() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let mut id = None;
        for _ in 0..2 {
            let batch = (0..1_000).map(|n| Submission { id: fresh(), task: task(n) }).collect();
            for answer in store.submit(batch).await.unwrap() {
                id = Some(answer.unwrap().view.id);
            }
        }
        let lists: Vec<_> = (0..60)
            .map(|_| {
                let filter = TaskFilter { limit: MAX_PAGE, ..TaskFilter::default() };
                tokio::spawn(store.list(filter))
            })
            .collect();
        tokio::task::yield_now().await;
        assert!(store.get(id.unwrap()).await.unwrap().is_some());
        let waiting = lists.iter().filter(|list| !list.is_finished()).count();
        assert!(waiting > 0, "it was answered behind all lists");
        for list in lists {
            assert_eq!(list.await.unwrap().unwrap().tasks.len(), MAX_PAGE);
        }
        close(root).await;
    });
}
