//! Rows of the requirement table as a program that uses the framework sees them, in virtual time.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fmt;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::{Message, System};
use ms_framework::core::view::{Lifecycle, TreeNode};
use ms_framework::core::{ActorPath, ExitReason, Restart};
use ms_framework::prelude::*;
use ms_framework::registry::ServiceKey;
use ms_framework::router::{Module, ModuleActor, ModuleHandler, SystemError};
use ms_framework::supervisor::{Heartbeat, Root};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// Runs a test on one thread, with a clock that jumps when there is nothing to do.
fn virtually<F: Future>(test: impl FnOnce(Node) -> F) -> F::Output {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime")
    };
    System::with_tokio_rt(runtime)
        .block_on(async { test(Node::boot(NodeConfig::single_arbiter()).expect("boots")).await })
}

fn path(text: &str) -> ActorPath {
    ActorPath::new(text).expect("a path")
}

async fn seen(root: &Root, at: &str) -> TreeNode {
    let tree = root.tree(None).await.expect("answers");
    tree.walk().find(|node| node.status.path == path(at)).expect("there").clone()
}

// ---- supervision ----

struct Worker(u64);

impl Agent for Worker {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self(0))
    }
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Add(u64);

impl Handles<Add> for Worker {
    async fn on(&mut self, Add(n): Add, _: &mut Cx<Self>) -> u64 {
        assert!(n != 13, "thirteen");
        self.0 += n;
        self.0
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Hang;

impl Handles<Hang> for Worker {
    async fn on(&mut self, _: Hang, _: &mut Cx<Self>) {
        pending().await
    }
}

/// A root over a supervisor with the settings of the table: five restarts in 60 s.
async fn five_a_minute(node: &Node) -> (Root, AgentRef<Worker>) {
    let inner = SupervisorSpec::one_for_one("inner")
        .intensity(5, MINUTE)
        .child(ChildSpec::agent::<Worker>("worker", ()));
    let tree = SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(inner));
    let root = start_root(node, tree).await.expect("starts");
    let inner = root.supervisor("inner").await.expect("there");
    let worker = inner.get_agent::<Worker>("worker").await.expect("there");
    (root, worker)
}

async fn crash(worker: &AgentRef<Worker>, times: u32) {
    for _ in 0..times {
        worker.ask(Add(13)).await.expect_err("it panics");
        assert_eq!(worker.ask(Add(1)).await.expect("a fresh instance answers"), 1);
    }
}

#[test]
fn s7_1_02_the_sixth_crash_within_the_window_escalates() {
    virtually(|node| async move {
        let (root, worker) = five_a_minute(&node).await;
        crash(&worker, 5).await;
        assert_eq!(seen(&root, "/root/inner").await.status.incarnation.0, 1, "five are restarts");
        crash(&worker, 1).await;
        let inner = seen(&root, "/root/inner").await.status;
        assert_eq!((inner.incarnation.0, inner.last_exit), (2, Some(ExitReason::Shutdown)));
        let why = root.why(&path("/root/inner"), 1).await.expect("there");
        assert_eq!((why.len(), why[0].budget_used), (1, 1), "it counts for the supervisor above");
    });
}

#[test]
fn s7_1_03_crashes_that_have_left_the_window_do_not_count() {
    virtually(|node| async move {
        let (root, worker) = five_a_minute(&node).await;
        crash(&worker, 5).await;
        sleep(MINUTE + SECOND).await;
        crash(&worker, 5).await;
        assert_eq!(seen(&root, "/root/inner").await.status.incarnation.0, 1);
        assert_eq!(seen(&root, "/root/inner/worker").await.status.restarts, 10);
    });
}

/// S2.4-06: five seconds, three misses; gone before the fourth.
#[test]
fn a_hung_agent_is_replaced_within_three_beats_and_one() {
    virtually(|node| async move {
        let beats = Heartbeat::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(ChildSpec::agent::<Worker>("worker", ()).heartbeat(beats));
        let root = start_root(&node, tree).await.expect("starts");
        let worker = root.get_agent::<Worker>("worker").await.expect("there");
        worker.try_tell(Hang).expect("sent");
        let began = Instant::now();
        let waited = worker.ask(Add(1)).within(MINUTE).await.expect_err("its mail went with it");
        assert_eq!(waited.exit_reason(), Some(&ExitReason::HeartbeatLost { missed: 3 }));
        assert_eq!(worker.ask(Add(1)).await.expect("replaced"), 1);
        let took = began.elapsed();
        assert!(took > beats.every * 3 && took <= beats.every * 4, "{took:?}");
    });
}

// ---- tasks ----

/// A task whose first `failing` runs end with this result at once; the next one never ends.
fn task(name: &str, ends: &'static str, failing: u32, runs: &Arc<AtomicU32>) -> ChildSpec {
    let runs = Arc::clone(runs);
    ChildSpec::task(name, move || {
        let run = runs.fetch_add(1, Ordering::Relaxed);
        async move {
            match ends {
                _ if run >= failing => pending().await,
                "normal" => Ok(()),
                "error" => Err(io::Error::other(format!("run {run} failed"))),
                _ => panic!("run {run} panicked"),
            }
        }
    })
}

/// S2.2-09: three policies and three ends.
#[test]
fn s2_2_03_the_policy_and_the_end_decide_whether_a_child_is_restarted() {
    virtually(|node| async move {
        for (restart, expected) in [
            (Restart::Permanent, [2, 2, 2]),
            (Restart::Transient, [1, 2, 2]),
            (Restart::Temporary, [1, 1, 1]),
        ] {
            for (ends, expected) in ["normal", "error", "panic"].into_iter().zip(expected) {
                let runs = Arc::new(AtomicU32::new(0));
                let child = task("child", ends, 1, &runs).restart(restart);
                let root =
                    start_root(&node, SupervisorSpec::one_for_one("root").child(child)).await;
                let root = root.expect("starts");
                sleep(SECOND).await;
                assert_eq!(runs.load(Ordering::Relaxed), expected, "{restart:?} {ends}");
                root.stop(SECOND).await;
            }
        }
    });
}

/// S2.2-05, S2.2-06, S2.2-07, S2.2-08, S2.2-10, S2.2-11
#[test]
fn a_task_that_fails_at_once_is_on_record_with_its_supervisor_its_policy_and_its_failures() {
    virtually(|node| async move {
        let runs = Arc::new(AtomicU32::new(0));
        let jobs = SupervisorSpec::one_for_one("jobs")
            .intensity(5, MINUTE)
            .child(task("flaky", "error", 2, &runs).restart(Restart::Transient));
        let tree = SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(jobs));
        let root = start_root(&node, tree).await.expect("starts");
        sleep(SECOND).await;
        assert_eq!(runs.load(Ordering::Relaxed), 3, "two failures, and the run that stays");
        let status = seen(&root, "/root/jobs/flaky").await.status;
        assert_eq!(status.path.parent(), Some(path("/root/jobs")), "its id and its supervisor");
        assert_eq!((status.restart, status.restarts), (Some(Restart::Transient), 2));
        assert_eq!(status.lifecycle, Lifecycle::Running);
        assert!(status.last_exit.is_some_and(|why| why.to_string().contains("run 1 failed")));
        assert!(root.find(&status.path).await.expect("its handle").is_alive());
        let why = root.why(&status.path, 10).await.expect("there");
        assert_eq!(why.len(), 2);
        assert!(why[1].reason.to_string().contains("run 0 failed"), "{why:?}");
    });
}

