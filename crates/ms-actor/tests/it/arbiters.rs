//! Threads: who lives where, and what becomes of them when a thread hangs or ends.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    dropping_copy_types,
    clippy::type_complexity,
    reason = "drop says that an answer is not looked at"
)]

use crate::common;

use std::collections::HashMap;
use std::sync::mpsc as sync;
use std::thread::ThreadId;
use std::time::Duration;

use common::ours::{Count, Probe, Say, act};
use common::{Child, Log, PAUSED_LIMIT, made, probes, settle, soon, threads, threads_with, until};
use ms_actor::host::ChildEvent;
use ms_actor::{AskFailure, Node, NodeConfig, Placement, ReadFrom, Ref};
use ms_core::view::{EventKind, Mark};
use ms_core::{ExitReason, Incarnation};
use tokio::sync::oneshot;

async fn thread_of(actor: &Ref<Probe>) -> ThreadId {
    let (tell, heard) = oneshot::channel();
    let message = act(move |_, _| tell.send(std::thread::current().id()).unwrap());
    actor.ask(message).within(PAUSED_LIMIT).await.unwrap();
    heard.await.unwrap()
}

/// Blocks the actor's thread until the sender is dropped; comes back when it is blocked.
async fn block(actor: &Ref<Probe>, log: &Log) -> sync::Sender<()> {
    let (hold, gate) = sync::channel();
    let (tell, blocked) = oneshot::channel();
    let log = log.clone();
    let message = act(move |_, _| {
        tell.send(()).unwrap();
        assert!(gate.recv().is_err());
        log.add("late");
    });
    actor.try_tell(message).unwrap();
    soon(blocked).await.unwrap();
    hold
}

fn watched(arbiters: usize) -> NodeConfig {
    let wedged_after = Some(Duration::from_millis(300));
    NodeConfig { arbiters, wedged_after, quiet_panics: true, ..NodeConfig::default() }
}

#[test]
fn the_pool_spreads_a_burst() {
    threads(3, async |node| {
        let mut children = Vec::new();
        for at in 0..9 {
            let child = Child::<Probe>::new(&node, &at.to_string(), &probes(&Log::default()));
            child.cell.launch(Placement::Pool);
            children.push(child);
        }
        let mut residents = HashMap::new();
        for child in &mut children {
            assert!(matches!(child.event().await, ChildEvent::Started(_)));
            *residents.entry(thread_of(&child.actor).await).or_insert(0) += 1;
            let status = child.cell.status();
            assert_ne!(status.arbiter, Some(0), "not on the control arbiter");
        }
        assert_eq!(residents.len(), 3);
        assert!(residents.values().all(|&n| n == 3), "{residents:?}");
        assert!(!residents.contains_key(&std::thread::current().id()));

        // Those who leave make room.
        let gone = thread_of(&children[0].actor).await;
        for child in &mut children {
            if thread_of(&child.actor).await == gone {
                child.cell.kill();
                child.end().await;
            }
        }
        for at in 0..3 {
            let child =
                Child::<Probe>::start(&node, &format!("n{at}"), &probes(&Log::default())).await;
            assert_eq!(thread_of(&child.actor).await, gone);
            children.push(child);
        }
    });
}

#[test]
fn control_and_parent_placements() {
    threads(2, async |node| {
        let here = std::thread::current().id();
        for placement in [Placement::Control, Placement::WithParent] {
            let mut child = Child::<Probe>::new(&node, "a", &probes(&Log::default()));
            child.launch_on(placement).await;
            assert_eq!(thread_of(&child.actor).await, here, "{placement:?}");
            assert_eq!(child.cell.status().arbiter, Some(0));
        }
        // From within an actor "with parent" is the actor's own thread.
        let parent = Child::<Probe>::start(&node, "p", &probes(&Log::default())).await;
        let mut child = Child::<Probe>::new(&node, "c", &probes(&Log::default()));
        let cell = child.cell.clone();
        parent.actor.ask(act(move |_, _| drop(cell.launch(Placement::WithParent)))).await.unwrap();
        assert!(matches!(child.event().await, ChildEvent::Started(_)));
        assert_eq!(thread_of(&child.actor).await, thread_of(&parent.actor).await);
    });
}

