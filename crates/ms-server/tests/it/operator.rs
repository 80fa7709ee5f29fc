//! The work of an operator on a running server: tasks by hand, their events, services by name.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::{common, tally};

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use common::{LONGEST_WAIT, Place, Server, id_of, until};
use ms_control::proto::{TaskVerb, Verb};
use ms_control::{Client, ControlError, Kind};
use ms_core::task::{IdempotencyKey, NewTask, TaskFilter, TaskId, TaskState, TaskView};
use serde_json::{Value, json};

fn task(kind: &str, payload: Value) -> Box<NewTask> {
    Box::new(NewTask::new(kind.parse().unwrap(), payload))
}

fn submit(server: &Server, task: Box<NewTask>) -> Result<(TaskView, bool), ControlError> {
    let taken = server.control(async |client: &mut Client| client.submit_task(task).await)?;
    Ok((taken.task, taken.repeated))
}

fn show(server: &Server, id: TaskId) -> (TaskView, Option<Value>) {
    let reply = server.control(async |client: &mut Client| client.task(id).await).unwrap();
    (reply.task, reply.result)
}

fn steer(server: &Server, id: TaskId, verb: TaskVerb) -> Result<TaskView, ControlError> {
    let reason = Some("the test".to_owned());
    let done = async |client: &mut Client| client.steer_task(id, verb, reason).await;
    server.control(done)
}

fn reaches(server: &Server, id: TaskId, state: TaskState) -> (TaskView, Option<Value>) {
    until(state.label(), || Some(show(server, id)).filter(|(task, _)| task.state == state))
}

#[test]
fn tasks_are_submitted_looked_up_and_listed_over_the_control_endpoint() {
    let place = Place::new();
    let mut server = place.start();
    let (taken, repeated) = submit(&server, task("echo", json!({"n": 1}))).unwrap();
    assert!(!repeated);
    // Before it can have ended: an acknowledged task is on disk.
    server.kill_9();
    let server = place.start();
    let (done, result) = reaches(&server, taken.id, TaskState::Completed);
    assert_eq!((result, done.attempts), (Some(json!({"n": 1})), 1));

    let keyed = || {
        let mut keyed = task("echo", json!(2));
        keyed.idempotency_key = Some(IdempotencyKey::new("order-4711").unwrap());
        keyed
    };
    let (first, repeated) = submit(&server, keyed()).unwrap();
    assert!(!repeated);
    let (again, repeated) = submit(&server, keyed()).unwrap();
    assert_eq!((again.id, repeated), (first.id, true));
    let other = Box::new(NewTask { payload: json!(3), ..*keyed() });
    let conflict = submit(&server, other).expect_err("another request");
    assert_eq!((conflict.kind, &*conflict.code), (Kind::Refused, "MS0025"));
    let unknown = submit(&server, task("nobody", json!(1))).expect_err("no such kind");
    assert_eq!((unknown.kind, &*unknown.code), (Kind::Refused, "MS0025"));
    let large = submit(&server, task("echo", json!("x".repeat(256 * 1024)))).expect_err("large");
    assert_eq!(large.kind, Kind::TooLarge);

    let completed = TaskFilter { state: Some(TaskState::Completed), limit: 1, ..<_>::default() };
    reaches(&server, first.id, TaskState::Completed);
    let list = |filter: TaskFilter| {
        server.control(async |client: &mut Client| client.tasks(filter).await).unwrap()
    };
    let page = list(completed.clone());
    assert_eq!((page.tasks.len(), page.tasks[0].id), (1, taken.id));
    let rest = list(TaskFilter { after: page.next, ..completed });
    assert_eq!((rest.tasks.len(), rest.tasks[0].id), (1, first.id));
    let none = TaskFilter { kind: Some("wait".parse().unwrap()), ..<_>::default() };
    assert_eq!(list(none).tasks, []);
    let nobody = server
        .control(async |client: &mut Client| client.task(TaskId::new(uuid::Uuid::nil())).await)
        .expect_err("no such task");
    assert_eq!((nobody.kind, &*nobody.code), (Kind::NotFound, "MS0024"));
}

