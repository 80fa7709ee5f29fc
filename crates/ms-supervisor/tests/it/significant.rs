//! Significant children, and the automatic shutdown of their supervisor.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use common::*;
use ms_core::{AutoShutdown, ExitReason, Restart};
use ms_policy::CommandError;
use ms_supervisor::{ChildSpec, StartRootError, SupervisorError, SupervisorSpec, start_root};

use crate::common;

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn h1_only_the_own_end_of_a_significant_child_ends_the_supervisor() {
    paused(|node| async move {
        let log = Log::default();
        let tree = SupervisorSpec::one_for_one("root")
            .auto_shutdown(AutoShutdown::AnySignificant)
            .intensity(5, HOUR)
            .child(probe(&log, "a").restart(Restart::Transient).significant(true))
            .child(probe(&log, "b").restart(Restart::Transient));
        let root = start(&node, tree).await;
        get(&root, "b").await.try_tell(End(ExitReason::Normal)).expect("sent");
        root.terminate_child(&id("a")).await.expect("there");
        root.restart_child(&id("a")).await.expect("starts");
        crash(&get(&root, "a").await).await;
        assert!(get(&root, "a").await.is_alive(), "none of these");
        get(&root, "a").await.try_tell(End(ExitReason::Normal)).expect("sent");
        assert_eq!(root.ended().await, ExitReason::Shutdown);
    });
}

#[test]
fn h3_automatic_shutdown_nests() {
    paused(|node| async move {
        let log = Log::default();
        let worker = probe(&log, "a").restart(Restart::Transient).significant(true);
        let inner = SupervisorSpec::one_for_one("inner")
            .auto_shutdown(AutoShutdown::AnySignificant)
            .child(worker);
        let inner = ChildSpec::supervisor(inner).restart(Restart::Transient).significant(true);
        let tree = SupervisorSpec::one_for_one("root")
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(inner);
        let root = start(&node, tree.child(probe(&log, "b"))).await;
        let a = root
            .find(&path("/root/inner/a"))
            .await
            .expect("there")
            .typed::<Probe>()
            .expect("a probe");
        log.take();
        a.try_tell(End(ExitReason::Normal)).expect("sent");
        assert_eq!(root.ended().await, ExitReason::Shutdown);
        assert_eq!(log.take(), ["-a", "-b"]);
    });
}

#[test]
fn h4_a_significant_child_needs_a_supervisor_that_minds() {
    paused(|node| async move {
        let log = Log::default();
        let careless = SupervisorSpec::one_for_one("root");
        let significant = probe(&log, "a").restart(Restart::Transient).significant(true);
        let error = start_root(&node, careless.clone().child(significant.clone()))
            .await
            .expect_err("refused");
        assert!(matches!(error, StartRootError::Spec(_)), "{error}");
        let root = start(&node, careless).await;
        let error = root.start_child(significant).await.expect_err("refused");
        assert!(matches!(error, SupervisorError::Command(CommandError::InvalidSpec(_))), "{error}");
        let permanent =
            SupervisorSpec::one_for_one("other").auto_shutdown(AutoShutdown::AnySignificant);
        let error =
            permanent.child(probe(&log, "p").significant(true)).check().expect_err("refused");
        assert!(matches!(error, StartRootError::Spec(_)), "{error}");
        assert!(log.take().is_empty(), "nothing was started");
    });
}