#[test]
fn a_dedicated_arbiter_ends_with_its_actor() {
    threads(1, async |node| {
        let mut child = Child::<Probe>::new(&node, "a", &probes(&Log::default()));
        let ways: [&dyn Fn(&Child<Probe>); 4] = [
            &|child| child.cell.stop(ExitReason::Shutdown),
            &|child| child.cell.kill(),
            &|child| child.actor.try_tell(act(|_, _| panic!("crash"))).unwrap(),
            &|child| assert!(child.cell.fence(child.cell.incarnation(), ExitReason::Killed)),
        ];
        for end in ways {
            child.launch_on(Placement::Dedicated).await;
            assert_eq!(node.arbiter_count(), 3);
            let mut neighbour = Child::<Probe>::new(&node, "b", &probes(&Log::default()));
            neighbour.launch_on(Placement::Pool).await;
            assert_ne!(thread_of(&child.actor).await, thread_of(&neighbour.actor).await);
            end(&child);
            child.end().await;
            until(|| node.arbiter_count() == 2).await;
        }
        let mut failing = Child::<Probe>::new(&node, "f", &made(|| panic!("no")));
        failing.cell.launch(Placement::Dedicated);
        assert!(failing.failed().await.panic().is_some());
        until(|| node.arbiter_count() == 2).await;
    });
}

#[test]
fn a_wedged_arbiter_is_given_up_and_the_culprit_distinguished() {
    threads_with(watched(1), async |node| {
        let (guilty_log, other_log) = (Log::default(), Log::default());
        let blueprint = made({
            let log = guilty_log.clone();
            move || {
                let dropped = log.clone();
                Probe::new(&log).dropped(move || dropped.add("dropped"))
            }
        });
        let mut guilty = Child::<Probe>::start(&node, "guilty", &blueprint).await;
        let mut other = Child::<Probe>::start(&node, "other", &probes(&other_log)).await;
        let mut events = node.events().reader(ReadFrom::Next);
        let monitor = other.cell.monitor();
        let old = thread_of(&other.actor).await;
        let hold = block(&guilty.actor, &guilty_log).await;
        guilty.actor.try_tell(Say("dropped with it")).unwrap();
        other.actor.try_tell(Say("one")).unwrap();
        other.actor.try_tell(Say("two")).unwrap();
        let pending = tokio::task::spawn_local(guilty.actor.ask(Count));

        let exit = guilty.end().await;
        assert!(matches!(exit.reason(), ExitReason::HeartbeatLost { .. }), "{exit:?}");
        let error = soon(pending).await.unwrap().unwrap_err();
        assert_eq!(error.exit_reason(), Some(exit.reason()));
        let exit = other.end().await;
        assert_eq!(exit.reason(), &ExitReason::ArbiterLost);
        let facts = exit.facts().unwrap();
        assert_eq!((facts.mailbox_depth, facts.dropped), (Some(2), 0), "its mail moves with it");
        assert_eq!(soon(monitor).await.reason, ExitReason::ArbiterLost);
        let wedged = async {
            loop {
                if let EventKind::ArbiterWedged { evacuated, .. } =
                    events.next_event().await.unwrap().kind
                {
                    return evacuated;
                }
            }
        };
        assert_eq!(soon(wedged).await, 1, "beside the guilty one");
        assert_eq!(node.arbiter_count(), 2, "a new one in its place");

        guilty.launch().await;
        other.launch().await;
        assert_eq!(other.actor.ask(Count).await.unwrap(), 1);
        assert_eq!(other_log.all(), ["started", "started", "one", "two"]);
        assert_ne!(thread_of(&other.actor).await, old);
        assert_eq!(thread_of(&other.actor).await, thread_of(&guilty.actor).await);

        // The thread comes back, late: its actors go in silence and report nothing.
        drop(hold);
        until(|| guilty_log.has("dropped")).await;
        assert_eq!(guilty_log.all(), ["started", "started", "late", "dropped"], "no hook ran");
        settle().await;
        guilty.quiet();
        other.quiet();
        for count in 2..5 {
            assert_eq!(other.actor.ask(Count).await.unwrap(), count);
            assert_eq!(guilty.actor.ask(Count).await.unwrap(), count - 1);
        }
        assert_eq!(guilty.cell.incarnation(), Incarnation(2));
    });
}

