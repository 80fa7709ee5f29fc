//! What is left behind when a supervisor is killed or a tree ends, and who sees to it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::{Add, Log, Probe, get, path, paused, probe, settle, sleep_ms, start, stubborn_probe};
use ms_actor::Blueprint;
use ms_actor::{AskError, SendError, StartError};
use ms_core::{ExitReason, Restart, Shutdown};
use ms_supervisor::{ChildSpec, Supervisor, Verb};

/// A killed supervisor that nobody starts again leaves a child that does not want to stop.
#[test]
fn x18_a_stubborn_child_of_a_killed_supervisor_is_killed_in_its_time() {
    paused(async |node| {
        let log = Log::default();
        let stubborn =
            stubborn_probe(&log, "a").shutdown(Shutdown::Timeout(Duration::from_secs(2)));
        let below = ChildSpec::supervisor(Supervisor::one_for_one("below").child(stubborn))
            .restart(Restart::Temporary);
        let root = start(&node, Supervisor::one_for_one("root").child(below)).await;
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

/// One that stops when it is told to has its hooks run, and whoever watches it is told.
#[test]
fn x18_a_child_of_a_dropped_supervisor_stops_in_an_orderly_way() {
    paused(async |node| {
        let log = Log::default();
        let below = Supervisor::one_for_one("below").child(probe(&log, "a"));
        let below = ChildSpec::supervisor(below).restart(Restart::Temporary);
        let root = start(&node, Supervisor::one_for_one("root").child(below)).await;
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

/// Nobody starts a root again: whoever asks it something learns so at once.
#[test]
fn x6_an_ended_root_refuses_calls_at_once() {
    paused(async |node| {
        let log = Log::default();
        let root = start(&node, Supervisor::one_for_one("root").child(probe(&log, "a"))).await;
        let child = get(&root, "a").await;
        root.stop(Duration::from_secs(1)).await;
        let before = node.now();
        root.count_children().await.expect_err("it is over");
        let refused = child.ask(Add(1)).await;
        assert!(matches!(refused, Err(AskError::NotSent(SendError::Closed { .. }))));
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
        let tree = Supervisor::one_for_all("root")
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
