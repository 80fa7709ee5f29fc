//! A tree with all tiers: crash, restart, escalate, inspect, steer.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix::prelude::*;
use common::{path, paused};
use futures_util::poll;
use ms_actor::{Fault, Ref, SendError, SendFailure, StartError};
use ms_core::view::{BlastRadius, Decision, Lifecycle};
use ms_core::{ActorPath, Backoff, ChildId, ExitReason, Incarnation, Restart};
use ms_supervisor::{
    ChildSpec, DynamicChild, Heartbeat, SupervisorError, SupervisorSpec, Verb, start_root,
};

struct Counter(u64);

impl Actor for Counter {
    type Context = ms_actor::Context<Self>;
}

struct Legacy(u64);

impl Actor for Legacy {
    type Context = actix::Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u64")]
struct Add(u64);

macro_rules! adds {
    ($actor:ty) => {
        impl Handler<Add> for $actor {
            type Result = u64;
            fn handle(&mut self, Add(n): Add, _: &mut Self::Context) -> u64 {
                assert!(n != 13, "thirteen");
                self.0 += n;
                self.0
            }
        }
    };
}
adds!(Counter);
adds!(Legacy);

/// S2.4-01, S2.4-11, S6.2-06
#[test]
fn a_crash_costs_one_incarnation_and_nothing_else() {
    paused(|node| async move {
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(5, Duration::from_secs(60))
            .child(ChildSpec::actor("counter", || Counter(0)))
            .child(ChildSpec::actor("legacy", || Legacy(0)));
        let root = start_root(&node, tree).await.expect("starts");
        let counter = root.get::<Counter>("counter").await.expect("there");
        let legacy = root.get::<Legacy>("legacy").await.expect("there");
        assert_eq!(counter.ask(Add(2)).await.expect("answers"), 2);
        let error = counter.ask(Add(13)).await.expect_err("crashes");
        let reason = error.exit_reason().expect("exited").clone();
        assert_eq!(reason.panic().expect("panic").message, "thirteen");
        assert_eq!(counter.ask(Add(3)).await.expect("fresh instance, same reference"), 3);
        assert_eq!(legacy.ask(Add(1)).await.expect("answers"), 1);
        assert!(legacy.ask(Add(13)).await.is_err());
        assert_eq!(legacy.ask(Add(1)).await.expect("fresh instance"), 1);
        let why = root.why(&path("/root/counter"), 10).await.expect("there");
        assert_eq!(why.len(), 1);
        assert_eq!(why[0].decision, Decision::Restarted);
        assert!(
            why[0]
                .reason
                .panic()
                .expect("panic")
                .handling
                .as_deref()
                .expect("known")
                .contains("Add")
        );
        assert_eq!((why[0].budget_used, why[0].strategy), (1, Some(ms_core::Strategy::OneForOne)));
        let tree = root.tree(None).await.expect("answers");
        let restarts: Vec<u64> = tree.children.iter().map(|child| child.status.restarts).collect();
        assert_eq!(restarts, [1, 1]);
        assert_eq!(root.stop(Duration::from_secs(5)).await, ExitReason::Shutdown);
        assert!(counter.ask(Add(1)).await.is_err());
    });
}

#[test]
fn giving_up_reaches_the_root_and_references_survive_it_below() {
    paused(|node| async move {
        let inner = SupervisorSpec::one_for_all("inner")
            .intensity(1, Duration::from_secs(60))
            .child(ChildSpec::actor("a", || Counter(0)))
            .child(ChildSpec::actor("b", || Counter(0)));
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(1, Duration::from_secs(60))
            .child(ChildSpec::supervisor(inner));
        let root = start_root(&node, tree).await.expect("starts");
        let inner = root.supervisor("inner").await.expect("there");
        let a = inner.get::<Counter>("a").await.expect("there");
        for _ in 0..2 {
            assert!(a.ask(Add(13)).await.is_err());
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert_eq!(a.ask(Add(1)).await.expect("answers"), 1);
        }
        let radius = root.dry_run(&path("/root/inner/a"), Verb::Kill).await.expect("there");
        assert!(!radius.ends_node, "{radius:?}");
        assert!(a.ask(Add(13)).await.is_err());
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(a.ask(Add(1)).await.expect("answers"), 1);
        let radius = root.dry_run(&path("/root/inner/a"), Verb::Kill).await.expect("there");
        assert!(radius.ends_node, "{radius:?}");
        assert_eq!(radius.escalates, [path("/root/inner"), path("/root")]);
        assert!(a.ask(Add(13)).await.is_err());
        assert_eq!(root.ended().await, ExitReason::Shutdown);
    });
}

/// Nobody is above the root to decide what follows, so no verb is for it, and no dry run says
/// otherwise.
#[test]
fn x11_no_verb_is_for_the_root() {
    paused(|node| async move {
        let tree = SupervisorSpec::one_for_one("root").child(ChildSpec::actor("a", || Counter(0)));
        let root = start_root(&node, tree).await.expect("starts");
        for verb in [Verb::Kill, Verb::Restart, Verb::Suspend, Verb::Resume, Verb::Stop] {
            for done in [
                root.dry_run(&path("/root"), verb).await.map(drop),
                root.steer(&path("/root"), verb).await,
                // Even of a life that is not there: what is asked is refused, not whom it is meant for.
                root.steer_incarnation(&path("/root"), verb, Some(Incarnation(7))).await,
            ] {
                let refused = done.expect_err("refused");
                assert!(matches!(refused, SupervisorError::Refused { .. }), "{verb}: {refused}");
            }
        }
        assert_eq!(root.get::<Counter>("a").await.expect("there").ask(Add(1)).await.ok(), Some(1));
    });
}

/// I2: a suspended supervisor decides nothing, so a dry run foretells an end and no restart.
#[test]
fn x11_a_dry_run_knows_that_a_supervisor_is_suspended() {
    paused(|node| async move {
        let inner = SupervisorSpec::one_for_all("inner")
            .intensity(0, Duration::from_secs(60))
            .child(ChildSpec::actor("a", || Counter(0)))
            .child(ChildSpec::actor("b", || Counter(0)));
        let pool = SupervisorSpec::dynamic("pool", ChildSpec::actor("x", || Counter(0)));
        let tree = SupervisorSpec::one_for_one("root")
            .child(ChildSpec::supervisor(inner))
            .child(ChildSpec::supervisor(pool));
        let root = start_root(&node, tree).await.expect("starts");
        let [inner, pool, a, b] =
            ["/root/inner", "/root/pool", "/root/inner/a", "/root/inner/b"].map(path);
        let dynamic = DynamicChild::actor(|| Counter(0)).name("x");
        let started = root.supervisor("pool").await.expect("there").start_dynamic(dynamic).await;
        started.expect("starts");
        for supervisor in [&inner, &pool] {
            root.steer(supervisor, Verb::Suspend).await.expect("there");
        }
        let held = |stopped: &[&ActorPath], by: &ActorPath| BlastRadius {
            stopped: stopped.iter().copied().cloned().collect(),
            held_by: Some(by.clone()),
            ..BlastRadius::default()
        };
        // An order waits until the supervisor is resumed; a kill waits for nobody, and a restart of a
        // dynamic child is one.
        let x = path("/root/pool/x");
        for (at, verb, foretold) in [
            (&a, Verb::Kill, held(&[&a], &inner)),
            (&a, Verb::Stop, held(&[], &inner)),
            (&x, Verb::Kill, held(&[&x], &pool)),
            (&x, Verb::Restart, held(&[&x], &pool)),
            (&x, Verb::Stop, held(&[], &pool)),
        ] {
            assert_eq!(root.dry_run(at, verb).await.expect("there"), foretold, "{verb} {at}");
        }
        // A restart would be a stop that waits, and a start whose caller may be gone by then.
        for refusal in
            [root.dry_run(&a, Verb::Restart).await.map(drop), root.steer(&a, Verb::Restart).await]
        {
            let refusal = refusal.expect_err("nobody would start it").to_string();
            assert!(
                refusal.contains("its supervisor is suspended; resume that first"),
                "{refusal}"
            );
        }
        // It is itself the child of one that decides.
        let whole = root.dry_run(&inner, Verb::Kill).await.expect("there");
        assert_eq!((whole.held_by, whole.restarted.len()), (None, 3), "its supervisor restarts it");
        // And so it happens.
        root.steer(&a, Verb::Kill).await.expect("there");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!root.find(&a).await.expect("there").is_alive(), "not restarted");
        assert!(root.find(&b).await.expect("there").is_alive(), "not taken along");
        root.steer(&inner, Verb::Resume).await.expect("there");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(root.find(&a).await.expect("there").is_alive(), "decided now");
    });
}