#[test]
fn a_blocked_actor_is_seen_from_outside() {
    threads(1, async |node| {
        let child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let hold = block(&child.actor, &Log::default()).await;
        let error = child.cell.ask_status(Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(error, ms_actor::DebugError::Unresponsive { .. }));
        let handling = child.cell.status().handling.expect("at work");
        assert!(handling.message.ends_with("Do"));
        let error = child.actor.ask(Count).within(Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(error.failure, AskFailure::TimedOut { .. }));
        until(|| child.cell.status().marks.contains(&Mark::Unresponsive)).await;
        drop(hold);
        assert_eq!(
            child.actor.ask(Count).await.unwrap(),
            1,
            "the first was not waited for any more"
        );
    });
}

#[test]
fn a_start_on_a_wedged_arbiter_fails_instead_of_hanging() {
    threads_with(watched(1), async |node| {
        let mut guilty = Child::<Probe>::start(&node, "guilty", &probes(&Log::default())).await;
        let hold = block(&guilty.actor, &Log::default()).await;
        let mut late = Child::<Probe>::new(&node, "late", &probes(&Log::default()));
        late.cell.launch(Placement::Pool);
        assert_eq!(late.failed().await, ExitReason::ArbiterLost);
        guilty.end().await;
        late.launch().await;
        drop(hold);
        settle().await;
        assert_eq!(late.actor.ask(Count).await.unwrap(), 1);
        late.quiet();
    });
}

/// Its supervisor was quicker than the watchdog: the watchdog must leave the successor alone.
#[test]
fn the_watchdog_spares_a_successor_that_lives_elsewhere() {
    threads_with(watched(2), async |node| {
        let mut guilty = Child::<Probe>::start(&node, "guilty", &probes(&Log::default())).await;
        let mut events = node.events().reader(ReadFrom::Next);
        let hold = block(&guilty.actor, &Log::default()).await;
        assert!(guilty.cell.fence(Incarnation(1), ExitReason::HeartbeatLost { missed: 3 }));
        guilty.end().await;
        guilty.launch().await;
        let wedged = async {
            while !matches!(
                events.next_event().await.unwrap().kind,
                EventKind::ArbiterWedged { .. }
            ) {}
        };
        soon(wedged).await;
        settle().await;
        guilty.quiet();
        assert_eq!(guilty.cell.incarnation(), Incarnation(2));
        assert_eq!(guilty.actor.ask(Count).await.unwrap(), 1);
        drop(hold);
    });
}

#[test]
fn an_arbiter_that_ends_is_lost_and_replaced() {
    threads(1, async |node| {
        let log = Log::default();
        let mut first = Child::<Probe>::start(&node, "a", &probes(&log)).await;
        let mut second = Child::<Probe>::start(&node, "b", &probes(&log)).await;
        let monitor = second.cell.monitor();
        first.actor.ask(act(|_, _| drop(actix_rt::Arbiter::current().stop()))).await.unwrap();
        assert_eq!(first.end().await.into_reason(), ExitReason::ArbiterLost);
        assert_eq!(second.end().await.into_reason(), ExitReason::ArbiterLost);
        assert_eq!(soon(monitor).await.reason, ExitReason::ArbiterLost);
        assert_eq!(log.all(), ["started", "started"], "no hook runs on a thread that ends");
        second.actor.try_tell(Say("held")).unwrap();
        second.launch().await;
        assert_eq!(second.actor.ask(Count).await.unwrap(), 1);
        assert!(log.has("held"));
        assert_eq!(node.arbiter_count(), 2);
    });
}

