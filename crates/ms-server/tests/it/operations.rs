//! Every operation of a running server, over the control socket and over HTTP, and its records.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use common::{Place, Server, end_own, id_of, msctl, own_options};
use ms_control::{Client, ControlError};
use ms_core::budget::Budget;
use ms_core::stream::{About, EventFilter, StreamKind};
use ms_core::task::TaskSteering;
use ms_core::view::EventKind;
use ms_ops::ops::FollowEvents;
use ms_ops::{OpKind, Table, Target, operation};
use ms_server::agents::{Echo, Wait};
use ms_testkit::child::{self, OwnTest};
use serde_json::{Value, json};

/// Agents that share a budget.
const AGENTS: &str = "/root/components/application/tasks/echo";
/// The route that calls an operation by its name.
const OPS: &str = "/api/v1/ops";

operation! {
    /// Greets somebody, in the words of this server.
    Read NamesRead "greetings.greet" 1;
    pub struct Greet -> String {
        /// The person to greet.
        pub name: String [max 64, "length of the name"],
    }
    fn target(&self) -> Target<'_> {
        Target::Node
    }
}

/// Returns a server with an operation of its own, which nothing else in this workspace knows.
fn service(_: &str) {
    let server = ms_server::Server::new("own")
        .agents::<Echo>("echo", ())
        .agents::<Wait>("wait", ())
        .budget(AGENTS, Budget::new().messages(1_000_000))
        .desk(|desk| {
            desk.provide::<Greet, _>(|asked, Greet { name }| async move {
                Ok(format!("good day, {name}, at the door {}", asked.door.name()))
            })
        });
    end_own(server.run(&own_options()));
}

fn launch(own: &OwnTest, place: &Place) -> Server {
    let server = place.launch_own(own);
    server.started();
    server
}

/// Calls an operation by its name over the control socket; of a stream it returns the first item.
fn by_name(server: &Server, name: &str, fields: Value) -> Result<Value, ControlError> {
    let Value::Object(fields) = fields else { panic!("no object") };
    let name = name.to_owned();
    server.control(async |client: &mut Client| {
        // A stream that is dropped ends its connection, so each call has one of its own.
        let client = Client::connect(client.path(), common::LONGEST_WAIT).await?;
        let mut items = client.named(name, fields).await?;
        items.next().await.unwrap_or(Ok(Value::Null))
    })
}

/// The same over HTTP: returns the status, and the answer or the problem.
fn over_http(server: &Server, name: &str, fields: &Value) -> (u16, Value) {
    let reply = server.http().post(&format!("{OPS}/{name}"), &fields.to_string());
    (reply.status, reply.json())
}

/// The way in, the operation, and why it cannot be called that way.
const EXCEPTIONS: [(&str, &str, &str); 3] = [
    ("http", "events.follow", "a stream without end: GET /api/v1/events has a route of its own"),
    ("http", "tree.walk", "a stream of rows: tree.show has the same, nested"),
    ("http", "actors.trace", "a stream, and for the node's user alone"),
];

/// Each operation can be called both ways, or is in the list above.
#[test]
fn every_operation_is_reached_over_the_socket_and_http() {
    child::split(every_operation_is_reached_over_the_socket_and_http, service, |own| {
        let place = Place::new();
        let server = launch(own, &place);
        let document = server.get("/api/v1/openapi.json").json();
        let excepted = |door: &str, name: &str| {
            EXCEPTIONS.iter().any(|(at, operation, _)| (*at, *operation) == (door, name))
        };
        for row in Table::standard().with::<Greet>().rows() {
            let name = row.name;
            // Without its fields a call is malformed, and nothing is carried out.
            let code = by_name(&server, name, json!({})).map_err(|error| error.code);
            let missing = |code: &str| ["MS0031", "MS0032"].contains(&code);
            let there = code.as_ref().map_or_else(|code| !missing(code), |_| true);
            assert!(there, "control {name}: {code:?}");
            let (status, answer) = over_http(&server, name, &json!({}));
            let there = !(status == 501 || answer["code"] == "no-such-path");
            assert!(there, "http {name}: {status} {answer}");
            let described = document["paths"][format!("{OPS}/{name}")]["post"].is_object();
            assert_eq!(described, row.kind != OpKind::Watch, "{name} in the document");
            assert_eq!(described, !excepted("http", name), "{name} in the list of exceptions");
        }
        let no_such = over_http(&server, "greetings.part", &json!({}));
        assert_eq!((no_such.0, &no_such.1["code"]), (404, &json!("no-such-path")));
    });
}

