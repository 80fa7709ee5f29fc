//! A store in a tree of its own, in a directory of its own.

#![allow(dead_code, unreachable_pub, clippy::expect_used, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use actix::System;
use ms_actor::{Node, NodeConfig};
use ms_core::ActorPath;
use ms_core::task::{AgentKind, NewTask, QueueName, TaskError, TaskId, TaskView};
use ms_store::{SqliteTasks, StoreConfig, sqlite};
use ms_supervisor::{Root, StartRootError, SupervisorSpec, start_root};
use ms_task::{Assignment, ClaimSpec, Submission, TaskStore};
use serde_json::Value;
use uuid::Uuid;

pub const LEASE: Duration = Duration::from_secs(3_600);

/// Runs a test on a node with real time: SQLite's threads do not know virtual time.
pub fn run<F: Future>(test: impl FnOnce(Node) -> F) -> F::Output {
    System::new().block_on(async {
        let config = NodeConfig { arbiters: 1, quiet_panics: true, ..NodeConfig::default() };
        let node = Node::boot(config).expect("boots");
        let outcome = test(node.clone()).await;
        node.halt(Duration::from_secs(5));
        outcome
    })
}

pub async fn try_open(
    node: &Node,
    config: StoreConfig,
) -> Result<(SqliteTasks, Root), StartRootError> {
    let (store, child) = sqlite("store", config);
    let root = start_root(node, SupervisorSpec::one_for_one("root").child(child)).await?;
    Ok((store, root))
}

pub async fn open(node: &Node, config: StoreConfig) -> (SqliteTasks, Root) {
    try_open(node, config).await.expect("opens")
}

/// Why a store did not open, as text.
pub async fn refusal(node: &Node, config: StoreConfig) -> String {
    match try_open(node, config).await {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it must not open"),
    }
}

pub async fn close(root: Root) {
    root.stop(Duration::from_secs(10)).await;
}

pub fn at(dir: &Path) -> StoreConfig {
    StoreConfig::new(dir.join("tasks.db"))
}

pub fn fresh() -> TaskId {
    TaskId::new(Uuid::now_v7())
}

pub fn kind(name: &str) -> AgentKind {
    AgentKind::new(name).expect("valid")
}

pub fn task(payload: impl Into<Value>) -> NewTask {
    NewTask::new(kind("worker"), payload.into())
}

pub async fn submit(store: &SqliteTasks, task: NewTask) -> Result<TaskView, TaskError> {
    let mut answers = store.submit(vec![Submission { id: fresh(), task }]).await.expect("stored");
    answers.remove(0).map(|submitted| submitted.view)
}

pub fn agents(count: usize) -> Vec<ActorPath> {
    (1..=count).map(|n| ActorPath::new(format!("/root/w/worker-{n}")).expect("valid")).collect()
}

pub fn wish(free: usize, limit: usize, lease: Duration) -> ClaimSpec {
    let free = BTreeMap::from([(kind("worker"), agents(free))]);
    ClaimSpec { room: BTreeMap::from([(QueueName::default(), limit)]), free, lease }
}

pub async fn claim(store: &SqliteTasks, count: usize) -> Vec<Assignment> {
    store.claim(wish(count, count, LEASE)).await.expect("claims").assignments
}

/// What cannot be waited for by an event is asked again and again.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < end, "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
