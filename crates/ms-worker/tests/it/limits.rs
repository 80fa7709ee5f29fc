//! Times at the ends of what a caller can say: "no limit", and none at all.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::{Order, SOON, order, run, start};
use ms_core::task::{NewTask, TaskState};
use ms_store::{StoreConfig, sqlite};
use ms_supervisor::{StartRootError, SupervisorSpec, start_root};
use ms_worker::tasks::Tasks;

/// `Duration::MAX` as lease, attempt, wait, and the longest period of a pool's restarts.
#[test]
fn x33_no_limit_is_no_fault_for_tasks() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let adjust = |tasks: Tasks| {
            let tasks = tasks.lease(Duration::MAX).attempt(Duration::MAX);
            tasks.pool_intensity(5, Duration::from_secs(u64::MAX))
        };
        let system = start(&node, dir.path(), 1, vec![], adjust).await;
        let id = system.submit(order(&Order::Echo(7))).await;
        let ended = tokio::time::timeout(SOON, system.client.ended(id, Duration::MAX)).await;
        let view = ended.expect("in time").expect("ends");
        assert_eq!((view.state, view.attempts), (TaskState::Completed, 1));
        // A crash is counted in that period, and the task is tried again.
        let poison = NewTask { payload: serde_json::json!("panic"), ..order(&Order::Panic) };
        let id = system.submit(poison).await;
        let ended = tokio::time::timeout(SOON, system.client.ended(id, Duration::MAX)).await;
        assert_eq!(ended.expect("in time").expect("ends").state, TaskState::Dead);
        system.stop().await;
    });
}

/// A lease that is over before anybody could begin would give and take back tasks for ever.
#[test]
fn x32_a_lease_of_nothing_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, child) = sqlite("store", StoreConfig::new(dir.path().join("tasks.db")));
        let tasks = Tasks::new("tasks", store).lease(Duration::ZERO);
        let tree = SupervisorSpec::one_for_one("root").child(child).child(tasks.child());
        let error = start_root(&node, tree).await.expect_err("refused");
        assert!(matches!(error, StartRootError::Failed(_)), "{error}");
        assert!(error.to_string().contains("the lease must be at least 10 ms"), "{error}");
    });
}
