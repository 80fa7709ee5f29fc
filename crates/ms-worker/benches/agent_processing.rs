//! Durable tasks done by agents: groups of 10, 100, 1,000 and 10,000.
//!
//! `cargo xtask bench agent_processing`, or `cargo bench -p ms-worker agent_processing`. Node, tree, store and
//! tasks are there before the clock starts; it stops when the last task of the group has been
//! worked on. Each group runs `ROUNDS` times, and medians are told. Nothing here asserts a time.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark, checked by tests/it/agent_processing.rs"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::System;
use ms_actor::{Node, NodeConfig};
use ms_core::task::{AgentKind, NewTask, TaskFailure};
use ms_store::{StoreConfig, sqlite};
use ms_supervisor::{SupervisorSpec, start_root};
use ms_worker::tasks::{Performs, Task, TaskClient, TaskCx, Tasks};
use ms_worker::{Agent, Cx, InitError};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

const NAME: &str = "agent_processing";
pub const GROUPS: [usize; 4] = [10, 100, 1_000, 10_000];
const ROUNDS: usize = 5;
const AGENTS: usize = 64;
/// Most tasks of one request.
const BATCH: usize = 1_000;

/// Gives a permit for each task it has worked on.
struct Worker(Arc<Semaphore>);

impl Agent for Worker {
    type Args = Arc<Semaphore>;

    async fn init(done: Arc<Semaphore>, _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self(done))
    }
}

impl Performs for Worker {
    type Payload = u64;
    type Output = Value;

    async fn perform(
        &mut self,
        task: Task<u64>,
        _: &mut TaskCx<'_, Self>,
    ) -> Result<Value, TaskFailure> {
        self.0.add_permits(1);
        Ok(json!(task.payload + 1))
    }
}

fn group(size: usize) -> Vec<Vec<NewTask>> {
    let kind = AgentKind::new("worker").expect("valid");
    let tasks: Vec<_> = (0..size).map(|n| NewTask::new(kind.clone(), json!(n))).collect();
    tasks.chunks(BATCH).map(<[NewTask]>::to_vec).collect()
}

/// How long one group takes, from its submission to the last task.
async fn round(client: &TaskClient, done: &Semaphore, size: usize) -> Duration {
    let batches = group(size);
    let began = Instant::now();
    for batch in batches {
        let answers = client.submit_all(batch).await.expect("stored");
        assert!(answers.iter().all(Result::is_ok));
    }
    let all = u32::try_from(size).expect("a small number");
    done.acquire_many(all).await.expect("never closed").forget();
    began.elapsed()
}

/// The median of so many rounds of each group.
pub async fn groups(node: Node, sizes: &[usize], rounds: usize) -> Vec<(usize, Duration)> {
    let dir = tempfile::tempdir().expect("a directory");
    let done = Arc::new(Semaphore::new(0));
    let (store, child) = sqlite("store", StoreConfig::new(dir.path().join("tasks.db")));
    let tasks = Tasks::new("tasks", store);
    let tasks = tasks.pool::<Worker>("worker", AGENTS, Arc::clone(&done)).expect("valid");
    let client = tasks.client();
    let tree = SupervisorSpec::one_for_one("root").child(child).child(tasks.child());
    let root = start_root(&node, tree).await.expect("starts");
    let mut medians = Vec::with_capacity(sizes.len());
    for &size in sizes {
        let mut times = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            times.push(round(&client, &done, size).await);
        }
        times.sort_unstable();
        medians.push((size, times[rounds / 2]));
    }
    root.stop(Duration::from_secs(10)).await;
    medians
}

fn main() {
    // `cargo test --benches` wants nothing of it, `cargo bench NAME` perhaps another.
    let args: Vec<String> = std::env::args().skip(1).collect();
    let named = args.iter().find(|arg| !arg.starts_with("--"));
    if named.is_some_and(|name| !NAME.contains(name.as_str()))
        || !args.iter().any(|arg| arg == "--bench")
    {
        return;
    }
    let medians = System::new().block_on(async {
        let config = NodeConfig { arbiters: 1, ..NodeConfig::default() };
        groups(Node::boot(config).expect("boots"), &GROUPS, ROUNDS).await
    });
    println!("{NAME}: durable tasks, {AGENTS} agents, medians of {ROUNDS} rounds");
    println!("{:>7} {:>12} {:>10}", "tasks", "ms", "tasks/s");
    for (size, time) in medians {
        let seconds = time.as_secs_f64();
        println!("{size:>7} {:>12.3} {:>10.0}", seconds * 1_000.0, size as f64 / seconds);
    }
}
