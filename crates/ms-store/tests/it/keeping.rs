//! What a store keeps, and in what order it hands it out.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use common::{LEASE, at, claim, close, fresh, open, run, submit, task, wish};
use ms_core::task::{
    FencingToken, IdempotencyKey, MAX_PAYLOAD, NewTask, Priority, Retry, StoreError, TaskError,
    TaskFailure, TaskFilter, TaskState,
};
use ms_core::traceparent::TraceContext;
use ms_store::{StoreConfig, discard, probe};
use ms_task::{JournalEntry, Submission, TaskCommand, TaskOutcome, TaskStore};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::common;

fn finish(id: ms_core::task::TaskId, token: FencingToken, result: Value) -> TaskCommand {
    TaskCommand::Finish(id, token, TaskOutcome::Completed(result))
}

/// S6.3-03, S6.3-04, S6.3-05
/// S6.1-01
#[test]
fn a_task_is_kept_with_agent_state_and_result_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let id = run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let payload = json!({ "url": "https://example.org/\u{0}ä\"", "n": [1, 2.5, null] });
        let view = submit(&store, task(payload.clone())).await.unwrap();
        assert_eq!(view.state, TaskState::Pending);
        let [given] = claim(&store, 1).await.try_into().unwrap();
        assert_eq!((given.view.id, &given.payload), (view.id, &payload));
        close(root).await;

        // The lease of a process that is gone is taken back by the next dispatcher.
        let (store, root) = open(&node, at(dir.path())).await;
        let kept = store.get(view.id).await.unwrap().unwrap();
        assert_eq!(kept.state, TaskState::Assigned);
        assert_eq!(kept.assigned_agent, given.view.assigned_agent);
        assert_eq!(store.take_back("restarted".into()).await.unwrap(), 1);
        let late = store.execute(vec![finish(view.id, given.token, json!(1))]).await.unwrap();
        assert_eq!(late, [Err(TaskError::StaleToken { id: view.id, given: given.token })]);

        let [again] = claim(&store, 1).await.try_into().unwrap();
        assert_eq!((again.view.attempts, again.view.interruptions), (1, 1));
        let done = vec![
            TaskCommand::Start(view.id, again.token),
            finish(view.id, again.token, json!({ "status": 200 })),
        ];
        let done = store.execute(done).await.unwrap();
        assert_eq!(done[0].as_ref().unwrap().state, TaskState::Running);
        assert_eq!(done[1].as_ref().unwrap().state, TaskState::Completed);
        // The same word again changes nothing: completed once.
        let twice = store.execute(vec![finish(view.id, again.token, json!(2))]).await.unwrap();
        assert_eq!(twice[0].as_ref().unwrap().timings, done[1].as_ref().unwrap().timings);
        close(root).await;

        let (store, root) = open(&node, at(dir.path())).await;
        assert_eq!(store.result(view.id).await.unwrap(), Some(json!({ "status": 200 })));
        assert_eq!(store.request(view.id).await.unwrap(), Some(task(payload)));
        assert_eq!(store.get(fresh()).await.unwrap(), None);
        close(root).await;
        view.id
    });
    assert_eq!(id.uuid().get_version_num(), 7);
}

/// However many wait, an urgent one is the next, and who comes for one task gets that.
#[test]
fn t4_an_urgent_task_is_the_next_behind_any_number_of_others() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        for n in 0..20 {
            submit(&store, task(n)).await.unwrap();
        }
        let priority = Priority::new(1).unwrap();
        let urgent = submit(&store, NewTask { priority, ..task("urgent") }).await.unwrap();
        let [given] = claim(&store, 1).await.try_into().expect("one");
        assert_eq!(given.view.id, urgent.id);
        close(root).await;
    });
}

