//! What all tests of supervisors need: nodes in virtual and in real time, and a probe.
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests"
)]

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use actix::prelude::*;
use ms_actor::{Context, Node, NodeConfig, Ref, StartError};
use ms_core::view::TreeNode;
use ms_core::{ActorPath, ChildId, ExitReason};
use ms_policy::{CommandError, PidRef};
use ms_supervisor::{
    ChildSpec, Root, StartRootError, SupervisorError, SupervisorRef, SupervisorSpec, start_root,
};
use ms_testkit::TestSystem;

pub use ms_testkit::clock::settle;

/// Runs a test on one thread in virtual time, which passes when nothing else can.
pub fn paused<F: Future>(test: impl FnOnce(Node) -> F) -> F::Output {
    TestSystem::run(async |t| test(t.node().clone()).await)
}

/// Runs a test on real threads in real time; an arbiter is given up after a second.
pub fn threads<F: Future>(arbiters: usize, test: impl FnOnce(Node) -> F) -> F::Output {
    threads_given_up(arbiters, Some(Duration::from_secs(1)), test)
}

/// The same with another such time, or none.
pub fn threads_given_up<F: Future>(
    arbiters: usize,
    wedged_after: Option<Duration>,
    test: impl FnOnce(Node) -> F,
) -> F::Output {
    let config = NodeConfig { arbiters, quiet_panics: true, wedged_after, ..NodeConfig::default() };
    System::new().block_on(async {
        let node = Node::boot(config).expect("boots");
        let limit = Duration::from_secs(120);
        tokio::time::timeout(limit, test(node)).await.expect("the test ends")
    })
}

pub fn path(text: &str) -> ActorPath {
    ActorPath::new(text).expect("valid")
}

pub fn id(text: &str) -> ChildId {
    ChildId::new(text).expect("valid")
}

pub async fn start(node: &Node, tree: SupervisorSpec) -> Root {
    start_root(node, tree).await.expect("starts")
}

pub async fn sleep_ms(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Real: waits until something is true, at most a minute.
pub async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(60);
    while !is().await {
        assert!(std::time::Instant::now() < end, "{what}: not within a minute");
        sleep_ms(5).await;
    }
}

/// What happened, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>, Arc<()>);

impl Log {
    pub fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("unpoisoned").push(line.into());
    }

    /// Probes that exist.
    pub fn instances(&self) -> usize {
        Arc::weak_count(&self.1)
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("unpoisoned"))
    }
}

/// Tells the log of its life and counts.
pub struct Probe {
    name: String,
    log: Log,
    count: u64,
    hangs: bool,
    init: Duration,
    info: bool,
    _counted: Weak<()>,
}

impl Probe {
    pub fn named(name: &str, log: &Log) -> Self {
        Self::new(name, log, false, Duration::ZERO)
    }

    fn new(name: &str, log: &Log, hangs: bool, init: Duration) -> Self {
        Self {
            name: name.to_owned(),
            log: log.clone(),
            count: 0,
            hangs,
            init,
            info: false,
            _counted: Arc::downgrade(&log.1),
        }
    }
}

pub fn another_probe(name: &str, log: &Log) -> Probe {
    Probe::new(name, log, false, Duration::ZERO)
}

pub fn probe(log: &Log, name: &str) -> ChildSpec {
    slow_probe(log, name, Duration::ZERO)
}

/// A probe whose init takes a while, without blocking its thread.
pub fn slow_probe(log: &Log, name: &str, init: Duration) -> ChildSpec {
    let (log, text) = (log.clone(), name.to_owned());
    ChildSpec::actor(name, move || Probe::new(&text, &log, false, init))
}

/// A probe that never obeys an order to stop.
pub fn stubborn_probe(log: &Log, name: &str) -> ChildSpec {
    let (log, text) = (log.clone(), name.to_owned());
    ChildSpec::actor(name, move || Probe::new(&text, &log, true, Duration::ZERO))
}

/// A probe whose starts go as the words say, the last one for ever: `ok`, `info`, `error`
/// (which is logged as `!name`), `ignore` or `panic`.
pub fn scripted(log: &Log, name: &str, outcomes: &'static [&'static str]) -> ChildSpec {
    let (log, text, count) = (log.clone(), name.to_owned(), AtomicUsize::new(0));
    ChildSpec::try_actor(name, move |_| {
        let at = count.fetch_add(1, Ordering::SeqCst).min(outcomes.len() - 1);
        match outcomes[at] {
            "error" => {
                log.add(format!("!{text}"));
                Err(StartError::Failed(ExitReason::failed("boom")))
            }
            "ignore" => Err(StartError::Ignore),
            "panic" => panic!("init of {text}"),
            what => {
                let mut probe = Probe::new(&text, &log, false, Duration::ZERO);
                probe.info = what == "info";
                Ok(probe)
            }
        }
    })
}

