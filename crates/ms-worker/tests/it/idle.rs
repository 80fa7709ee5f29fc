//! Nothing to do costs nothing: in virtual time, over a store that counts what it is asked.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Deeds, Worker};
use ms_core::task::{NewTask, Submitted, TaskError, TaskFilter, TaskId, TaskPage, TaskView};
use ms_supervisor::{Root, SupervisorSpec, Verb, start_root};
use ms_task::{
    ClaimSpec, Claimed, Held, StoreFuture, StoreStats, Submission, Swept, TaskCommand, TaskEnd,
    TaskStore,
};
use ms_testkit::TestSystem;
use ms_worker::tasks::Tasks;
use serde_json::Value;

use crate::common;

/// A store without tasks.
#[derive(Debug, Default)]
struct Empty {
    writes: Arc<AtomicU64>,
}

impl Empty {
    fn wrote<T: Send + 'static>(&self, answer: T) -> StoreFuture<T> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(answer) })
    }
}

fn read<T: Send + 'static>(answer: T) -> StoreFuture<T> {
    Box::pin(async move { Ok(answer) })
}

impl TaskStore for Empty {
    fn submit(&self, _: Vec<Submission>) -> StoreFuture<Vec<Result<Submitted, TaskError>>> {
        self.wrote(Vec::new())
    }
    fn execute(&self, _: Vec<TaskCommand>) -> StoreFuture<Vec<Result<TaskView, TaskError>>> {
        self.wrote(Vec::new())
    }
    fn claim(&self, _: ClaimSpec) -> StoreFuture<Claimed> {
        self.wrote(Claimed::default())
    }
    fn take_back(&self, _: String) -> StoreFuture<usize> {
        self.wrote(0)
    }
    fn release_but(&self, _: Held) -> StoreFuture<usize> {
        self.wrote(0)
    }
    fn sweep(&self) -> StoreFuture<Swept> {
        self.wrote(Swept::default())
    }
    fn get(&self, _: TaskId) -> StoreFuture<Option<TaskView>> {
        read(None)
    }
    fn request(&self, _: TaskId) -> StoreFuture<Option<NewTask>> {
        read(None)
    }
    fn result(&self, _: TaskId) -> StoreFuture<Option<Value>> {
        read(None)
    }
    fn ends(&self, _: Vec<TaskId>) -> StoreFuture<Vec<TaskEnd>> {
        read(Vec::new())
    }
    fn list(&self, _: TaskFilter) -> StoreFuture<TaskPage> {
        read(TaskPage::default())
    }
    fn touch(&self) -> StoreFuture<()> {
        read(())
    }
    fn stats(&self) -> StoreFuture<StoreStats> {
        read(StoreStats::default())
    }
}

struct Idle {
    root: Root,
    writes: Arc<AtomicU64>,
}

impl Idle {
    /// What the store is asked within this time.
    async fn asked_within(&self, time: Duration) -> u64 {
        let before = self.writes.load(Ordering::Relaxed);
        tokio::time::sleep(time).await;
        self.writes.load(Ordering::Relaxed) - before
    }
}

fn idle<F: Future>(test: impl FnOnce(Idle) -> F) -> F::Output {
    TestSystem::run(async |system| {
        let store = Empty::default();
        let writes = Arc::clone(&store.writes);
        let deeds = Arc::new(Deeds::default());
        let tasks = Tasks::new("tasks", store).pool::<Worker>("worker", 64, deeds).expect("good");
        let tree = SupervisorSpec::one_for_one("root").child(tasks.child());
        let root = start_root(system.node(), tree).await.expect("starts");
        // Agents join while they start, and are let rest until they have.
        tokio::time::sleep(Duration::from_secs(5)).await;
        test(Idle { root, writes }).await
    })
}

#[test]
fn an_idle_dispatcher_asks_the_store_nothing() {
    idle(|idle| async move {
        assert_eq!(idle.asked_within(Duration::from_secs(10)).await, 0, "in ten idle seconds");
        let asked = idle.asked_within(Duration::from_secs(3_600)).await;
        assert!((60..=120).contains(&asked), "{asked} in an hour: a sweep and a claim a minute");
        idle.root.stop(Duration::from_secs(10)).await;
    });
}

/// It is looked at again and again, less and less often, and served when it goes on.
#[test]
fn a_suspended_agent_costs_two_looks_a_second_at_most() {
    idle(|idle| async move {
        let path = ms_core::ActorPath::new("/root/tasks/worker/worker-7").unwrap();
        idle.root.steer(&path, Verb::Suspend).await.expect("there");
        let asked = idle.asked_within(Duration::from_secs(120)).await;
        assert!(asked <= 2 * 120 + 120, "{asked} in two minutes");
        idle.root.steer(&path, Verb::Resume).await.expect("there");
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(idle.asked_within(Duration::from_secs(10)).await, 0, "all run again");
        idle.root.stop(Duration::from_secs(10)).await;
    });
}
