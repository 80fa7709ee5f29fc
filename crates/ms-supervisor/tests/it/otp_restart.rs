//! OTP's supervisor_SUITE: which ends restart, strategies, failed restarts, order.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use common::*;
use ms_core::{ExitReason, Restart};
use ms_policy::CommandError;
use ms_supervisor::{ChildSpec, Root, SupervisorSpec};

use crate::common;

const HOUR: Duration = Duration::from_secs(3600);

fn strategies() -> [SupervisorSpec; 3] {
    [
        SupervisorSpec::one_for_one("root"),
        SupervisorSpec::one_for_all("root"),
        SupervisorSpec::rest_for_one("root"),
    ]
}

/// What becomes of a child of this restart type that ends so: `up`, `down` or nothing.
async fn outcome(node: &ms_actor::Node, restart: Restart, reason: ExitReason) -> String {
    let log = Log::default();
    let root =
        start(node, SupervisorSpec::one_for_one("root").child(probe(&log, "a").restart(restart)))
            .await;
    log.take();
    end(&get(&root, "a").await, reason).await;
    let outcome = rows(&root).await;
    let started_again = log.take().contains(&"+a".to_owned());
    assert_eq!(started_again, outcome == "a:up");
    root.stop(HOUR).await;
    outcome
}

/// OTP: supervisor_SUITE:permanent_normal, supervisor_SUITE:transient_normal, supervisor_SUITE:temporary_normal
/// S2.2-03, S2.4-07
#[test]
fn b1_a_normal_end_restarts_permanent_children_only() {
    paused(|node| async move {
        assert_eq!(outcome(&node, Restart::Permanent, ExitReason::Normal).await, "a:up");
        assert_eq!(outcome(&node, Restart::Transient, ExitReason::Normal).await, "a:down");
        assert_eq!(outcome(&node, Restart::Temporary, ExitReason::Normal).await, "");
    });
}

/// OTP: supervisor_SUITE:permanent_shutdown, supervisor_SUITE:transient_shutdown, supervisor_SUITE:temporary_shutdown
#[test]
fn b1_a_shutdown_restarts_permanent_children_only() {
    paused(|node| async move {
        for reason in [ExitReason::Shutdown, ExitReason::shutdown_with("why")] {
            assert_eq!(outcome(&node, Restart::Permanent, reason.clone()).await, "a:up");
            assert_eq!(outcome(&node, Restart::Transient, reason.clone()).await, "a:down");
            assert_eq!(outcome(&node, Restart::Temporary, reason).await, "");
        }
    });
}

/// OTP: supervisor_SUITE:permanent_abnormal, supervisor_SUITE:transient_abnormal, supervisor_SUITE:temporary_abnormal
#[test]
fn b1_any_other_end_restarts_all_but_temporary_children() {
    paused(|node| async move {
        let reason = || ExitReason::failed("abnormal");
        assert_eq!(outcome(&node, Restart::Permanent, reason()).await, "a:up");
        assert_eq!(outcome(&node, Restart::Transient, reason()).await, "a:up");
        assert_eq!(outcome(&node, Restart::Temporary, reason()).await, "");
    });
}

/// OTP: supervisor_SUITE:multiple_restarts
/// S7.1-03
#[test]
fn d1_restarts_further_apart_than_the_window_never_use_it_up() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root").intensity(1, Duration::from_secs(1));
        let root = start(&node, tree.child(probe(&log, "a"))).await;
        for _ in 0..20 {
            crash(&get(&root, "a").await).await;
            assert_eq!(rows(&root).await, "a:up");
            // Whole seconds, inclusive: two seconds apart are never in one window.
            sleep_ms(2_000).await;
        }
    });
}

/// Crashes `victim` twice where one restart is granted, and gives what happened.
async fn escalate(
    node: &ms_actor::Node,
    tree: SupervisorSpec,
    log: &Log,
    victim: &str,
) -> Vec<String> {
    let tree = ["a", "b", "c"]
        .iter()
        .fold(tree.intensity(1, HOUR), |tree, name| tree.child(probe(log, name)));
    let root = start(node, tree).await;
    crash(&get(&root, victim).await).await;
    log.take();
    let probe = get(&root, victim).await;
    probe.try_tell(Crash).expect("it lives");
    assert_eq!(root.ended().await, ExitReason::Shutdown);
    log.take()
}

/// OTP: supervisor_SUITE:one_for_one_escalation, supervisor_SUITE:one_for_all_escalation, supervisor_SUITE:rest_for_one_escalation
#[test]
fn d4_under_every_strategy_one_crash_too_many_ends_supervisor_and_siblings() {
    paused(|node| async move {
        for tree in strategies() {
            let log = Log::default();
            assert_eq!(escalate(&node, tree, &log, "b").await, ["-b", "-c", "-a"]);
        }
    });
}

