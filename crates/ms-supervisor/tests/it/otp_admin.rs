//! OTP's supervisor_SUITE: administration and counting.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use common::*;
use ms_core::{ExitReason, Restart};
use ms_policy::{CommandError, Counts};
use ms_supervisor::{ChildSpec, SupervisorSpec};

use crate::common;

const HOUR: Duration = Duration::from_secs(3600);

fn counts(specs: usize, active: usize, supervisors: usize, workers: usize) -> Counts {
    Counts { specs, active, supervisors, workers }
}

/// OTP: supervisor_SUITE:extra_return, supervisor_SUITE:simple_one_for_one_extra
#[test]
fn a5_what_a_start_hands_over_is_returned_by_start_and_restart_child_only() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root").intensity(9, HOUR)).await;
        let started = root.start_child(scripted(&log, "a", &["info"])).await.expect("starts");
        assert_eq!(started.info, Some("info".into()));
        // An automatic restart has nobody to tell.
        crash(&get(&root, "a").await).await;
        root.terminate_child(&id("a")).await.expect("there");
        let started = root.restart_child(&id("a")).await.expect("starts");
        assert_eq!(started.info, Some("info".into()));
        let pool =
            SupervisorSpec::dynamic("pool", scripted(&log, "w", &["info"])).intensity(9, HOUR);
        let pool = start(&node, pool).await;
        let started = pool.start_another().await.expect("starts");
        assert_eq!(started.info, Some("info".into()));
        crash(&started.typed::<Probe>().expect("a probe")).await;
        assert_eq!(pool.count_children().await.expect("answers"), counts(1, 1, 0, 1));
    });
}

/// OTP: supervisor_SUITE:child_adm
#[test]
fn g3_the_administration_of_one_child_from_start_to_end() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root")).await;
        let a = id("a");
        for error in [
            refused(root.terminate_child(&a).await),
            refused(root.restart_child(&a).await),
            refused(root.delete_child(&a).await),
            refused(root.get_childspec(&a).await),
        ] {
            assert_eq!(error, CommandError::NotFound);
        }
        root.start_child(probe(&log, "a")).await.expect("starts");
        assert_eq!(root.count_children().await.expect("answers"), counts(1, 1, 0, 1));
        assert!(matches!(
            refused(root.start_child(probe(&log, "a")).await),
            CommandError::AlreadyStarted { .. }
        ));
        assert_eq!(refused(root.restart_child(&a).await), CommandError::Running);
        assert_eq!(refused(root.delete_child(&a).await), CommandError::Running);
        root.terminate_child(&a).await.expect("there");
        assert_eq!(rows(&root).await, "a:down");
        assert_eq!(root.count_children().await.expect("answers"), counts(1, 0, 0, 1));
        root.terminate_child(&a).await.expect("also when it is down");
        assert_eq!(refused(root.start_child(probe(&log, "a")).await), CommandError::AlreadyPresent);
        root.restart_child(&a).await.expect("starts");
        root.terminate_child(&a).await.expect("there");
        root.delete_child(&a).await.expect("down");
        assert_eq!(root.count_children().await.expect("answers"), counts(0, 0, 0, 0));
        assert_eq!(log.take(), ["+a", "-a", "+a", "-a"]);
    });
}

/// OTP: supervisor_SUITE:child_adm_simple
#[test]
fn g5_calls_by_id_make_no_sense_for_a_dynamic_supervisor() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::dynamic("root", probe(&log, "w"))).await;
        root.start_another().await.expect("starts");
        for error in [
            refused(root.terminate_child(&id("w")).await),
            refused(root.restart_child(&id("w")).await),
            refused(root.delete_child(&id("w")).await),
            refused(root.start_child(probe(&log, "x")).await),
        ] {
            assert_eq!(error, CommandError::SimpleOneForOne);
        }
        root.terminate_dynamic(&path("/root/1")).await.expect("there");
        assert_eq!(refused(root.terminate_dynamic(&path("/root/1")).await), CommandError::NotFound);
        assert_eq!(root.count_children().await.expect("answers"), counts(1, 0, 0, 0));
    });
}

