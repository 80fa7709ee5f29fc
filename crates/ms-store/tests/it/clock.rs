//! RELIABILITY 59: a wall clock that is set while a store is open, and between two openings.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{at, claim, close, open, run, submit, task};
use ms_core::task::{IdempotencyKey, NewTask, Retry, TaskFailure, TaskState};
use ms_store::{StoreConfig, WallClock};
use ms_task::{Submission, TaskCommand, TaskOutcome, TaskStore};

use crate::common;

const HOUR: u64 = 3_600_000;
/// 2026-11-24, in milliseconds.
const NOON: u64 = 1_795_521_600_000;
/// Longer than this test and shorter than the jumps.
const MINUTES: u64 = 600_000;

/// A clock on the wall that a test sets.
#[derive(Clone)]
struct Wall(Arc<AtomicU64>);

impl Wall {
    fn at_noon() -> Self {
        Self(Arc::new(AtomicU64::new(NOON)))
    }

    fn set(&self, unix_ms: u64) {
        self.0.store(unix_ms, Ordering::SeqCst);
    }

    fn config(&self, dir: &Path) -> StoreConfig {
        let wall = Arc::clone(&self.0);
        StoreConfig {
            wall: WallClock::new(move || wall.load(Ordering::SeqCst)),
            keep_ended: Duration::from_millis(MINUTES),
            ..at(dir)
        }
    }
}

/// Leases, deadlines, delays, backoffs, idempotency keys and the retention of what ended: none of
/// them moves by a clock that jumps an hour forth, or back.
#[test]
fn t15_a_clock_that_is_set_moves_nothing_of_what_is_open() {
    for jump in [NOON + HOUR, NOON - HOUR, 0] {
        let dir = tempfile::tempdir().unwrap();
        run(|node| async move {
            let wall = Wall::at_noon();
            let (store, root) = open(&node, wall.config(dir.path())).await;
            let fail = |one: &ms_task::Assignment| {
                let failure = TaskFailure::retry("not yet");
                TaskCommand::Finish(one.view.id, one.token, TaskOutcome::Failed(failure))
            };
            // One that failed and waits for its next attempt; one that ended, with a key.
            let backoff_ms = MINUTES;
            let retry = Retry {
                backoff_min_ms: backoff_ms,
                backoff_max_ms: backoff_ms,
                jitter: 0.0,
                ..Retry::default()
            };
            let backing_off = submit(&store, NewTask { retry, ..task(1) }).await.unwrap().id;
            let given = claim(&store, 1).await.remove(0);
            store.execute(vec![fail(&given)]).await.unwrap().remove(0).unwrap();
            let key = IdempotencyKey::new("once").unwrap();
            let keyed = NewTask { idempotency_key: Some(key), ..task(2) };
            let ended = submit(&store, keyed.clone()).await.unwrap().id;
            store.execute(vec![TaskCommand::Cancel(ended)]).await.unwrap().remove(0).unwrap();
            // One that is leased, with a deadline; one that is to start later.
            let deadline_ms = Some(MINUTES);
            let leased = submit(&store, NewTask { deadline_ms, ..task(3) }).await.unwrap().id;
            let holder = claim(&store, 1).await.remove(0);
            assert_eq!(holder.view.id, leased);
            let delay_ms = Some(MINUTES);
            let delayed = submit(&store, NewTask { delay_ms, ..task(4) }).await.unwrap().id;

            wall.set(jump);
            let swept = store.sweep().await.unwrap();
            assert_eq!((swept.expired, swept.removed), (0, 0), "{jump}");
            let now = swept.now.as_millis();
            assert!((NOON..NOON + MINUTES).contains(&now), "{jump}: {now}");
            assert!(claim(&store, 5).await.is_empty(), "{jump}: a wait was cut short");
            for (id, state) in [
                (leased, TaskState::Assigned),
                (delayed, TaskState::Pending),
                (backing_off, TaskState::Pending),
                (ended, TaskState::Cancelled),
            ] {
                assert_eq!(store.get(id).await.unwrap().unwrap().state, state, "{jump}");
            }
            let again = vec![Submission { id: common::fresh(), task: keyed }];
            let again = store.submit(again).await.unwrap().remove(0).unwrap();
            assert!(again.repeated && again.view.id == ended, "{jump}: its key was forgotten");
            let renewed = TaskCommand::Renew(leased, holder.token, common::LEASE);
            store.execute(vec![renewed]).await.unwrap().remove(0).expect("its lease holds");
            let done = TaskOutcome::Completed(3.into());
            let done = TaskCommand::Finish(leased, holder.token, done);
            let view = store.execute(vec![done]).await.unwrap().remove(0).unwrap();
            assert_eq!(view.state, TaskState::Completed);
            close(root).await;
        });
    }
}

/// Between two openings nobody can tell a clock that was set from time that passed: set back, the
/// store goes on from where it was; set forth, the hour counts as one in which nothing ran.
#[test]
fn t15_between_two_openings_a_clock_set_back_does_not_count_and_one_set_forth_does() {
    for (jump, moved) in [(NOON - HOUR, false), (NOON + HOUR, true)] {
        let dir = tempfile::tempdir().unwrap();
        run(|node| async move {
            let wall = Wall::at_noon();
            let (store, root) = open(&node, wall.config(dir.path())).await;
            let retry = Retry { max_attempts: 1, ..Retry::default() };
            let id = submit(&store, NewTask { retry, ..task(1) }).await.unwrap().id;
            let lease = Duration::from_millis(MINUTES);
            assert_eq!(store.claim(common::wish(1, 1, lease)).await.unwrap().assignments.len(), 1);
            close(root).await;

            wall.set(jump);
            let (store, root) = open(&node, wall.config(dir.path())).await;
            let swept = store.sweep().await.unwrap();
            assert_eq!((swept.expired, swept.removed), (usize::from(moved), 0), "{jump}");
            assert!(swept.now.as_millis() >= NOON, "{jump}: it went back");
            let later = submit(&store, task(2)).await.unwrap();
            let first = store.get(id).await.unwrap().expect("is there");
            assert!(later.timings.submitted >= first.timings.submitted);
            close(root).await;
        });
    }
}
