//! Values at the end of what their types hold.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::time::Duration;

use common::{Order, order, run, start};
use ms_core::task::{AgentKind, NewTask, Retry, TaskFailure, TaskState};
use ms_store::{StoreConfig, sqlite};
use ms_supervisor::{SupervisorSpec, start_root};
use ms_worker::tasks::{Performs, Task, TaskCx, Tasks};
use ms_worker::{Agent, Cx, InitError};
use serde_json::json;

#[test]
fn durations_without_end_are_no_limits() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let fleet = start(&node, dir.path(), 2, vec![], |tasks| {
            tasks.lease(Duration::MAX).attempt(Duration::MAX).pool_intensity(10, Duration::MAX)
        })
        .await;
        let id = fleet.submit(order(&Order::FailTimes(1))).await;
        let view = fleet.client.ended(id, Duration::MAX).await.expect("ends");
        assert_eq!((view.state, view.attempts), (TaskState::Completed, 2));
        let id = fleet.submit(order(&Order::Panic)).await;
        assert_eq!(fleet.ended(id).await.state, TaskState::Dead);
        fleet.stop().await;
    });
}

/// The mean of nothing, kept in three ways.
struct Average;

impl Agent for Average {
    type Args = ();
    async fn init((): (), _: &mut Cx<Self>) -> Result<Self, InitError> {
        Ok(Self)
    }
}

impl Performs for Average {
    type Payload = String;
    type Output = (u8, f64);

    async fn perform(
        &mut self,
        task: Task<String>,
        cx: &mut TaskCx<'_, Self>,
    ) -> Result<(u8, f64), TaskFailure> {
        let mean = match task.payload.as_str() {
            "step" => cx.step("mean", async || Ok([f64::NAN])).await?[0],
            "checkpoint" => {
                cx.checkpoint(&json!({}).as_object().map(|_| f64::INFINITY)).await?;
                0.0
            }
            _ => f64::NEG_INFINITY,
        };
        Ok((1, mean))
    }
}

#[test]
fn t21_what_json_cannot_say_fails_the_task_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    run(|node| async move {
        let (store, child) = sqlite("store", StoreConfig::new(dir.path().join("tasks.db")));
        let tasks = Tasks::new("tasks", store).pool::<Average>("average", 1, ()).unwrap();
        let tree = SupervisorSpec::one_for_one("root").child(child).child(tasks.child());
        let root = start_root(&node, tree).await.expect("starts");
        let client = tasks.client();
        for (payload, said) in [
            ("step", "the result of the step \"mean\" cannot be kept: $[0] is NaN"),
            ("checkpoint", "the checkpoint cannot be kept: $ is inf"),
            ("result", "the result cannot be kept: $[1] is -inf"),
        ] {
            let retry = Retry { backoff_min_ms: 1, backoff_max_ms: 1, ..Retry::default() };
            let new = NewTask::new(AgentKind::new("average").unwrap(), payload.into());
            let id = client.submit(NewTask { retry, ..new }).await.unwrap().view.id;
            let view = client.ended(id, common::SOON).await.unwrap();
            assert_eq!((view.state, view.attempts), (TaskState::Failed, 1), "{payload}");
            let failure = view.failure.expect("said").to_string();
            assert!(failure.starts_with(said), "{failure}");
        }
        root.stop(common::SOON).await;
    });
}