/// OTP: supervisor_SUITE:one_for_all_other_child_fails_restart
#[test]
fn e4_one_for_all_a_siblings_failed_restart_stops_those_that_were_started() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_all("root")
            .intensity(9, HOUR)
            .child(probe(&log, "a"))
            .child(probe(&log, "b"))
            .child(scripted(&log, "c", &["ok", "error", "ok"]));
        let root = start(&node, tree).await;
        log.take();
        crash(&get(&root, "a").await).await;
        let want = ["-a", "-c", "-b", "+a", "+b", "!c", "-b", "-a", "+a", "+b", "+c"];
        assert_eq!(log.take(), want);
        assert_eq!(rows(&root).await, "a:up b:up c:up");
    });
}

/// OTP: supervisor_SUITE:rest_for_one_other_child_fails_restart
#[test]
fn e4_rest_for_one_a_later_siblings_failed_restart_is_retried_from_there() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::rest_for_one("root")
            .intensity(9, HOUR)
            .child(probe(&log, "a"))
            .child(scripted(&log, "b", &["ok", "error", "ok"]))
            .child(probe(&log, "c"));
        let root = start(&node, tree).await;
        log.take();
        crash(&get(&root, "a").await).await;
        assert_eq!(log.take(), ["-a", "-c", "-b", "+a", "!b", "+b", "+c"]);
    });
}

async fn pool(node: &ms_actor::Node, template: ChildSpec, granted: u32, children: usize) -> Root {
    let root =
        start(node, SupervisorSpec::dynamic("root", template).intensity(granted, HOUR)).await;
    for _ in 0..children {
        root.start_another().await.expect("starts");
    }
    root
}

/// OTP: supervisor_SUITE:simple_one_for_one
#[test]
fn c1_a_dynamic_child_that_crashes_is_started_again_alone() {
    paused(|node| async move {
        let log = Log::default();
        let root = pool(&node, probe(&log, "w"), 5, 3).await;
        log.take();
        crash(&get(&root, "2").await).await;
        assert_eq!(log.take(), ["-w", "+w"]);
        assert_eq!(root.count_children().await.expect("answers").active, 3);
    });
}

/// OTP: supervisor_SUITE:simple_one_for_one_escalation
#[test]
fn d4_a_dynamic_supervisor_gives_up_too() {
    paused(|node| async move {
        let log = Log::default();
        let root = pool(&node, probe(&log, "w"), 1, 3).await;
        crash(&get(&root, "1").await).await;
        get(&root, "2").await.try_tell(Crash).expect("it lives");
        assert_eq!(root.ended().await, ExitReason::Shutdown);
        assert_eq!(log.instances(), 0);
    });
}

/// OTP: supervisor_SUITE:simple_one_for_one_corruption
#[test]
fn e1_failing_restarts_leave_the_table_of_dynamic_children_whole() {
    paused(|node| async move {
        let log = Log::default();
        let template = scripted(&log, "w", &["ok", "ok", "error", "error", "ok"]);
        let root = pool(&node, template, 9, 2).await;
        crash(&get(&root, "1").await).await;
        assert_eq!(log.take(), ["+w", "+w", "-w", "!w", "!w", "+w"]);
        let counts = root.count_children().await.expect("answers");
        assert_eq!((counts.active, counts.workers), (2, 2));
        for name in ["/root/1", "/root/2"] {
            root.terminate_dynamic(&path(name)).await.expect("there");
        }
        assert_eq!(root.count_children().await.expect("answers").workers, 0);
    });
}

/// OTP: supervisor_SUITE:temporary_bystander
#[test]
fn c4_a_temporary_sibling_taken_down_by_a_group_is_dropped() {
    paused(|node| async move {
        for (tree, rest) in [
            (SupervisorSpec::one_for_all("root"), "a:up"),
            (SupervisorSpec::rest_for_one("root"), "a:up"),
            (SupervisorSpec::one_for_one("root"), "a:up t:up"),
        ] {
            let log = Log::default();
            let tree = tree
                .intensity(5, HOUR)
                .child(probe(&log, "a"))
                .child(probe(&log, "t").restart(Restart::Temporary));
            let root = start(&node, tree).await;
            crash(&get(&root, "a").await).await;
            assert_eq!(rows(&root).await, rest);
            root.stop(HOUR).await;
        }
    });
}

/// OTP: supervisor_SUITE:tree
#[test]
fn d5_a_tree_of_two_levels_restarts_escalates_and_ends_whole() {
    paused(|node| async move {
        let log = Log::default();
        let inner = SupervisorSpec::one_for_one("inner")
            .intensity(1, HOUR)
            .child(probe(&log, "x"))
            .child(probe(&log, "y"));
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(1, HOUR)
            .child(probe(&log, "a"))
            .child(ChildSpec::supervisor(inner));
        let root = start(&node, tree).await;
        let x = root.supervisor("inner").await.expect("there").get::<Probe>("x").await.unwrap();
        log.take();
        crash(&x).await;
        assert_eq!(log.take(), ["-x", "+x"]);
        crash(&x).await;
        assert_eq!(log.take(), ["-x", "-y", "+x", "+y"], "the inner supervisor gave up");
        crash(&x).await;
        assert_eq!(log.take(), ["-x", "+x"], "with a fresh budget");
        x.try_tell(Crash).expect("it lives");
        assert_eq!(root.ended().await, ExitReason::Shutdown, "the outer one gave up");
        assert_eq!(log.take(), ["-x", "-y", "-a"]);
    });
}

