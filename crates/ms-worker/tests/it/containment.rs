//! RELIABILITY 60: a panic in a `Drop`, in an orderly stop and in a handler that holds a lock ends
//! its actor and nothing else. A stack overflow ends the process: Rust has no way back from it.
//! What was acknowledged before is done by the next process.
//!
//! The last test runs itself as a child process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix::Message;
use common::{TEST_DEADLINE, run};
use ms_actor::{AskFailure, Node};
use ms_core::task::{AgentKind, NewTask, TaskFailure, TaskId, TaskState};
use ms_core::{ExitReason, Incarnation};
use ms_store::{StoreConfig, sqlite};
use ms_supervisor::{ChildSpec, Root, SupervisorSpec, start_root};
use ms_testkit::child::{self, OwnTest};
use ms_worker::tasks::{Performs, Task, TaskClient, TaskCx, Tasks};
use ms_worker::{Agent, AgentRef, AgentSpec, Cx, GetAgent, Handles, InitError};

type Shared = Arc<Mutex<u64>>;

/// Whoever locks after a panic decides what a broken invariant means; here there is none to break.
fn lock(shared: &Shared) -> MutexGuard<'_, u64> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Panics where its arguments say, once: in its first life.
struct Fragile {
    place: &'static str,
    shared: Shared,
}

impl Fragile {
    fn is_first(&self) -> bool {
        *lock(&self.shared) == 1
    }
}

impl Agent for Fragile {
    type Args = (&'static str, Shared);

    async fn init((place, shared): Self::Args, _: &mut Cx<Self>) -> Result<Self, InitError> {
        *lock(&shared) += 1;
        Ok(Self { place, shared })
    }

    async fn terminate(&mut self, _: &ExitReason, _: &mut Cx<Self>) {
        assert!(self.place != "stopping" || !self.is_first(), "a panic in an orderly stop");
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        assert!(self.place != "drop" || !self.is_first(), "a panic in a Drop");
    }
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Work;

impl Handles<Work> for Fragile {
    async fn on(&mut self, Work: Work, cx: &mut Cx<Self>) -> u64 {
        let first = self.is_first();
        match self.place {
            "lock" if first => {
                let _held = self.shared.lock().unwrap();
                panic!("a panic under a lock");
            }
            "drop" if first => cx.fail("it ends itself"),
            _ => {}
        }
        *lock(&self.shared)
    }
}

async fn tree(node: &Node, place: &'static str) -> (Root, [AgentRef<Fragile>; 2]) {
    let shared = || Shared::default();
    let tree = SupervisorSpec::one_for_one("root")
        .intensity(5, Duration::from_secs(60))
        .child(ChildSpec::agent::<Fragile>("fragile", (place, shared())))
        .child(ChildSpec::agent::<Fragile>("sibling", ("none", shared())));
    let root = start_root(node, tree).await.expect("starts");
    let fragile = root.get_agent::<Fragile>("fragile").await.unwrap();
    let sibling = root.get_agent::<Fragile>("sibling").await.unwrap();
    (root, [fragile, sibling])
}

/// Ended and back, its supervisor and its sibling untouched, its lock usable.
#[test]
fn a_panic_in_a_drop_or_under_a_lock_ends_its_actor_alone() {
    for place in ["drop", "lock"] {
        run(|node| async move {
            let (root, [fragile, sibling]) = tree(&node, place).await;
            let end = fragile.any().monitor();
            let answer = fragile.ask(Work).within(TEST_DEADLINE).await;
            if place == "lock" {
                let error = answer.expect_err("it panicked");
                assert!(matches!(error.failure, AskFailure::Exited { .. }), "{error}");
            }
            let ended = tokio::time::timeout(TEST_DEADLINE, end).await;
            assert!(ended.is_ok(), "{place}: it did not end");
            // What is sent now waits for the next life.
            assert_eq!(fragile.ask(Work).within(TEST_DEADLINE).await.unwrap(), 2, "{place}");
            assert_eq!(sibling.ask(Work).within(TEST_DEADLINE).await.unwrap(), 1, "{place}");
            assert_eq!(fragile.any().incarnation(), Incarnation(2), "{place}");
            for untouched in [sibling.any(), root.any()] {
                assert_eq!(untouched.incarnation(), Incarnation(1), "{place}");
            }
            let ended = root.stop(TEST_DEADLINE).await;
            drop(ended);
        });
    }
}

/// A panic in the agent's own orderly stop, or in its `Drop` then: the tree comes to its end, and
/// the panic is reported.
#[test]
fn panics_while_a_tree_stops_do_not_keep_it_from_stopping() {
    for place in ["drop", "stopping"] {
        run(|node| async move {
            let (root, [fragile, sibling]) = tree(&node, place).await;
            root.stop(TEST_DEADLINE).await;
            assert!(!fragile.any().is_alive() && !sibling.any().is_alive(), "{place}");
            let last = |agent: &AgentRef<Fragile>| agent.any().status().last_exit.expect("ended");
            let panic = last(&fragile);
            assert!(panic.panic().is_some(), "{place}: {panic}");
            assert!(last(&sibling).is_clean(), "{place}");
        });
    }
}

// ---- a stack overflow ----

const DIR: &str = "MS_OVERFLOW_TEST_DIR";

/// Does tasks; overflows its stack where the environment says so.
struct Deep;

impl Agent for Deep {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self)
    }
}