#[test]
fn halt_joins_the_threads_and_says_who_did_not_end() {
    actix::System::new().block_on(async {
        let node = Node::boot(NodeConfig { arbiters: 3, ..NodeConfig::default() }).unwrap();
        let (tell, ended) = sync::channel::<()>();
        let mut children = Vec::new();
        for at in 0..3 {
            let tell = tell.clone();
            let blueprint = made(move || {
                let tell = tell.clone();
                Probe::default().dropped(move || drop(tell))
            });
            children.push(Child::<Probe>::start(&node, &at.to_string(), &blueprint).await);
        }
        // "No limit" is one that is not reached.
        assert_eq!(node.halt(Duration::MAX), 0);
        for child in &mut children {
            assert_eq!(child.end().await.into_reason(), ExitReason::ArbiterLost);
            let error = child.actor.try_tell(Count);
            assert!(error.is_ok(), "held for a life that may come");
        }
        let mut late = Child::<Probe>::new(&node, "late", &made(Probe::default));
        late.cell.launch(Placement::Pool);
        assert_eq!(late.failed().await, ExitReason::ArbiterLost);
        drop((tell, children));
        drop(ended);

        let node = Node::boot(NodeConfig { arbiters: 2, ..NodeConfig::default() }).unwrap();
        let child = Child::<Probe>::start(&node, "a", &probes(&Log::default())).await;
        let hold = block(&child.actor, &Log::default()).await;
        assert_eq!(node.halt(Duration::from_millis(100)), 1, "one is blocked");
        drop(hold);
    });
}

#[test]
fn two_nodes_in_one_process_keep_to_their_threads() {
    threads(1, async |first| {
        let (give, given) = oneshot::channel();
        let (finish, finished) = oneshot::channel::<()>();
        let other = std::thread::spawn(|| {
            actix::System::new().block_on(async {
                let node = Node::boot(NodeConfig { arbiters: 0, ..NodeConfig::default() }).unwrap();
                let cell = probes(&Log::default()).cell(&node, common::path("other"), None);
                drop(give.send((cell, std::thread::current().id())));
                drop(finished.await);
            });
        });
        let (cell, thread) = soon(given).await.unwrap();
        let actor = cell.typed::<Probe>().unwrap();
        // Both control arbiters have the number 0; they are told apart all the same.
        cell.launch(Placement::Control);
        assert_eq!(thread_of(&actor).await, thread);
        let mut child = Child::<Probe>::new(&first, "a", &probes(&Log::default()));
        child.launch_on(Placement::Control).await;
        assert_eq!(thread_of(&child.actor).await, std::thread::current().id());
        finish.send(()).unwrap();
        other.join().unwrap();
    });
}

#[test]
fn what_boot_refuses() {
    let error = Node::boot(NodeConfig::default()).unwrap_err();
    assert!(error.to_string().contains("no actix System"), "{error}");
    actix::System::new().block_on(async {
        let bad = [
            NodeConfig { arbiters: 1025, ..NodeConfig::default() },
            NodeConfig { arbiters: 1, ..NodeConfig::single_arbiter() },
            NodeConfig { wedged_after: Some(Duration::from_millis(1)), ..NodeConfig::default() },
        ];
        for config in bad {
            let error = Node::boot(config).unwrap_err();
            assert!(error.to_string().contains("must be"), "{error}");
        }
    });
}

/// A thread that exchanges much keeps its event loop turning; who does the exchanging may be
/// any task of the arbiter, such as a connection of a server that must be `Send`.
#[test]
fn a_task_that_is_not_local_may_ask_other_threads_again_and_again() {
    threads(2, async |node| {
        let child = Child::<Probe>::new(&node, "far", &probes(&Log::default()));
        child.cell.launch(Placement::Dedicated);
        let far = child.actor.clone();
        let asking = async move {
            for n in 1..=100 {
                assert_eq!(far.ask(Count).within(PAUSED_LIMIT).await.unwrap(), n);
            }
        };
        soon(tokio::spawn(asking)).await.unwrap();
    });
}