/// S2.4-01, S2.4-04, S2.4-10
#[test]
fn dynamic_children_are_started_named_and_stopped() {
    paused(|node| async move {
        let template = ChildSpec::actor("worker", || Counter(0)).restart(Restart::Transient);
        let tree = SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(
            SupervisorSpec::dynamic("pool", template).intensity(5, Duration::from_secs(5)),
        ));
        let root = start_root(&node, tree).await.expect("starts");
        let pool = root.supervisor("pool").await.expect("there");
        for name in ["x1", "x2"] {
            let child = DynamicChild::actor(|| Counter(7)).name(name);
            let started = pool.start_dynamic(child).await.expect("starts");
            assert_eq!(
                started.typed::<Counter>().expect("type").ask(Add(1)).await.expect("answers"),
                8
            );
        }
        pool.start_another().await.expect("starts");
        assert_eq!(pool.count_children().await.expect("answers").active, 3);
        pool.terminate_dynamic(&path("/root/pool/x1")).await.expect("there");
        assert_eq!(pool.count_children().await.expect("answers").active, 2);
        root.steer(&path("/root/pool/x2"), Verb::Kill).await.expect("there");
        tokio::time::sleep(Duration::from_millis(5)).await;
        let tree = root.tree(None).await.expect("answers");
        let names: Vec<_> = tree.walk().map(|node| node.status.path.to_string()).collect();
        assert_eq!(names, ["/root", "/root/pool", "/root/pool/x2", "/root/pool/1"]);
        assert_eq!(tree.children[0].children[0].status.incarnation.0, 2);
    });
}

