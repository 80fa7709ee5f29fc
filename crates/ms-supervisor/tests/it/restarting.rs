//! Who is restarted, with whom, how often, and where it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::*;
use ms_actor::{AnyRef, AskError, AskFailure, SendFailure, StartError, WhileDown};
use ms_core::view::{Decision, Lifecycle};
use ms_core::{ActorPath, Backoff, ChildExit, ExitReason, Incarnation, Restart, Shutdown};
use ms_policy::PidRef;
use ms_supervisor::{ChildSpec, Observer, SupervisorSpec, Verb};

use crate::common;

const HOUR: Duration = Duration::from_secs(3600);

fn abc(tree: SupervisorSpec, log: &Log) -> SupervisorSpec {
    ["a", "b", "c"].iter().fold(tree.intensity(5, HOUR), |tree, name| tree.child(probe(log, name)))
}

fn backoff(min_ms: u64, max_ms: u64, jitter: f64) -> Backoff {
    let (min, max) = (Duration::from_millis(min_ms), Duration::from_millis(max_ms));
    Backoff { min, max, jitter, reset_after: Duration::from_secs(10) }
}

/// OTP: supervisor_SUITE:one_for_one
/// S7.1-01
#[test]
fn c1_one_for_one_leaves_siblings_alone() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, abc(SupervisorSpec::one_for_one("root"), &log)).await;
        log.take();
        crash(&get(&root, "b").await).await;
        assert_eq!(log.take(), ["-b", "+b"]);
    });
}

/// OTP: supervisor_SUITE:one_for_all
/// S7.1-01
#[test]
fn c2_one_for_all_restarts_all_in_order_after_stopping_them_in_reverse() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, abc(SupervisorSpec::one_for_all("root"), &log)).await;
        log.take();
        crash(&get(&root, "b").await).await;
        assert_eq!(log.take(), ["-b", "-c", "-a", "+a", "+b", "+c"]);
    });
}

/// OTP: supervisor_SUITE:rest_for_one
/// S7.1-01
#[test]
fn c3_rest_for_one_restarts_those_after_it() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, abc(SupervisorSpec::rest_for_one("root"), &log)).await;
        log.take();
        crash(&get(&root, "b").await).await;
        assert_eq!(log.take(), ["-b", "-c", "+b", "+c"]);
    });
}

#[test]
fn c5_a_group_restart_counts_once() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, abc(SupervisorSpec::one_for_all("root"), &log)).await;
        for used in 1..=3 {
            crash(&get(&root, "a").await).await;
            let tree = root.tree(Some(0)).await.expect("answers");
            assert_eq!(tree.supervisor.expect("one").restarts_in_window, used);
        }
    });
}

#[test]
fn c8_a_group_is_stopped_as_each_spec_says() {
    paused(|node| async move {
        let log = Log::default();
        let tree =
            SupervisorSpec::one_for_all("root").intensity(1, HOUR).child(probe(&log, "a")).child(
                stubborn_probe(&log, "b").shutdown(Shutdown::Timeout(Duration::from_millis(700))),
            );
        let root = start(&node, tree).await;
        let a = get(&root, "a").await;
        let began = node.now();
        a.ask(Crash).await.expect_err("it panics");
        assert_eq!(a.ask(Add(1)).await.expect("the next incarnation answers"), 1);
        assert!(node.now().since(began) >= Duration::from_millis(700), "it was waited for");
    });
}

#[test]
fn b2_an_end_that_restarts_nobody_touches_no_sibling() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_all("root")
            .child(probe(&log, "steady"))
            .child(probe(&log, "transient").restart(Restart::Transient))
            .child(probe(&log, "temporary").restart(Restart::Temporary));
        let root = start(&node, tree).await;
        log.take();
        get(&root, "transient").await.try_tell(End(ExitReason::Normal)).expect("sent");
        get(&root, "temporary").await.try_tell(Crash).expect("sent");
        settle().await;
        assert_eq!(log.take(), ["-transient", "-temporary"]);
        let rows = root.which_children().await.expect("answers");
        let rows: Vec<_> =
            rows.iter().map(|row| (row.id.as_ref().expect("static").as_str(), row.child)).collect();
        assert_eq!(
            rows[0],
            ("transient", PidRef::Undefined),
            "its spec is kept, that of the other is not"
        );
        assert_eq!(rows.len(), 2);
    });
}