// ---- modules ----

/// Multiplies by its configuration.
struct Times;
/// Adds its configuration.
struct Plus;

#[derive(Message)]
#[rtype(result = "Result<u64, SystemError>")]
struct Number(u64);

macro_rules! module {
    ($module:ident, $name:literal, $with:expr) => {
        impl Module for $module {
            const NAME: &'static str = $name;
            type Config = u64;
            type State = u64;
            type Error = fmt::Error;
            async fn initialize(config: u64, _: Arc<()>) -> Result<u64, fmt::Error> {
                Ok(config)
            }
        }
        impl ModuleHandler<Number> for $module {
            type Answer = u64;
            fn handle(state: &mut u64, Number(n): Number) -> Result<u64, fmt::Error> {
                let with: fn(u64, u64) -> u64 = $with;
                Ok(with(*state, n))
            }
        }
    };
}
module!(Times, "times", |state, n| state * n);
module!(Plus, "plus", |state, n| state + n);

const TIMES: ServiceKey<Ref<ModuleActor<Times>>> = ServiceKey::new("module");
const PLUS: ServiceKey<Ref<ModuleActor<Plus>>> = ServiceKey::new("other-module");
/// The name of one module with the type of another.
const MISTAKEN: ServiceKey<Ref<ModuleActor<Plus>>> = ServiceKey::new("module");

#[test]
fn s2_3_01_modules_are_kept_and_found_by_their_type() {
    virtually(|node| async move {
        let system = Arc::new(());
        let times = ModuleActor::<Times>::blueprint(3, Arc::clone(&system));
        let plus = ModuleActor::<Plus>::blueprint(3, system);
        let tree = SupervisorSpec::one_for_one("root")
            .child(ChildSpec::blueprint("times", times))
            .child(ChildSpec::blueprint("plus", plus));
        let root = start_root(&node, tree).await.expect("starts");
        let registry = Registry::spawn(&node, RegistryConfig::default()).expect("starts");
        let times = root.get::<ModuleActor<Times>>("times").await.expect("there");
        let plus = root.get::<ModuleActor<Plus>>("plus").await.expect("there");
        registry.provide(TIMES, &times).await.expect("free");
        registry.provide(PLUS, &plus).await.expect("free");
        let times = registry.require(TIMES, "the test").expect("kept");
        let plus = registry.require(PLUS, "the test").expect("kept");
        assert_eq!(times.ask(Number(5)).await.expect("answers").expect("handled"), 15);
        assert_eq!(plus.ask(Number(5)).await.expect("answers").expect("handled"), 8);
        registry.require(MISTAKEN, "the test").expect_err("a module of another type");
    });
}
