//! Starting, terminating, restarting and deleting children of a running supervisor.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::*;
use ms_actor::{AskFailure, SendFailure, StartError};
use ms_core::view::Lifecycle;
use ms_core::{ExitReason, Restart, Shutdown, Strategy};
use ms_policy::{CommandError, PidRef};
use ms_supervisor::{ChildSpec, StartRootError, SupervisorError, SupervisorSpec, Verb, start_root};

use crate::common;

const HOUR: Duration = Duration::from_secs(3600);

/// OTP: supervisor_SUITE:sup_start_restart_child_returns_error
#[test]
fn e6_a_failed_restart_child_is_the_callers_and_counts_nothing() {
    paused(|node| async move {
        let failures = Arc::new(AtomicU32::new(0));
        let tree =
            SupervisorSpec::one_for_one("root").intensity(0, HOUR).child(flaky("a", &failures));
        let root = start(&node, tree).await;
        root.terminate_child(&id("a")).await.expect("there");
        failures.store(3, Ordering::SeqCst);
        for _ in 0..3 {
            let error = root.restart_child(&id("a")).await.expect_err("fails");
            let SupervisorError::Command(CommandError::StartFailed { reason }) = error else {
                panic!("{error}")
            };
            assert_eq!(reason, ExitReason::failed("not yet"));
        }
        let started = root.restart_child(&id("a")).await.expect("starts");
        assert_eq!(started.incarnation, started.actor.expect("runs").incarnation());
    });
}

#[test]
fn a5_what_a_start_hands_over_reaches_the_caller_of_start_child() {
    struct Teller;
    impl actix::Actor for Teller {
        type Context = ms_actor::Context<Self>;
        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.set_start_info(7_u64);
        }
    }
    paused(|node| async move {
        let root = start(&node, SupervisorSpec::one_for_one("root")).await;
        let started = root.start_child(ChildSpec::actor("a", || Teller)).await.expect("starts");
        assert_eq!(started.info, Some(7_u64.into()));
        let silent = root.start_child(ChildSpec::actor("b", || Legacy)).await.expect("starts");
        assert_eq!(silent.info, None);
        let inner = SupervisorSpec::one_for_one("c").init(|_| Ok(Some("hello".into())));
        let started = root.start_child(ChildSpec::supervisor(inner)).await.expect("starts");
        assert_eq!(started.info, Some("hello".into()));
    });
}

/// OTP: supervisor_SUITE:sup_start_map
#[test]
fn a6_defaults_are_otps() {
    paused(|node| async move {
        let tree = SupervisorSpec::one_for_one("root")
            .child(ChildSpec::actor("w", || Legacy))
            .child(ChildSpec::supervisor(SupervisorSpec::one_for_all("s")));
        let root = start(&node, tree).await;
        let worker = root.get_childspec(&id("w")).await.expect("there").policy;
        assert_eq!(
            (worker.restart, worker.shutdown),
            (Restart::Permanent, Shutdown::Timeout(Duration::from_secs(5)))
        );
        assert!(!worker.significant && worker.backoff.is_none());
        let supervisor = root.get_childspec(&id("s")).await.expect("there").policy;
        assert_eq!(
            (supervisor.restart, supervisor.shutdown),
            (Restart::Permanent, Shutdown::Infinity)
        );
        let view = root.tree(Some(0)).await.expect("answers").supervisor.expect("one");
        assert_eq!((view.strategy, view.intensity.max_restarts), (Strategy::OneForOne, 1));
        assert_eq!(view.intensity.period, Duration::from_secs(5));
    });
}

/// OTP: supervisor_SUITE:sup_start_ignore_init, supervisor_SUITE:sup_start_error_return
#[test]
fn a7_a_supervisors_init_may_refuse_or_ignore() {
    paused(|node| async move {
        let refusing = SupervisorSpec::one_for_one("root")
            .init(|_| Err(StartError::Failed(ExitReason::failed("no disk"))));
        let error = start_root(&node, refusing).await.expect_err("refused");
        assert!(
            matches!(&error, StartRootError::Failed(reason) if reason.to_string().contains("no disk")),
            "{error}"
        );
        let shy = ChildSpec::supervisor(
            SupervisorSpec::one_for_one("shy").init(|_| Err(StartError::Ignore)),
        );
        let root = start(&node, SupervisorSpec::one_for_one("root").child(shy)).await;
        assert_eq!(root.which_children().await.expect("answers")[0].child, PidRef::Undefined);
    });
}

