//! What is stored comes back bit for bit: payloads, results, steps and checkpoints.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(clippy::print_stdout, reason = "the seed")]

use std::time::Duration;

use common::{at, claim, close, open, run, submit, task};
use ms_core::task::{FencingToken, TaskFailure, TaskId};
use ms_store::SqliteTasks;
use ms_task::{JournalEntry, TaskCommand, TaskOutcome, TaskStore};
use serde_json::{Map, Value, json};

use crate::common;

/// Values a run tries.
const VALUES: usize = 300;

/// A value of any shape; every bit of its numbers counts.
fn value(random: &mut fastrand::Rng, depth: usize) -> Value {
    match random.u8(..if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => Value::Bool(random.bool()),
        2 => random.u64(..).into(),
        3 => random.i64(..).into(),
        4 => double(random),
        5 => (0..random.usize(..8)).map(|_| random.char(..)).collect::<String>().into(),
        6 => (0..random.usize(..4)).map(|_| value(random, depth - 1)).collect(),
        _ => {
            let key = |random: &mut fastrand::Rng| random.char(..).to_string();
            let fields = (0..random.usize(..4)).map(|_| (key(random), value(random, depth - 1)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

/// Of any size, or, where the last bit went astray most often, of the usual one.
fn double(random: &mut fastrand::Rng) -> Value {
    let any = f64::from_bits(random.u64(..));
    match any.is_finite() && random.bool() {
        true => any.into(),
        false => (random.f64() * 100.0).into(),
    }
}

/// As text: two values are the same only with the same bits.
fn bits(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => {
            format!("{:x}", number.as_f64().unwrap().to_bits())
        }
        Value::Array(items) => items.iter().map(|item| bits(item) + ",").collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| format!("{key:?}:{},", bits(value))).collect()
        }
        other => format!("{other:?}"),
    }
}

async fn one(store: &SqliteTasks, command: TaskCommand) {
    store.execute(vec![command]).await.unwrap().remove(0).unwrap();
}

async fn journal(store: &SqliteTasks, id: TaskId, token: FencingToken, value: &Value) {
    let step = JournalEntry::Step { name: "step".to_owned(), value: value.clone() };
    one(store, TaskCommand::Journal(id, token, step)).await;
    one(store, TaskCommand::Journal(id, token, JournalEntry::Checkpoint(value.clone()))).await;
}

#[test]
fn t21_payloads_steps_checkpoints_and_results_come_back_bit_for_bit() {
    let seed = std::env::var("MS_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("MS_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        for _ in 0..VALUES {
            let value = value(&mut random, 3);
            let mut new = task(value.clone());
            (new.retry.backoff_min_ms, new.retry.backoff_max_ms) = (0, 0);
            let id = submit(&store, new).await.unwrap().id;
            let [first] = claim(&store, 1).await.try_into().unwrap();
            assert_eq!(bits(&first.payload), bits(&value), "the payload");
            journal(&store, id, first.token, &value).await;
            let failed = TaskOutcome::Failed(TaskFailure::retry("once more"));
            one(&store, TaskCommand::Finish(id, first.token, failed)).await;
            let [again] = claim(&store, 1).await.try_into().unwrap();
            assert_eq!(bits(&again.journal.steps["step"]), bits(&value), "the step");
            assert_eq!(bits(again.journal.checkpoint.as_ref().unwrap()), bits(&value));
            let done = TaskOutcome::Completed(value.clone());
            one(&store, TaskCommand::Finish(id, again.token, done)).await;
            assert_eq!(bits(&store.result(id).await.unwrap().unwrap()), bits(&value), "the result");
        }
        close(root).await;
    });
}

/// Any number of tasks that can never start must not stand in front of one that can.
#[test]
fn t4_tasks_past_their_deadline_hold_no_fresh_one_up() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, root) = open(&node, at(dir.path())).await;
        for _ in 0..3 {
            let late = || {
                let mut late = task(json!("late"));
                late.deadline_ms = Some(1);
                ms_task::Submission { id: common::fresh(), task: late }
            };
            store.submit((0..1_000).map(|_| late()).collect()).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        let fresh = submit(&store, task(json!("fresh"))).await.unwrap();
        let [given] = claim(&store, 1).await.try_into().expect("the fresh one at the first claim");
        assert_eq!(given.view.id, fresh.id);
        // What a sweep leaves over it says, so that nobody waits for the next.
        let swept = store.sweep().await.unwrap();
        assert_eq!((swept.expired, swept.next), (1_000, Some(Duration::ZERO)));
        let mut expired = swept.expired;
        while expired < 3_000 {
            expired += store.sweep().await.unwrap().expired;
        }
        let next = store.sweep().await.unwrap().next.expect("the lease");
        assert!(next > Duration::from_secs(60), "{next:?}");
        close(root).await;
    });
}
