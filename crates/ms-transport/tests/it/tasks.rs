//! Tasks over HTTP: submit, look, list, cancel, try again.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use crate::common;

use common::{Client, call, get, on_system, post, rig, task};
use ms_core::task::{StoreError, TaskLogEvent, TaskState, TaskSteering};
use ms_core::view::EventKind;
use ms_core::{ActorPath, ExitReason, Incarnation};
use ms_transport::HttpLimits;
use serde_json::json;

/// S6.3-02
/// S6.3-05, S7.2-07
#[test]
fn s6_3_02_a_task_is_created_with_201_its_id_and_its_location() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let reply = post(rig.addr, "/api/v1/tasks", task()).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let id = reply.json().as_str().expect("a bare id").to_owned();
        assert!(uuid::Uuid::try_parse(&id).is_ok());
        let at = format!("/api/v1/tasks/{id}");
        assert_eq!(reply.header("location"), Some(&*at));

        let view = get(rig.addr, &at).await.json();
        assert_eq!(
            (&view["id"], &view["state"], &view["attempts"]),
            (&json!(id), &json!("pending"), &json!(0))
        );
        assert!(view["timings"]["submitted"].is_u64());

        let early = get(rig.addr, &format!("{at}/result")).await;
        assert_eq!((early.status, early.code().as_str()), (409, "not-finished"));
        rig.tasks.end(id.parse().unwrap(), TaskState::Completed);
        let result = get(rig.addr, &format!("{at}/result")).await.json();
        assert_eq!(
            result,
            json!({ "success": true, "state": "completed", "output": { "answer": 42 }, "error": null })
        );
    });
}

/// RELIABILITY 9.
/// S6.3-02
#[test]
fn an_idempotency_key_gives_the_first_task_and_refuses_another() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let keyed = "Content-Type: application/json\r\nIdempotency-Key: order-17\r\n";
        let first = call(rig.addr, "POST", "/api/v1/tasks", keyed, task()).await;
        let again = call(rig.addr, "POST", "/api/v1/tasks", keyed, task()).await;
        assert_eq!((first.status, again.status, &first.body), (201, 201, &again.body));
        assert_eq!(
            (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
            (None, Some("true"))
        );
        let other =
            call(rig.addr, "POST", "/api/v1/tasks", keyed, r#"{"kind":"echo","payload":2}"#).await;
        assert_eq!((other.status, other.code().as_str()), (409, "conflict"));
        let twice = call(
            rig.addr,
            "POST",
            "/api/v1/tasks",
            keyed,
            r#"{"kind":"echo","idempotency_key":"b"}"#,
        )
        .await;
        assert_eq!(twice.status, 422);
        assert_eq!(rig.tasks.count(), 1);
        let odd = "Content-Type: application/json\r\nIdempotency-Key: a b\r\n";
        assert_eq!(call(rig.addr, "POST", "/api/v1/tasks", odd, task()).await.status, 400);
    });
}

#[test]
fn a_batch_is_taken_with_one_request() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let batch = json!([{ "kind": "a" }, { "kind": "b", "priority": 5 }]).to_string();
        let reply = post(rig.addr, "/api/v1/tasks/batch", &batch).await;
        assert_eq!((reply.status, reply.json().as_array().unwrap().len()), (201, 2));
        assert!(reply.json()[0]["id"].is_string());
        let some = json!([
            { "kind": "a", "idempotency_key": "k" }, { "kind": "b", "idempotency_key": "k" }
        ]);
        let reply = post(rig.addr, "/api/v1/tasks/batch", &some.to_string()).await;
        assert_eq!(reply.status, 207, "{reply:?}");
        assert_eq!(reply.json()[1]["problem"]["code"], "conflict");
        for bad in ["[]", "{}", r#"[{"kind":"a"},{"kind":"b","retry":{"max_attempts":0}}]"#] {
            assert_eq!(post(rig.addr, "/api/v1/tasks/batch", bad).await.status, 400, "{bad}");
        }
        let many = json!(vec![json!({ "kind": "a" }); 1_001]).to_string();
        assert_eq!(post(rig.addr, "/api/v1/tasks/batch", &many).await.status, 400);
        assert_eq!(rig.tasks.count(), 3);
    });
}