#[test]
fn b3_a_kill_is_seen_as_killed_and_restarts_a_transient_child() {
    paused(|node| async move {
        let log = Log::default();
        let tree =
            SupervisorSpec::one_for_one("root").child(probe(&log, "a").restart(Restart::Transient));
        let root = start(&node, tree).await;
        root.steer(&path("/root/a"), Verb::Kill).await.expect("there");
        settle().await;
        let why = root.why(&path("/root/a"), 1).await.expect("there");
        assert_eq!(
            (why[0].reason.clone(), why[0].decision),
            (ExitReason::Killed, Decision::Restarted)
        );
        assert!(get(&root, "a").await.is_alive());
    });
}

#[test]
fn d2_the_window_is_shared_by_all_children_and_empty_in_a_new_life() {
    paused(|node| async move {
        let log = Log::default();
        let inner = SupervisorSpec::one_for_one("inner")
            .intensity(1, HOUR)
            .child(probe(&log, "a"))
            .child(probe(&log, "b"));
        let root =
            start(&node, SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(inner)))
                .await;
        let inner = root.supervisor("inner").await.expect("there");
        crash(&get(&inner, "a").await).await;
        log.take();
        crash(&get(&inner, "b").await).await;
        assert_eq!(
            log.take(),
            ["-b", "-a", "+a", "+b"],
            "the second crash in the window ends the supervisor"
        );
        let view = inner.tree(Some(0)).await.expect("answers").supervisor.expect("one");
        assert_eq!(view.restarts_in_window, 0);
    });
}

/// S7.1-02
#[test]
fn d4_giving_up_stops_the_rest_in_reverse_and_ends_with_shutdown() {
    paused(|node| async move {
        let log = Log::default();
        let root =
            start(&node, abc(SupervisorSpec::one_for_one("root"), &log).intensity(0, HOUR)).await;
        log.take();
        get(&root, "b").await.ask(Crash).await.expect_err("it panics");
        assert_eq!(root.ended().await, ExitReason::Shutdown);
        assert_eq!(log.take(), ["-b", "-c", "-a"]);
    });
}

/// S7.1-02
#[test]
fn d5_escalation_takes_intensity_plus_one_to_the_power_of_the_levels() {
    paused(|node| async move {
        let log = Log::default();
        let level = |name: &str, child: ChildSpec| {
            SupervisorSpec::one_for_one(name).intensity(1, HOUR).child(child)
        };
        let c = ChildSpec::supervisor(level("c", probe(&log, "worker")));
        let b = ChildSpec::supervisor(level("b", c));
        let root = start(&node, level("root", b)).await;
        let worker = root
            .find(&path("/root/b/c/worker"))
            .await
            .expect("there")
            .typed::<Probe>()
            .expect("a probe");
        let mut crashes = 0;
        while worker.is_alive() {
            crash(&worker).await;
            crashes += 1;
        }
        assert_eq!(crashes, 8, "(1 + 1) ^ 3");
        assert_eq!(root.ended().await, ExitReason::Shutdown);
    });
}

#[test]
fn d5_a_transient_supervisor_that_gives_up_stays_down() {
    paused(|node| async move {
        let log = Log::default();
        let inner = SupervisorSpec::one_for_one("inner").intensity(0, HOUR).child(probe(&log, "a"));
        let tree = SupervisorSpec::one_for_one("root")
            .child(ChildSpec::supervisor(inner).restart(Restart::Transient))
            .child(probe(&log, "b"));
        let root = start(&node, tree).await;
        let a = root
            .find(&path("/root/inner/a"))
            .await
            .expect("there")
            .typed::<Probe>()
            .expect("a probe");
        log.take();
        crash(&a).await;
        assert_eq!(log.take(), ["-a"]);
        let tree = root.tree(None).await.expect("answers");
        assert_eq!(node_at(&tree, "/root/inner").status.lifecycle, Lifecycle::Stopped);
        assert_eq!(node_at(&tree, "/root/b").status.lifecycle, Lifecycle::Running);
    });
}

