//! OTP's supervisor_SUITE: automatic shutdown.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::*;
use ms_core::AutoShutdown::{self, AllSignificant, AnySignificant};
use ms_core::Restart::{self, Temporary, Transient};
use ms_core::{ExitReason, Strategy};
use ms_supervisor::{ChildSpec, Root, SupervisorSpec};

const HOUR: Duration = Duration::from_secs(3600);

/// Two significant children `a` and `b`, and one that is not, all of one restart type.
async fn tree(node: &ms_actor::Node, auto: AutoShutdown, restart: Restart, log: &Log) -> Root {
    let child =
        |name: &str, significant| probe(log, name).restart(restart).significant(significant);
    let tree = SupervisorSpec::one_for_one("root")
        .intensity(9, HOUR)
        .auto_shutdown(auto)
        .child(child("a", true))
        .child(child("n", false))
        .child(child("b", true));
    start(node, tree).await
}

async fn is_up(root: &Root) -> bool {
    settle().await;
    root.count_children().await.is_ok()
}

/// OTP: supervisor_SUITE:nonsignificant_temporary, supervisor_SUITE:nonsignificant_transient
#[test]
fn h1_children_that_are_not_significant_end_nobody_else() {
    paused(|node| async move {
        for auto in [AnySignificant, AllSignificant] {
            for (restart, reason) in [
                (Temporary, ExitReason::Normal),
                (Temporary, ExitReason::failed("boom")),
                (Transient, ExitReason::Normal),
                (Transient, ExitReason::failed("boom")),
            ] {
                let log = Log::default();
                let root = tree(&node, auto, restart, &log).await;
                end(&get(&root, "n").await, reason).await;
                assert!(is_up(&root).await);
                root.stop(HOUR).await;
            }
        }
    });
}

/// Ends `a`, then `b`; says after which of them the supervisor was gone.
async fn ends_after(
    node: &ms_actor::Node,
    auto: AutoShutdown,
    restart: Restart,
    reason: ExitReason,
) -> Option<&'static str> {
    let log = Log::default();
    let root = tree(node, auto, restart, &log).await;
    for name in ["a", "b"] {
        end(&get(&root, name).await, reason.clone()).await;
        if !is_up(&root).await {
            assert_eq!(root.ended().await, ExitReason::Shutdown);
            assert_eq!(log.instances(), 0, "the rest was stopped");
            return Some(name);
        }
    }
    root.stop(HOUR).await;
    None
}

/// OTP: supervisor_SUITE:significant_temporary
#[test]
fn h2_any_end_of_a_significant_temporary_child_counts() {
    paused(|node| async move {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::failed("boom")] {
            let after = ends_after(&node, AnySignificant, Temporary, reason.clone()).await;
            assert_eq!(after, Some("a"));
            let after = ends_after(&node, AllSignificant, Temporary, reason).await;
            assert_eq!(after, Some("b"));
        }
    });
}

/// OTP: supervisor_SUITE:significant_transient
#[test]
fn h2_an_orderly_end_of_a_significant_transient_child_counts_and_a_crash_does_not() {
    paused(|node| async move {
        for reason in [ExitReason::Normal, ExitReason::Shutdown, ExitReason::shutdown_with("why")] {
            let after = ends_after(&node, AnySignificant, Transient, reason.clone()).await;
            assert_eq!(after, Some("a"));
            let after = ends_after(&node, AllSignificant, Transient, reason).await;
            assert_eq!(after, Some("b"));
        }
        for auto in [AnySignificant, AllSignificant] {
            let after = ends_after(&node, auto, Transient, ExitReason::failed("boom")).await;
            assert_eq!(after, None);
        }
    });
}

/// OTP: supervisor_SUITE:significant_simple
#[test]
fn h2_dynamic_children_may_be_significant() {
    paused(|node| async move {
        for (auto, last) in [(AnySignificant, "1"), (AllSignificant, "2")] {
            let log = Log::default();
            let template = probe(&log, "w").restart(Temporary).significant(true);
            let tree = SupervisorSpec::dynamic("root", template).auto_shutdown(auto);
            let root = start(&node, tree).await;
            for _ in 0..2 {
                root.start_another().await.expect("starts");
            }
            for name in ["1", "2"] {
                end(&get(&root, name).await, ExitReason::Normal).await;
                let gone = !is_up(&root).await;
                assert_eq!(gone, name == last, "{auto:?} after {name}");
                if gone {
                    break;
                }
            }
            assert_eq!(root.ended().await, ExitReason::Shutdown);
        }
    });
}

/// OTP: supervisor_SUITE:significant_bystander
#[test]
fn h1_significant_children_taken_down_by_a_group_do_not_count() {
    paused(|node| async move {
        for auto in [AnySignificant, AllSignificant] {
            for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
                let log = Log::default();
                let tree = match strategy {
                    Strategy::OneForAll => SupervisorSpec::one_for_all("root"),
                    _ => SupervisorSpec::rest_for_one("root"),
                };
                let tree = tree
                    .intensity(9, HOUR)
                    .auto_shutdown(auto)
                    .child(probe(&log, "p"))
                    .child(probe(&log, "t").restart(Temporary).significant(true))
                    .child(probe(&log, "r").restart(Transient).significant(true));
                let root = start(&node, tree).await;
                crash(&get(&root, "p").await).await;
                assert!(is_up(&root).await);
                assert_eq!(rows(&root).await, "p:up r:up");
                root.stop(HOUR).await;
            }
        }
    });
}

/// OTP: supervisor_SUITE:significant_escalation
#[test]
fn h3_a_significant_supervisor_takes_its_own_supervisor_along() {
    paused(|node| async move {
        let log = Log::default();
        let inner = SupervisorSpec::one_for_one("inner")
            .auto_shutdown(AnySignificant)
            .child(probe(&log, "x").restart(Transient).significant(true))
            .child(probe(&log, "y"));
        let tree = SupervisorSpec::one_for_one("root")
            .auto_shutdown(AnySignificant)
            .child(probe(&log, "a"))
            .child(ChildSpec::supervisor(inner).restart(Transient).significant(true));
        let root = start(&node, tree).await;
        let inner = root.supervisor("inner").await.expect("there");
        end(&inner.get::<Probe>("x").await.expect("there"), ExitReason::Normal).await;
        assert_eq!(root.ended().await, ExitReason::Shutdown);
        assert_eq!(log.take(), ["+a", "+x", "+y", "-x", "-y", "-a"]);
    });
}