/// A header that has no effect would be a promise that is not kept.
#[test]
fn an_idempotency_key_of_a_batch_is_refused_and_keys_of_its_tasks_are_not() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let keyed = "Content-Type: application/json\r\nIdempotency-Key: order-17\r\n";
        let batch = r#"[{"kind":"echo"}]"#;
        for _ in 0..2 {
            let reply = call(rig.addr, "POST", "/api/v1/tasks/batch", keyed, batch).await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "bad-parameter"));
            let next = reply.json()["next"].as_str().unwrap().to_owned();
            assert!(next.contains("its own `idempotency_key` in the body"), "{next}");
        }
        assert_eq!(rig.tasks.count(), 0);
        let own =
            r#"[{"kind":"echo","idempotency_key":"a"},{"kind":"echo","idempotency_key":"b"}]"#;
        let first = post(rig.addr, "/api/v1/tasks/batch", own).await;
        let again = post(rig.addr, "/api/v1/tasks/batch", own).await;
        assert_eq!((first.status, again.status, &first.body), (201, 201, &again.body));
        assert_eq!(rig.tasks.count(), 2);
        let raise = r#"{"account":"/root","unit":"euros","more":1}"#;
        let reply = call(rig.addr, "POST", "/api/v1/budgets/raise", keyed, raise).await;
        assert_eq!((reply.status, reply.code().as_str()), (400, "bad-parameter"), "{reply:?}");
    });
}

/// Neither a header nor a query is taken and does nothing.
#[test]
fn a_key_or_a_query_where_none_is_taken_is_refused() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let id = post(rig.addr, "/api/v1/tasks", task()).await.json();
        let id = id.as_str().expect("a bare id");
        let at = |rest: &str| format!("/api/v1/tasks/{id}{rest}");
        for path in [at("/cancel"), at("/retry")] {
            let keyed = "Idempotency-Key: order-17\r\n";
            let reply = call(rig.addr, "POST", &path, keyed, "").await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "bad-parameter"), "{reply:?}");
            assert!(
                reply.json()["detail"].as_str().unwrap().contains("from being done twice"),
                "{reply:?}"
            );
        }
        let json = "Content-Type: application/json\r\n";
        let asked = [
            ("POST", "/api/v1/tasks".to_owned(), task()),
            ("POST", "/api/v1/tasks/batch".to_owned(), "[]"),
            ("GET", at(""), ""),
            ("GET", at("/result"), ""),
            ("POST", at("/cancel"), ""),
            ("POST", at("/retry"), ""),
            ("GET", "/api/v1/budgets".to_owned(), ""),
            ("POST", "/api/v1/budgets/raise".to_owned(), "{}"),
            ("GET", "/api/v1/resources".to_owned(), ""),
            ("GET", "/api/v1/metrics/integration".to_owned(), ""),
        ];
        for (method, path, body) in &asked {
            let path = format!("{path}?dry_run=true");
            let reply = call(rig.addr, method, &path, json, body).await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "bad-parameter"), "{path}");
            let advice = reply.json()["next"].as_str().unwrap().to_owned();
            assert!(advice.contains("leave the query out"), "{advice}");
        }
        assert_eq!(rig.tasks.count(), 1);
        // An empty one asks for nothing.
        assert_eq!(get(rig.addr, &at("?")).await.status, 200);
        assert_eq!(get(rig.addr, &at("")).await.json()["state"], "pending");
    });
}