/// S2.2-06, S2.2-08, S2.2-09, S2.2-10, S5.1-01
#[test]
fn tasks_are_children() {
    paused(|node| async move {
        use std::sync::atomic::{AtomicU32, Ordering};
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let flaky = || async {
            let run = RUNS.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
            if run < 2 { Err(std::io::Error::other("not yet")) } else { Ok(()) }
        };
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(5, Duration::from_secs(5))
            .child(ChildSpec::task("flaky", flaky).restart(Restart::Transient));
        let root = start_root(&node, tree).await.expect("starts");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(RUNS.load(Ordering::SeqCst), 3);
        let tree = root.tree(None).await.expect("answers");
        assert_eq!(tree.children[0].status.lifecycle, Lifecycle::Stopped);
        let why = root.why(&path("/root/flaky"), 10).await.expect("there");
        assert!(why[1].reason.to_string().contains("not yet"), "{why:?}");
    });
}

#[test]
fn steering_suspends_resumes_restarts_and_stops() {
    paused(|node| async move {
        let tree =
            SupervisorSpec::one_for_one("root").child(ChildSpec::actor("counter", || Counter(0)));
        let root = start_root(&node, tree).await.expect("starts");
        let counter = root.get::<Counter>("counter").await.expect("there");
        let at = path("/root/counter");
        root.steer(&at, Verb::Suspend).await.expect("there");
        let waits = counter.ask(Add(1)).within(Duration::from_secs(1)).await;
        assert!(matches!(
            waits,
            Err(ms_actor::AskError { failure: ms_actor::AskFailure::TimedOut { .. }, .. })
        ));
        let tree = root.tree(None).await.expect("answers");
        assert_eq!(tree.children[0].status.lifecycle, Lifecycle::Suspended);
        root.steer(&at, Verb::Resume).await.expect("there");
        assert_eq!(counter.ask(Add(1)).await.expect("answers"), 1);
        root.steer(&at, Verb::Restart).await.expect("there");
        assert_eq!(counter.ask(Add(5)).await.expect("answers"), 5);
        root.steer(&at, Verb::Stop).await.expect("there");
        assert!(!counter.is_alive());
        let started =
            root.restart_child(&ChildId::new("counter").expect("valid")).await.expect("starts");
        assert_eq!(started.incarnation.0, 3);
        assert_eq!(counter.ask(Add(5)).await.expect("the same reference"), 5);
    });
}