/// Those that nobody had begun, and those that somebody had.
#[test]
fn every_task_of_an_earlier_life_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        for n in 0..3 {
            submit(&store, task(n)).await.unwrap();
        }
        let [begun, assigned] = claim(&store, 2).await.try_into().expect("two");
        store.execute(vec![TaskCommand::Start(begun.view.id, begun.token)]).await.unwrap();
        assert_eq!(store.take_back("restarted".into()).await.unwrap(), 2);
        for id in [begun.view.id, assigned.view.id] {
            let view = store.get(id).await.unwrap().unwrap();
            assert_eq!((view.state, view.interruptions), (TaskState::Pending, 1));
        }
        close(root).await;
    });
}

/// A deadline that is to come holds a task back no more than none.
#[test]
fn t4_a_task_whose_deadline_is_to_come_is_given_out() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let within_the_hour = NewTask { deadline_ms: Some(3_600_000), ..task("fresh") };
        let fresh = submit(&store, within_the_hour).await.unwrap();
        let [given] = claim(&store, 1).await.try_into().expect("it is given out");
        assert_eq!(given.view.id, fresh.id);
        close(root).await;
    });
}

#[test]
fn t4_urgent_tasks_go_first_then_old_ones_and_delayed_ones_wait() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        for (name, priority, delay) in [
            ("old", 0, None),
            ("late", 100, Some(3_600_000)),
            ("urgent", 5, None),
            ("young", 0, None),
        ] {
            let priority = Priority::new(priority).unwrap();
            submit(&store, NewTask { priority, delay_ms: delay, ..task(name) }).await.unwrap();
        }
        let claimed = store.claim(wish(9, 2, LEASE)).await.unwrap();
        let names: Vec<_> = claimed.assignments.iter().map(|a| a.payload.clone()).collect();
        assert_eq!(names, [json!("urgent"), json!("old")]);
        assert!(claimed.next_due.unwrap() > Duration::from_secs(3_000));
        let agents: BTreeSet<_> =
            claimed.assignments.iter().map(|a| a.view.assigned_agent.clone()).collect();
        assert_eq!(agents.len(), 2, "one task an agent");
        let names: Vec<_> = claim(&store, 9).await.into_iter().map(|a| a.payload).collect();
        assert_eq!(names, [json!("young")]);
        assert!(claim(&store, 9).await.is_empty());
        close(root).await;
    });
}

/// The lines about idempotency keys: same key and body gives the first task, another body
/// is a conflict, within one call and over calls.
#[test]
fn t3_the_same_request_twice_is_one_task() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let key = Some(IdempotencyKey::new("order-17").unwrap());
        let keyed = |n: u64| NewTask { idempotency_key: key.clone(), ..task(n) };
        let batch = [keyed(1), keyed(1), keyed(2)].map(|task| Submission { id: fresh(), task });
        let answers = store.submit(batch.to_vec()).await.unwrap();
        let first = answers[0].as_ref().unwrap();
        assert!(!first.repeated);
        let second = answers[1].as_ref().unwrap();
        assert_eq!((second.view.id, second.repeated), (first.view.id, true));
        assert_eq!(answers[2], Err(TaskError::KeyConflict { first: first.view.id }));

        let [given] = claim(&store, 9).await.try_into().unwrap();
        store.execute(vec![finish(given.view.id, given.token, json!("done"))]).await.unwrap();
        let later = submit(&store, keyed(1)).await.unwrap();
        assert_eq!((later.id, later.state), (first.view.id, TaskState::Completed));
        assert_eq!(submit(&store, keyed(2)).await, Err(TaskError::KeyConflict { first: later.id }));
        close(root).await;
    });
}