#[test]
fn e5_ignore_at_an_automatic_restart_is_no_failure() {
    paused(|node| async move {
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        let child =
            ChildSpec::try_actor("a", move |_| match counted.fetch_add(1, Ordering::SeqCst) {
                1 => Err(StartError::Ignore),
                _ => Ok(Legacy),
            });
        let root =
            start(&node, SupervisorSpec::one_for_one("root").intensity(1, HOUR).child(child)).await;
        root.steer(&path("/root/a"), Verb::Kill).await.expect("there");
        sleep_ms(1000).await;
        assert_eq!(starts.load(Ordering::SeqCst), 2);
        assert_eq!(root.which_children().await.expect("answers")[0].child, PidRef::Undefined);
        root.restart_child(&id("a")).await.expect("starts");
    });
}

#[test]
fn e7_a_nested_supervisor_that_does_not_boot_again_is_a_failed_start() {
    paused(|node| async move {
        let failures = Arc::new(AtomicU32::new(0));
        let inner =
            SupervisorSpec::one_for_one("inner").intensity(0, HOUR).child(flaky("a", &failures));
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(3, HOUR)
            .child(ChildSpec::supervisor(inner));
        let root = start(&node, tree).await;
        failures.store(2, Ordering::SeqCst);
        root.steer(&path("/root/inner/a"), Verb::Kill).await.expect("there");
        settle().await;
        // Its give-up and two failed boots: three of three.
        let tree = root.tree(None).await.expect("answers");
        assert_eq!(tree.supervisor.as_ref().expect("one").restarts_in_window, 3);
        assert_eq!(node_at(&tree, "/root/inner/a").status.lifecycle, Lifecycle::Running);
        let why = root.why(&path("/root/inner"), 10).await.expect("there");
        assert!(
            why.iter().any(|why| matches!(why.reason, ExitReason::ChildStartFailed { .. })),
            "{why:?}"
        );
    });
}

/// S2.2-04, S5.1-01
#[test]
fn x1_backoff_delays_grow_to_their_cap_and_are_reset_by_a_calm_time() {
    paused(|node| async move {
        let log = Log::default();
        let backoff = backoff(100, 400, 0.0);
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(50, HOUR)
            .child(probe(&log, "a").backoff(backoff));
        let root = start(&node, tree).await;
        let a = get(&root, "a").await;
        for expected in [100, 200, 400, 400] {
            a.ask(Crash).await.expect_err("it panics");
            let began = node.now();
            settle().await;
            let tree = root.tree(None).await.expect("answers while it waits");
            assert_eq!(node_at(&tree, "/root/a").status.lifecycle, Lifecycle::Restarting);
            a.ask(Add(1)).await.expect("held until it is back");
            let took = node.now().since(began).as_millis();
            assert!((expected..=expected + 3).contains(&took), "{took} ms, want {expected}");
        }
        let why = root.why(&path("/root/a"), 1).await.expect("there");
        assert_eq!((why[0].next_delay_ms, why[0].decision), (Some(400), Decision::Delayed));
        sleep_ms(10_001).await;
        a.ask(Crash).await.expect_err("it panics");
        let began = node.now();
        a.ask(Add(1)).await.expect("back");
        assert!(node.now().since(began) < Duration::from_millis(110), "calm: from the beginning");
    });
}

