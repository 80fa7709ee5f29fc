//! A store that ends with a request in hand: the request is sent again, and done once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Deeds, Order, Worker, order, run};
use ms_core::task::{
    IdempotencyKey, NewTask, StoreError, Submitted, TaskError, TaskFilter, TaskId, TaskState,
    TaskView,
};
use ms_store::{SqliteTasks, StoreConfig, sqlite};
use ms_supervisor::{SupervisorSpec, start_root};
use ms_task::{
    ClaimSpec, Claimed, Held, Layered, StoreFuture, StoreLayer, Submission, TaskCommand, TaskStore,
};
use ms_worker::tasks::{TaskRefusal, Tasks};

use crate::common;

/// Carries out what it is asked, and the first so many times does not say so.
#[derive(Debug)]
struct Mute {
    store: SqliteTasks,
    silent: Arc<AtomicUsize>,
    /// The same of a dispatcher's questions; of claims only those that brought something count.
    silent_claims: Arc<AtomicUsize>,
    silent_releases: Arc<AtomicUsize>,
    /// The same of entries of journals.
    silent_entries: Arc<AtomicUsize>,
    released: Arc<AtomicUsize>,
}

impl Mute {
    fn new(store: SqliteTasks, silent: Arc<AtomicUsize>) -> Self {
        Self {
            store,
            silent,
            silent_claims: Arc::default(),
            silent_releases: Arc::default(),
            silent_entries: Arc::default(),
            released: Arc::default(),
        }
    }

    fn maybe<T: Send + 'static>(&self, done: StoreFuture<T>) -> StoreFuture<T> {
        let is_silent = one_less(&self.silent);
        Box::pin(async move {
            let answer = done.await;
            if is_silent { Err(unknown()) } else { answer }
        })
    }
}

/// Whether there was one left, which is taken.
fn one_less(left: &AtomicUsize) -> bool {
    let less = |left: usize| left.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
}

fn unknown() -> StoreError {
    StoreError::Unknown("it ended meanwhile".to_owned())
}

impl StoreLayer for Mute {
    fn inner(&self) -> &dyn TaskStore {
        &self.store
    }

    fn submit(&self, tasks: Vec<Submission>) -> StoreFuture<Vec<Result<Submitted, TaskError>>> {
        self.maybe(self.store.submit(tasks))
    }

    fn get(&self, id: TaskId) -> StoreFuture<Option<TaskView>> {
        self.maybe(self.store.get(id))
    }

    fn execute(&self, commands: Vec<TaskCommand>) -> StoreFuture<Vec<Result<TaskView, TaskError>>> {
        let is_entry = commands.iter().any(|one| matches!(one, TaskCommand::Journal(..)));
        let is_silent = is_entry && one_less(&self.silent_entries);
        let done = self.store.execute(commands);
        Box::pin(async move {
            let answers = done.await?;
            if is_silent { Err(unknown()) } else { Ok(answers) }
        })
    }

    fn claim(&self, wish: ClaimSpec) -> StoreFuture<Claimed> {
        let (store, mute) = (self.store.clone(), Arc::clone(&self.silent_claims));
        Box::pin(async move {
            let claimed = store.claim(wish).await?;
            let is_silent = !claimed.assignments.is_empty() && one_less(&mute);
            if is_silent { Err(unknown()) } else { Ok(claimed) }
        })
    }

    fn release_but(&self, held: Held) -> StoreFuture<usize> {
        let (store, mute) = (self.store.clone(), Arc::clone(&self.silent_releases));
        let released = Arc::clone(&self.released);
        Box::pin(async move {
            released.fetch_add(store.release_but(held).await?, Ordering::Relaxed);
            if one_less(&mute) { Err(unknown()) } else { Ok(released.load(Ordering::Relaxed)) }
        })
    }
}