impl Actor for Probe {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.log.add(format!("+{}", self.name));
        if self.info {
            ctx.set_start_info("info");
        }
        if !self.init.is_zero() {
            ctx.wait(actix::fut::wrap_future(tokio::time::sleep(self.init)));
        }
    }

    fn stopping(&mut self, _: &mut Self::Context) -> Running {
        if self.hangs { Running::Continue } else { Running::Stop }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.log.add(format!("-{}", self.name));
    }
}

#[derive(Message)]
#[rtype(result = "u64")]
pub struct Add(pub u64);

impl Handler<Add> for Probe {
    type Result = u64;

    fn handle(&mut self, Add(n): Add, _: &mut Self::Context) -> u64 {
        self.count += n;
        self.count
    }
}

#[derive(Message)]
#[rtype(result = "()")]
pub struct Crash;

impl Handler<Crash> for Probe {
    type Result = ();

    fn handle(&mut self, _: Crash, _: &mut Self::Context) {
        panic!("crash of {}", self.name);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
pub struct End(pub ExitReason);

impl Handler<End> for Probe {
    type Result = ();

    fn handle(&mut self, End(reason): End, ctx: &mut Self::Context) {
        ctx.stop_with(reason);
    }
}

/// Blocks the thread.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Block(pub Duration);

impl Handler<Block> for Probe {
    type Result = ();

    fn handle(&mut self, Block(time): Block, _: &mut Self::Context) {
        std::thread::sleep(time);
    }
}

/// Has it block its thread until long after the test; returns once it does.
pub async fn blocks(actor: &Ref<Probe>) {
    actor.try_tell(Block(Duration::from_secs(3600))).expect("sent");
    until("it blocks", async || actor.any().status().handling.is_some()).await;
}

/// Waits for ever in an async handler, saying every so often that it is alive, or not.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Hang;

impl Handler<Hang> for Probe {
    type Result = actix::AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Hang, _: &mut Self::Context) -> Self::Result {
        actix::AtomicResponse::new(Box::pin(actix::fut::wrap_future(std::future::pending::<()>())))
    }
}

pub async fn get(root: &SupervisorRef, name: &str) -> Ref<Probe> {
    root.get::<Probe>(name).await.expect("there")
}

/// Ends the probe with a reason, as it ends itself, and waits for what follows.
pub async fn end(probe: &Ref<Probe>, reason: ExitReason) {
    probe.try_tell(End(reason)).expect("it lives");
    settle().await;
}

/// The children in start order: `a:up b:down c:restarting`.
pub async fn rows(supervisor: &SupervisorRef) -> String {
    let mut rows = supervisor.which_children().await.expect("answers");
    rows.reverse();
    let word = |row: &ms_supervisor::ChildInfo| {
        let state = match row.child {
            PidRef::Incarnation(_) => "up",
            PidRef::Undefined => "down",
            PidRef::Restarting(_) => "restarting",
        };
        format!("{}:{state}", row.path.name())
    };
    rows.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The error of a call that the supervisor refused.
pub fn refused<T: std::fmt::Debug>(result: Result<T, SupervisorError>) -> CommandError {
    match result {
        Err(SupervisorError::Command(error)) => error,
        other => panic!("not refused: {other:?}"),
    }
}

/// Why `start_root` failed.
pub async fn not_started(node: &Node, tree: SupervisorSpec) -> StartRootError {
    start_root(node, tree).await.expect_err("does not start")
}

/// Has the probe crash and waits for what follows, in virtual time.
pub async fn crash(probe: &Ref<Probe>) {
    probe.ask(Crash).await.expect_err("it panics");
    settle().await;
}

pub fn node_at<'a>(tree: &'a TreeNode, at: &str) -> &'a TreeNode {
    tree.walk()
        .find(|node| node.status.path.as_str() == at)
        .unwrap_or_else(|| panic!("{at} is not in the tree"))
}

/// An unchanged actix actor.
pub struct Legacy;

impl actix::Actor for Legacy {
    type Context = actix::Context<Self>;
}

/// Returns a child whose starts fail as often as the counter says.
pub fn flaky(name: &str, failures: &Arc<AtomicU32>) -> ChildSpec {
    let failures = Arc::clone(failures);
    ChildSpec::try_actor(name, move |_| {
        let left = failures.load(Ordering::SeqCst);
        if left > 0 {
            failures.store(left - 1, Ordering::SeqCst);
            return Err(StartError::Failed(ExitReason::failed("not yet")));
        }
        Ok(Legacy)
    })
}
