//! Idle supervised actors in one process: time to start and stop them, bytes resident each.
//!
//! `cargo xtask bench million [COUNT] [here]`, one million by default. They live on the
//! arbiters of the pool, so each start goes to another thread and back; with `here`
//! they live on their supervisor's. Nothing here asserts a time.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a benchmark")]

use std::time::{Duration, Instant};

use actix::Actor;
use ms_actor::{Node, NodeConfig, Placement};
use ms_core::Restart;
use ms_supervisor::{ChildSpec, Supervisor, start_root};

struct Idle;

impl Actor for Idle {
    type Context = ms_actor::Context<Self>;
}

/// Resident bytes of this process, by /proc.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
    let kib: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kib * 1024
}

fn main() {
    let count: u64 =
        std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(1_000_000);
    let here = std::env::args().any(|arg| arg == "here");
    let placement = if here { Placement::WithParent } else { Placement::Pool };
    let system = actix::System::new();
    system.block_on(async move {
        let node = Node::boot(NodeConfig::default()).expect("boots");
        let template =
            ChildSpec::actor("idle", || Idle).restart(Restart::Temporary).placement(placement);
        let root = start_root(&node, Supervisor::dynamic("root", template)).await.expect("starts");
        let (before, began) = (resident(), Instant::now());
        for _ in 0..count {
            root.start_another().await.expect("starts");
        }
        let started = began.elapsed();
        let each = (resident() - before) / count;
        println!(
            "started {count} idle supervised actors in {started:.1?}: {:.2} us each",
            started.as_secs_f64() * 1e6 / count as f64
        );
        println!("resident: {each} bytes each, the supervisor's record included");
        let active = root.count_children().await.expect("answers").active;
        println!("count_children: {active} active");
        let began = Instant::now();
        let reason = root.stop(Duration::from_secs(300)).await;
        println!("stopped all in {:.1?}: {reason}", began.elapsed());
        println!("threads left after halt: {}", node.halt(Duration::from_secs(5)));
    });
}
