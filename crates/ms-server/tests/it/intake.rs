//! A payload that its kind does not accept is refused at submission, with the field that is wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::{common, tally};

use common::{Place, Server, id_of, msctl, until};
use ms_control::Client;
use serde_json::{Value, json};

/// `None` between two lives.
fn try_state(server: &Server, path: &str) -> Option<Value> {
    let path = path.parse().expect("a path");
    server.control(async |client: &mut Client| client.state(path).await).ok().map(|seen| seen.state)
}

fn state(server: &Server, path: &str) -> Value {
    until("its state", || try_state(server, path))
}

/// S2.3-06, S2.3-07: a payload that does not fit the type of a contract's input, that the contract
/// finds invalid, or that an agent's own check refuses never becomes a task. The field is named, and
/// nothing is stored.
#[test]
fn a_bad_payload_is_refused_at_the_submission_naming_the_field() {
    let server = tally::place().start();
    let mut http = server.http();
    for (kind, payload, at) in [
        ("audit", json!({}), "payload"),
        ("audit", json!({ "source": 7 }), "payload.source"),
        ("audit", json!({ "source": "" }), "payload.source"),
        ("audit", json!(["fn f() {}"]), "payload"),
        ("wait", json!({ "ms": "long" }), "payload.ms"),
        ("wait", json!({ "ms": 1, "steps": 0 }), "payload.steps"),
        ("tally", json!({ "name": "", "add": 1 }), "payload.name"),
        ("http", json!({ "url": "http://127.0.0.1:1/" }), "payload.url"),
        ("http", json!({ "url": "file:///etc/passwd" }), "payload.url"),
    ] {
        let reply =
            http.post("/api/v1/tasks", &json!({ "kind": kind, "payload": payload }).to_string());
        assert_eq!(reply.status, 422, "{kind} {payload}: {reply:?}");
        let problem = reply.json();
        assert_eq!(problem["errors"][0]["at"], at, "{kind} {payload}: {problem}");
    }
    let tasks = http.get("/api/v1/tasks").json();
    assert_eq!(tasks["tasks"], json!([]), "nothing was stored: {tasks}");
    let good = json!({ "kind": "audit", "payload": { "source": "fn f() { panic!() }" } });
    let id = id_of(&http.post("/api/v1/tasks", &good.to_string()));
    let result = until("the result", || {
        let reply = http.get(&format!("/api/v1/tasks/{id}/result"));
        (reply.status == 200).then(|| reply.json())
    });
    assert_eq!(result["output"]["panics"], 1, "{result}");
}

/// S2.1-02, S2.3-01, S2.3-04: the hub's router lists the handlers of each message; its module counts
/// the refused payloads of each kind, over HTTP and over the control socket.
#[test]
fn the_router_shows_its_routes_and_what_was_refused() {
    let place = Place::new();
    let server = place.start();
    let routes = state(&server, "/root/components/router/routes");
    let routes = routes["routes"].as_object().unwrap_or_else(|| panic!("{routes}"));
    let (message, handlers) = routes.iter().next().expect("a route");
    assert!(message.ends_with("PayloadRefused"), "{message}");
    assert_eq!(*handlers, json!(["/root/components/router/intake"]));
    let bad = json!({ "kind": "wait", "payload": { "ms": "long" } }).to_string();
    assert_eq!(server.http().post("/api/v1/tasks", &bad).status, 422);
    let mut msctl = msctl();
    msctl.env("MS_CONTROL", place.control());
    let out = msctl.args(["tasks", "submit", "wait", "{\"steps\":1}"]).output().expect("runs");
    let stderr = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && stderr.contains("ms"), "{stderr}");
    let counted = until("both are counted", || {
        let counted = state(&server, "/root/components/router/intake");
        (counted["wait"]["refused"] == 2).then_some(counted)
    });
    assert_eq!(counted["echo"], json!({ "refused": 0, "last_field": null }), "{counted}");
    // A restart of either loses no route.
    server.steer("/root/components/router/routes", ms_control::proto::Verb::Kill);
    server.steer("/root/components/router/intake", ms_control::proto::Verb::Kill);
    until("counted again", || {
        server.http().post("/api/v1/tasks", &bad);
        let counted = try_state(&server, "/root/components/router/intake")?;
        counted["wait"]["refused"].as_u64().filter(|count| *count > 0)
    });
}