#[test]
fn what_to_do_next_is_about_the_mistake() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let next = |reply: &common::Reply| reply.json()["next"].as_str().unwrap().to_owned();
        let late = r#"{"kind":"echo","delay_ms":2000,"deadline_ms":1000}"#;
        let reply = post(rig.addr, "/api/v1/tasks", late).await;
        assert_eq!(reply.status, 422, "{reply:?}");
        assert!(next(&reply).contains("`errors`"), "{reply:?}");
        let keyed = "Content-Type: application/json\r\nIdempotency-Key: a\r\n";
        let two = r#"{"kind":"echo","idempotency_key":"b"}"#;
        let reply = call(rig.addr, "POST", "/api/v1/tasks", keyed, two).await;
        assert!(reply.status == 422 && next(&reply).contains("send the key once"), "{reply:?}");
        let reply = get(rig.addr, "/api/v1/events?about=node&change=dead").await;
        assert!(reply.status == 422 && next(&reply).contains("`about`"), "{reply:?}");
        let reply = get(rig.addr, "/api/v1/tree?path=/root/nobody").await;
        assert!(reply.status == 404 && next(&reply).contains("/api/v1/tree"), "{reply:?}");
        let unknown = get(rig.addr, &format!("/api/v1/tasks/{}", uuid::Uuid::now_v7())).await;
        assert!(next(&unknown).contains("finished tasks"), "{unknown:?}");
    });
}

#[test]
fn lists_are_filtered_and_paged() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let batch = json!(vec![json!({ "kind": "a" }); 5]).to_string();
        post(rig.addr, "/api/v1/tasks/batch", &batch).await;
        post(rig.addr, "/api/v1/tasks", r#"{"kind":"b","queue":"slow"}"#).await;
        let mut seen = Vec::new();
        let mut at = "/api/v1/tasks?kind=a&state=pending&limit=2".to_owned();
        loop {
            let page = get(rig.addr, &at).await.json();
            seen.extend(page["tasks"].as_array().unwrap().iter().map(|task| task["id"].clone()));
            let Some(next) = page["next"].as_str() else { break };
            at = format!("/api/v1/tasks?kind=a&state=pending&limit=2&cursor={next}");
        }
        seen.dedup();
        assert_eq!(seen.len(), 5);
        let slow = get(rig.addr, "/api/v1/tasks?queue=slow").await.json();
        assert_eq!(slow["tasks"].as_array().unwrap().len(), 1);
        for bad in [
            "state=odd",
            "limit=0",
            "limit=1001",
            "limit=-1",
            "cursor=1",
            "queue=../x",
            "colour=red",
        ] {
            let reply = get(rig.addr, &format!("/api/v1/tasks?{bad}")).await;
            assert_eq!((reply.status, reply.code().as_str()), (400, "bad-parameter"), "{bad}");
        }
    });
}

/// What every state answers; that real tasks do the same is shown by `ms-server`.
#[test]
fn a_cancelled_task_stays_cancelled_and_what_has_ended_otherwise_is_a_conflict() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let id = post(rig.addr, "/api/v1/tasks", task()).await.json().as_str().unwrap().to_owned();
        let steer = async |from: TaskState, verb: &str| {
            rig.tasks.end(id.parse().unwrap(), from);
            let reply = post(rig.addr, &format!("/api/v1/tasks/{id}/{verb}"), "").await;
            match reply.status {
                200 => reply.json()["state"].as_str().unwrap().to_owned(),
                status => format!("{status} {}", reply.code()),
            }
        };
        use TaskState::{Assigned, Cancelled, Completed, Dead, Failed, Pending, Running};
        for state in [Pending, Assigned, Running, Cancelled] {
            assert_eq!(steer(state, "cancel").await, "cancelled", "{state}");
            assert_eq!(steer(state, "retry").await, "409 conflict", "{state}");
        }
        for state in [Failed, Dead] {
            assert_eq!(steer(state, "cancel").await, "409 conflict", "{state}");
            assert_eq!(steer(state, "retry").await, "pending", "{state}");
        }
        for verb in ["cancel", "retry"] {
            assert_eq!(steer(Completed, verb).await, "409 conflict", "{verb}");
        }
        rig.tasks.end(id.parse().unwrap(), Cancelled);
        let ended = get(rig.addr, &format!("/api/v1/tasks/{id}/result")).await.json();
        assert_eq!((&ended["success"], &ended["state"]), (&json!(false), &json!("cancelled")));
    });
}

/// The records about tasks, oldest first.
fn about_tasks(rig: &common::Rig) -> Vec<TaskSteering> {
    let kept = rig.task_events.source().kept().into_iter();
    kept.filter_map(|event| match event.kind {
        TaskLogEvent::Steered(steering) => Some(steering),
        _ => None,
    })
    .collect()
}