#[test]
fn a_queue_a_payload_and_a_batch_have_limits() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let config = StoreConfig { max_queue: 2, ..at(dir.path()) };
        let (store, root) = open(&node, config.clone()).await;
        let large = submit(&store, task("x".repeat(MAX_PAYLOAD))).await;
        assert!(matches!(large, Err(TaskError::TooLarge { .. })), "{large:?}");
        let many = (0..1_001).map(|n| Submission { id: fresh(), task: task(n) }).collect();
        let many = store.submit(many).await.unwrap();
        assert!(many.iter().all(|one| matches!(one, Err(TaskError::BatchTooLarge { .. }))));
        let three = (0..3).map(|n| Submission { id: fresh(), task: task(n) }).collect();
        let three = store.submit(three).await.unwrap();
        assert!(three[1].is_ok() && matches!(three[2], Err(TaskError::QueueFull { .. })));
        close(root).await;
        // The count is made anew at the opening, and ends make room.
        let (store, root) = open(&node, config).await;
        assert!(matches!(submit(&store, task(4)).await, Err(TaskError::QueueFull { .. })));
        store.execute(vec![TaskCommand::Cancel(three[0].as_ref().unwrap().view.id)]).await.unwrap();
        submit(&store, task(5)).await.unwrap();
        let twice = Submission { id: three[1].as_ref().unwrap().view.id, task: task(6) };
        let twice = store.submit(vec![twice]).await.unwrap();
        assert!(matches!(twice[0], Err(TaskError::Duplicate(_))));
        close(root).await;
    });
}

#[test]
fn a_journal_is_for_the_holder_and_reaches_the_next_attempt() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let id = submit(&store, task(1)).await.unwrap().id;
        let [given] = claim(&store, 1).await.try_into().unwrap();
        assert_eq!(given.journal, ms_task::Journal::default());
        let step = |token, name: &str, value: u64| {
            let entry = JournalEntry::Step { name: name.into(), value: json!(value) };
            TaskCommand::Journal(id, token, entry)
        };
        let checkpoint =
            TaskCommand::Journal(id, given.token, JournalEntry::Checkpoint(json!([7])));
        let kept = vec![step(given.token, "a", 1), step(given.token, "b", 2), checkpoint];
        assert!(store.execute(kept).await.unwrap().iter().all(Result::is_ok));
        let failed = TaskOutcome::Failed(TaskFailure::retry("no"));
        store.execute(vec![TaskCommand::Finish(id, given.token, failed)]).await.unwrap();
        let stale = store.execute(vec![step(given.token, "c", 3)]).await.unwrap();
        assert!(matches!(stale[0], Err(TaskError::StaleToken { .. })));
        close(root).await;
        run_again(&node, dir.path(), id).await;
    });

    async fn run_again(node: &ms_actor::Node, dir: &std::path::Path, id: ms_core::task::TaskId) {
        let (store, root) = open(node, at(dir)).await;
        let again = loop {
            // The wait after the failure is about a second.
            if let Ok([again]) = <[_; 1]>::try_from(claim(&store, 1).await) {
                break again;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert_eq!(again.journal.steps.len(), 2);
        assert_eq!(again.journal.steps["b"], json!(2));
        assert_eq!(again.journal.checkpoint, Some(json!([7])));
        store.execute(vec![finish(id, again.token, json!(null))]).await.unwrap();
        close(root).await;
    }
}

#[test]
fn dead_letters_are_listed_in_pages_and_replayed() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let retry = Retry { max_attempts: 1, ..Retry::default() };
        for n in 0..5 {
            submit(&store, NewTask { retry, ..task(n) }).await.unwrap();
        }
        let fail = |given: ms_task::Assignment| {
            let outcome = TaskOutcome::Failed(TaskFailure::retry("poison"));
            TaskCommand::Finish(given.view.id, given.token, outcome)
        };
        let fails = claim(&store, 5).await.into_iter().map(fail).collect();
        store.execute(fails).await.unwrap();
        let dead = |after| TaskFilter {
            state: Some(TaskState::Dead),
            after,
            limit: 2,
            ..TaskFilter::default()
        };
        let mut ids = Vec::new();
        let mut after = None;
        loop {
            let page = store.list(dead(after)).await.unwrap();
            assert!(page.tasks.iter().all(|t| t.failure.as_ref().unwrap().message == "poison"));
            ids.extend(page.tasks.iter().map(|task| task.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 5);
        let replayed = store.execute(vec![TaskCommand::Replay(ids[0])]).await.unwrap();
        assert_eq!(replayed[0].as_ref().unwrap().replays, 1);
        assert_eq!(claim(&store, 5).await.len(), 1);
        let stats = store.stats().await.unwrap();
        assert_eq!(stats.tasks.values().next().unwrap()[&TaskState::Dead], 4);
        close(root).await;
    });
}