#[test]
fn tasks_are_cancelled_and_retried_and_both_are_on_record_without_payloads() {
    let place = tally::place();
    let server = place.start();
    let (slow, _) = submit(&server, task("wait", json!({"ms": 60_000}))).unwrap();
    reaches(&server, slow.id, TaskState::Running);
    assert_eq!(steer(&server, slow.id, TaskVerb::Cancel).unwrap().state, TaskState::Cancelled);
    let ended = steer(&server, slow.id, TaskVerb::Retry).expect_err("it was cancelled");
    assert_eq!((ended.kind, &*ended.code), (Kind::Refused, "MS0025"));

    let secret = |add: u64| task("tally", json!({"name": "s3cret", "add": add}));
    let (first, _) = submit(&server, secret(1)).unwrap();
    reaches(&server, first.id, TaskState::Completed);
    // More than fits into a total: another attempt would not help.
    let (odd, _) = submit(&server, secret(u64::MAX)).unwrap();
    reaches(&server, odd.id, TaskState::Failed);
    assert_eq!(steer(&server, odd.id, TaskVerb::Retry).unwrap().replays, 1);
    reaches(&server, odd.id, TaskState::Failed);
    // The submitter learns what is wrong with the payload; the record has only the field.
    let refused = submit(&server, task("wait", json!({"ms": "s3cret"}))).expect_err("no number");
    assert_eq!((refused.kind, &*refused.code), (Kind::BadRequest, "MS0014"));
    assert!(refused.why.contains("s3cret"), "{refused:?}");

    let mut stream = Stream::open(&server, "/api/v1/events?about=tasks", Some("0"));
    let mut record = Vec::new();
    while record.len() < 7 {
        let (_, event) = stream.next();
        if event["event"] == "steered" && event["verb"].as_str().unwrap().starts_with("task ") {
            assert_eq!(event["path"], "/root/components/application/tasks/dispatcher");
            assert!(event["by"].as_str().unwrap().starts_with("uid "), "{event}");
            assert!(!event.to_string().contains("s3cret"), "{event}");
            record.push((event["verb"].as_str().unwrap().to_owned(), event["outcome"].clone()));
        }
    }
    assert_eq!(record[0], ("task submit wait".to_owned(), json!(format!("ok: task {}", slow.id))));
    assert_eq!(record[1], (format!("task cancel {}", slow.id), json!("ok")));
    assert_eq!(record[2].0, format!("task retry {}", slow.id));
    assert!(record[2].1.as_str().unwrap().contains("MS0025"), "{record:?}");
    for (at, taken) in [(3, &first), (4, &odd)] {
        let outcome = json!(format!("ok: task {}", taken.id));
        assert_eq!(record[at], ("task submit tally".to_owned(), outcome));
    }
    assert_eq!(record[5], (format!("task retry {}", odd.id), json!("ok")));
    assert_eq!(record[6].0, "task submit wait");
    let outcome = record[6].1.as_str().unwrap();
    assert!(outcome.contains("MS0014") && outcome.ends_with("at ms"), "{outcome}");
    let audit = server.log.line("tasks.submit");
    assert!(audit.contains("task submit wait") && audit.contains("uid "), "{audit}");
    assert!(!server.log.text().contains("s3cret"), "{}", server.log.text());
}

