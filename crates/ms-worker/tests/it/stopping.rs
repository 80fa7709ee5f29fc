//! A stop in order: what is in hand is handed back, and costs no attempt.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use common::{Deeds, Order, SOON, Worker, order, run, start};
use ms_actor::Node;
use ms_core::task::{
    AgentKind, FailureKind, NewTask, Retry, TaskFailure, TaskFilter, TaskState, TaskView,
};
use ms_core::view::EventKind;
use ms_core::{ExitReason, Shutdown};
use ms_store::{StoreConfig, sqlite};
use ms_supervisor::{Root, SupervisorSpec, start_root};
use ms_worker::tasks::{Performs, Task, TaskClient, TaskCx, Tasks};
use ms_worker::{Agent, Cx, InitError};
use serde_json::{Value, json};

const HOUR_MS: u64 = 3_600_000;

async fn all(client: &TaskClient) -> Vec<TaskView> {
    let filter = TaskFilter { limit: 1_000, ..TaskFilter::default() };
    client.list(filter).await.expect("reads").tasks
}

/// Waits until so many tasks are in this state.
async fn until_all(client: &TaskClient, count: usize, state: TaskState) {
    let reached = async {
        while all(client).await.iter().filter(|task| task.state == state).count() < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON * 3, reached).await.expect("all get there");
}

/// Agents that came to their end otherwise than by an orderly stop.
fn forced(node: &Node) -> Vec<String> {
    let events = node.events().kept();
    let forced = events.iter().filter_map(|event| match &event.kind {
        EventKind::Exited { path, reason, .. } if *reason != ExitReason::Shutdown => {
            Some(format!("{path}: {reason}"))
        }
        _ => None,
    });
    forced.collect()
}

/// EASE 3: agents that wait for a person. Each has five seconds to stop, and none needs them.
#[test]
fn t22_a_thousand_agents_that_wait_hand_their_tasks_back_uncounted() {
    const AGENTS: usize = 1_000;
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let fleet = start(&node, dir.path(), AGENTS, vec![], |tasks| tasks).await;
        let tasks = (0..AGENTS).map(|_| order(&Order::Sleep(HOUR_MS))).collect();
        fleet.client.submit_all(tasks).await.expect("accepted");
        until_all(&fleet.client, AGENTS, TaskState::Running).await;
        fleet.stop().await;
        assert_eq!(forced(&node), Vec::<String>::new());

        // What the file says, before anybody takes anything back.
        let (store, child) = sqlite("store", StoreConfig::new(dir.path().join("tasks.db")));
        let root =
            start_root(&node, SupervisorSpec::one_for_one("root").child(child)).await.unwrap();
        let client = Tasks::new("tasks", store).client();
        let tasks = all(&client).await;
        assert_eq!(tasks.len(), AGENTS);
        for task in tasks {
            let count = (task.state, task.attempts, task.interruptions, task.failure);
            assert_eq!(count, (TaskState::Pending, 0, 0, None));
        }
        root.stop(SOON).await;
    });
}

/// Twenty interruptions make a task dead; twenty-five stops do not.
#[test]
fn t22_however_often_a_program_is_stopped_its_tasks_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let fleet = start(&node, dir.path(), 1, vec![], |tasks| tasks).await;
        let id = fleet.submit(order(&Order::Sleep(HOUR_MS))).await;
        fleet.reaches(id, TaskState::Running).await;
        fleet.stop().await;
        for _ in 0..25 {
            let fleet = start(&node, dir.path(), 1, vec![], |tasks| tasks).await;
            fleet.reaches(id, TaskState::Running).await;
            fleet.stop().await;
        }
        let fleet = start(&node, dir.path(), 1, vec![], |tasks| tasks).await;
        let view = fleet.reaches(id, TaskState::Running).await;
        assert_eq!((view.attempts, view.interruptions), (1, 0));
        fleet.client.cancel(id).await.expect("cancelled");
        fleet.stop().await;
    });
}

/// What an agent does in the tests below.
#[derive(Debug, Default)]
struct Seen {
    begun: AtomicU64,
    steps: AtomicU64,
}

struct Careful(Arc<Seen>);

impl Agent for Careful {
    type Args = Arc<Seen>;
    async fn init(seen: Arc<Seen>, _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self(seen))
    }
}

impl Performs for Careful {
    type Payload = String;
    type Output = Value;

    async fn perform(
        &mut self,
        task: Task<String>,
        cx: &mut TaskCx<'_, Self>,
    ) -> Result<Value, TaskFailure> {
        let begun = self.0.begun.fetch_add(1, Ordering::SeqCst) + 1;
        match task.payload.as_str() {
            // Thirty times is more than it has attempts, and more than it may be interrupted.
            "not yet" if begun <= 30 => Err(cx.hand_back(Duration::from_millis(1))),
            "in a moment" if begun == 1 => Err(cx.hand_back(Duration::from_millis(400))),
            "interrupted" if begun <= 3 => {
                Err(TaskFailure::new(FailureKind::Interrupted, "no fault of the task"))
            }
            "when stopped" if begun == 1 => {
                cx.step("first", async || {
                    self.0.steps.fetch_add(1, Ordering::SeqCst);
                    Ok(1)
                })
                .await?;
                cx.cancelled().await;
                Err(cx.hand_back(Duration::ZERO))
            }
            "when stopped" => {
                let first = cx.step("first", async || Ok(2)).await?;
                Ok(json!({ "first": first, "attempts": task.view.attempts }))
            }
            _ => Ok(json!(task.view.attempts)),
        }
    }
}