#[test]
fn a_cancel_and_a_retry_take_a_reason_and_a_request_id() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let id = post(rig.addr, "/api/v1/tasks", task()).await.json().as_str().unwrap().to_owned();
        let at = |verb: &str| format!("/api/v1/tasks/{id}/{verb}");
        rig.tasks.end(id.parse().unwrap(), TaskState::Dead);
        let why = r#"{"reason":"by hand","request_id":"r-1"}"#;
        let first = post(rig.addr, &at("retry"), why).await;
        assert_eq!((first.status, &first.json()["state"]), (200, &json!("pending")));
        let again = post(rig.addr, &at("retry"), why).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "it is the same request");
        assert_eq!(post(rig.addr, &at("retry"), "").await.status, 409, "it waits already");
        let other = post(rig.addr, &at("cancel"), why).await;
        assert_eq!((other.status, other.code().as_str()), (409, "conflict"), "an id of another");
        // Neither a body nor a type of it is asked for.
        let bare = call(rig.addr, "POST", &at("cancel"), "", "").await;
        assert_eq!((bare.status, &bare.json()["state"]), (200, &json!("cancelled")));
        let mut client = Client::to(rig.addr).await;
        let chunked = common::request("POST", &at("cancel"), "Transfer-Encoding: chunked\r\n", "");
        client.send(format!("{chunked}0\r\n\r\n")).await;
        assert_eq!(client.status().await, 200);
        let reasons: Vec<_> = about_tasks(&rig).into_iter().map(|one| one.reason).collect();
        let by_hand = || Some("by hand".to_owned());
        assert_eq!(reasons, [by_hand(), None, by_hand(), None, None]);
        for verb in ["cancel", "retry"] {
            for bad in [
                r#"{"reson":"typo"}"#,
                r#"{"reason":1}"#,
                r#"{"request_id":"a b"}"#,
                r#"{"request_id":""}"#,
                &json!({ "reason": "x".repeat(501) }).to_string(),
                r#"{"reason":"a","reason":"b"}"#,
                "[]",
                "null",
                "{",
            ] {
                let reply = post(rig.addr, &at(verb), bad).await;
                assert_eq!((reply.status, reply.code().as_str()), (400, "malformed-body"), "{bad}");
            }
            let text =
                call(rig.addr, "POST", &at(verb), "Content-Type: text/plain\r\n", "{}").await;
            assert_eq!((text.status, text.code().as_str()), (415, "unsupported-media-type"));
        }
    });
}

/// Whoever asks often for tasks that are not there must not hide the end of an actor.
#[test]
fn a_flood_of_refused_cancels_leaves_the_end_of_an_actor_in_the_log_of_the_node() {
    /// More than the node keeps.
    const FLOOD: u128 = 4_200;
    on_system(async {
        // One connection for all: no pause of a busy machine may end it.
        let limits = HttpLimits {
            head_within: std::time::Duration::from_secs(120),
            ..HttpLimits::default()
        };
        let rig = rig(limits).await;
        let path = ActorPath::new("/root/crashed").unwrap();
        rig.node.publish(EventKind::Exited {
            path,
            incarnation: Incarnation(7),
            reason: ExitReason::Shutdown,
        });
        let newest = rig.node.events().newest();
        let mut client = Client::to(rig.addr).await;
        for at in 1..=FLOOD {
            let id = uuid::Uuid::from_u128(at);
            let path = format!("/api/v1/tasks/{id}/cancel");
            client.send(common::request("POST", &path, "Content-Length: 0\r\n", "")).await;
            assert_eq!(client.reply().await.status, 404);
        }
        assert_eq!(rig.node.events().newest(), newest, "nothing is about the node");
        let ended = |kind: &EventKind| matches!(kind, EventKind::Exited { path, .. } if path.as_str() == "/root/crashed");
        assert!(rig.node.events().kept().iter().any(|event| ended(&event.kind)));
        assert_eq!(rig.task_events.source().newest() as u128, FLOOD, "one record for each");
        let last = uuid::Uuid::from_u128(FLOOD);
        let lines = async |query: &str| {
            let mut client = Client::to(rig.addr).await;
            let path = format!("/api/v1/events?follow=false&{query}");
            client.send(common::request("GET", &path, "Connection: close\r\n", "")).await;
            client.rest().await
        };
        let of_it = lines(&format!("task={last}")).await;
        assert_eq!(of_it.matches("event: steered").count(), 1, "{of_it}");
        assert!(of_it.contains(&format!("\"task\":\"{last}\"")), "{of_it}");
        assert!(of_it.contains("[MS0024] there is no task"), "{of_it}");
        let all = lines("about=all").await;
        assert!(all.contains("/root/crashed") && all.contains(&last.to_string()));
        assert!(!lines("about=node").await.contains("task cancel"));
    });
}

