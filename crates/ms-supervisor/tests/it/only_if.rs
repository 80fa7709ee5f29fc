//! Supervisors that are not started until they are wanted.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{id, paused, settle, start};
use ms_core::{ExitReason, Incarnation};
use ms_supervisor::{ChildSpec, SupervisorSpec};

#[test]
fn a_supervisor_with_a_gate_keeps_its_place_and_starts_when_it_is_wanted() {
    paused(|node| async move {
        let (wanted, inits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (gate, count) = (wanted.clone(), inits.clone());
        let later = SupervisorSpec::one_for_one("later")
            .init(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            })
            .only_if(move || gate.load(Ordering::Relaxed));
        let tree = SupervisorSpec::one_for_one("root").child(ChildSpec::supervisor(later));
        let root = start(&node, tree).await;
        let alive = async || {
            let child = root.child(&id("later")).await.expect("answers");
            child.is_some_and(|child| child.is_alive())
        };
        assert!(!alive().await);
        assert_eq!(root.restart_child(&id("later")).await.expect("ignored").actor, None);
        assert_eq!(inits.load(Ordering::Relaxed), 0, "its own init is not asked before");
        wanted.store(true, Ordering::Relaxed);
        root.restart_child(&id("later")).await.expect("starts");
        assert!(alive().await);
        assert_eq!(inits.load(Ordering::Relaxed), 1);
        let child = root.child(&id("later")).await.expect("answers").expect("there");
        assert_eq!(child.incarnation(), Incarnation(1), "two starts that were not wanted are none");
        child.kill();
        settle().await;
        assert_eq!(child.incarnation(), Incarnation(2));
        let why = root.why_children(None, 8).await.expect("answers");
        let why: Vec<_> = why.iter().map(|record| (record.incarnation, &record.reason)).collect();
        assert_eq!(why, [(Incarnation(1), &ExitReason::Killed)]);
    });
}