#[test]
fn a_sweep_expires_leases_and_removes_what_ended_long_ago() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let config = StoreConfig { keep_ended: Duration::ZERO, ..at(dir.path()) };
        let (store, root) = open(&node, config).await;
        let retry = Retry { max_attempts: 1, ..Retry::default() };
        let id = submit(&store, NewTask { retry, ..task(1) }).await.unwrap().id;
        store.claim(wish(1, 1, Duration::from_millis(1))).await.unwrap();
        let (mut expired, mut removed) = (0, 0);
        while removed == 0 {
            let swept = store.sweep().await.unwrap();
            expired += swept.expired;
            removed += swept.removed;
        }
        assert_eq!((expired, removed), (1, 1));
        assert_eq!(store.get(id).await.unwrap(), None);
        assert_eq!(store.request(id).await.unwrap(), None);
        close(root).await;
    });
}

/// Requests that arrive while a commit runs share the next one.
#[test]
fn concurrent_requests_share_commits_and_all_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let mut clients = tokio::task::JoinSet::new();
        for client in 0..64_u64 {
            let store = store.clone();
            clients.spawn_local(async move {
                for n in 0..10 {
                    submit(&store, task(client * 100 + n)).await.expect("stored");
                }
            });
        }
        while let Some(done) = clients.join_next().await {
            done.unwrap();
        }
        let stats = store.stats().await.unwrap();
        assert_eq!(stats.tasks.values().next().unwrap()[&TaskState::Pending], 640);
        assert_eq!(stats.requests, 640);
        assert!(stats.commits < 320, "{} commits for 640 requests", stats.commits);
        close(root).await;
    });
}

/// What is waited for is asked for by the page: ended tasks with their results, the others not.
#[test]
fn of_many_tasks_those_that_have_ended_are_returned_with_their_results() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let mut ids = Vec::new();
        for n in 0..4 {
            ids.push(submit(&store, task(n)).await.unwrap().id);
        }
        let given = claim(&store, 3).await;
        let of = |n: usize| given.iter().find(|one| one.view.id == ids[n]).unwrap().token;
        let failed = TaskOutcome::Failed(TaskFailure::permanent("no"));
        let ends = vec![
            finish(ids[0], of(0), json!({ "n": 0 })),
            TaskCommand::Finish(ids[1], of(1), failed),
        ];
        assert!(store.execute(ends).await.unwrap().iter().all(Result::is_ok));
        let unknown = common::fresh();
        let asked = ids.iter().rev().copied().chain([unknown]).collect();
        let ended = store.ends(asked).await.unwrap();
        let ended: Vec<_> =
            ended.iter().map(|end| (end.view.id, end.view.state, &end.result)).collect();
        let expected = [
            (ids[0], TaskState::Completed, &Some(json!({ "n": 0 }))),
            (ids[1], TaskState::Failed, &None),
        ];
        assert_eq!(ended, expected);
        assert_eq!(store.ends(Vec::new()).await.unwrap(), []);
        close(root).await;
    });
}

