//! A store that takes nothing for longer than leases last: the fault of no task.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::{Deeds, Fleet, Order, Worker, order, run};
use ms_actor::Node;
use ms_core::task::{StoreError, Submitted, TaskError, TaskState, TaskView};
use ms_store::{SqliteTasks, StoreConfig, sqlite};
use ms_supervisor::{SupervisorSpec, start_root};
use ms_task::{
    ClaimSpec, Claimed, Held, Layered, StoreFuture, StoreLayer, Submission, Swept, TaskCommand,
    TaskStore,
};
use ms_worker::tasks::Tasks;

use crate::common;

const LEASE: Duration = Duration::from_millis(900);

/// Whether the disk is full, and how many requests found it so.
#[derive(Debug, Default)]
struct Disk {
    full: AtomicBool,
    refused: AtomicU64,
}

#[derive(Debug)]
struct OnDisk {
    store: SqliteTasks,
    disk: Arc<Disk>,
}

impl OnDisk {
    /// Nothing of a refused request is done.
    fn write<T: Send + 'static>(&self, write: impl FnOnce() -> StoreFuture<T>) -> StoreFuture<T> {
        if !self.disk.full.load(Ordering::SeqCst) {
            return write();
        }
        self.disk.refused.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Err(StoreError::Full(Arc::new(std::io::Error::other("no space")))) })
    }
}

impl StoreLayer for OnDisk {
    fn inner(&self) -> &dyn TaskStore {
        &self.store
    }
    fn submit(&self, tasks: Vec<Submission>) -> StoreFuture<Vec<Result<Submitted, TaskError>>> {
        self.write(|| self.store.submit(tasks))
    }
    fn execute(&self, commands: Vec<TaskCommand>) -> StoreFuture<Vec<Result<TaskView, TaskError>>> {
        self.write(|| self.store.execute(commands))
    }
    fn claim(&self, wish: ClaimSpec) -> StoreFuture<Claimed> {
        self.write(|| self.store.claim(wish))
    }
    fn take_back(&self, why: String) -> StoreFuture<usize> {
        self.write(|| self.store.take_back(why))
    }
    fn release_but(&self, held: Held) -> StoreFuture<usize> {
        self.write(|| self.store.release_but(held))
    }
    fn sweep(&self) -> StoreFuture<Swept> {
        self.write(|| self.store.sweep())
    }
}

async fn on_disk(node: &Node, dir: &Path, disk: &Arc<Disk>, attempt: Duration) -> Fleet {
    let (store, child) = sqlite("store", StoreConfig::new(dir.join("tasks.db")));
    let deeds = Arc::new(Deeds::default());
    let layered = Layered(OnDisk { store: store.clone(), disk: Arc::clone(disk) });
    let tasks = Tasks::new("tasks", layered).lease(LEASE).attempt(attempt);
    let tasks = tasks.pool::<Worker>("worker", 4, Arc::clone(&deeds)).expect("good");
    let tree = SupervisorSpec::one_for_one("root").child(child).child(tasks.child());
    let root = start_root(node, tree).await.expect("starts");
    Fleet { root, client: tasks.client(), store, deeds }
}

/// The disk is full for several leases; `work` runs meanwhile, and its result comes meanwhile or
/// afterwards.
fn over_an_outage(work: Duration, attempt: Duration) {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Disk::default());
    run(|node| async move {
        let fleet = on_disk(&node, dir.path(), &disk, attempt).await;
        let ms = u64::try_from(work.as_millis()).unwrap();
        let id = fleet.submit(order(&Order::Sleep(ms))).await;
        fleet.reaches(id, TaskState::Running).await;
        disk.full.store(true, Ordering::SeqCst);
        tokio::time::sleep(LEASE * 4).await;
        assert!(disk.refused.load(Ordering::SeqCst) > 0, "signs of life were refused");
        disk.full.store(false, Ordering::SeqCst);
        let view = fleet.ended(id).await;
        assert_eq!((view.state, view.attempts), (TaskState::Completed, 1), "{:?}", view.failure);
        assert_eq!(view.interruptions, 0);
        assert_eq!(fleet.deeds.begun.load(Ordering::SeqCst), 1, "done once");
        fleet.stop().await;
    });
}

/// The work waits when its lease is over, and goes on when it is renewed.
#[test]
fn t20_a_full_disk_costs_a_running_task_no_attempt() {
    over_an_outage(LEASE * 5, Duration::from_secs(60));
}

/// What the agent did is written when there is room, and not done over.
#[test]
fn t20_a_result_that_comes_while_the_disk_is_full_is_kept_for_as_long_as_that_takes() {
    over_an_outage(LEASE / 3, Duration::from_secs(60));
}

/// Time in which the agent may not work is no time of the attempt.
#[test]
fn t20_an_attempt_does_not_time_out_while_the_disk_is_full() {
    over_an_outage(LEASE * 3 / 2, LEASE * 2);
}
