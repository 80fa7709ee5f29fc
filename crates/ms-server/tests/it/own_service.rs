//! A program's own service: queues and budgets, set in code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use common::{Http, Place, end_own, id_of, own_options, until};
use ms_core::budget::Budget;
use ms_core::task::QueueName;
use ms_core::view::{Lifecycle, TreeNode};
use ms_server::Server;
use ms_server::agents::{Echo, Wait};
use ms_task::QueueSpec;
use ms_testkit::child;
use ms_testkit::child::OwnTest;
use serde_json::Value;

use crate::common;

/// The path of the agents, up to their kind.
const ECHO: &str = "/root/components/application/tasks/echo";

/// The part of the child process.
fn serve(_: &str) {
    let slow = QueueName::new("slow").unwrap();
    let server = Server::new("own")
        .queue(QueueSpec { concurrency: 1, ..QueueSpec::new(slow) })
        .budget(ECHO, Budget::new().messages(2))
        .agents::<Echo>("echo", ())
        .agents::<Wait>("wait", ());
    end_own(server.run(&own_options()));
}

fn start(own: &OwnTest) -> (Place, common::Server) {
    let place = Place::new();
    place.write_config("tasks.agents = 4\n");
    let server = place.launch_own(own);
    server.started();
    (place, server)
}

fn states(http: &mut Http, filter: &str) -> Vec<String> {
    let page = http.get(&format!("/api/v1/tasks?{filter}")).json();
    let tasks = page["tasks"].as_array().unwrap_or_else(|| panic!("{page}"));
    tasks.iter().map(|task: &Value| task["state"].as_str().expect("a state").to_owned()).collect()
}

/// A queue's limit holds its own tasks back and nobody else's.
#[test]
fn a_queue_has_no_more_tasks_in_hand_than_it_permits() {
    child::split(a_queue_has_no_more_tasks_in_hand_than_it_permits, serve, |own| {
        let (_place, mut server) = start(own);
        let mut http = server.http();
        for _ in 0..3 {
            let body = r#"{"kind":"wait","queue":"slow","payload":{"ms":60000}}"#;
            id_of(&http.post("/api/v1/tasks", body));
        }
        let other = id_of(&http.post("/api/v1/tasks", r#"{"kind":"wait","payload":{"ms":60000}}"#));
        until("the task of the other queue to run", || {
            let view = http.get(&format!("/api/v1/tasks/{other}")).json();
            (view["state"] == "running").then_some(())
        });
        let mut slow = until("one of the slow to run", || {
            let states = states(&mut http, "queue=slow");
            states.iter().any(|state| state == "running").then_some(states)
        });
        slow.sort();
        assert_eq!(slow, ["pending", "pending", "running"]);
        assert_eq!(server.stop(), 0);
    });
}

fn suspended(node: &TreeNode) -> bool {
    let path = node.status.path.to_string();
    (path.starts_with(ECHO) && node.status.lifecycle == Lifecycle::Suspended)
        || node.children.iter().any(suspended)
}

/// Over budget the agents are suspended, and their tasks wait without losing attempts.
#[test]
fn agents_over_their_budget_are_suspended_and_their_tasks_wait() {
    child::split(agents_over_their_budget_are_suspended_and_their_tasks_wait, serve, |own| {
        let (_place, mut server) = start(own);
        let mut http = server.http();
        for _ in 0..20 {
            id_of(&http.post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
        }
        until("the suspension", || suspended(&server.tree()).then_some(()));
        let echoed = states(&mut http, "kind=echo");
        let completed = echoed.iter().filter(|state| *state == "completed").count();
        // Messages in work may exceed the limit: one for each of the four agents.
        assert!((1..=6).contains(&completed), "{echoed:?}");
        let failed = echoed.iter().any(|state| state == "failed" || state == "dead");
        assert!(!failed, "{echoed:?}");
        assert_eq!(server.stop(), 0);
    });
}
