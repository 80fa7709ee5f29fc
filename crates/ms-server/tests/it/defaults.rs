//! Agents and probes under the defaults of the configuration.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use common::{Place, Server, id_of, msctl, until};
use ms_core::view::Lifecycle;
use serde_json::{Value, json};

/// Returns the number of running agents of a kind.
fn agents(server: &Server, kind: &str) -> usize {
    let pool = format!("/root/components/application/tasks/{kind}/{kind}-");
    let tree = server.tree();
    tree.walk()
        .filter(|node| node.status.path.as_str().starts_with(&pool))
        .filter(|node| node.status.lifecycle == Lifecycle::Running)
        .count()
}

/// Returns the entry of a key in `msctl config show`.
fn setting(place: &Place, key: &str) -> Value {
    let mut command = msctl();
    let out = command.args(["config", "show", "--json"]).arg(place.config()).output();
    let out = out.expect("msctl runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let found: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    found["data"][key].clone()
}

/// S6.2-02: a kind of agents has a configuration, and every key of it has a default. Without settings
/// a server has the default number of agents of each kind, and a task that names only its kind is done
/// by one of them with the default queue, priority and attempts. Settings replace the defaults.
#[test]
fn agents_of_a_kind_are_built_of_defaults_and_do_tasks_that_say_nothing() {
    let place = Place::new();
    let server = place.start();
    let default = setting(&place, "tasks.agents");
    assert_eq!(default["origin"], "default", "{default}");
    let wanted = usize::try_from(default["value"].as_u64().unwrap()).unwrap();
    for kind in ["echo", "wait", "audit"] {
        until("all agents of the kind", || (agents(&server, kind) == wanted).then_some(()));
    }
    let id = id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":{"n":1}}"#));
    let view = until("its end", || {
        let view = server.get(&format!("/api/v1/tasks/{id}")).json();
        (view["state"] == "completed").then_some(view)
    });
    assert_eq!((&view["queue"], &view["priority"]), (&json!("default"), &json!(0)), "{view}");
    let by = view["assigned_agent"].as_str().unwrap();
    assert!(by.starts_with("/root/components/application/tasks/echo/echo-"), "{view}");

    let place = Place::new();
    place.write_config("tasks.agents = 3\n");
    let server = place.start();
    assert_eq!(setting(&place, "tasks.agents")["value"], 3);
    for kind in ["echo", "wait", "audit"] {
        until("three agents of the kind", || (agents(&server, kind) == 3).then_some(()));
    }
}

/// S7.1-17: without settings a server checks its liveness every 10 s, waits 5 s for an answer, and is
/// not alive after the third failure. `msctl` and the server report these values, and those that are
/// set instead.
#[test]
fn a_server_without_settings_has_the_liveness_probe_of_the_requirements() {
    let liveness = |server: &Server| {
        let path = "/root/health".parse().expect("a path");
        let state = server.control(async |client| client.state(path).await).expect("it answers");
        state.state["probes"]["liveness"].clone()
    };
    let place = Place::new();
    let server = place.start();
    for (key, value) in
        [("period", json!("10s")), ("timeout", json!("5s")), ("failure_threshold", json!(3))]
    {
        let found = setting(&place, &format!("components.health_checks.liveness_probe.{key}"));
        assert_eq!((&found["value"], &found["origin"]), (&value, &json!("default")), "{found}");
        assert_eq!(liveness(&server)[key], value);
    }
    let place = Place::new()
        .set("components.health_checks.liveness_probe.period=9s")
        .set("components.health_checks.liveness_probe.failure_threshold=4");
    let set = liveness(&place.start());
    assert_eq!((&set["period"], &set["failure_threshold"]), (&json!("9s"), &json!(4)), "{set}");
}
