//! Durable tasks in a tree of their own, and an agent that can be made to fail.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix::System;
use ms_actor::{Node, NodeConfig};
use ms_core::task::{AgentKind, NewTask, Retry, TaskFailure, TaskId, TaskState, TaskView};
use ms_store::{SqliteTasks, StoreConfig, sqlite};
use ms_supervisor::{Root, SupervisorSpec, start_root};
use ms_task::QueueSpec;
use ms_worker::tasks::{Performs, Task, TaskClient, TaskCx, Tasks};
use ms_worker::{Agent, Cx, InitError};
use serde::{Deserialize, Serialize};

/// Longest wait for anything that must come.
pub const SOON: Duration = Duration::from_secs(60);

/// Runs a test on a node with real time: SQLite's threads do not know virtual time.
pub fn run<F: Future>(test: impl FnOnce(Node) -> F) -> F::Output {
    System::new().block_on(async {
        let config = NodeConfig { arbiters: 2, quiet_panics: true, ..NodeConfig::default() };
        let node = Node::boot(config).expect("boots");
        let outcome = test(node.clone()).await;
        node.halt(Duration::from_secs(5));
        outcome
    })
}

/// What a task has the agent do.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    Echo(u64),
    Panic,
    /// Fails in its first attempts, and then not.
    FailTimes(u32),
    Refuse,
    Sleep(u64),
    /// Blocks the thread, in milliseconds.
    Block(u64),
    /// Three steps; panics once before the step with this number is journaled.
    Steps {
        crash_at: u32,
    },
    /// Counts up to this, with a checkpoint at each; panics once in the middle.
    Count(u64),
    Large,
    /// Fails once; gives the traces of both attempts.
    Trace,
}

/// What the agents of one test have done.
#[derive(Debug, Default)]
pub struct Deeds {
    pub begun: AtomicU64,
    pub steps: AtomicU64,
    pub now: AtomicU64,
    pub most: AtomicU64,
    pub crashed: AtomicU64,
}

pub struct Worker(pub Arc<Deeds>);

impl Agent for Worker {
    type Args = Arc<Deeds>;

    async fn init(deeds: Arc<Deeds>, _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self(deeds))
    }
}

struct Present(Arc<Deeds>);

impl Present {
    fn enter(deeds: &Arc<Deeds>) -> Self {
        let now = deeds.now.fetch_add(1, Ordering::SeqCst) + 1;
        deeds.most.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(deeds))
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Performs for Worker {
    type Payload = Order;
    type Output = serde_json::Value;

    async fn perform(
        &mut self,
        task: Task<Order>,
        cx: &mut TaskCx<'_, Self>,
    ) -> Result<serde_json::Value, TaskFailure> {
        let deeds = Arc::clone(&self.0);
        deeds.begun.fetch_add(1, Ordering::SeqCst);
        let _present = Present::enter(&deeds);
        let crash_once = |deeds: &Deeds| {
            assert!(deeds.crashed.fetch_add(1, Ordering::SeqCst) > 0, "a crash on purpose");
        };
        match task.payload {
            Order::Echo(n) => Ok(n.into()),
            Order::Panic => panic!("poison"),
            Order::Trace => {
                let own = cx.trace().map(|trace| trace.to_string());
                if let Some(first) = cx.restore::<Option<String>>()? {
                    return Ok(serde_json::json!([first, own]));
                }
                cx.checkpoint(&own).await?;
                Err(TaskFailure::retry("once more"))
            }
            Order::FailTimes(times) if task.view.attempts <= times => {
                Err(std::io::Error::other("not yet"))?
            }
            Order::FailTimes(_) => Ok(task.view.attempts.into()),
            Order::Refuse => Err(TaskFailure::permanent("never")),
            Order::Sleep(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(ms.into())
            }
            #[allow(clippy::disallowed_methods, reason = "what is tested")]
            Order::Block(ms) => {
                std::thread::sleep(Duration::from_millis(ms));
                Ok(ms.into())
            }
            Order::Steps { crash_at } => {
                let mut sum = 0;
                for n in 1..=3_u32 {
                    let done = Arc::clone(&deeds);
                    sum += cx
                        .step(&format!("step-{n}"), async || {
                            done.steps.fetch_add(1, Ordering::SeqCst);
                            Ok(n)
                        })
                        .await?;
                    if n == crash_at {
                        crash_once(&deeds);
                    }
                }
                Ok(sum.into())
            }
            Order::Count(to) => {
                let mut at = cx.restore::<u64>()?.unwrap_or(0);
                while at < to {
                    at += 1;
                    deeds.steps.fetch_add(1, Ordering::SeqCst);
                    cx.checkpoint(&at).await?;
                    if at == to / 2 {
                        crash_once(&deeds);
                    }
                }
                Ok(at.into())
            }
            Order::Large => Ok("x".repeat(2 << 20).into()),
        }
    }
}

pub fn order(order: &Order) -> NewTask {
    let kind = AgentKind::new("worker").expect("valid");
    let retry = Retry { backoff_min_ms: 1, backoff_max_ms: 5, max_attempts: 3, ..Retry::default() };
    NewTask { retry, ..NewTask::new(kind, serde_json::to_value(order).expect("json")) }
}

/// A store and tasks over it, with that many workers.
pub struct Fleet {
    pub root: Root,
    pub client: TaskClient,
    pub store: SqliteTasks,
    pub deeds: Arc<Deeds>,
}

pub async fn start(
    node: &Node,
    dir: &Path,
    workers: usize,
    queues: Vec<QueueSpec>,
    adjust: impl FnOnce(Tasks) -> Tasks,
) -> Fleet {
    let (store, child) = sqlite("store", StoreConfig::new(dir.join("tasks.db")));
    let deeds = Arc::new(Deeds::default());
    let tasks = adjust(Tasks::new("tasks", store.clone()));
    let tasks = queues.into_iter().fold(tasks, |tasks, queue| tasks.queue(queue).expect("good"));
    let tasks = tasks.pool::<Worker>("worker", workers, Arc::clone(&deeds)).expect("good");
    let tree = SupervisorSpec::one_for_one("root").intensity(100, Duration::from_secs(60));
    let tree = tree.child(child).child(tasks.child());
    let root = start_root(node, tree).await.expect("starts");
    Fleet { root, client: tasks.client(), store, deeds }
}

impl Fleet {
    pub async fn submit(&self, task: NewTask) -> TaskId {
        self.client.submit(task).await.expect("accepted").view.id
    }

    pub async fn ended(&self, id: TaskId) -> TaskView {
        self.client.ended(id, SOON).await.expect("ends")
    }

    /// Waits until a task is in this state.
    pub async fn reaches(&self, id: TaskId, state: TaskState) -> TaskView {
        let reach = async {
            loop {
                let view = self.client.get(id).await.expect("reads").expect("is there");
                if view.state == state {
                    return view;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(SOON, reach).await.expect("reaches the state")
    }

    pub async fn stop(self) {
        self.root.stop(Duration::from_secs(10)).await;
    }
}
