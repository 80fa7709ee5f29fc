//! The OpenAPI document says what is served, and what is served is what it says.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "tests")]

use crate::common;

use common::{call, get, on_system, post, rig, rig_at, task};
use ms_transport::{Access, Bind, HttpLimits, Token};
use serde_json::{Value, json};

const JSON: &str = "Content-Type: application/json\r\n";

/// Every operation: its path, its method and itself.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations
            .filter(|(method, _)| *method == "get" || *method == "post")
            .map(|(method, operation)| (path.clone(), method.to_uppercase(), operation.clone()))
    });
    each.collect()
}

#[test]
fn every_answer_that_all_paths_may_give_is_in_the_document() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let document = get(rig.addr, "/api/v1/openapi.json").await.json();
        let operations = operations(&document);
        assert!(operations.len() >= 13, "{}", operations.len());
        for (path, method, operation) in operations {
            let probe = path.starts_with("/health/");
            let mut wanted = vec!["400", "431", "500", "501", "505"];
            if !probe {
                wanted.extend(["403", "503", "504"]);
            }
            if operation["requestBody"].is_object() {
                wanted.extend(["408", "413", "415"]);
            }
            for status in wanted {
                let answer = &operation["responses"][status];
                assert!(answer.is_object(), "{method} {path} may answer {status}");
                let media = answer["content"].as_object().unwrap().keys().next().unwrap();
                let sort = if probe && status == "503" {
                    "application/json"
                } else {
                    "application/problem+json"
                };
                assert_eq!(media, sort, "{method} {path} {status}");
            }
            assert!(operation["responses"]["401"].is_null(), "nobody is asked for a token");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let text = parameter["schema"].to_string();
                assert!(!text.contains("\"null\""), "{method} {path}: {text}");
            }
        }
        assert_eq!(document["components"]["securitySchemes"], Value::Null);
    });
}

/// What is given is what is refused one step further.
#[test]
fn bounds_of_the_document_are_bounds_of_the_server() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let document = get(rig.addr, "/api/v1/openapi.json").await.json();
        let shape = &document["components"]["schemas"];
        assert_eq!(shape["NewTask"]["additionalProperties"], false);
        for (of, within) in [("NewTask", None), ("Retry", Some("retry"))] {
            for (name, field) in shape[of]["properties"].as_object().unwrap() {
                for (bound, step) in [("minimum", -1), ("maximum", 1)] {
                    let Some(limit) = field[bound].as_i64() else { continue };
                    let jitter = name == "jitter";
                    let task_with = |value: i64| {
                        let mut task = json!({ "kind": "echo" });
                        // Not at odds with what is usual.
                        if name == "backoff_min_ms" {
                            task["retry"] = json!({ "backoff_max_ms": 31_622_400_000_u64 });
                        }
                        if name == "backoff_max_ms" {
                            task["retry"] = json!({ "backoff_min_ms": 0 });
                        }
                        let value = if jitter { json!(value as f64) } else { json!(value) };
                        match within {
                            Some(part) => task[part][name] = value,
                            None => task[name] = value,
                        }
                        task.to_string()
                    };
                    let at = post(rig.addr, "/api/v1/tasks", &task_with(limit)).await;
                    assert_eq!(at.status, 201, "{of}.{name} {bound}: {}", at.body);
                    let beyond = post(rig.addr, "/api/v1/tasks", &task_with(limit + step)).await;
                    assert_eq!(beyond.status, 400, "{of}.{name} {bound}: {}", beyond.body);
                }
            }
        }
        let taken = post(rig.addr, "/api/v1/tasks", task()).await;
        let answer = &document["paths"]["/api/v1/tasks"]["post"]["responses"]["201"]["content"];
        let media = taken.header("content-type").unwrap();
        assert!(answer[media].is_object(), "{media} in {answer}");
    });
}

#[test]
fn settings_that_contradict_one_another_are_422() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        for (at, bad) in [
            (
                "retry.backoff_min_ms",
                r#"{"kind":"echo","retry":{"backoff_min_ms":2,"backoff_max_ms":1}}"#,
            ),
            ("delay_ms", r#"{"kind":"echo","delay_ms":1,"deadline_ms":1}"#),
        ] {
            let reply = post(rig.addr, "/api/v1/tasks", bad).await;
            assert_eq!((reply.status, reply.code().as_str()), (422, "unprocessable"));
            assert_eq!(reply.json()["errors"][0]["at"], at);
            let batch = post(rig.addr, "/api/v1/tasks/batch", &format!("[{},{bad}]", task())).await;
            assert_eq!(batch.status, 422);
        }
        // No schema forbids it, and nothing here can hold it.
        let wide = r#"{"kind":"echo","payload":18446744073709551616}"#;
        let reply = post(rig.addr, "/api/v1/tasks", wide).await;
        assert_eq!((reply.status, reply.code().as_str()), (422, "unprocessable"));
        let keys = format!("{JSON}Idempotency-Key: a\r\n");
        let other = r#"{"kind":"echo","idempotency_key":"b"}"#;
        assert_eq!(call(rig.addr, "POST", "/api/v1/tasks", &keys, other).await.status, 422);
        assert_eq!(rig.tasks.count(), 0);
    });
}

#[test]
fn a_token_that_is_asked_for_is_in_the_document_and_probes_are_left_out() {
    on_system(async {
        let token = Token::new("0123456789abcdef").unwrap();
        let bind = Bind { access: Access::Token(token), ..Bind::loopback(0) };
        let rig = rig_at(bind, HttpLimits::default()).await;
        let token = "Authorization: Bearer 0123456789abcdef\r\n";
        let document = call(rig.addr, "GET", "/api/v1/openapi.json", token, "").await.json();
        assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
        assert_eq!(document["security"], json!([{ "bearer": [] }]));
        for (path, _, operation) in operations(&document) {
            let probe = path.starts_with("/health/");
            assert_eq!(operation["responses"]["401"].is_object(), !probe, "{path}");
            assert_eq!(operation["security"] == json!([]), probe, "{path}");
        }
    });
}

/// What a cancel and a retry take, and what each state of a task is answered.
#[test]
fn the_document_says_what_a_cancel_and_a_retry_take_and_refuse() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let document = get(rig.addr, "/api/v1/openapi.json").await.json();
        for (verb, repeated, refused) in [
            ("cancel", "now or before", "completed, failed or dead"),
            ("retry", "waits to be tried again", "neither failed nor dead"),
        ] {
            let described = &document["paths"][format!("/api/v1/tasks/{{id}}/{verb}")]["post"];
            let body = &described["requestBody"];
            assert_ne!(body["required"], true, "{body}");
            let schema = &body["content"]["application/json"]["schema"];
            assert_eq!(schema["$ref"], "#/components/schemas/TaskSteering", "{schema}");
            let said = |status: &str| described["responses"][status]["description"].to_string();
            assert!(said("200").contains(repeated) && said("409").contains(refused), "{described}");
        }
        let shape = &document["components"]["schemas"]["TaskSteering"];
        assert_eq!(shape["additionalProperties"], false, "{shape}");
        assert_eq!(shape["properties"]["reason"]["maxLength"], 500, "{shape}");
        assert_eq!(shape["properties"]["request_id"]["maxLength"], 128, "{shape}");
        assert!(shape["required"].is_null(), "{shape}");
    });
}
