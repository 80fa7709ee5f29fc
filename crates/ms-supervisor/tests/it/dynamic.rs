//! Dynamic supervisors, and supervised tasks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use common::*;
use ms_core::view::Lifecycle;
use ms_core::{ExitReason, Restart};
use ms_policy::CommandError;
use ms_supervisor::{ChildSpec, DynamicChild, SupervisorError, SupervisorSpec, Verb};

use crate::common;

const HOUR: Duration = Duration::from_secs(3600);

/// S2.2-09, S2.2-10, S2.2-13
#[test]
fn tasks_are_cancelled_with_their_supervisor_and_restarted_over_panics() {
    struct Cancelled(Arc<AtomicBool>);
    impl Drop for Cancelled {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    paused(|node| async move {
        let dropped = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&dropped);
        let endless = move || {
            let guard = Cancelled(Arc::clone(&flag));
            async move {
                let _guard = guard;
                std::future::pending::<()>().await;
                Ok::<(), std::io::Error>(())
            }
        };
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let panicking = move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                assert!(run > 1, "run {run}");
                std::future::pending::<Result<(), std::io::Error>>().await
            }
        };
        let short = Arc::new(AtomicU32::new(0));
        let ends = Arc::clone(&short);
        let permanent = move || {
            ends.fetch_add(1, Ordering::SeqCst);
            async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok::<(), std::io::Error>(())
            }
        };
        let tree = SupervisorSpec::one_for_one("root")
            .intensity(20, HOUR)
            .child(ChildSpec::task("endless", endless))
            .child(ChildSpec::task("panics", panicking))
            .child(ChildSpec::task("permanent", permanent));
        let root = start(&node, tree).await;
        sleep_ms(3_500).await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        assert_eq!(
            short.load(Ordering::SeqCst),
            4,
            "a permanent task is run again when it is done"
        );
        let why = root.why(&path("/root/panics"), 1).await.expect("there");
        assert_eq!(why[0].reason.panic().expect("a panic").message, "run 1");
        assert!(!dropped.load(Ordering::SeqCst));
        root.terminate_child(&id("endless")).await.expect("there");
        assert!(dropped.load(Ordering::SeqCst), "its future is dropped, not left to run");
        root.stop(HOUR).await;
    });
}

#[test]
fn x7_max_children_is_kept_over_restarts() {
    paused(|node| async move {
        let log = Log::default();
        let tree =
            SupervisorSpec::dynamic("root", probe(&log, "w")).max_children(3).intensity(100, HOUR);
        let root = start(&node, tree).await;
        for _ in 0..3 {
            root.start_another().await.expect("there is room");
        }
        for _ in 0..5 {
            root.steer(&path("/root/1"), Verb::Kill).await.expect("there");
            settle().await;
            let error = root.start_another().await.expect_err("full");
            assert!(matches!(
                error,
                SupervisorError::Command(CommandError::MaxChildren { limit: 3 })
            ));
        }
        root.terminate_dynamic(&path("/root/2")).await.expect("there");
        root.start_another().await.expect("there is room again");
    });
}

/// OTP: supervisor_SUITE:simple_one_for_one_scale_many_temporary_children
///
/// The work that it is, not the time that it takes: of this thread alone, whatever else the machine does.
#[test]
fn ten_thousand_dynamic_children_start_and_stop_with_linear_work() {
    /// Nanoseconds for which this thread has run.
    fn work() -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux kernel");
        text.split(' ').next().expect("a first figure").parse().expect("a number")
    }
    fn run(count: usize) -> u64 {
        paused(|node| async move {
            struct Idle;
            impl actix::Actor for Idle {
                type Context = ms_actor::Context<Self>;
            }
            let template = ChildSpec::actor("w", || Idle).restart(Restart::Temporary);
            let root = start(&node, SupervisorSpec::dynamic("root", template)).await;
            let before = work();
            for _ in 0..count {
                root.start_another().await.expect("starts");
            }
            assert_eq!(root.count_children().await.expect("answers").active, count);
            assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
            work() - before
        })
    }
    run(500);
    let (small, large) = (run(2_500), run(10_000));
    // Four times the children; sixteen times the work if each looked at all the others.
    assert!(large < small * 12, "{small} ns for 2,500, {large} ns for 10,000");
}

#[test]
fn dynamic_supervisors_of_supervisors() {
    paused(|node| async move {
        let log = Log::default();
        let template = ChildSpec::supervisor(SupervisorSpec::one_for_one("session"));
        let root = start(&node, SupervisorSpec::dynamic("root", template).intensity(5, HOUR)).await;
        for name in ["s1", "s2"] {
            let session = SupervisorSpec::one_for_one(name).child(probe(&log, "a"));
            root.start_dynamic(DynamicChild::supervisor(session)).await.expect("starts");
        }
        let twice = DynamicChild::supervisor(SupervisorSpec::one_for_one("s1"));
        let error = root.start_dynamic(twice).await.expect_err("present");
        assert!(matches!(error, SupervisorError::Command(CommandError::AlreadyStarted { .. })));
        root.steer(&path("/root/s1"), Verb::Kill).await.expect("there");
        settle().await;
        let tree = root.tree(None).await.expect("answers");
        assert_eq!(node_at(&tree, "/root/s1/a").status.lifecycle, Lifecycle::Running);
        assert_eq!(node_at(&tree, "/root/s2/a").status.lifecycle, Lifecycle::Running);
    });
}
