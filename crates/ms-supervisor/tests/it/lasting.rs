//! X6: what references to children live through, and when they are closed.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::{
    Add, Hang, Log, Probe, another_probe, end, get, id, path, paused, probe, scripted, settle,
    start,
};
use ms_actor::{SendError, SendFailure};
use ms_core::{ExitReason, Incarnation, Restart, Shutdown};
use ms_supervisor::{ChildSpec, Root, SupervisorRef, SupervisorSpec, Verb};

const HOUR: Duration = Duration::from_secs(3600);

/// `inner` below a root that restarts it as often as a test wants.
async fn tree(node: &ms_actor::Node, inner: SupervisorSpec) -> (Root, SupervisorRef) {
    let inner = ChildSpec::supervisor(inner);
    let root = SupervisorSpec::one_for_one("root").intensity(9, HOUR).child(inner);
    let root = start(node, root).await;
    let inner = root.supervisor("inner").await.expect("there");
    (root, inner)
}

#[test]
fn x6_a_temporary_child_comes_back_in_its_cell_when_its_supervisor_does() {
    paused(async |node| {
        let log = Log::default();
        let worker = probe(&log, "worker").restart(Restart::Temporary);
        let below = SupervisorSpec::one_for_one("below").child(probe(&log, "leaf"));
        let below = ChildSpec::supervisor(below).restart(Restart::Temporary);
        let below = below.shutdown(Shutdown::BrutalKill);
        let inner = SupervisorSpec::one_for_one("inner").child(worker).child(below);
        let (root, inner) = tree(&node, inner).await;
        let worker = get(&inner, "worker").await;
        let leaf = get(&inner.supervisor("below").await.unwrap(), "leaf").await;
        for (verb, lives) in [(Verb::Restart, 2), (Verb::Kill, 3), (Verb::Restart, 4)] {
            root.steer(&path("/root/inner"), verb).await.expect("there");
            settle().await;
            assert_eq!(worker.ask(Add(1)).await.expect("its next life"), 1, "{verb}");
            assert_eq!(leaf.ask(Add(1)).await.expect("its next life"), 1, "{verb}");
            assert_eq!(worker.any().incarnation(), Incarnation(lives), "{verb}");
            assert_eq!(leaf.any().incarnation(), Incarnation(lives), "{verb}");
        }
        root.terminate_child(&id("inner")).await.expect("there");
        root.delete_child(&id("inner")).await.expect("stopped");
        assert!(worker.any().is_closed() && leaf.any().is_closed(), "no life comes any more");
    });
}

/// The successor of a killed supervisor cannot start a child; the life after that can.
#[test]
fn x6_kept_mail_of_a_temporary_child_outlives_a_boot_of_its_supervisor_that_fails() {
    paused(async |node| {
        let log = Log::default();
        let worker = scripted(&log, "worker", &["ok", "error", "ok"]).keep_mailbox();
        let worker = worker.restart(Restart::Temporary);
        let (root, inner) = tree(&node, SupervisorSpec::one_for_one("inner").child(worker)).await;
        let worker = get(&inner, "worker").await;
        worker.try_tell(Hang).expect("room");
        settle().await;
        worker.try_tell(Add(1)).expect("room");
        root.steer(&path("/root/inner"), Verb::Kill).await.expect("there");
        settle().await;
        assert_eq!(worker.any().incarnation(), Incarnation(3));
        assert_eq!(worker.ask(Add(0)).await.expect("answers"), 1, "what waited was handled");
    });
}

/// A temporary supervisor is in the way: its own boot fails when its supervisor comes back.
#[test]
fn x6_kept_mail_below_a_temporary_supervisor_outlives_its_failed_start() {
    paused(async |node| {
        let log = Log::default();
        let refuses_once = std::sync::atomic::AtomicU32::new(0);
        let below = SupervisorSpec::one_for_one("below")
            .child(probe(&log, "leaf").keep_mailbox())
            .init(move |_| match refuses_once.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                1 => Err(ms_actor::StartError::Failed(ExitReason::failed("not now"))),
                _ => Ok(None),
            });
        let below = ChildSpec::supervisor(below).restart(Restart::Temporary);
        let (root, inner) = tree(&node, SupervisorSpec::one_for_one("inner").child(below)).await;
        let leaf = get(&inner.supervisor("below").await.unwrap(), "leaf").await;
        leaf.try_tell(Hang).expect("room");
        settle().await;
        leaf.try_tell(Add(1)).expect("room");
        root.steer(&path("/root/inner"), Verb::Kill).await.expect("there");
        settle().await;
        assert_eq!(leaf.ask(Add(0)).await.expect("answers"), 1, "what waited was handled");
        assert_eq!(leaf.any().incarnation(), Incarnation(2));
    });
}