/// With one type and one provider the control socket, `msctl`, HTTP and the OpenAPI document have it.
/// A test in `verbs/call.rs` of `ms-cli` covers the help of `msctl call`.
#[test]
fn an_operation_of_the_program_is_reached_over_the_socket_and_http() {
    child::split(an_operation_of_the_program_is_reached_over_the_socket_and_http, service, |own| {
        let place = Place::new();
        let server = launch(own, &place);
        let ada = json!({ "name": "Ada" });
        let answer = by_name(&server, "greetings.greet", ada.clone()).unwrap();
        assert_eq!(answer, "good day, Ada, at the door control");
        let answer = over_http(&server, "greetings.greet", &ada);
        assert_eq!(answer, (200, json!("good day, Ada, at the door http")));
        let long = json!({ "name": "x".repeat(65) });
        let wrong = by_name(&server, "greetings.greet", long.clone()).expect_err("too long");
        assert_eq!(&*wrong.code, "MS0014", "{wrong}");
        let (status, problem) = over_http(&server, "greetings.greet", &long);
        assert_eq!((status, &problem["errors"][0]["at"]), (400, &json!("name")), "{problem}");
        let document = server.get("/api/v1/openapi.json").json();
        let described = &document["paths"]["/api/v1/ops/greetings.greet"]["post"];
        let doc = "Greets somebody, in the words of this server.";
        assert_eq!(described["description"], doc, "{described}");
        let shape = &described["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(shape["properties"]["name"]["maxLength"], 64, "{shape}");
        let mut call = msctl();
        call.args(["call", "greetings.greet", &ada.to_string(), "--yes", "--control"]);
        let out = call.arg(place.control()).output().expect("msctl runs");
        let said = String::from_utf8_lossy(&out.stdout);
        assert_eq!(said, "\"good day, Ada, at the door control\"\n", "{out:?}");
    });
}

/// Returns the records: verb, path, caller, reason, outcome.
type Record = (String, String, String, Option<String>, String);

fn record(server: &Server) -> Vec<Record> {
    let ask = async |client: &mut Client| {
        let client = Client::connect(client.path(), common::LONGEST_WAIT).await?;
        let filter = EventFilter { about: About::All, ..EventFilter::default() };
        let all = FollowEvents { filter, ..FollowEvents::default() };
        let (mut items, mut steered) = (client.stream(all).await?, Vec::new());
        while let Some(item) = items.next().await {
            match item?.event.kind {
                StreamKind::Node(EventKind::Steered { path, verb, by, reason, outcome }) => {
                    let about_task = verb.starts_with("task ");
                    assert!(!about_task, "it is in the log of the node: {verb}");
                    steered.push((verb, path.to_string(), by, reason, outcome));
                }
                StreamKind::TaskSteered(TaskSteering {
                    path, verb, by, reason, outcome, ..
                }) => {
                    steered.push((verb, path.to_string(), by, reason, outcome));
                }
                _ => {}
            }
        }
        Ok::<_, ControlError>(steered)
    };
    server.control(ask).unwrap()
}

/// Each leaves exactly one record, whatever its outcome: caller, verb, target, reason, outcome.
#[test]
fn every_steering_over_the_socket_and_http_leaves_one_record() {
    child::split(every_steering_over_the_socket_and_http_leaves_one_record, service, |own| {
        let place = Place::new();
        let server = launch(own, &place);
        let tasks = "/root/components/application/tasks/dispatcher";
        let agent = format!("{AGENTS}/echo-1");
        let waits = || {
            let slow = json!({ "kind": "wait", "payload": { "ms": 60_000 } });
            id_of(&server.http().post("/api/v1/tasks", &slow.to_string()))
        };
        let (one, two, three, four) = (waits(), waits(), waits(), waits());
        assert_eq!(record(&server), [], "what programs submit is in the log");
        let raise = json!({ "account": AGENTS, "unit": "messages", "more": 5, "reason": "busy" });
        let kill = json!({ "path": agent, "verb": "kill", "reason": "stuck" });
        let suspend = json!({ "path": agent, "verb": "suspend" });
        let resume = json!({ "path": agent, "verb": "resume" });
        let restart = json!({ "path": agent, "verb": "restart", "reason": "new" });
        let stop = json!({ "path": agent, "verb": "stop" });
        let count = json!({ "path": agent, "on": true });
        let crash = json!({ "path": agent, "fault": "crash" });
        let echo = json!({ "task": { "kind": "echo" } });
        let task = |id: &str| json!({ "id": id, "reason": "by hand" });
        let raised = "budget raise messages by 5";

        // The control socket permits everything.
        let control = [
            ("actors.steer", &suspend, "suspend", &*agent, "ok"),
            ("actors.steer", &resume, "resume", &*agent, "ok"),
            ("actors.steer", &restart, "restart", &*agent, "ok: restarted as #"),
            ("actors.count", &count, "statistics on", &*agent, "ok"),
            ("actors.inject", &crash, "inject crash", &*agent, "[MS0011] this node does not"),
            ("actors.steer", &kill, "kill", &*agent, "ok"),
            ("actors.steer", &stop, "stop", &*agent, "ok"),
            ("budgets.raise", &raise, raised, AGENTS, "ok"),
            ("tasks.cancel", &task(&one), &format!("task cancel {one}"), tasks, "ok"),
            ("tasks.retry", &task(&one), &format!("task retry {one}"), tasks, "[MS0025] task "),
            ("tasks.submit", &echo, "task submit echo", tasks, "ok: task "),
            (
                "tasks.submit_batch",
                &json!({ "tasks": [{ "kind": "echo" }, { "kind": "nobody" }] }),
                "task submit of 2 tasks",
                tasks,
                "ok: 1 of 2 were taken",
            ),
        ];
        let mut known = Vec::new();
        let mut left_one = |verb: &str, path: &str, by: &str, reason: &Value, outcome: &str| {
            // Two logs have no common order: the new one is the one that was not there.
            let mut fresh = record(&server);
            for before in &known {
                let at = fresh.iter().position(|one| one == before).expect("it is still there");
                fresh.remove(at);
            }
            assert_eq!(fresh.len(), 1, "{verb}: {fresh:?}");
            let (did, of, who, why, what) = &fresh[0];
            assert_eq!((&**did, &**of, why.as_deref()), (verb, path, reason.as_str()));
            assert!(who.starts_with(by), "{verb}: {who}");
            assert!(what.starts_with(outcome), "{verb}: {what}");
            known.append(&mut fresh);
        };
        for (name, fields, verb, path, outcome) in control {
            let done = by_name(&server, name, fields.clone());
            assert_eq!(done.is_ok(), outcome.starts_with("ok"), "{name} {fields}: {done:?}");
            left_one(verb, path, "uid ", &fields["reason"], outcome);
        }

        // Over HTTP by the routes, here without a reason but for a raise...
        let mut http = server.http();
        let routes = [
            (format!("/api/v1/tasks/{two}/cancel"), String::new(), "cancel", "ok"),
            (format!("/api/v1/tasks/{two}/retry"), String::new(), "retry", "[MS0025] task "),
        ];
        for (path, body, verb, outcome) in routes {
            let reply = http.post(&path, &body);
            assert_eq!(reply.status == 200, outcome == "ok", "{reply:?}");
            left_one(&format!("task {verb} {two}"), tasks, "http 127", &Value::Null, outcome);
        }
        assert_eq!(http.post("/api/v1/budgets/raise", &raise.to_string()).status, 200);
        left_one(raised, AGENTS, "http 127", &raise["reason"], "ok");
        let none = json!({ "account": "/root/none", "unit": "messages", "more": 5 });
        assert_eq!(http.post("/api/v1/budgets/raise", &none.to_string()).status, 404);
        left_one(raised, "/root/none", "http 127", &Value::Null, "[MS0029] ");

        // ... and by name, where operations for the node's user are refused and recorded as well.
        let by_name = [
            ("actors.steer", &kill, 403, "kill", &*agent, "[MS0011] http 127"),
            ("actors.count", &count, 403, "statistics on", &*agent, "[MS0011] http 127"),
            ("actors.inject", &crash, 403, "inject crash", &*agent, "[MS0011] http 127"),
            ("budgets.raise", &raise, 200, raised, AGENTS, "ok"),
            ("tasks.cancel", &task(&three), 200, &format!("task cancel {three}"), tasks, "ok"),
            ("tasks.retry", &task(&four), 409, &format!("task retry {four}"), tasks, "[MS0025] "),
        ];
        for (name, fields, status, verb, path, outcome) in by_name {
            let (said, answer) = over_http(&server, name, fields);
            assert_eq!(said, status, "{name} {fields}: {answer}");
            left_one(verb, path, "http 127", &fields["reason"], outcome);
        }
        let steers = Table::standard();
        let steers = steers.rows().filter(|row| row.kind == OpKind::Steer);
        let asked: Vec<_> = control.iter().map(|(name, ..)| *name).collect();
        for row in steers {
            assert!(asked.contains(&row.name), "{} is not shown here", row.name);
        }
    });
}