/// OTP: supervisor_SUITE:count_children, supervisor_SUITE:scale_start_stop_many_children
#[test]
fn g4_counts_follow_a_thousand_starts_and_ends() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root")).await;
        for n in 0..1000 {
            let child = probe(&log, &format!("c{n}")).restart(Restart::Temporary);
            root.start_child(child).await.expect("starts");
        }
        assert_eq!(root.count_children().await.expect("answers"), counts(1000, 1000, 0, 1000));
        for n in 0..500 {
            end(&get(&root, &format!("c{n}")).await, ExitReason::Normal).await;
        }
        assert_eq!(root.count_children().await.expect("answers"), counts(500, 500, 0, 500));
        root.stop(HOUR).await;
        assert_eq!(log.instances(), 0);
    });
}

/// OTP: supervisor_SUITE:count_children_supervisor
#[test]
fn g4_children_that_are_supervisors_are_counted_apart() {
    paused(|node| async move {
        let log = Log::default();
        let inner = |n: usize| ChildSpec::supervisor(SupervisorSpec::one_for_one(format!("s{n}")));
        let root = start(&node, SupervisorSpec::one_for_one("root").child(probe(&log, "w"))).await;
        for n in 0..5 {
            root.start_child(inner(n)).await.expect("starts");
        }
        assert_eq!(root.count_children().await.expect("answers"), counts(6, 6, 5, 1));
        root.terminate_child(&id("s3")).await.expect("there");
        assert_eq!(root.count_children().await.expect("answers"), counts(6, 5, 5, 1));
    });
}

/// OTP: supervisor_SUITE:do_not_save_start_parameters_for_temporary_children
#[test]
fn g2_the_factory_of_a_temporary_child_is_dropped_with_it() {
    paused(|node| async move {
        for tree in [
            SupervisorSpec::one_for_one("root"),
            SupervisorSpec::one_for_all("root"),
            SupervisorSpec::rest_for_one("root"),
        ] {
            let log = Log::default();
            let held = Arc::new(());
            let root = start(&node, tree.intensity(9, HOUR).child(probe(&log, "a"))).await;
            let (watched, inner) = (Arc::downgrade(&held), log.clone());
            let child = ChildSpec::try_actor("t", move |_| {
                let _ = &held;
                Ok(common::another_probe("t", &inner))
            });
            root.start_child(child.restart(Restart::Temporary)).await.expect("starts");
            end(&get(&root, "t").await, ExitReason::Normal).await;
            assert_eq!(rows(&root).await, "a:up");
            assert_eq!(watched.strong_count(), 0, "what it was started with is kept");
            root.stop(HOUR).await;
        }
    });
}

/// OTP: supervisor_SUITE:do_not_save_child_specs_for_temporary_children
#[test]
fn b2_the_spec_of_a_temporary_child_goes_with_it_however_it_ends() {
    paused(|node| async move {
        for tree in [
            SupervisorSpec::one_for_one("root"),
            SupervisorSpec::one_for_all("root"),
            SupervisorSpec::rest_for_one("root"),
        ] {
            let log = Log::default();
            let root = start(&node, tree.intensity(9, HOUR).child(probe(&log, "a"))).await;
            for kill in [false, true] {
                let child = probe(&log, "t").restart(Restart::Temporary);
                root.start_child(child).await.expect("starts");
                let probe = get(&root, "t").await;
                if kill {
                    probe.any().kill();
                    settle().await;
                } else {
                    crash(&probe).await;
                }
                assert_eq!(rows(&root).await, "a:up");
                assert_eq!(refused(root.restart_child(&id("t")).await), CommandError::NotFound);
            }
            root.stop(HOUR).await;
        }
    });
}