#[allow(unconditional_recursion, reason = "what is tested")]
fn deeper(n: u64) -> u64 {
    let frame = std::hint::black_box([n; 256]);
    frame[usize::from(n > 1)] + deeper(n + 1)
}

impl Performs for Deep {
    type Payload = u64;
    type Output = u64;

    async fn perform(
        &mut self,
        task: Task<u64>,
        _: &mut TaskCx<'_, Self>,
    ) -> Result<u64, TaskFailure> {
        match std::env::var_os(DIR) {
            Some(_) if task.payload == 0 => Ok(deeper(0)),
            _ => Ok(task.payload),
        }
    }
}

async fn fleet(node: &Node, dir: &Path) -> (Root, TaskClient) {
    let (store, child) = sqlite("store", StoreConfig::new(dir.join("tasks.db")));
    let tasks = Tasks::new("tasks", store).pool::<Deep>("deep", 2, ()).expect("good");
    let tree = SupervisorSpec::one_for_one("root").child(child).child(tasks.child());
    (start_root(node, tree).await.expect("starts"), tasks.client())
}

fn task(n: u64) -> NewTask {
    NewTask::new(AgentKind::new("deep").expect("valid"), n.into())
}

/// The child's part.
#[allow(clippy::print_stdout, reason = "its parent reads what was acknowledged")]
fn overflow() {
    let dir = std::env::var_os(DIR).expect("handed over");
    run(|node| async move {
        let (_root, client) = fleet(&node, Path::new(&dir)).await;
        for n in (0..20).rev() {
            let id = client.submit(task(n)).await.expect("accepted").view.id;
            println!("\n@{id} {n}");
        }
        std::future::pending::<()>().await;
    });
}

/// It aborts (SIGABRT), which no supervisor within the process can catch; run it under one of the
/// system's. What it had acknowledged is completed by the next.
#[test]
fn a_stack_overflow_aborts_the_process_and_a_restart_loses_nothing() {
    child::split(
        a_stack_overflow_aborts_the_process_and_a_restart_loses_nothing,
        |_| overflow(),
        outlive_an_overflow,
    );
}

fn outlive_an_overflow(own: &OwnTest) {
    let dir = tempfile::tempdir().unwrap();
    let output = own.child("overflow").env(DIR, dir.path()).output();
    assert_eq!(output.status.signal(), Some(6), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("has overflowed its stack"), "{said}");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let accepted: Vec<(TaskId, u64)> = out
        .lines()
        .filter_map(|line| line.strip_prefix('@')?.split_once(' '))
        .map(|(id, n)| (id.parse().unwrap(), n.parse().unwrap()))
        .collect();
    assert!(accepted.len() >= 19, "all before the one that overflows: {out}");
    run(|node| async move {
        let (root, client) = fleet(&node, dir.path()).await;
        for (id, n) in accepted {
            let view = client.ended(id, TEST_DEADLINE).await.unwrap();
            assert_eq!(view.state, TaskState::Completed, "{view:?}");
            assert_eq!(client.result(id).await.unwrap(), Some(n.into()));
        }
        root.stop(TEST_DEADLINE).await;
    });
}