/// Its spec went with it: what the supervisor's next life starts is another actor.
#[test]
fn x6_references_to_a_temporary_child_that_ended_by_itself_are_closed_at_once() {
    paused(async |node| {
        let log = Log::default();
        let worker = probe(&log, "worker").restart(Restart::Temporary);
        let (root, inner) = tree(&node, SupervisorSpec::one_for_one("inner").child(worker)).await;
        let first = get(&inner, "worker").await;
        end(&first, ExitReason::Normal).await;
        assert!(first.any().is_closed());
        root.steer(&path("/root/inner"), Verb::Restart).await.expect("there");
        let second = get(&inner, "worker").await;
        assert_eq!(second.ask(Add(1)).await.expect("answers"), 1);
        assert!(first.any().is_closed() && second.any() != first.any());
    });
}

#[test]
fn x12_all_below_a_child_that_stays_down_refuse_mail_in_a_later_life_of_its_supervisor_too() {
    paused(async |node| {
        let log = Log::default();
        let below = SupervisorSpec::one_for_one("below").child(probe(&log, "leaf"));
        let inner = SupervisorSpec::one_for_one("inner").child(ChildSpec::supervisor(below));
        let (root, inner) = tree(&node, inner).await;
        let leaf = get(&inner.supervisor("below").await.unwrap(), "leaf").await;
        root.steer(&path("/root/inner"), Verb::Restart).await.expect("there");
        inner.terminate_child(&id("below")).await.expect("there");
        settle().await;
        assert!(matches!(
            leaf.try_tell(Add(1)),
            Err(SendError { failure: SendFailure::Closed { .. }, .. })
        ));
        inner.restart_child(&id("below")).await.expect("starts");
        assert_eq!(leaf.ask(Add(1)).await.expect("the same reference"), 1);
    });
}

/// Two specs of one name: the one that was added does not take the place of the one in the list.
#[test]
fn g6_a_child_added_under_the_id_of_a_deleted_one_vanishes_as_any_other() {
    for verb in [Verb::Restart, Verb::Kill] {
        paused(async |node| {
            let log = Log::default();
            let inner = SupervisorSpec::one_for_one("inner").child(probe(&log, "a"));
            let (root, inner) = tree(&node, inner).await;
            inner.terminate_child(&id("a")).await.expect("there");
            inner.delete_child(&id("a")).await.expect("stopped");
            let other = log.clone();
            let added = ChildSpec::actor("a", move || another_probe("added", &other));
            let added = inner.start_child(added).await.expect("starts");
            let added = added.typed::<Probe>().expect("a probe");
            log.take();
            root.steer(&path("/root/inner"), verb).await.expect("there");
            settle().await;
            let lines = log.take();
            assert!(lines.iter().any(|line| line == "+a"), "{verb}: {lines:?}");
            assert!(!lines.iter().any(|line| line == "+added"), "{verb}: {lines:?}");
            assert!(added.any().is_closed(), "{verb}");
        });
    }
}

#[test]
fn g6_references_below_a_supervisor_added_at_run_time_are_closed_with_it() {
    for verb in [Verb::Restart, Verb::Kill] {
        paused(async |node| {
            let log = Log::default();
            let (root, inner) = tree(&node, SupervisorSpec::one_for_one("inner")).await;
            let added = SupervisorSpec::one_for_one("added").child(probe(&log, "leaf"));
            inner.start_child(ChildSpec::supervisor(added)).await.expect("starts");
            let leaf = get(&inner.supervisor("added").await.unwrap(), "leaf").await;
            root.steer(&path("/root/inner"), verb).await.expect("there");
            settle().await;
            assert!(leaf.any().is_closed(), "{verb}: no life of it comes any more");
            assert_eq!(log.instances(), 0, "{verb}");
        });
    }
}