/// RELIABILITY 53 for ids in paths: what is no id names nothing.
/// S8.4-01
#[test]
fn path_tricks_name_nothing() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let long = "a".repeat(300);
        for id in
            ["..%2F..%2Fetc%2Fpasswd", "a%2Fb", "%00", "CON", "x.", &long, "%ff", "1", "%D0%B0"]
        {
            let reply = get(rig.addr, &format!("/api/v1/tasks/{id}")).await;
            assert_eq!((reply.status, reply.code().as_str()), (404, "not-found"), "{id}");
        }
        let unknown = get(rig.addr, &format!("/api/v1/tasks/{}", uuid::Uuid::now_v7())).await;
        assert_eq!((unknown.status, unknown.code().as_str()), (404, "not-found"));
        assert_eq!(get(rig.addr, "/api/v1/tasks/../../etc/passwd").await.code(), "no-such-path");
    });
}

#[test]
fn a_store_that_fails_is_reported_without_its_paths() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let disk: std::sync::Arc<dyn std::error::Error + Send + Sync> =
            std::sync::Arc::new(std::io::Error::other("disk"));
        let cases = [
            (StoreError::Full(disk), 503, "storage-unavailable"),
            (StoreError::Overloaded(9), 503, "overloaded"),
            (StoreError::ReadOnly("/secret/place".to_owned()), 503, "storage-unavailable"),
            (StoreError::Away("down".to_owned()), 503, "storage-unavailable"),
            (StoreError::Unknown("cut".to_owned()), 504, "timed-out"),
        ];
        for (error, status, code) in cases {
            *rig.tasks.error.lock().unwrap() = Some(error);
            let reply = post(rig.addr, "/api/v1/tasks", task()).await;
            assert_eq!((reply.status, reply.code().as_str()), (status, code));
            assert!(!reply.body.contains("/secret"), "{reply:?}");
            assert!(status == 504 || reply.header("retry-after").is_some());
        }
        assert_eq!(rig.tasks.count(), 0);
    });
}

/// A client whose answer was lost asks again with the id that it chose.
#[test]
fn a_steering_that_is_sent_again_with_its_request_id_is_one() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let id = post(rig.addr, "/api/v1/tasks", task()).await.json();
        let cancel = async |fields: serde_json::Value| {
            let mut body = json!({ "id": id });
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            post(rig.addr, "/api/v1/ops/tasks.cancel", &body.to_string()).await
        };
        let first = cancel(json!({ "request_id": "c-1" })).await;
        assert_eq!((first.status, &first.json()["state"]), (200, &json!("cancelled")));
        let again = cancel(json!({ "request_id": "c-1" })).await;
        assert_eq!((again.status, &again.body), (200, &first.body));
        rig.tasks.end(id.as_str().unwrap().parse().unwrap(), TaskState::Completed);
        let fresh = cancel(json!({ "request_id": "c-2" })).await;
        assert_eq!(fresh.status, 409, "it has ended: {fresh:?}");
        let other = cancel(json!({ "request_id": "c-1", "reason": "another" })).await;
        assert_eq!((other.status, other.code().as_str()), (409, "conflict"));
        assert!(other.body.contains("the request id c-1 was used before"), "{other:?}");
        assert_eq!(cancel(json!({ "request_id": "c 3" })).await.status, 400);
        assert_eq!(cancel(json!({})).await.status, 409, "without an id it is as it was");
        assert_eq!(
            about_tasks(&rig).len(),
            4,
            "of c-1, of c-2, of the other c-1 and of the one without an id"
        );
    });
}