/// S2.2-04
#[test]
fn x1_jitter_spreads_the_delays_of_equal_supervisors() {
    paused(|node| async move {
        let log = Log::default();
        let backoff = backoff(10_000, 60_000, 0.5);
        let inner = |name: &str| {
            let tree = SupervisorSpec::one_for_one(name)
                .intensity(50, HOUR)
                .child(probe(&log, "a").backoff(backoff));
            ChildSpec::supervisor(tree)
        };
        let names: Vec<String> = (0..8).map(|n| format!("s{n}")).collect();
        let tree = names
            .iter()
            .fold(SupervisorSpec::one_for_one("root"), |tree, name| tree.child(inner(name)));
        let root = start(&node, tree).await;
        let mut delays = std::collections::BTreeSet::new();
        for name in &names {
            let at = path(&format!("/root/{name}/a"));
            root.steer(&at, Verb::Kill).await.expect("there");
            settle().await;
            delays
                .insert(root.why(&at, 1).await.expect("there")[0].next_delay_ms.expect("delayed"));
        }
        assert!(delays.len() > 4, "{delays:?}");
        assert!(delays.iter().all(|ms| (5_000..=15_000).contains(ms)), "{delays:?}");
    });
}

#[test]
fn x1_terminate_child_cancels_a_delay() {
    paused(|node| async move {
        let log = Log::default();
        let backoff = backoff(10_000, 60_000, 0.0);
        let root = start(
            &node,
            SupervisorSpec::one_for_one("root").child(probe(&log, "a").backoff(backoff)),
        )
        .await;
        crash(&get(&root, "a").await).await;
        root.terminate_child(&id("a")).await.expect("there");
        log.take();
        sleep_ms(60_000).await;
        assert!(log.take().is_empty());
        root.restart_child(&id("a")).await.expect("at once");
    });
}

#[test]
fn x3_a_kept_mailbox_survives_a_crash() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(probe(&log, "keeps").keep_mailbox())
            .child(probe(&log, "drops"));
        let root = start(&node, tree.intensity(5, HOUR)).await;
        for (name, survivors) in [("keeps", 2), ("drops", 0)] {
            let probe = get(&root, name).await;
            probe.try_tell(Crash).expect("sent");
            probe.try_tell(Add(1)).expect("sent");
            probe.try_tell(Add(1)).expect("sent");
            settle().await;
            assert_eq!(probe.ask(Add(0)).await.expect("answers"), survivors, "{name}");
        }
    });
}

#[test]
fn x6_references_outlive_restarts_of_the_child_and_of_its_supervisor() {
    paused(|node| async move {
        let log = Log::default();
        let inner = SupervisorSpec::one_for_one("inner").child(probe(&log, "a"));
        let root = start(
            &node,
            SupervisorSpec::one_for_one("root")
                .intensity(9, HOUR)
                .child(ChildSpec::supervisor(inner)),
        )
        .await;
        let inner = root.supervisor("inner").await.expect("there");
        let a = get(&inner, "a").await;
        crash(&a).await;
        assert_eq!(a.ask(Add(1)).await.expect("answers"), 1);
        for verb in [Verb::Kill, Verb::Restart] {
            root.steer(&path("/root/inner"), verb).await.expect("there");
            settle().await;
            assert_eq!(a.ask(Add(1)).await.expect("answers"), 1, "{verb}");
            assert_eq!(inner.count_children().await.expect("answers").active, 1);
        }
        let status = a.any().status();
        let rows = inner.which_children().await.expect("answers");
        assert_eq!(rows[0].child, PidRef::Incarnation(status.incarnation), "one number everywhere");
        root.terminate_child(&id("inner")).await.expect("there");
        root.delete_child(&id("inner")).await.expect("stopped");
        assert!(matches!(
            a.ask(Add(1)).await,
            Err(AskError { failure: AskFailure::NotSent(SendFailure::Closed { .. }), .. })
        ));
    });
}

#[test]
fn x8_messages_wait_while_an_actor_is_down_or_are_refused_if_so_asked() {
    paused(|node| async move {
        let log = Log::default();
        let backoff = backoff(1_000, 1_000, 0.0);
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(5, HOUR)
            .child(probe(&log, "holds").backoff(backoff))
            .child(probe(&log, "refuses").backoff(backoff).while_down(WhileDown::Refuse));
        let root = start(&node, tree).await;
        let (holds, refuses) = (get(&root, "holds").await, get(&root, "refuses").await);
        crash(&holds).await;
        crash(&refuses).await;
        let refused = refuses.try_tell(Add(1)).expect_err("down");
        assert!(
            matches!(&refused.failure, SendFailure::Closed { reason, .. } if reason.panic().is_some()),
            "{refused}"
        );
        assert_eq!(holds.ask(Add(1)).await.expect("when it is back"), 1);
    });
}