struct Clinic {
    root: Root,
    client: TaskClient,
    seen: Arc<Seen>,
}

async fn clinic(node: &Node, dir: &Path, seen: &Arc<Seen>) -> Clinic {
    let (store, child) = sqlite("store", StoreConfig::new(dir.join("tasks.db")));
    let tasks = Tasks::new("tasks", store).pool::<Careful>("careful", 2, Arc::clone(seen));
    let tasks = tasks.expect("good");
    let tree = SupervisorSpec::one_for_one("root").child(child).child(tasks.child());
    let root = start_root(node, tree).await.expect("starts");
    Clinic { root, client: tasks.client(), seen: Arc::clone(seen) }
}

fn task(payload: &str) -> NewTask {
    let retry = Retry { backoff_min_ms: 1, backoff_max_ms: 1, max_attempts: 2, jitter: 0.0 };
    NewTask { retry, ..NewTask::new(AgentKind::new("careful").unwrap(), payload.into()) }
}

#[test]
fn t22_a_task_that_is_handed_back_costs_nothing_however_often() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let clinic = clinic(&node, dir.path(), &Arc::default()).await;
        let id = clinic.client.submit(task("not yet")).await.unwrap().view.id;
        let view = clinic.client.ended(id, SOON).await.unwrap();
        assert_eq!((view.state, view.attempts), (TaskState::Completed, 1));
        assert_eq!((view.interruptions, view.failure), (0, None));
        assert_eq!(clinic.seen.begun.load(Ordering::SeqCst), 31);
        assert_eq!(clinic.client.result(id).await.unwrap(), Some(json!(1)));
        clinic.root.stop(SOON).await;
    });
}

/// A task that is handed back for later is given to nobody before that.
#[test]
fn t22_a_task_that_is_handed_back_for_later_waits_so_long() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let clinic = clinic(&node, dir.path(), &Arc::default()).await;
        let began = std::time::Instant::now();
        let id = clinic.client.submit(task("in a moment")).await.unwrap().view.id;
        let view = clinic.client.ended(id, SOON).await.unwrap();
        assert_eq!((view.state, view.attempts), (TaskState::Completed, 1));
        assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
        clinic.root.stop(SOON).await;
    });
}

/// An agent's own word that it was interrupted is taken for what it says: EASE 3.
#[test]
fn t6_a_failure_that_says_interrupted_costs_no_attempt() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let clinic = clinic(&node, dir.path(), &Arc::default()).await;
        let id = clinic.client.submit(task("interrupted")).await.unwrap().view.id;
        let view = clinic.client.ended(id, SOON).await.unwrap();
        assert_eq!((view.state, view.attempts), (TaskState::Completed, 1), "{:?}", view.failure);
        assert_eq!(view.interruptions, 3);
        clinic.root.stop(SOON).await;
    });
}

/// An agent that sees the stop hands back by itself; its finished step is not done again.
#[test]
fn t22_an_agent_that_sees_the_stop_hands_its_task_back_with_its_journal() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let seen = Arc::default();
        let first = clinic(&node, dir.path(), &seen).await;
        let id = first.client.submit(task("when stopped")).await.unwrap().view.id;
        let journaled = async {
            while seen.steps.load(Ordering::SeqCst) == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(SOON, journaled).await.expect("begins");
        first.root.stop(SOON).await;
        let second = clinic(&node, dir.path(), &seen).await;
        let view = second.client.ended(id, SOON).await.unwrap();
        assert_eq!((view.state, view.interruptions), (TaskState::Completed, 0));
        let result = second.client.result(id).await.unwrap().unwrap();
        assert_eq!(result, json!({ "first": 1, "attempts": 1 }));
        second.root.stop(SOON).await;
    });
}

/// Pools do not wait for one another, nor for the agent that comes to no await.
#[test]
fn x19_pools_are_stopped_together() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, child) = sqlite("store", StoreConfig::new(dir.path().join("tasks.db")));
        let limit = Duration::from_millis(1_500);
        let pools = ["a", "b", "c", "d"];
        let tasks = pools.iter().try_fold(Tasks::new("tasks", store), |tasks, kind| {
            let shape =
                move |spec: ms_supervisor::ChildSpec| spec.shutdown(Shutdown::Timeout(limit));
            tasks.pool_as::<Worker>(kind, 3, Arc::new(Deeds::default()), shape)
        });
        let tasks = tasks.expect("good");
        let tree = SupervisorSpec::one_for_one("root").child(child).child(tasks.child());
        let root = start_root(&node, tree).await.expect("starts");
        let client = tasks.client();
        for kind in pools {
            let kind = AgentKind::new(kind).unwrap();
            let tasks =
                (0..3).map(|_| NewTask { kind: kind.clone(), ..order(&Order::Sleep(HOUR_MS)) });
            client.submit_all(tasks.collect()).await.expect("accepted");
        }
        until_all(&client, 12, TaskState::Running).await;
        root.stop(SOON).await;
        assert_eq!(forced(&node), Vec::<String>::new());
    });
}