#[test]
fn x12_a_child_that_stays_down_refuses_mail_until_it_is_started_again() {
    paused(|node| async move {
        let inner =
            SupervisorSpec::one_for_one("inner").child(ChildSpec::actor("leaf", || Counter(0)));
        let tree = SupervisorSpec::one_for_one("root")
            .child(ChildSpec::actor("done", || Counter(0)).restart(Restart::Transient))
            .child(ChildSpec::actor("old", || Legacy(0)))
            .child(ChildSpec::supervisor(inner));
        let root = start_root(&node, tree).await.expect("starts");
        let done = root.get::<Counter>("done").await.expect("there");
        let old = root.get::<Legacy>("old").await.expect("there");
        let inner = root.supervisor("inner").await.expect("there");
        let leaf = inner.get::<Counter>("leaf").await.expect("there");
        done.any().stop(ExitReason::shutdown_with("its work is done"));
        for id in ["old", "inner"] {
            root.terminate_child(&ChildId::new(id).expect("valid")).await.expect("there");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let refused = done.try_tell(Add(1)).expect_err("down");
        assert!(refused.to_string().contains("its work is done"), "{refused}");
        assert_eq!(refused.into_message().0, 1);
        assert!(matches!(
            leaf.try_tell(Add(1)),
            Err(SendError { failure: SendFailure::Closed { .. }, .. })
        ));
        assert!(matches!(
            old.try_tell(Add(1)),
            Err(SendError { failure: SendFailure::Closed { .. }, .. })
        ));
        for id in ["done", "old", "inner"] {
            root.restart_child(&ChildId::new(id).expect("valid")).await.expect("starts");
        }
        assert_eq!(done.ask(Add(2)).await.expect("the same reference"), 2);
        assert_eq!(old.ask(Add(2)).await.expect("the same reference"), 2);
        assert_eq!(leaf.ask(Add(2)).await.expect("the same reference"), 2);
    });
}

/// Fails its second start.
fn starts_once() -> ChildSpec {
    let starts = AtomicU32::new(0);
    ChildSpec::try_actor("a", move |_: &Ref<Counter>| {
        match starts.fetch_add(1, Ordering::Relaxed) {
            1 => Err(StartError::Failed(ExitReason::failed("the file is cut"))),
            _ => Ok(Counter(0)),
        }
    })
}

/// A verb for an incarnation is for that one alone: its supervisor refuses it for a successor.
#[test]
fn what_is_meant_for_an_incarnation_spares_its_successor() {
    paused(|node| async move {
        let root = SupervisorSpec::one_for_one("root").child(ChildSpec::actor("a", || Counter(0)));
        let root = start_root(&node, root).await.expect("starts");
        let (a, first) = (path("/root/a"), Incarnation(1));
        root.steer_incarnation(&a, Verb::Kill, Some(first)).await.expect("it is the first");
        tokio::time::sleep(Duration::from_millis(10)).await;
        for verb in [Verb::Kill, Verb::Stop, Verb::Restart, Verb::Suspend, Verb::Resume] {
            let refused = root.steer_incarnation(&a, verb, Some(first)).await;
            assert!(
                matches!(&refused, Err(SupervisorError::AnotherIncarnation { lives, .. }) if lives.0 == 2),
                "{verb}: {refused:?}"
            );
        }
        let actor = root.find(&a).await.expect("there");
        assert_eq!((actor.is_alive(), actor.incarnation().0), (true, 2));
        root.steer_incarnation(&a, Verb::Stop, Some(Incarnation(2))).await.expect("the second");
        assert!(!actor.is_alive());
    });
}

/// The supervisor compares in the turn in which it acts: a restart after the caller's own look, and
/// before its order, is noticed.
#[test]
fn an_order_that_a_restart_overtakes_is_refused() {
    paused(|node| async move {
        let root = SupervisorSpec::one_for_one("root").child(ChildSpec::actor("a", || Counter(0)));
        let root = start_root(&node, root).await.expect("starts");
        let at = path("/root/a");
        let actor = root.find(&at).await.expect("there");
        let mut order = Box::pin(root.steer_incarnation(&at, Verb::Stop, Some(Incarnation(1))));
        // Polled by hand: it has found the first incarnation, and has not given its order.
        assert!(poll!(&mut order).is_pending());
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(poll!(&mut order).is_pending());
        actor.kill();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let refused = order.await;
        let Err(SupervisorError::AnotherIncarnation { lives, .. }) = &refused else {
            panic!("{refused:?}")
        };
        assert_eq!((lives.0, actor.is_alive(), actor.incarnation().0), (2, true, 2));
    });
}

#[test]
fn x12_a_child_that_does_not_start_by_order_refuses_mail() {
    paused(|node| async move {
        let root = start_root(&node, SupervisorSpec::one_for_one("root").child(starts_once()));
        let root = root.await.expect("starts");
        let child = root.get::<Counter>("a").await.expect("there");
        let restarted = root.steer(&path("/root/a"), Verb::Restart).await;
        assert!(restarted.is_err(), "{restarted:?}");
        let refused = child.try_tell(Add(1)).expect_err("down");
        assert!(refused.to_string().contains("the file is cut"), "{refused}");
        root.restart_child(&ChildId::new("a").expect("valid")).await.expect("starts");
        assert_eq!(child.ask(Add(2)).await.expect("the same reference"), 2);
    });
}

#[test]
fn x12_a_child_that_is_stopped_before_its_restart_refuses_mail() {
    paused(|node| async move {
        let hour = Duration::from_secs(3600);
        let backoff = Backoff { min: hour, max: hour, jitter: 0.0, reset_after: hour };
        let spec = ChildSpec::actor("a", || Counter(0)).backoff(backoff);
        let root = start_root(&node, SupervisorSpec::one_for_one("root").child(spec));
        let root = root.await.expect("starts");
        let child = root.get::<Counter>("a").await.expect("there");
        assert!(child.ask(Add(13)).await.is_err());
        child.try_tell(Add(1)).expect("waits for the restart");
        root.terminate_child(&ChildId::new("a").expect("valid")).await.expect("there");
        assert!(matches!(
            child.try_tell(Add(1)),
            Err(SendError { failure: SendFailure::Closed { .. }, .. })
        ));
    });
}

#[test]
fn x12_a_child_that_ends_while_its_supervisor_is_suspended_refuses_mail_after_that() {
    paused(|node| async move {
        let spec = ChildSpec::actor("a", || Counter(0)).restart(Restart::Transient);
        let root = start_root(&node, SupervisorSpec::one_for_one("root").child(spec));
        let root = root.await.expect("starts");
        let child = root.get::<Counter>("a").await.expect("there");
        root.suspend().await.expect("answers");
        let ended = child.any().monitor();
        child.any().stop(ExitReason::Shutdown);
        ended.await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        root.resume().await.expect("answers");
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(matches!(
            child.try_tell(Add(1)),
            Err(SendError { failure: SendFailure::Closed { .. }, .. })
        ));
    });
}

/// Its restart type is known to the one above it only.
#[test]
fn a_tree_that_begins_at_a_supervisor_has_its_restart_type() {
    paused(|node| async move {
        let inner = SupervisorSpec::one_for_one("inner");
        let spec = ChildSpec::supervisor(inner).restart(Restart::Transient);
        let root = start_root(&node, SupervisorSpec::one_for_one("root").child(spec));
        let root = root.await.expect("starts");
        let inner = root.tree_at(&path("/root/inner"), None).await.expect("there");
        assert_eq!(inner.status.restart, Some(Restart::Transient));
        let mut walk = root.walk_at(&path("/root/inner"), None).await.expect("there");
        let rows = walk.as_mut().expect("it runs").next().await.expect("answers");
        assert_eq!(rows.expect("one row")[0].status.restart, Some(Restart::Transient));
        let whole = root.tree_at(&path("/root"), None).await.expect("there");
        assert_eq!(whole.status.restart, None);
    });
}

#[test]
fn x13_why_is_known_after_the_supervisor_gave_up_and_came_back() {
    paused(|node| async move {
        let inner = SupervisorSpec::one_for_one("inner")
            .intensity(0, Duration::from_secs(5))
            .child(ChildSpec::actor("leaf", || Counter(0)));
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(1, Duration::from_secs(5))
            .child(ChildSpec::supervisor(inner));
        let root = start_root(&node, tree).await.expect("starts");
        let leaf = root.supervisor("inner").await.expect("there").get::<Counter>("leaf").await;
        let leaf = leaf.expect("there");
        assert!(leaf.ask(Add(13)).await.is_err());
        assert_eq!(leaf.ask(Add(1)).await.expect("the same reference"), 1);
        let why = root.why(&path("/root/inner/leaf"), 5).await.expect("there");
        assert_eq!(why[0].decision, Decision::GaveUp);
        assert_eq!(why[0].reason.panic().expect("a panic").message, "thirteen");
        assert!(!root.gave_up());
        assert!(leaf.ask(Add(13)).await.is_err());
        assert_eq!(leaf.ask(Add(1)).await.is_err(), root.ended().await == ExitReason::Shutdown);
        assert!(root.gave_up());
    });
}

#[test]
fn x14_a_suspended_child_is_not_taken_for_hung() {
    paused(|node| async move {
        let beat = Heartbeat { every: Duration::from_millis(100), missed: 3 };
        let tree = SupervisorSpec::one_for_one("root")
            .child(ChildSpec::actor("counter", || Counter(0)).heartbeat(beat));
        let root = start_root(&node, tree).await.expect("starts");
        let counter = root.get::<Counter>("counter").await.expect("there");
        counter.any().inject(Fault::Hang);
        tokio::time::sleep(Duration::from_millis(50)).await;
        root.steer(&path("/root/counter"), Verb::Suspend).await.expect("there");
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(counter.any().incarnation().0, 1);
        root.steer(&path("/root/counter"), Verb::Resume).await.expect("there");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(counter.any().incarnation().0, 2);
        let why = root.why(&path("/root/counter"), 1).await.expect("there");
        assert_eq!(why[0].reason, ExitReason::HeartbeatLost { missed: 3 });
    });
}