/// Server-sent events of one request.
struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(server: &Server, path: &str, seen: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(server.api()).unwrap();
        stream.set_read_timeout(Some(LONGEST_WAIT)).unwrap();
        let seen = seen.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{seen}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut stream = Self(BufReader::new(stream));
        // The subscription exists when the head has arrived.
        assert!(stream.line().starts_with("HTTP/1.1 200"));
        while !stream.line().is_empty() {}
        stream
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    fn next(&mut self) -> (String, Value) {
        let (mut id, mut data) = (None, None);
        loop {
            let line = self.line();
            if let Some(value) = line.strip_prefix("id: ") {
                id = Some(value.to_owned());
            }
            if let Some(value) = line.strip_prefix("data: ") {
                data = Some(serde_json::from_str(value).unwrap());
            }
            if line.is_empty()
                && let (Some(id), Some(data)) = (id.take(), data.take())
            {
                return (id, data);
            }
        }
    }
}

/// A client that was away while the server was restarted gets the gap, and all events that are kept.
#[test]
fn a_reader_of_events_from_before_a_restart_gets_the_gap_and_all_that_is_kept() {
    let place = Place::new();
    let mut server = place.start();
    let mut stream = Stream::open(&server, "/api/v1/events?about=tasks", None);
    for n in 0..3 {
        let id = id_of(
            &server.http().post("/api/v1/tasks", &format!(r#"{{"kind":"echo","payload":{n}}}"#)),
        );
        reaches(&server, id.parse().unwrap(), TaskState::Completed);
    }
    let (seen, _) = stream.next();
    server.kill_9();
    let server = place.start();
    let mut ids = Vec::new();
    for n in 0..5 {
        let id = id_of(
            &server.http().post("/api/v1/tasks", &format!(r#"{{"kind":"echo","payload":{n}}}"#)),
        );
        reaches(&server, id.parse().unwrap(), TaskState::Completed);
        ids.push(id);
    }
    let mut resumed = Stream::open(&server, "/api/v1/events?about=tasks", Some(&seen));
    let (_, gap) = resumed.next();
    assert_eq!((&gap["event"], &gap["restarted"]), (&json!("task_gap"), &json!(true)));
    let mut heard = Vec::new();
    while heard.last() != ids.last() {
        let (_, event) = resumed.next();
        if event["change"] == "completed" {
            heard.push(event["id"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(heard, ids, "each of them, in their order");
}

#[test]
fn the_life_of_a_task_is_followed_over_http_and_resumed_where_it_was_cut() {
    let place = tally::place();
    let server = place.start();
    let mut stream = Stream::open(&server, "/api/v1/events?about=tasks", None);
    let body = r#"{"kind":"wait","payload":{"ms":1},"idempotency_key":"s3cret-key"}"#;
    let id = id_of(&server.http().post("/api/v1/tasks", body));
    let (seen, first) = stream.next();
    assert_eq!((&first["event"], &first["change"]), (&json!("task"), &json!("submitted")));
    assert_eq!(
        (&first["id"], &first["kind"], &first["attempt"]),
        (&json!(id), &json!("wait"), &json!(0))
    );
    drop(stream);
    // A client that comes back gets the events since it left.
    let task_id = id.parse().unwrap();
    reaches(&server, task_id, TaskState::Completed);
    let mut resumed = Stream::open(&server, "/api/v1/events?about=tasks", Some(&seen));
    let (mut numbers, mut changes) = (Vec::new(), Vec::new());
    while changes.last().is_none_or(|change| change != "completed") {
        let (_, event) = resumed.next();
        assert!(!event.to_string().contains("s3cret"), "{event}");
        numbers.push(event["seq"].as_u64().unwrap());
        changes.push(event["change"].as_str().unwrap().to_owned());
    }
    assert_eq!(numbers[0], first["seq"].as_u64().unwrap() + 1);
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    assert_eq!(changes[0], "assigned", "{changes:?}");

    // One task alone, through a failure that is retried by hand.
    let addend = |add: u64| json!({"kind": "tally", "payload": {"name": "all", "add": add}});
    let first = id_of(&server.http().post("/api/v1/tasks", &addend(1).to_string()));
    reaches(&server, first.parse().unwrap(), TaskState::Completed);
    // More than fits into a total: it fails at once and for good.
    let odd = id_of(&server.http().post("/api/v1/tasks", &addend(u64::MAX).to_string()));
    let mut failures = Stream::open(&server, "/api/v1/events?change=failed", Some("0.0"));
    let (_, failed) = failures.next();
    assert_eq!((&failed["id"], &failed["attempt"]), (&json!(odd), &json!(1)));
    assert_eq!((&failed["failure"], &failed["retry_in_ms"]), (&json!("error"), &Value::Null));
    let mut one = Stream::open(&server, &format!("/api/v1/events?task={odd}"), Some(&seen));
    let retried = server.http().post(&format!("/api/v1/tasks/{odd}/retry"), "");
    assert_eq!(retried.status, 200, "{retried:?}");
    loop {
        let (_, event) = one.next();
        assert_eq!(event["id"], odd.as_str());
        if event["change"] == "replayed" {
            break;
        }
    }
}

fn services(server: &Server, query: &str) -> Vec<Value> {
    server.get(&format!("/api/v1/services{query}")).json().as_array().unwrap().clone()
}

fn service(server: &Server, name: &str) -> Option<Value> {
    services(server, "").into_iter().find(|one| one["name"] == name)
}

const PARTS: [(&str, &str); 8] = [
    ("configuration", "/root/components/configuration/watcher"),
    ("health", "/root/health"),
    ("http-admin", "/root/components/transport/admin"),
    ("http-api", "/root/components/transport/api"),
    ("lifecycle", "/root/lifecycle"),
    ("metrics", "/root/components/observability/observer"),
    ("task-store", "/root/components/database/store"),
    ("tasks", "/root/components/application/tasks/dispatcher"),
];

/// S1.3-02, S1.1-02: the parts of the server are services; they are listed, found by name, and
/// followed over restarts of the part and of the whole component.
#[test]
fn the_parts_of_the_server_are_services() {
    let place = Place::new();
    let server = place.start();
    let all =
        until("all parts", || Some(services(&server, "")).filter(|all| all.len() == PARTS.len()));
    for ((name, path), listed) in PARTS.into_iter().zip(&all) {
        assert_eq!((&listed["name"], &listed["path"]), (&json!(name), &json!(path)));
        assert_eq!(listed["incarnation"], 1, "{listed}");
    }
    until("healthy", || {
        let all = services(&server, "");
        all.iter().all(|one| one["health"] == "healthy").then_some(())
    });
    assert!(
        service(&server, "task-store").unwrap()["provides"]
            .as_str()
            .unwrap()
            .contains("StoreActor")
    );
    assert_eq!(service(&server, "http-api").unwrap()["groups"], json!(["gateways"]));
    assert_eq!(services(&server, "?prefix=tasks").len(), 1);

    let lookup = |name: &str| {
        let name = name.to_owned();
        server.control(async |client: &mut Client| client.lookup(name).await)
    };
    for (name, path) in PARTS {
        assert_eq!(lookup(name).unwrap().path.as_str(), path);
    }
    let error = lookup("task-stor").expect_err("misspelt");
    assert_eq!((error.kind, &*error.code), (Kind::NotFound, "MS0027"));
    assert!(error.next.contains("task-store"), "{}", error.next);

    server.steer("/root/components/database/store", Verb::Kill);
    until("the store's second life", || {
        (service(&server, "task-store")?["incarnation"] == 2).then_some(())
    });
    // A restarted component has new actors, which replace the old ones in the registry.
    server.steer("/root/components/application", Verb::Restart);
    until("the dispatcher is found again", || {
        let found = lookup("tasks").ok()?;
        let live = server.tree();
        let path = found.path.to_string();
        (found.incarnation.is_some() && common::paths(&live).contains(&path)).then_some(())
    });
    let id = id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
    reaches(&server, id.parse().unwrap(), TaskState::Completed);
}
