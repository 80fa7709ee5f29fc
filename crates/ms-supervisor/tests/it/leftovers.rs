//! What is left behind when a supervisor is killed or a tree ends, and who sees to it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{
    Add, Log, Probe, get, path, paused, probe, settle, sleep_ms, start, stubborn_probe,
    threads_given_up, until,
};
use ms_actor::{AskError, AskFailure, Blueprint, Placement, SendFailure, StartError};
use ms_core::{ExitReason, Incarnation, Restart, Shutdown};
use ms_supervisor::{ChildSpec, SupervisorSpec, Verb};
use tokio::sync::mpsc;

/// A killed supervisor that nobody starts again leaves a child that does not want to stop.
#[test]
fn x18_a_stubborn_child_of_a_killed_supervisor_is_killed_in_its_time() {
    paused(async |node| {
        let log = Log::default();
        let stubborn =
            stubborn_probe(&log, "a").shutdown(Shutdown::Timeout(Duration::from_secs(2)));
        let below = ChildSpec::supervisor(SupervisorSpec::one_for_one("below").child(stubborn))
            .restart(Restart::Temporary);
        let root = start(&node, SupervisorSpec::one_for_one("root").child(below)).await;
        let child = get(&root.supervisor("below").await.unwrap(), "a").await;
        let down = child.any().monitor();
        root.steer(&path("/root/below"), Verb::Kill).await.unwrap();
        sleep_ms(1_900).await;
        assert!(child.is_alive(), "it has its time");
        sleep_ms(200).await;
        assert!(!child.is_alive(), "and no more than that");
        assert_eq!(down.await.reason, ExitReason::Killed);
        assert!(child.any().is_closed(), "no further life will come");
        assert_eq!(log.instances(), 0);
    });
}

/// One that stops when it is asked to has its hooks run, and whoever watches it is notified.
#[test]
fn x18_a_child_of_a_dropped_supervisor_stops_in_an_orderly_way() {
    paused(async |node| {
        let log = Log::default();
        let below = SupervisorSpec::one_for_one("below").child(probe(&log, "a"));
        let below = ChildSpec::supervisor(below).restart(Restart::Temporary);
        let root = start(&node, SupervisorSpec::one_for_one("root").child(below)).await;
        let child = get(&root.supervisor("below").await.unwrap(), "a").await;
        let down = child.any().monitor();
        root.steer(&path("/root/below"), Verb::Kill).await.unwrap();
        settle().await;
        assert!(!child.is_alive());
        assert_eq!(down.await.reason, ExitReason::Killed, "the reason its supervisor ended with");
        assert_eq!(log.take(), ["+a", "-a"]);
        assert!(child.any().is_closed());
    });
}

/// A supervisor that was fenced off while its thread was busy comes to its end when its
/// successor has long been at work: what it leaves is its own child and not the child of the
/// successor in the same cell.
#[test]
fn x6_a_late_end_of_a_killed_supervisor_spares_the_child_of_its_successor() {
    threads_given_up(1, None, async |node| {
        let log = Log::default();
        let below = SupervisorSpec::one_for_one("below").child(probe(&log, "a"));
        let below = ChildSpec::supervisor(below).placement(Placement::Dedicated);
        let middle = SupervisorSpec::one_for_one("middle").child(below);
        let root =
            start(&node, SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(middle)))
                .await;
        let below = root.supervisor("middle").await.unwrap().supervisor("below").await.unwrap();
        let child = get(&below, "a").await;

        // Its thread stands in the factory of another child, which it will leave behind too.
        let (entered, mut inside) = mpsc::unbounded_channel();
        let (leave, gate) = std::sync::mpsc::channel();
        let (gate, log) = (Mutex::new(gate), log.clone());
        let held = Blueprint::fallible(move |me: &ms_actor::Ref<Probe>| {
            entered.send(me.any()).expect("the test waits");
            let gate = gate.lock().expect("unpoisoned");
            gate.recv_timeout(Duration::from_secs(20)).expect("the test goes on");
            Ok(Probe::named("held", &log))
        });
        let held = ChildSpec::blueprint("held", held).placement(Placement::WithParent);
        let stands = below.clone();
        let stands = tokio::task::spawn_local(async move { stands.start_child(held).await });
        let held = inside.recv().await.expect("it stands");

        root.steer(&path("/root/middle"), Verb::Kill).await.unwrap();
        until("the successor's child", async || {
            child.any().incarnation() == Incarnation(2)
                && child.any().lifecycle() == ms_core::view::Lifecycle::Running
        })
        .await;
        assert_eq!(below.any().incarnation(), Incarnation(2), "its supervisor's successor");

        leave.send(()).expect("it stands");
        stands.await.expect("no panic").expect_err("it was fenced off");
        // It leaves its children in the order of their starts: this one is the last.
        until("the fenced supervisor to be gone", async || held.is_closed()).await;
        assert_eq!(child.ask(Add(1)).await.expect("nothing was said to it"), 1);
        assert_eq!(child.any().incarnation(), Incarnation(2));
    });
}

/// Nobody starts a root again: whoever asks it something learns so at once.
#[test]
fn x6_an_ended_root_refuses_calls_at_once() {
    paused(async |node| {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root").child(probe(&log, "a"))).await;
        let child = get(&root, "a").await;
        root.stop(Duration::from_secs(1)).await;
        let before = node.now();
        root.count_children().await.expect_err("it is over");
        let refused = child.ask(Add(1)).await;
        assert!(matches!(
            refused,
            Err(AskError { failure: AskFailure::NotSent(SendFailure::Closed { .. }), .. })
        ));
        assert_eq!(node.now(), before, "nobody waits for a deadline");
        assert!(root.any().is_closed());
    });
}

/// The verb `restart` fails, the spec is kept: when a group restart starts the child again,
/// it is served as ever.
#[test]
fn g3_a_child_whose_renewal_failed_takes_mail_in_its_next_life() {
    paused(async |node| {
        let log = Log::default();
        let starts = Arc::new(AtomicU32::new(0));
        let fails_twice = {
            let (starts, log) = (Arc::clone(&starts), log.clone());
            move |_: &ms_actor::Ref<Probe>| match starts.fetch_add(1, Ordering::SeqCst) {
                1 => Err(StartError::Failed(ExitReason::failed("not now"))),
                _ => Ok(Probe::named("b", &log)),
            }
        };
        let tree = SupervisorSpec::one_for_all("root")
            .child(probe(&log, "a"))
            .child(ChildSpec::blueprint("b", Blueprint::fallible(fails_twice)));
        let root = start(&node, tree).await;
        let (a, b) = (get(&root, "a").await, get(&root, "b").await);
        root.steer(&path("/root/b"), Verb::Restart).await.expect_err("the second start fails");
        assert!(!b.is_alive());
        common::crash(&a).await;
        assert!(b.is_alive(), "the group restart takes it along");
        assert_eq!(b.ask(Add(3)).await.unwrap(), 3);
    });
}
