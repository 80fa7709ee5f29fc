//! Agents in a tree.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::Message;
use ms_actor::{AskError, AskFailure, Node, StateValue};
use ms_core::{ActorPath, ExitReason, Restart};
use ms_supervisor::{ChildSpec, Root, SupervisorSpec, start_root};
use ms_testkit::TestSystem;
use ms_worker::{Agent, AgentActor, AgentRef, AgentSpec, Cx, GetAgent, Handles, InitError};

fn run<F: Future>(test: impl FnOnce(Node) -> F) -> F::Output {
    TestSystem::run(async |t| test(t.node().clone()).await)
}

struct Worker {
    sum: u64,
    peer: Option<AgentRef<Worker>>,
}

static TERMINATED: AtomicU32 = AtomicU32::new(0);

impl Agent for Worker {
    type Args = u64;

    async fn init(start: u64, _: &mut Cx<Self>) -> Result<Self, InitError> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        match start {
            404 => Err(InitError::failed("no such start")),
            204 => Err(InitError::Ignore),
            sum => Ok(Self { sum, peer: None }),
        }
    }

    async fn terminate(&mut self, _: &ExitReason, _: &mut Cx<Self>) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        TERMINATED.fetch_add(1, Ordering::SeqCst);
    }

    fn state(&self) -> StateValue {
        StateValue::map([("sum", self.sum.into())])
    }
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Add(u64);