#[test]
fn a7_a_stranger_cannot_end_a_supervisor_but_by_a_kill() {
    paused(|node| async move {
        let root = start(&node, SupervisorSpec::one_for_one("root")).await;
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::failed("boom")] {
            root.any().exit(reason);
            settle().await;
        }
        assert!(root.count_children().await.is_ok());
        root.any().kill();
        assert_eq!(root.ended().await, ExitReason::Killed);
    });
}

#[test]
fn g2_terminate_child_keeps_the_spec_but_of_temporary_children() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(probe(&log, "a"))
            .child(probe(&log, "t").restart(Restart::Temporary));
        let root = start(&node, tree).await;
        for _ in 0..2 {
            root.terminate_child(&id("a")).await.expect("also when it is stopped");
        }
        root.terminate_child(&id("t")).await.expect("there");
        let again = root.terminate_child(&id("t")).await.expect_err("dropped");
        assert!(matches!(again, SupervisorError::Command(CommandError::NotFound)));
        assert_eq!(root.count_children().await.expect("answers").specs, 1);
        assert_eq!(
            root.tree(Some(0)).await.expect("answers").supervisor.expect("one").restarts_in_window,
            0
        );
    });
}

#[test]
fn g3_restart_and_delete_refuse_what_runs_or_is_not_there() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root").child(probe(&log, "a"))).await;
        let running = |error| matches!(error, SupervisorError::Command(CommandError::Running));
        let missing = |error| matches!(error, SupervisorError::Command(CommandError::NotFound));
        assert!(running(root.restart_child(&id("a")).await.expect_err("runs")));
        assert!(running(root.delete_child(&id("a")).await.expect_err("runs")));
        assert!(missing(root.restart_child(&id("b")).await.expect_err("not there")));
        assert!(missing(root.delete_child(&id("b")).await.expect_err("not there")));
        assert!(missing(root.get_childspec(&id("b")).await.expect_err("not there")));
        root.terminate_child(&id("a")).await.expect("there");
        root.delete_child(&id("a")).await.expect("stopped");
        assert!(missing(root.restart_child(&id("a")).await.expect_err("deleted")));
    });
}

#[test]
fn g6_children_added_at_run_time_vanish_with_the_supervisors_life() {
    paused(|node| async move {
        let log = Log::default();
        let inner = SupervisorSpec::one_for_one("inner").child(probe(&log, "kept"));
        let root =
            start(&node, SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(inner)))
                .await;
        let inner = root.supervisor("inner").await.expect("there");
        let added = inner
            .start_child(probe(&log, "added"))
            .await
            .expect("starts")
            .typed::<Probe>()
            .expect("a probe");
        root.steer(&path("/root/inner"), Verb::Kill).await.expect("there");
        settle().await;
        assert_eq!(inner.count_children().await.expect("answers").specs, 1);
        let refused = added.ask(Add(1)).await.expect_err("gone for good");
        assert!(
            matches!(refused.failure, AskFailure::NotSent(SendFailure::Closed { .. })),
            "{refused}"
        );
    });
}

#[test]
fn g7_a_call_to_a_supervisor_that_starts_a_child_waits_but_looking_does_not() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root")).await;
        let slow = slow_probe(&log, "slow", Duration::from_secs(20));
        let starting = actix::spawn({
            let root = root.as_supervisor().clone();
            async move { root.start_child(slow).await.map(drop) }
        });
        settle().await;
        let began = node.now();
        let tree = root.tree(None).await.expect("answers");
        assert_eq!(node_at(&tree, "/root/slow").status.lifecycle, Lifecycle::Starting);
        assert!(root.child(&id("slow")).await.expect("answers").is_some());
        assert!(node.now().since(began) < Duration::from_millis(100));
        assert_eq!(root.count_children().await.expect("answers").active, 1);
        assert!(node.now().since(began) > Duration::from_secs(19), "the call waited for the start");
        starting.await.expect("ends").expect("starts");
    });
}
