//! Tasks over HTTP with the real dispatcher, store and agents. The tests of `ms-transport` cover the
//! answers that no real part gives on demand.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::collections::BTreeSet;

use common::{Http, Place, Reply, id_of, until};
use serde_json::{Value, json};

const TASKS: &str = "/api/v1/tasks";

fn reaches(http: &mut Http, id: &str, state: &str) {
    let at = format!("{TASKS}/{id}");
    until(state, || (http.get(&at).json()["state"] == state).then_some(()));
}

fn code(reply: &Reply) -> (u16, Value) {
    (reply.status, reply.json()["code"].clone())
}

/// S6.3-02, S6.3-05, S7.2-07
#[test]
fn a_task_has_a_place_and_no_result_until_it_has_ended() {
    let server = Place::new().start();
    let mut http = server.http();
    let long = http.post(TASKS, r#"{"kind":"wait","payload":{"ms":60000}}"#);
    let (id, at) = (id_of(&long), long.header("location").expect("a place").to_owned());
    assert_eq!(at, format!("{TASKS}/{id}"));
    let view = http.get(&at).json();
    assert_eq!((&view["id"], &view["kind"]), (&json!(id), &json!("wait")));
    assert!(view["timings"]["submitted"].is_u64(), "{view}");
    let result = http.get(&format!("{at}/result"));
    assert_eq!(code(&result), (409, json!("not-finished")));
    let done = id_of(&http.post(TASKS, r#"{"kind":"echo","payload":{"answer":42}}"#));
    reaches(&mut http, &done, "completed");
    let wanted =
        json!({"success": true, "state": "completed", "output": {"answer": 42}, "error": null});
    assert_eq!(http.get(&format!("{TASKS}/{done}/result")).json(), wanted);
}

/// S6.3-02: also after the first task has ended, and in another life of the server.
#[test]
fn an_idempotency_key_gives_the_first_task_and_refuses_another() {
    let place = Place::new();
    let mut server = place.start();
    let key = "Idempotency-Key: order-17\r\n";
    let task = r#"{"kind":"echo","payload":{"n":1}}"#;
    let send = |http: &mut Http, body: &str| http.call("POST", TASKS, key, body).expect("answered");
    let mut http = server.http();
    let first = send(&mut http, task);
    let id = id_of(&first);
    assert_eq!(first.header("idempotency-replayed"), None);
    reaches(&mut http, &id, "completed");
    let again = send(&mut http, task);
    assert_eq!((id_of(&again), again.header("idempotency-replayed")), (id.clone(), Some("true")));
    assert_eq!(code(&send(&mut http, r#"{"kind":"echo","payload":2}"#)), (409, json!("conflict")));
    let two_keys = r#"{"kind":"echo","idempotency_key":"b"}"#;
    assert_eq!(code(&send(&mut http, two_keys)), (422, json!("unprocessable")));
    assert_eq!(server.stop(), 0);
    let server = place.start();
    let again = send(&mut server.http(), task);
    assert_eq!((id_of(&again), again.header("idempotency-replayed")), (id, Some("true")));
    let all = server.get(TASKS).json();
    assert_eq!(all["tasks"].as_array().unwrap().len(), 1, "{all}");
}

/// S2.2-14: the ids of tasks are UUIDs, and each task has its own.
#[test]
fn a_batch_is_taken_with_one_request_and_lists_are_filtered_and_paged() {
    let server = Place::new().start();
    let mut http = server.http();
    let five = json!(vec![json!({"kind": "wait", "payload": {"ms": 1}}); 5]).to_string();
    let reply = http.post(&format!("{TASKS}/batch"), &five);
    assert_eq!(reply.status, 201, "{reply:?}");
    let ids: BTreeSet<String> = reply
        .json()
        .as_array()
        .expect("answers")
        .iter()
        .map(|one| one["id"].as_str().expect("an id").to_owned())
        .collect();
    assert_eq!(ids.len(), 5, "each has its own");
    assert!(
        ids.iter().all(|id| id.parse::<uuid::Uuid>().is_ok_and(|read| read.to_string() == *id)),
        "{ids:?}"
    );
    let some = json!([
        {"kind": "echo", "idempotency_key": "k"}, {"kind": "echo", "idempotency_key": "k", "payload": 1},
        {"kind": "nobody"}
    ]);
    let reply = http.post(&format!("{TASKS}/batch"), &some.to_string());
    assert_eq!(reply.status, 207, "{reply:?}");
    let answers = reply.json();
    assert!(answers[0]["id"].is_string(), "{answers}");
    assert_eq!(answers[1]["problem"]["code"], "conflict", "{answers}");
    assert_eq!(answers[2]["problem"]["code"], "unprocessable", "{answers}");

    ids.iter().for_each(|id| reaches(&mut http, id, "completed"));
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let at = format!("{TASKS}?kind=wait&state=completed&limit=2{cursor}");
        let page = http.get(&at).json();
        let tasks = page["tasks"].as_array().expect("a page");
        assert!(tasks.len() <= 2, "{page}");
        seen.extend(tasks.iter().map(|task| task["id"].as_str().expect("an id").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), 5, "each once");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), ids);
}

#[test]
fn a_task_is_cancelled_once_and_retried_when_it_is_dead() {
    let server = Place::new().start();
    let mut http = server.http();
    let body =
        r#"{"kind":"wait","payload":{"ms":60000},"attempt_ms":50,"retry":{"max_attempts":1}}"#;
    let id = id_of(&http.post(TASKS, body));
    let verb = |verb: &str| format!("{TASKS}/{id}/{verb}");
    reaches(&mut http, &id, "dead");
    assert_eq!(http.post(&verb("retry"), "").json()["state"], "pending");
    reaches(&mut http, &id, "dead");
    let result = http.get(&verb("result")).json();
    assert_eq!((&result["success"], &result["state"]), (&json!(false), &json!("dead")), "{result}");
    assert!(result["error"].is_string(), "{result}");

    let id = id_of(&http.post(TASKS, r#"{"kind":"wait","payload":{"ms":60000}}"#));
    let verb = |verb: &str| format!("{TASKS}/{id}/{verb}");
    reaches(&mut http, &id, "running");
    assert_eq!(code(&http.post(&verb("retry"), "")), (409, json!("conflict")));
    assert_eq!(http.post(&verb("cancel"), "").json()["state"], "cancelled");
    // A second time changes nothing, and is not an error.
    let again = http.post(&verb("cancel"), "");
    assert_eq!((again.status, &again.json()["state"]), (200, &json!("cancelled")));
    assert_eq!(code(&http.post(&verb("retry"), "")), (409, json!("conflict")));
    let result = http.get(&verb("result")).json();
    assert_eq!((&result["success"], &result["state"]), (&json!(false), &json!("cancelled")));
}

/// A server without budgets lists none, and has none to raise.
#[test]
fn without_budgets_there_is_none_to_raise() {
    let server = Place::new().start();
    let mut http = server.http();
    assert_eq!(http.get("/api/v1/budgets").json(), json!([]));
    let raise = json!({"account": "/root/components", "unit": "messages", "more": 1}).to_string();
    let refused = http.post("/api/v1/budgets/raise", &raise);
    assert_eq!(code(&refused), (404, json!("no-such-budget")));
}