/// A child whose restarts fail for ever, in a supervisor with a budget that lasts.
async fn hanging(node: &ms_actor::Node, tree: SupervisorSpec, log: &Log) -> Root {
    let tree = tree
        .intensity(1_000_000, HOUR)
        .child(probe(log, "a"))
        .child(scripted(log, "b", &["ok", "error"]))
        .child(probe(log, "c"));
    let root = start(node, tree).await;
    get(&root, "b").await.try_tell(Crash).expect("it lives");
    tokio::task::yield_now().await;
    root
}

/// OTP: supervisor_SUITE:hanging_restart_loop, supervisor_SUITE:hanging_restart_loop_rest_for_one
#[test]
fn e1_a_supervisor_answers_in_the_midst_of_a_restart_that_never_succeeds() {
    paused(|node| async move {
        for (tree, while_at_it, cancelled) in [
            (SupervisorSpec::one_for_one("root"), "a:up b:restarting c:up", "a:up b:down c:up"),
            (
                SupervisorSpec::rest_for_one("root"),
                "a:up b:restarting c:down",
                "a:up b:down c:down",
            ),
        ] {
            let log = Log::default();
            let root = hanging(&node, tree, &log).await;
            assert_eq!(rows(&root).await, while_at_it);
            assert_eq!(refused(root.restart_child(&id("b")).await), CommandError::Restarting);
            assert_eq!(refused(root.delete_child(&id("b")).await), CommandError::Restarting);
            root.terminate_child(&id("b")).await.expect("cancels the retries");
            assert_eq!(rows(&root).await, cancelled);
            log.take();
            settle().await;
            assert!(log.take().is_empty(), "no further attempt");
            assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
        }
    });
}

/// OTP: supervisor_SUITE:count_restarting_children
#[test]
fn e2_a_restarting_child_is_counted_but_not_as_active() {
    paused(|node| async move {
        let log = Log::default();
        let root = hanging(&node, SupervisorSpec::one_for_one("root"), &log).await;
        let counts = root.count_children().await.expect("answers");
        assert_eq!((counts.specs, counts.active, counts.workers), (3, 2, 3));
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown, "the end cancels retries too");
    });
}

/// OTP: supervisor_SUITE:hanging_restart_loop_simple
#[test]
fn e3_retries_of_a_dynamic_child_are_cancelled_by_its_path() {
    paused(|node| async move {
        let log = Log::default();
        let template = scripted(&log, "w", &["ok", "ok", "error"]);
        let root = pool(&node, template, 1_000_000, 2).await;
        get(&root, "1").await.try_tell(Crash).expect("it lives");
        tokio::task::yield_now().await;
        assert!(rows(&root).await.contains("1:restarting"));
        let counts = root.count_children().await.expect("answers");
        assert_eq!((counts.specs, counts.active, counts.workers), (1, 1, 2));
        root.terminate_dynamic(&path("/root/1")).await.expect("cancels the retries");
        assert_eq!(rows(&root).await, "2:up");
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
    });
}

/// OTP: supervisor_SUITE:order_of_children
#[test]
fn c7_children_start_in_order_stop_in_reverse_and_keep_their_places() {
    paused(|node| async move {
        let log = Log::default();
        let names = ["a", "b", "c", "d"];
        let tree = names.iter().fold(
            SupervisorSpec::rest_for_one("root").intensity(9, HOUR),
            |tree, name| {
                tree.child(if *name == "c" {
                    scripted(&log, name, &["ok", "error", "ok"])
                } else {
                    probe(&log, name)
                })
            },
        );
        let root = start(&node, tree).await;
        assert_eq!(log.take(), ["+a", "+b", "+c", "+d"]);
        crash(&get(&root, "b").await).await;
        assert_eq!(log.take(), ["-b", "-d", "-c", "+b", "!c", "+c", "+d"]);
        root.start_child(probe(&log, "e")).await.expect("starts");
        assert_eq!(rows(&root).await, "a:up b:up c:up d:up e:up");
        root.stop(HOUR).await;
        assert_eq!(log.take(), ["+e", "-e", "-d", "-c", "-b", "-a"]);
    });
}

/// What a call came to is answered even by a supervisor that ends in the same breath.
#[test]
fn e1_a_call_answered_between_two_attempts_keeps_its_answer_when_the_supervisor_gives_up() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root").intensity(3, HOUR).child(scripted(
            &log,
            "b",
            &["ok", "error"],
        ));
        let root = start(&node, tree).await;
        root.suspend().await.expect("answers");
        get(&root, "b").await.ask(Crash).await.expect_err("it panics");
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let root = root.as_supervisor().clone();
            calls.spawn_local(async move { root.count_children().await });
        }
        tokio::task::yield_now().await;
        root.resume().await.expect("answers");
        assert_eq!(root.ended().await, ExitReason::Shutdown);
        while let Some(answer) = calls.join_next().await {
            let counts = answer.expect("polled to its end").expect("answered before the end");
            assert_eq!((counts.specs, counts.active), (1, 0));
        }
    });
}