impl Handles<Add> for Worker {
    async fn on(&mut self, Add(n): Add, cx: &mut Cx<Self>) -> u64 {
        let before = self.sum;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(n != 13, "thirteen, after an await");
        if n == 99 {
            cx.fail("ninety-nine");
        }
        if n == 1000 {
            cx.cancelled().await;
        }
        self.sum = before + n;
        self.sum
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Meet(AgentRef<Worker>);

impl Handles<Meet> for Worker {
    async fn on(&mut self, Meet(peer): Meet, _: &mut Cx<Self>) {
        self.peer = Some(peer);
    }
}

#[derive(Message)]
#[rtype(result = "Result<u64, String>")]
struct AskPeer(u32);

impl Handles<AskPeer> for Worker {
    async fn on(&mut self, AskPeer(hops): AskPeer, _: &mut Cx<Self>) -> Result<u64, String> {
        let peer = self.peer.clone().expect("met");
        if hops == 0 {
            return peer.ask(Add(1)).await.map_err(|error| error.to_string());
        }
        peer.ask(AskPeer(hops - 1)).await.map_err(|error| error.to_string())?
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Later(u64);

impl Handles<Later> for Worker {
    async fn on(&mut self, Later(n): Later, cx: &mut Cx<Self>) {
        cx.schedule(Duration::from_secs(5), Add(n));
    }
}

async fn tree(node: &Node, start: u64) -> Root {
    let tree = SupervisorSpec::one_for_one("root")
        .intensity(5, Duration::from_secs(60))
        .child(ChildSpec::agent::<Worker>("a", start))
        .child(ChildSpec::agent::<Worker>("b", 0));
    start_root(node, tree).await.expect("starts")
}

#[test]
fn one_message_at_a_time_with_state_across_awaits() {
    run(|node| async move {
        let root = tree(&node, 10).await;
        let a = root.get_agent::<Worker>("a").await.expect("there");
        let answers = tokio::join!(a.ask(Add(1)), a.ask(Add(2)), a.ask(Add(3)));
        assert_eq!((answers.0.unwrap(), answers.1.unwrap(), answers.2.unwrap()), (11, 13, 16));
    });
}

#[test]
fn a_panic_after_an_await_ends_one_incarnation_and_says_why() {
    run(|node| async move {
        let root = tree(&node, 10).await;
        let a = root.get_agent::<Worker>("a").await.expect("there");
        let error = a.ask(Add(13)).await.expect_err("crashes");
        let reason = error.exit_reason().expect("exited").clone();
        let panic = reason.panic().expect("a panic");
        assert_eq!(panic.message, "thirteen, after an await");
        assert!(panic.location.as_ref().expect("known").file.ends_with("agents.rs"));
        assert!(panic.handling.as_deref().expect("known").ends_with("Add"));
        assert_eq!(a.ask(Add(1)).await.expect("a fresh one"), 11);
    });
}

#[test]
fn control_is_served_while_a_handler_is_in_flight() {
    run(|node| async move {
        let root = tree(&node, 10).await;
        let a = root.get_agent::<Worker>("a").await.expect("there");
        let busy = tokio::task::spawn_local({
            let a = a.clone();
            async move { a.ask(Add(1)).await }
        });
        tokio::time::sleep(Duration::from_millis(30)).await;
        let within = Duration::from_millis(10);
        let status = a.any().ask_status(within).await.expect("answers");
        assert!(status.handling.expect("at work").message.ends_with("Add"));
        assert_eq!(
            a.any().state(within).await.expect("answers").expect("has one").to_string(),
            "{busy: true}"
        );
        assert_eq!(busy.await.expect("runs").expect("answers"), 11);
        assert_eq!(
            a.any().state(within).await.expect("answers").expect("has one").to_string(),
            "{sum: 11}"
        );
    });
}

#[test]
fn a_stop_waits_for_the_handler_in_hand_and_terminates() {
    run(|node| async move {
        let root = tree(&node, 10).await;
        let a = root.get_agent::<Worker>("a").await.expect("there");
        let busy = tokio::task::spawn_local({
            let a = a.clone();
            async move { a.ask(Add(1000)).await }
        });
        tokio::time::sleep(Duration::from_millis(150)).await;
        let before = TERMINATED.load(Ordering::SeqCst);
        assert_eq!(root.stop(Duration::from_secs(10)).await, ExitReason::Shutdown);
        assert_eq!(busy.await.expect("runs").expect("finished its work"), 1010);
        assert!(TERMINATED.load(Ordering::SeqCst) >= before + 2);
    });
}

#[test]
fn failing_ignoring_and_scheduling() {
    run(|node| async move {
        let root = tree(&node, 10).await;
        let a = root.get_agent::<Worker>("a").await.expect("there");
        assert_eq!(a.ask(Add(99)).await.expect("answered before it failed"), 109);
        let at = ActorPath::new("/root/a").expect("valid");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let why = root.why(&at, 1).await.expect("there");
        assert!(why[0].reason.to_string().contains("ninety-nine"), "{why:?}");
        a.ask(Later(5)).await.expect("answers");
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(a.ask(Add(0)).await.expect("answers"), 15);
        let bad =
            root.start_child(ChildSpec::agent::<Worker>("bad", 404)).await.expect_err("fails");
        assert!(bad.to_string().contains("no such start"), "{bad}");
        let ignored = root
            .start_child(ChildSpec::agent::<Worker>("shy", 204).restart(Restart::Temporary))
            .await;
        assert!(ignored.expect("no error").actor.is_none());
    });
}

#[test]
fn a_cycle_of_asks_fails_at_once_with_the_cycle_named() {
    run(|node| async move {
        let root = tree(&node, 10).await;
        let a = root.get_agent::<Worker>("a").await.expect("there");
        let b = root.get_agent::<Worker>("b").await.expect("there");
        a.ask(Meet(b.clone())).await.expect("answers");
        b.ask(Meet(a.clone())).await.expect("answers");
        assert_eq!(a.ask(AskPeer(0)).await.expect("answers"), Ok(1));
        let began = tokio::time::Instant::now();
        let error = a.ask(AskPeer(1)).await.expect("answers").expect_err("deadlock");
        assert!(error.contains("/root/b waits for /root/a waits for /root/b"), "{error}");
        assert!(began.elapsed() < Duration::from_millis(1));
        let asker = a.ask(Add(1)).within(Duration::from_millis(10)).await;
        assert!(matches!(asker, Err(AskError { failure: AskFailure::TimedOut { .. }, .. })));
        assert_eq!(std::any::type_name::<AgentActor<Worker>>().matches("Worker").count(), 1);
    });
}
