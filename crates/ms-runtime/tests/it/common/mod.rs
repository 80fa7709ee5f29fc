//! A node with a tree of troublesome actors, and a client connected to it.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests"
)]

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use actix::prelude::*;
use ms_actor::{MailboxSpec, Placement, StateValue};
use ms_control::Client;
use ms_core::view::{Mark, TreeNode};
use ms_core::{ActorPath, Restart};
use ms_runtime::{ControlEndpoint, RunConfig, Runtime};
use ms_supervisor::{ChildSpec, SupervisorSpec};

pub const SECOND: Duration = Duration::from_secs(1);

pub struct Counter(pub u64);

impl Actor for Counter {
    type Context = ms_actor::Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u64")]
pub struct Add(pub u64);

impl Handler<Add> for Counter {
    type Result = u64;
    fn handle(&mut self, Add(n): Add, _: &mut Self::Context) -> u64 {
        assert!(n != 13, "thirteen");
        self.0 += n;
        self.0
    }
}

/// Blocks its thread.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Block(pub Duration);

impl Handler<Block> for Counter {
    type Result = ();
    #[allow(clippy::disallowed_methods, clippy::print_stdout, reason = "the fault under test")]
    fn handle(&mut self, Block(time): Block, _: &mut Self::Context) {
        // For those who look at it from another process.
        println!("\nblocks");
        std::thread::sleep(time);
    }
}

/// Blocks its thread until the other end is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Hold(pub mpsc::Receiver<()>);

impl Handler<Hold> for Counter {
    type Result = ();
    fn handle(&mut self, Hold(held): Hold, _: &mut Self::Context) {
        assert!(held.recv_timeout(3_600 * SECOND).is_err(), "nothing is sent");
    }
}

/// Awaits for long, and lets its mail wait.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Linger;

impl Handler<Linger> for Counter {
    type Result = ();
    fn handle(&mut self, _: Linger, ctx: &mut Self::Context) {
        ctx.wait(actix::fut::wrap_future::<_, Self>(tokio::time::sleep(600 * SECOND)));
    }
}

pub struct Legacy;

impl Actor for Legacy {
    type Context = actix::Context<Self>;
}

pub fn view(counter: &Counter) -> StateValue {
    StateValue::map([("sum", StateValue::from(counter.0)), ("token", StateValue::Redacted)])
}

/// Two supervisors: `work` with five actors, `twins` of two that share their fate.
pub fn tree() -> SupervisorSpec {
    let counter = |id: &str| ChildSpec::inspectable(id, || Counter(0), view);
    let work = SupervisorSpec::one_for_one("work")
        .intensity(5, 60 * SECOND)
        .child(counter("calm"))
        .child(counter("suspended"))
        .child(counter("blocked").placement(Placement::Dedicated))
        .child(counter("backlogged").mailbox(MailboxSpec::bounded(8)))
        .child(ChildSpec::actor("legacy", || Legacy));
    let twins = SupervisorSpec::one_for_all("twins")
        .intensity(1, 60 * SECOND)
        .child(counter("a"))
        .child(counter("b").restart(Restart::Transient));
    SupervisorSpec::one_for_one("root")
        .child(ChildSpec::supervisor(work))
        .child(ChildSpec::supervisor(twins))
}

pub fn config(socket: &Path) -> RunConfig {
    RunConfig::new("test")
        .arbiters(2)
        .quiet_panics()
        .control(ControlEndpoint::Path(socket.to_owned()))
}

/// A running node and where its endpoint is.
pub struct Node {
    pub runtime: Runtime,
    pub socket: PathBuf,
    _directory: tempfile::TempDir,
}

impl Node {
    pub async fn client(&self) -> Client {
        Client::connect(&self.socket, 60 * SECOND).await.expect("connects")
    }

    pub async fn actor(&self, below: &str, id: &str) -> ms_actor::Ref<Counter> {
        let supervisor = self.runtime.root().supervisor(below).await.expect("there");
        supervisor.get::<Counter>(id).await.expect("there")
    }

    pub async fn marks(&self, text: &str) -> Vec<Mark> {
        at(&whole(&mut self.client().await).await, text).status.marks.clone()
    }

    pub async fn stop(self) {
        let ended = self.runtime.stop(60 * SECOND).await;
        assert_eq!(ended.code(), 0, "{ended}");
        assert!(!self.socket.exists(), "the socket is removed");
    }
}

/// Runs `test` beside a node of two arbiters.
pub fn with_node<F: Future>(
    adjust: impl FnOnce(RunConfig) -> RunConfig,
    test: impl FnOnce(Node) -> F,
) {
    System::new().block_on(async {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("n.sock");
        let runtime = Runtime::start(adjust(config(&socket)), |_| tree()).await.expect("starts");
        let node = Node { runtime, socket, _directory: directory };
        tokio::time::timeout(120 * SECOND, test(node)).await.expect("in time");
    });
}

/// Returns the whole tree.
pub async fn whole(client: &mut Client) -> TreeNode {
    ms_testkit::tree::whole(async || client.tree(None, None).await).await
}

pub fn path(text: &str) -> ActorPath {
    ActorPath::new(text).expect("valid")
}

pub fn at<'a>(tree: &'a TreeNode, text: &str) -> &'a TreeNode {
    tree.walk()
        .find(|node| node.status.path.as_str() == text)
        .unwrap_or_else(|| panic!("no {text}"))
}

/// Waits until `done` says so, at most a minute.
pub async fn until<F: Future<Output = bool>>(mut done: impl FnMut() -> F) {
    for _ in 0..6_000 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within a minute");
}
