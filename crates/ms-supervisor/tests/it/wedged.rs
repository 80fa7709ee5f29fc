//! Threads that do not come back: children are moved, given up or stopped without them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

use std::time::Duration;

use common::*;
use ms_actor::Placement;
use ms_core::view::{Decision, Mark};
use ms_core::{ExitReason, Restart, Shutdown};
use ms_supervisor::{ChildSpec, SupervisorSpec, Verb};

use crate::common;

const HOUR: Duration = Duration::from_secs(3600);

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn x9_a_killed_child_whose_thread_is_blocked_is_given_up_with_its_arbiter() {
    // Without a watchdog: what is found is found by the kill.
    threads_given_up(1, None, |node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(5, HOUR)
            .child(probe(&log, "a").shutdown(Shutdown::BrutalKill))
            .child(probe(&log, "neighbour"));
        let root = start(&node, tree).await;
        let (a, neighbour) = (get(&root, "a").await, get(&root, "neighbour").await);
        blocks(&a).await;
        // Blocked for longer than this waits: it is given up, not waited for.
        root.terminate_child(&id("a")).await.expect("there");
        assert_eq!(neighbour.ask(Add(1)).await.expect("on another thread"), 1);
        root.restart_child(&id("a")).await.expect("on another thread too");
        assert_eq!(a.ask(Add(1)).await.expect("answers"), 1);
    });
}

#[test]
fn x9_a_supervisor_with_a_blocked_child_stops_without_it() {
    threads_given_up(2, None, |node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(probe(&log, "first"))
            .child(probe(&log, "hung").shutdown(Shutdown::Timeout(Duration::from_millis(300))));
        let root = start(&node, tree).await;
        blocks(&get(&root, "hung").await).await;
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
    });
}

#[test]
fn x4_neighbours_on_a_wedged_arbiter_move_uncounted_with_their_mail() {
    threads(1, |node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(1, HOUR)
            .child(probe(&log, "culprit"))
            .child(probe(&log, "n1"))
            .child(probe(&log, "n2"));
        let root = start(&node, tree).await;
        let (culprit, n1) = (get(&root, "culprit").await, get(&root, "n1").await);
        blocks(&culprit).await;
        n1.try_tell(Add(5)).expect("waits");
        n1.try_tell(Add(5)).expect("waits");
        let answer = n1.ask(Add(0)).within(MINUTE).await;
        assert_eq!(answer.expect("on another thread"), 10, "its mail moved with it");
        assert_eq!(culprit.ask(Add(1)).within(MINUTE).await.expect("replaced"), 1);
        until("n2 is back", async || {
            let why = root.why(&path("/root/n2"), 1).await.expect("there");
            why.first().is_some_and(|why| why.decision == Decision::Evacuated)
        })
        .await;
        let why = root.why(&path("/root/culprit"), 1).await.expect("there");
        assert!(matches!(why[0].reason, ExitReason::HeartbeatLost { .. }), "{why:?}");
        let tree = root.tree(None).await.expect("answers");
        assert_eq!(tree.supervisor.expect("one").restarts_in_window, 1, "the culprit alone counts");
    });
}

#[test]
fn x4_a_start_lost_with_its_arbiter_is_begun_anew() {
    threads(1, |node| async move {
        let log = Log::default();
        let root =
            start(&node, SupervisorSpec::one_for_one("root").child(probe(&log, "culprit"))).await;
        blocks(&get(&root, "culprit").await).await;
        // It lands on the thread that is blocked.
        let started = root
            .start_child(probe(&log, "late").restart(Restart::Temporary))
            .await
            .expect("starts elsewhere");
        assert_eq!(
            started.typed::<Probe>().expect("a probe").ask(Add(1)).await.expect("answers"),
            1
        );
    });
}

#[test]
fn hung_suspended_and_backlogged_actors_are_in_the_tree_and_delay_nobody() {
    // Without a watchdog: nobody is given up meanwhile.
    threads_given_up(3, None, |node| async move {
        let log = Log::default();
        let dedicated = |name| probe(&log, name).placement(Placement::Dedicated);
        let inner = SupervisorSpec::one_for_one("inner")
            .child(dedicated("hung").bounded(100, ms_actor::Overflow::Reject));
        let tree = SupervisorSpec::one_for_one("root")
            .child(ChildSpec::supervisor(inner))
            .child(dedicated("suspended"))
            .child(dedicated("backlogged").bounded(10, ms_actor::Overflow::Reject))
            .child(probe(&log, "fine"));
        let root = start(&node, tree).await;
        let hung = root
            .find(&path("/root/inner/hung"))
            .await
            .expect("there")
            .typed::<Probe>()
            .expect("a probe");
        root.steer(&path("/root/suspended"), Verb::Suspend).await.expect("there");
        let backlogged = get(&root, "backlogged").await;
        backlogged.any().suspend();
        sleep_ms(50).await;
        for _ in 0..8 {
            backlogged.try_tell(Add(1)).expect("sent");
        }
        blocks(&hung).await;
        let tree = root.tree(None).await.expect("answers");
        let hung = &node_at(&tree, "/root/inner/hung").status;
        assert!(
            hung.handling.as_ref().is_some_and(|handling| handling.message.ends_with("Block")),
            "{hung:?}"
        );
        assert!(node_at(&tree, "/root/suspended").status.marks.contains(&Mark::Suspended));
        assert!(node_at(&tree, "/root/backlogged").status.marks.contains(&Mark::Backlogged));
        assert!(node_at(&tree, "/root/fine").status.marks.is_empty());
    });
}
