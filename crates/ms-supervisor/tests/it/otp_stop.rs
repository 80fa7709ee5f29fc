//! OTP's supervisor_SUITE: stopping.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::*;
use ms_actor::AnyRef;
use ms_core::{ExitReason, Restart, Shutdown, StopOrder};
use ms_supervisor::{Root, SupervisorSpec};

const HOUR: Duration = Duration::from_secs(3600);
const LIMIT: Duration = Duration::from_millis(300);

/// A dynamic supervisor of this template with three children.
async fn pool(node: &ms_actor::Node, template: ms_supervisor::ChildSpec) -> (Root, Vec<AnyRef>) {
    let root = start(node, SupervisorSpec::dynamic("root", template)).await;
    let mut children = Vec::new();
    for _ in 0..3 {
        children.extend(root.start_another().await.expect("starts").actor);
    }
    (root, children)
}

fn ends(children: &[AnyRef]) -> Vec<Option<ExitReason>> {
    children.iter().map(AnyRef::last_exit).collect()
}

/// OTP: supervisor_SUITE:sup_stop_timeout
#[test]
fn f1_a_child_that_takes_longer_than_its_time_is_killed_and_others_are_not() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .child(probe(&log, "obeys").shutdown(Shutdown::Timeout(LIMIT)))
            .child(stubborn_probe(&log, "hangs").shutdown(Shutdown::Timeout(LIMIT)));
        let root = start(&node, tree).await;
        let children = [root.child(&id("obeys")).await, root.child(&id("hangs")).await]
            .map(|c| c.unwrap().unwrap());
        let began = node.now();
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
        let took = node.now().since(began);
        assert!(took >= LIMIT && took < LIMIT * 2, "{took:?}");
        assert_eq!(ends(&children), [Some(ExitReason::Shutdown), Some(ExitReason::Killed)]);
    });
}

/// OTP: supervisor_SUITE:sup_stop_timeout_dynamic, supervisor_SUITE:simple_one_for_one_shutdown
#[test]
fn f6_dynamic_children_that_hang_have_one_time_together() {
    paused(|node| async move {
        let log = Log::default();
        let template = stubborn_probe(&log, "w").shutdown(Shutdown::Timeout(LIMIT));
        let (root, children) = pool(&node, template).await;
        let began = node.now();
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
        let took = node.now().since(began);
        assert!(took >= LIMIT && took < LIMIT * 2, "{took:?}");
        assert_eq!(ends(&children), vec![Some(ExitReason::Killed); 3]);
    });
}

/// A pool's stop takes as long as that of its slowest child, each with its own time.
#[test]
fn x19_children_that_are_stopped_together_do_not_wait_for_one_another() {
    paused(|node| async move {
        let log = Log::default();
        let pool = SupervisorSpec::one_for_one("root").stop_order(StopOrder::Together);
        let limits = [("a", LIMIT), ("b", LIMIT * 3), ("c", LIMIT * 2)];
        let pool = limits.iter().fold(pool, |pool, (name, limit)| {
            pool.child(stubborn_probe(&log, name).shutdown(Shutdown::Timeout(*limit)))
        });
        let root = start(&node, pool.child(probe(&log, "obeys"))).await;
        let mut children = Vec::new();
        for (name, _) in limits {
            children.extend(root.child(&id(name)).await.expect("answers"));
        }
        let began = node.now();
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
        let took = node.now().since(began);
        assert!(took >= LIMIT * 3 && took < LIMIT * 4, "{took:?}");
        assert_eq!(ends(&children), vec![Some(ExitReason::Killed); 3]);
    });
}

/// OTP: supervisor_SUITE:sup_stop_brutal_kill, supervisor_SUITE:sup_stop_brutal_kill_dynamic
#[test]
fn f1_brutal_kill_asks_nobody() {
    paused(|node| async move {
        let log = Log::default();
        let brutal = |name: &str| stubborn_probe(&log, name).shutdown(Shutdown::BrutalKill);
        let root = start(&node, SupervisorSpec::one_for_one("root").child(brutal("a"))).await;
        let child = root.child(&id("a")).await.unwrap().unwrap();
        let began = node.now();
        root.stop(HOUR).await;
        assert_eq!(child.last_exit(), Some(ExitReason::Killed));
        let (root, children) = pool(&node, brutal("w")).await;
        root.stop(HOUR).await;
        assert_eq!(ends(&children), vec![Some(ExitReason::Killed); 3]);
        assert!(node.now().since(began) < Duration::from_millis(20));
    });
}

/// OTP: supervisor_SUITE:sup_stop_non_shutdown_exit_dynamic
#[test]
fn f6_dynamic_children_that_end_otherwise_while_they_are_stopped_hold_nothing_up() {
    paused(|node| async move {
        let log = Log::default();
        let (root, children) = pool(&node, probe(&log, "w").restart(Restart::Transient)).await;
        for (child, reason) in children.iter().zip([
            ExitReason::Normal,
            ExitReason::failed("odd"),
            ExitReason::shutdown_with("odd"),
        ]) {
            let probe = child.typed::<Probe>().expect("a probe");
            probe.try_tell(End(reason)).expect("it lives");
        }
        assert_eq!(root.stop(HOUR).await, ExitReason::Shutdown);
        assert!(children.iter().all(|child| !child.is_alive()));
    });
}

/// OTP: supervisor_SUITE:child_unlink
#[test]
fn f3_a_supervisor_needs_no_link_to_notice_an_end() {
    paused(|node| async move {
        let log = Log::default();
        let root = start(&node, SupervisorSpec::one_for_one("root").child(probe(&log, "a"))).await;
        // There is no link that a child could cut: even a kill from outside is noticed.
        root.child(&id("a")).await.unwrap().unwrap().kill();
        let stopped = tokio::time::timeout(HOUR, root.terminate_child(&id("a"))).await;
        stopped.expect("it answers").expect("there");
        assert_eq!(rows(&root).await, "a:down");
    });
}

/// X15: what waits is handled, nothing new is taken.
#[test]
fn x15_a_draining_child_finishes_its_queue_and_refuses_more() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root").child(probe(&log, "a").drain());
        let root = start(&node, tree).await;
        let probe = get(&root, "a").await;
        let answers: Vec<_> = (0..5)
            .map(|_| {
                let ask = probe.ask(Add(1));
                tokio::task::spawn_local(ask)
            })
            .collect();
        tokio::task::yield_now().await;
        root.terminate_child(&id("a")).await.expect("there");
        for (n, answer) in (1..).zip(answers) {
            assert_eq!(answer.await.expect("polled to its end").expect("handled"), n);
        }
        assert!(probe.try_tell(Add(1)).is_err());
    });
}

/// X15: the shutdown time is the deadline of the drain.
#[test]
fn x15_a_drain_that_takes_too_long_is_cut_off() {
    paused(|node| async move {
        let log = Log::default();
        let spec = probe(&log, "a").drain().shutdown(Shutdown::Timeout(LIMIT));
        let root = start(&node, SupervisorSpec::one_for_one("root").child(spec)).await;
        let probe = get(&root, "a").await;
        probe.try_tell(Hang).expect("there is room");
        probe.try_tell(Add(1)).expect("there is room");
        settle().await;
        let began = node.now();
        root.terminate_child(&id("a")).await.expect("there");
        let took = node.now().since(began);
        assert!(took >= LIMIT && took < LIMIT * 2, "{took:?}");
        assert_eq!(probe.any().last_exit(), Some(ExitReason::Killed));
    });
}
