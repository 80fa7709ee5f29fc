//! The way of a task, end to end, over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use common::{Http, Place, id_of, until};
use ms_control::proto::Verb;
use ms_core::Incarnation;
use ms_core::view::Lifecycle;
use serde_json::{Value, json};

fn ended(http: &mut Http, id: &str) -> Value {
    until("the end of the task", || {
        let view = http.get(&format!("/api/v1/tasks/{id}")).json();
        let state = view["state"].as_str().unwrap().to_owned();
        let over = ["completed", "failed", "dead", "cancelled"].contains(&state.as_str());
        over.then_some(view)
    })
}

/// S6.3-01, S6.3-02, S6.3-03, S6.3-04, S6.3-05, S7.2-07: 201 with the bare id, an agent's
/// path, completed, the result.
#[test]
fn a_posted_task_is_assigned_completed_and_its_result_is_there() {
    let place = Place::new();
    let mut server = place.start();
    let mut http = server.http();
    let reply = http.post("/api/v1/tasks", r#"{"kind":"echo","payload":{"n":1}}"#);
    let id = id_of(&reply);
    assert!(reply.head.contains(&format!("location: /api/v1/tasks/{id}\r\n")), "{reply:?}");

    let view = ended(&mut http, &id);
    assert_eq!(view["state"], "completed", "{view}");
    assert_eq!(view["attempts"], 1);
    let agent = view["assigned_agent"].as_str().expect("an agent");
    assert!(agent.starts_with("/root/components/application/tasks/echo/echo-"), "{agent}");
    let result = http.get(&format!("/api/v1/tasks/{id}/result")).json();
    assert_eq!((&result["success"], &result["output"]), (&json!(true), &json!({"n": 1})));

    let audit = json!({"kind": "audit", "payload": {"source": "fn f() { None::<u8>.unwrap(); }"}});
    let id = id_of(&http.post("/api/v1/tasks", &audit.to_string()));
    ended(&mut http, &id);
    let result = http.get(&format!("/api/v1/tasks/{id}/result")).json();
    assert_eq!(result["output"]["unwraps"], 1, "{result}");
    assert_eq!(server.stop(), 0);
}

/// S6.3-06: the agent is killed while it works on a task; another attempt completes it.
#[test]
fn a_task_whose_agent_is_killed_is_completed_by_another_attempt() {
    let place = Place::new();
    let server = place.start();
    let mut http = server.http();
    // Long enough to be hit. It ends early only because its first steps are in the journal.
    let body = r#"{"kind":"wait","payload":{"ms":50,"steps":10}}"#;
    let id = id_of(&http.post("/api/v1/tasks", body));
    let agent = until("it runs", || {
        let view = http.get(&format!("/api/v1/tasks/{id}")).json();
        let runs = view["state"] == "running";
        runs.then(|| view["assigned_agent"].as_str().expect("an agent").to_owned())
    });
    server.steer(&agent, Verb::Kill);
    let view = ended(&mut http, &id);
    assert_eq!(view["state"], "completed", "{view}");
    let more = view["attempts"].as_u64().unwrap() + view["interruptions"].as_u64().unwrap();
    assert!(more >= 2, "killed, and yet at the first attempt: {view}");
    assert_eq!(http.get(&format!("/api/v1/tasks/{id}/result")).json()["output"], 10);
}

/// S1.3-01, S4.1-10, S4.1-11, S7.1-05: every component is in the tree; its root gives up with code 102, after
/// its children have stopped in reverse order.
#[test]
fn the_tree_has_every_component_and_a_root_that_gives_up_ends_with_102() {
    let place = Place::new().set("core.supervision.max_restarts=1");
    let mut server = place.start();
    let paths = common::paths(&server.tree());
    for child in ["lifecycle", "health", "integration", "emergency", "cleanup", "components"] {
        assert!(paths.contains(&format!("/root/{child}")), "{child} not in {paths:?}");
    }
    for component in ["configuration", "database", "application", "transport"] {
        assert!(paths.contains(&format!("/root/components/{component}")), "{component}: {paths:?}");
    }
    let same = server.get("/api/v1/tree").json();
    assert_eq!(same["tree"]["status"]["path"], "/root");

    // One restart is granted, the second within the window is one too many.
    server.steer("/root/components", Verb::Kill);
    until("all components to be back", || {
        let tree = server.tree();
        let components = tree.walk().find(|node| node.status.path.name() == "components")?;
        let mut again = components.walk().map(|node| &node.status);
        let back =
            again.all(|is| is.incarnation > Incarnation(1) && is.lifecycle == Lifecycle::Running);
        (back && components.children.len() > 3).then_some(())
    });
    // The answer may be lost with the process.
    drop(server.try_steer("/root/components", Verb::Kill));
    assert_eq!(server.exit(), 102, "{}", server.log.text());
    assert!(server.log.has("supervisor gives up supervisor=/root "), "{}", server.log.text());
}