/// What ended long ago goes, however much of it there is: one sweep begins, and the store goes on
/// by itself for as long as there is some, between what it is asked for.
#[test]
fn one_sweep_is_enough_for_any_number_of_tasks_that_ended_long_ago() {
    const TASKS: usize = 4_000;
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let config = StoreConfig { keep_ended: Duration::ZERO, ..at(dir.path()) };
        let (store, root) = open(&node, config).await;
        let mut made = Vec::new();
        for _ in 0..TASKS / 1_000 {
            let batch = (0..1_000).map(|n| Submission { id: fresh(), task: task(n) });
            let taken = store.submit(batch.collect()).await.unwrap();
            made.extend(taken.into_iter().map(|one| one.unwrap().view.id));
        }
        let kept = made.split_off(TASKS - 10);
        for some in made.chunks(1_000) {
            let cancel = some.iter().map(|&id| TaskCommand::Cancel(id)).collect();
            store.execute(cancel).await.unwrap();
        }
        let swept = store.sweep().await.unwrap();
        assert!(swept.removed > 0 && swept.removed < made.len(), "{swept:?}");
        common::until("all of them to be gone", async || {
            let counts = store.stats().await.unwrap().tasks;
            let cancelled = counts.values().filter_map(|of| of.get(&TaskState::Cancelled));
            (cancelled.sum::<u64>() == 0).then_some(())
        })
        .await;
        let left = store.list(TaskFilter::default()).await.unwrap().tasks;
        assert_eq!(left.iter().map(|task| task.id).collect::<Vec<_>>(), kept);
        assert_eq!(store.request(made[0]).await.unwrap(), None, "its request stayed");
        close(root).await;
    });
}

/// A store that somebody has is neither to be had nor to be removed; one that is removed is
/// empty afterwards, and may be made anew.
#[test]
fn a_store_is_removed_only_while_nobody_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tasks.db");
    run(|node| async move {
        assert!(probe(&path).is_ok());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is made");
        let (store, root) = open(&node, at(dir.path())).await;
        let id = submit(&store, task(1)).await.unwrap().id;
        for refused in [probe(&path), discard(&path)] {
            assert!(matches!(refused, Err(StoreError::Locked(_))), "{refused:?}");
        }
        close(root).await;
        assert!(probe(&path).is_ok());
        discard(&path).unwrap();
        discard(&path).unwrap();
        assert!(!path.exists());
        let (store, root) = open(&node, at(dir.path())).await;
        assert_eq!(store.get(id).await.unwrap(), None);
        close(root).await;
        std::fs::write(&path, "a letter").unwrap();
        assert!(matches!(probe(&path), Err(StoreError::Corrupt { .. })));
    });
}

/// S3.4-08: the trace of a submission is kept with its task and is no part of the request: sent
/// again in another trace it is the first task. Records of before there were traces are read as
/// they are.
#[test]
fn the_trace_of_a_submission_is_kept_and_old_records_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let trace = |span: &str| {
        let text = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{span}-01");
        Some(text.parse::<TraceContext>().unwrap())
    };
    let (first, second) = (trace("00f067aa0ba902b7"), trace("00f067aa0ba902b8"));
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        let key = Some(IdempotencyKey::new("order-17").unwrap());
        let traced = |trace| NewTask { trace, idempotency_key: key.clone(), ..task(1) };
        let view = submit(&store, traced(first)).await.unwrap();
        assert_eq!(view.traceparent, first);
        let again = submit(&store, traced(second)).await.unwrap();
        assert_eq!((again.id, again.traceparent), (view.id, first));
        let old = submit(&store, NewTask { trace: first, ..task(2) }).await.unwrap();
        close(root).await;

        // As the program before wrote it.
        let url = format!("sqlite://{}", at(dir.path()).path.display());
        let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let sql = "UPDATE tasks SET record = json_remove(record, '$.trace') WHERE id = ?1";
        let done = sqlx::query(sql).bind(old.id.uuid().as_bytes().as_slice());
        assert_eq!(done.execute(&mut conn).await.unwrap().rows_affected(), 1);
        conn.close().await.unwrap();

        let (store, root) = open(&node, at(dir.path())).await;
        let [one, two] = [view.id, old.id].map(|id| store.get(id));
        assert_eq!(one.await.unwrap().expect("there").traceparent, first);
        assert_eq!(two.await.unwrap().expect("there").traceparent, None);
        let given = claim(&store, 9).await;
        assert_eq!(given.len(), 2, "both are done as ever");
        let attempts: Vec<_> = given
            .iter()
            .map(|one| one.view.attempt_trace(one.token).map(|is| is.trace_id()))
            .collect();
        assert!(attempts.contains(&first.map(TraceContext::trace_id)) && attempts.contains(&None));
        close(root).await;
    });
}