/// S6.3-09: the answer to a submission is lost, once or several times: the task is taken once and
/// said to be new; a key that was used before is still said to be known. Without an end of it the
/// caller is told that nobody knows; a store that is down took nothing, and that is told as well.
#[test]
fn a_submission_whose_answer_is_lost_is_sent_again_and_taken_once() {
    run(async |node| {
        let dir = tempfile::tempdir().unwrap();
        let (store, child) = sqlite("store", StoreConfig::new(dir.path().join("tasks.db")));
        let silent = Arc::new(AtomicUsize::new(0));
        let mute = Mute::new(store.clone(), Arc::clone(&silent));
        let tasks = Tasks::new("tasks", Layered(mute));
        let tasks = tasks.pool::<Worker>("worker", 1, Arc::new(Deeds::default())).unwrap();
        let client = tasks.client();
        // No dispatcher: what is stored is all there is to see.
        let root =
            start_root(&node, SupervisorSpec::one_for_one("root").child(child)).await.unwrap();
        for (round, lost) in [0, 1, 3].into_iter().enumerate() {
            silent.store(lost, Ordering::Relaxed);
            let batch = vec![order(&Order::Echo(1)), order(&Order::Echo(2))];
            let answers = client.submit_all(batch).await.unwrap();
            assert_eq!(silent.load(Ordering::Relaxed), 0);
            let fresh = answers.iter().flatten().filter(|one| !one.repeated).count();
            assert_eq!(fresh, 2, "{answers:?}");
            let all = store.list(TaskFilter::default()).await.unwrap().tasks;
            assert_eq!(all.len(), 2 * (round + 1), "none is taken twice");
        }
        let key = IdempotencyKey::new("key").unwrap();
        let keyed = NewTask { idempotency_key: Some(key), ..order(&Order::Echo(3)) };
        silent.store(1, Ordering::Relaxed);
        let first = client.submit(keyed.clone()).await.unwrap();
        assert!(!first.repeated, "its own first try is no earlier request");
        let second = client.submit(keyed).await.unwrap();
        assert!(second.repeated && second.view.id == first.view.id);

        silent.store(usize::MAX, Ordering::Relaxed);
        let unknown = client.submit(order(&Order::Echo(4))).await.unwrap_err();
        assert!(matches!(unknown, TaskRefusal::Store(StoreError::Unknown(_))), "{unknown}");
        silent.store(0, Ordering::Relaxed);
        root.stop(common::SOON).await;
        // It takes nothing, and that is known.
        let away = client.submit(order(&Order::Echo(5))).await.unwrap_err();
        assert!(matches!(away, TaskRefusal::Store(StoreError::Away(_))), "{away}");
        // Unless one of the attempts was cut off: then nobody knows.
        silent.store(1, Ordering::Relaxed);
        let unknown = client.submit(order(&Order::Echo(6))).await.unwrap_err();
        assert!(matches!(unknown, TaskRefusal::Store(StoreError::Unknown(_))), "{unknown}");
    });
}

/// Row 36's kind: a store that ends with an entry of a journal in hand is no fault of the attempt's.
/// The entry is written again until it is answered; no step is done over, and no attempt counts.
#[test]
fn an_entry_of_a_journal_whose_answer_is_lost_is_written_again() {
    run(async |node| {
        let dir = tempfile::tempdir().unwrap();
        let (store, child) = sqlite("store", StoreConfig::new(dir.path().join("tasks.db")));
        let mute = Mute::new(store, Arc::default());
        let entries = mute.silent_entries.clone();
        entries.store(3, Ordering::Relaxed);
        let deeds = Arc::new(Deeds::default());
        let tasks = Tasks::new("tasks", Layered(mute));
        let tasks = tasks.pool::<Worker>("worker", 1, Arc::clone(&deeds)).unwrap();
        let client = tasks.client();
        let tree = SupervisorSpec::one_for_one("root").child(child).child(tasks.child());
        let root = start_root(&node, tree).await.unwrap();
        let id = client.submit(order(&Order::Steps { crash_at: 9 })).await.unwrap().view.id;
        let ended = client.ended(id, common::SOON).await.unwrap();
        assert_eq!((ended.state, ended.attempts), (TaskState::Completed, 1), "{ended:?}");
        assert_eq!(ended.interruptions, 0);
        assert_eq!(entries.load(Ordering::Relaxed), 0, "the answers were lost");
        assert_eq!(deeds.steps.load(Ordering::SeqCst), 3, "each step once");
        root.stop(common::SOON).await;
    });
}

/// The answers to claims are lost, and then those to releases: the tasks are given out anew at
/// once, not when the lease ends, and what agents have in hand meanwhile is left with them.
/// Every task is begun once.
#[test]
fn t17_what_a_claim_without_an_answer_took_is_given_out_anew() {
    run(async |node| {
        let dir = tempfile::tempdir().unwrap();
        let (store, child) = sqlite("store", StoreConfig::new(dir.path().join("tasks.db")));
        let mute = Mute::new(store, Arc::default());
        let (claims, releases) = (mute.silent_claims.clone(), mute.silent_releases.clone());
        let released = mute.released.clone();
        let deeds = Arc::new(Deeds::default());
        let tasks = Tasks::new("tasks", Layered(mute)).lease(Duration::from_secs(3_600));
        let tasks = tasks.pool::<Worker>("worker", 3, Arc::clone(&deeds)).unwrap();
        let client = tasks.client();
        let tree = SupervisorSpec::one_for_one("root").child(child).child(tasks.child());
        let root = start_root(&node, tree).await.unwrap();

        // One agent is at work all the while.
        let long = client.submit(order(&Order::Sleep(600))).await.unwrap().view.id;
        while deeds.begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        claims.store(2, Ordering::Relaxed);
        releases.store(2, Ordering::Relaxed);
        let batch: Vec<_> = (0..6).map(|n| order(&Order::Echo(n))).collect();
        let taken = client.submit_all(batch).await.unwrap();
        for one in taken {
            let id = one.unwrap().view.id;
            let ended = client.ended(id, common::SOON).await.unwrap();
            assert_eq!((ended.state, ended.attempts), (TaskState::Completed, 1), "{ended:?}");
            assert_eq!(ended.interruptions, 0);
        }
        assert_eq!(claims.load(Ordering::Relaxed), 0, "the answers were lost");
        assert!(released.load(Ordering::Relaxed) >= 2);
        let ended = client.ended(long, common::SOON).await.unwrap();
        assert_eq!((ended.state, ended.attempts), (TaskState::Completed, 1), "{ended:?}");
        assert_eq!(deeds.begun.load(Ordering::SeqCst), 7, "none is done twice");
        root.stop(common::SOON).await;
    });
}