/// S2.2-05
#[test]
fn x10_why_records_say_everything_that_is_known() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_all("root")
            .intensity(2, Duration::from_secs(60))
            .child(probe(&log, "a"))
            .child(probe(&log, "b"));
        let root = start(&node, tree).await;
        sleep_ms(1500).await;
        let a = get(&root, "a").await;
        a.try_tell(Crash).expect("sent");
        a.try_tell(Add(1)).expect("sent");
        settle().await;
        let why = root.why(&path("/root/a"), 10).await.expect("there");
        let [why] = &why[..] else { panic!("{why:?}") };
        let panic = why.reason.panic().expect("a panic");
        assert_eq!(panic.message, "crash of a");
        let location = panic.location.as_ref().expect("known");
        assert!(
            location.file.ends_with("tests/it/common/mod.rs") && location.line > 100,
            "{location}"
        );
        assert!(panic.handling.as_deref().expect("known").ends_with("Crash"), "{panic:?}");
        assert_eq!(why.siblings, [id("b")]);
        assert_eq!((why.budget_used, why.budget.expect("known").max_restarts), (1, 2));
        assert_eq!((why.incarnation.0, why.mailbox_depth, why.dropped), (1, Some(1), 1));
        assert!((1500..1600).contains(&why.uptime_ms), "{}", why.uptime_ms);
        assert_eq!(why.next_delay_ms, None);
        assert!(!why.injected);
        get(&root, "b").await.any().inject(ms_actor::Fault::Panic);
        settle().await;
        assert!(root.why(&path("/root/b"), 1).await.expect("there")[0].injected);
    });
}

#[test]
fn x10_a_clean_end_has_its_record_too() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root").child(probe(&log, "a"))).await;
        sleep_ms(700).await;
        get(&root, "a").await.try_tell(End(ExitReason::Normal)).expect("sent");
        settle().await;
        let why = root.why(&path("/root/a"), 1).await.expect("there");
        assert_eq!((why[0].reason.clone(), why[0].mailbox_depth), (ExitReason::Normal, Some(0)));
        assert!(why[0].uptime_ms >= 700, "{why:?}");
    });
}

#[test]
fn an_observer_sees_a_supervisors_life_in_order() {
    struct Notes(Log);
    impl Observer for Notes {
        fn booting(&self, of: &AnyRef, _: Incarnation) {
            self.note(of, "booting");
        }
        fn child_started(&self, of: &AnyRef, _: Incarnation, child: &ActorPath, _: Incarnation) {
            self.note(of, &format!("started {}", child.name()));
        }
        fn child_exited(&self, of: &AnyRef, _: Incarnation, exit: &ChildExit) {
            self.note(of, &format!("exited {}", exit.path().name()));
        }
        fn exited(&self, of: &AnyRef, _: Incarnation, reason: &ExitReason) {
            self.note(of, &format!("ended {reason}"));
        }
    }
    impl Notes {
        fn note(&self, of: &AnyRef, text: &str) {
            self.0.add(format!("{} {text}", of.path().name()));
        }
    }
    paused(|node| async move {
        let (log, seen) = (Log::default(), Log::default());
        let inner =
            ChildSpec::supervisor(SupervisorSpec::one_for_one("inner").child(probe(&log, "a")));
        let tree = SupervisorSpec::one_for_one("root")
            .observer(Arc::new(Notes(seen.clone())))
            .child(inner);
        let root = start(&node, tree).await;
        root.stop(Duration::from_secs(5)).await;
        let want = [
            "root booting",
            "inner booting",
            "inner started a",
            "root started inner",
            "inner exited a",
            "inner ended shutdown",
            "root exited inner",
            "root ended shutdown",
        ];
        assert_eq!(seen.take(), want);
    });
}
