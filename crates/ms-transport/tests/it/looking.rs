//! Tree, services, events, health, metrics and the document.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use crate::common;

use std::sync::Arc;

use common::{Client, get, on_system, request, rig};
use ms_core::life::Place;
use ms_core::task::{
    AgentKind, QueueName, TaskChange, TaskId, TaskLogEvent, TaskState, TaskTransition,
};
use ms_ops::policy::Policy;
use ms_ops::{Action, OpError, Principal, Target};
use ms_runtime::{NodeControl, RunConfig};
use ms_supervisor::ChildSpec;
use ms_transport::{Api, Bind, HttpGateway, HttpLimits, LocalAddr, admin_gateway};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

/// S2.2-01, S1.3-02, S3.3-01
#[test]
fn the_tree_is_answered_whole_or_in_part() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let tree = get(rig.addr, "/api/v1/tree").await.json();
        assert_eq!(tree["tree"]["id"], "root");
        assert_eq!(tree["tree"]["children"][0]["id"], "http");
        let top = get(rig.addr, "/api/v1/tree?depth=0").await.json();
        assert_eq!(top["tree"]["omitted"], 1);
        let part = get(rig.addr, "/api/v1/tree?path=/root/http").await.json();
        assert_eq!(part["tree"]["status"]["path"], "/root/http");
        assert_eq!(get(rig.addr, "/api/v1/tree?path=/root/none").await.status, 404);
        for bad in ["path=../x", "depth=65", "depth=x", "dpth=1"] {
            assert_eq!(
                get(rig.addr, &format!("/api/v1/tree?{bad}")).await.code(),
                "bad-parameter",
                "{bad}"
            );
        }
        assert_eq!(get(rig.addr, "/api/v1/services").await.json(), serde_json::json!([]));
    });
}

/// S10.2-02: pairs are a list, for JSON has no pairs as keys; the document has the shape.
#[test]
fn interaction_metrics_are_answered_and_documented() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let metrics = get(rig.addr, "/api/v1/metrics/integration").await.json();
        let pair = &metrics["latencies"][0];
        assert_eq!((&pair["from"], &pair["to"]), (&"api".into(), &"db".into()));
        assert_eq!(pair["p99_us"], 3_000);
        let document = get(rig.addr, "/api/v1/openapi.json").await.json();
        let path = &document["paths"]["/api/v1/metrics/integration"]["get"];
        let body = &path["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(body, "#/components/schemas/IntegrationMetrics");
        assert!(document["components"]["schemas"]["PairLatency"].is_object(), "{document}");
    });
}

struct Stream(Client, String);

impl Stream {
    async fn open(addr: std::net::SocketAddr, headers: &str) -> Self {
        Self::open_at(addr, "/api/v1/events", headers).await
    }

    async fn open_at(addr: std::net::SocketAddr, path: &str, headers: &str) -> Self {
        let mut client = Client::to(addr).await;
        client.send(request("GET", path, headers, "")).await;
        Self(client, String::new())
    }

    /// As [`Stream::open_at`], once the stream is there.
    async fn opened(addr: std::net::SocketAddr, path: &str, headers: &str) -> Self {
        let mut stream = Self::open_at(addr, path, headers).await;
        // The stream is there when its head is.
        while !stream.1.contains("\r\n\r\n") {
            let mut buffer = [0; 1024];
            let read = stream.0.0.read(&mut buffer).await.unwrap();
            stream.1.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        stream
    }

    /// The next event: the node's number in its id, and its data.
    async fn next(&mut self) -> (u64, Value) {
        let (id, data) = self.event().await;
        (id.parse::<Place>().unwrap().node, data)
    }

    /// What is left, until the server ends it.
    async fn all(mut self) -> Vec<(Place, Value)> {
        self.1.push_str(&self.0.rest().await);
        let events = self.1.split("\n\n").filter_map(|event| {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let (id, data) = (field("id: ")?, field("data: ")?);
            Some((id.parse().unwrap(), serde_json::from_str(data).unwrap()))
        });
        events.collect()
    }

    /// The next event: its id and its data.
    async fn event(&mut self) -> (String, Value) {
        loop {
            if let Some((event, rest)) = self.1.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.1 = rest;
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                if let (Some(id), Some(data)) = (field("id: "), field("data: ")) {
                    return (id, serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let mut buffer = [0; 4096];
            let read = self.0.0.read(&mut buffer).await.unwrap();
            assert!(read > 0, "the stream ended: {}", self.1);
            self.1.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }
}

#[test]
fn events_are_streamed_and_resumed_where_they_were_cut() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let mut stream = Stream::opened(rig.addr, "/api/v1/events", "").await;
        for _ in 0..3 {
            rig.node.publish(ms_core::view::EventKind::ArbiterWedged { arbiter: 1, evacuated: 0 });
        }
        let (first, event) = stream.next().await;
        assert_eq!(event["event"], "arbiter_wedged");
        let (second, _) = stream.next().await;
        assert_eq!(second, first + 1);
        drop(stream);
        let seen = format!("Last-Event-ID: {}.{first}.0\r\n", rig.node.life());
        let mut resumed = Stream::open(rig.addr, &seen).await;
        assert_eq!(resumed.next().await.0, second);
        assert_eq!(resumed.next().await.0, second + 1);
        let bad = common::call(rig.addr, "GET", "/api/v1/events", "Last-Event-ID: x\r\n", "").await;
        assert_eq!(bad.code(), "bad-parameter");
    });
}

#[test]
fn what_is_lost_of_the_past_is_a_gap() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        for _ in 0..20_000 {
            rig.node.publish(ms_core::view::EventKind::ArbiterWedged { arbiter: 1, evacuated: 0 });
        }
        let seen = format!("Last-Event-ID: {}.1.0\r\n", rig.node.life());
        let mut stream = Stream::open(rig.addr, &seen).await;
        let (at, event) = stream.next().await;
        assert_eq!(event["event"], "gap");
        assert_eq!(event["missed"].as_u64().unwrap(), at - 1);
        assert_eq!(stream.next().await.0, at + 1);
    });
}

fn transitions(change: TaskChange, id: u128, count: usize) -> Vec<TaskTransition> {
    let one = TaskTransition {
        change,
        id: TaskId::new(uuid::Uuid::from_u128(id)),
        queue: QueueName::default(),
        kind: AgentKind::new("mailer").unwrap(),
        state: TaskState::Pending,
        attempt: 0,
        max_attempts: 3,
        agent: None,
        failure: None,
        retry_in_ms: None,
    };
    vec![one; count]
}

fn publish(rig: &common::Rig, transitions: Vec<TaskTransition>) {
    rig.task_events
        .publish(transitions.into_iter().map(TaskLogEvent::Moved), || rig.node.now().as_millis());
}

#[test]
fn events_about_tasks_have_places_of_their_own_and_are_resumed_by_them() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let wedged = ms_core::view::EventKind::ArbiterWedged { arbiter: 1, evacuated: 0 };
        let mut stream = Stream::opened(rig.addr, "/api/v1/events?about=tasks", "").await;
        publish(&rig, transitions(TaskChange::Submitted, 1, 2));
        rig.node.publish(wedged.clone());
        publish(&rig, transitions(TaskChange::Cancelled, 1, 1));
        let (first, event) = stream.event().await;
        assert_eq!((&event["event"], &event["change"]), (&"task".into(), &"submitted".into()));
        assert_eq!((&event["seq"], &event["state"]), (&1.into(), &"pending".into()));
        let at: Place = first.parse().unwrap();
        assert_eq!((at.life, at.tasks), (Some(rig.node.life()), Some(1)));
        let node = at.node;
        assert_eq!(stream.event().await.0, Place { tasks: Some(2), ..at }.to_string());
        assert_eq!(stream.event().await.1["change"], "cancelled", "the node's are left out");
        drop(stream);
        // Both, from where the first was cut.
        let seen = format!("Last-Event-ID: {first}\r\n");
        let mut both = Stream::open(rig.addr, &seen).await;
        let mut read = Vec::new();
        for _ in 0..3 {
            let (_, event) = both.event().await;
            read.push(event["change"].as_str().unwrap_or("node").to_owned());
        }
        read.sort();
        assert_eq!(read, ["cancelled", "node", "submitted"]);
        // The node's alone.
        let seen = format!("Last-Event-ID: {}.{node}.1\r\n", rig.node.life());
        let mut alone = Stream::open_at(rig.addr, "/api/v1/events?about=node", &seen).await;
        assert_eq!(alone.event().await.1["event"], "arbiter_wedged");
    });
}

#[test]
fn events_about_tasks_are_filtered_and_lost_ones_are_a_gap() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        publish(&rig, transitions(TaskChange::Submitted, 1, common::KEPT_TASK_EVENTS));
        publish(&rig, transitions(TaskChange::Dead, 2, 3));
        let task = TaskId::new(uuid::Uuid::from_u128(2));
        for filter in [format!("task={task}"), "change=dead".to_owned()] {
            let path = format!("/api/v1/events?{filter}");
            let seen = format!("Last-Event-ID: {}.0.1\r\n", rig.node.life());
            let mut stream = Stream::open_at(rig.addr, &path, &seen).await;
            let (_, gap) = stream.event().await;
            assert_eq!(
                (&gap["event"], &gap["missed"]),
                (&"task_gap".into(), &2.into()),
                "{filter}"
            );
            for _ in 0..3 {
                assert_eq!(stream.event().await.1["change"], "dead", "{filter}");
            }
        }
        for bad in ["about=x", "change=x", "task=x", "abuot=node", "follow=x"] {
            let reply = get(rig.addr, &format!("/api/v1/events?{bad}")).await;
            assert_eq!(reply.code(), "bad-parameter", "{bad}");
        }
        let reply = get(rig.addr, "/api/v1/events?about=node&change=dead").await;
        assert_eq!((reply.status, reply.code().as_str()), (422, "unprocessable"));
        for bad in ["1.x", "1.", ".1", "1.2.3", "-1", "0000000000000001.2.x"] {
            let seen = format!("Last-Event-ID: {bad}\r\n");
            let reply = common::call(rig.addr, "GET", "/api/v1/events", &seen, "").await;
            assert_eq!(reply.code(), "bad-parameter", "{bad}");
        }
    });
}

/// A place of a life before: what was not seen of it is lost, and it is said; whatever the numbers
/// are, all that is kept of this life follows.
#[test]
fn a_place_of_another_life_gives_a_gap_and_then_all_that_is_kept() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        publish(&rig, transitions(TaskChange::Submitted, 1, 20));
        let kept = rig.node.events().newest();
        let path = "/api/v1/events?follow=false";
        for place in ["0123456789abcdef.1.12", "0123456789abcdef.999.999", "1.12", "12"] {
            let seen = format!("Last-Event-ID: {place}\r\nConnection: close\r\n");
            let events = Stream::open_at(rig.addr, path, &seen).await.all().await;
            let gaps: Vec<_> =
                events.iter().filter(|(_, event)| event["restarted"] == true).collect();
            let kinds: Vec<_> = gaps.iter().map(|(_, event)| &event["event"]).collect();
            assert_eq!(kinds, ["gap", "task_gap"], "{place}");
            assert_eq!(events[0].1["event"], "gap", "{place}: it comes first");
            let about_tasks = events.iter().filter(|(_, event)| event["event"] == "task").count();
            assert_eq!(about_tasks, 20, "{place}");
            let of_node = events
                .iter()
                .filter(|(_, event)| event["event"] != "task" && event["restarted"] != true);
            assert_eq!(of_node.count() as u64, kept, "{place}");
            let last = events.last().unwrap().0;
            assert_eq!(last.life, Some(rig.node.life()));
            // From where this life was left, nothing is told twice.
            let seen = format!("Last-Event-ID: {last}\r\nConnection: close\r\n");
            assert_eq!(Stream::open_at(rig.addr, path, &seen).await.all().await, []);
        }
        // The place before everything belongs to every life.
        let seen = "Last-Event-ID: 0.0\r\nConnection: close\r\n";
        let events = Stream::open_at(rig.addr, path, seen).await.all().await;
        assert!(events.iter().all(|(_, event)| event["restarted"] != true));
        assert_eq!(events.len() as u64, kept + 20);
    });
}

#[test]
fn without_a_task_store_there_are_no_events_about_tasks() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let control =
            NodeControl::new(rig.node.clone(), false, RunConfig::new("storeless").exposed);
        let api = Api::new(common::desk(&control, &rig.tasks, true));
        let spec = api.gateway(Bind::loopback(0), HttpLimits::default()).unwrap().serving();
        let child = ChildSpec::actor("storeless", move || HttpGateway::new(spec.clone()));
        rig.root.as_supervisor().start_child(child).await.unwrap();
        let gateway = rig.root.as_supervisor().get::<HttpGateway>("storeless").await.unwrap();
        let addr = gateway.ask(LocalAddr).within(common::TEST_WITHIN).await.unwrap().unwrap();
        let path = "/api/v1/events?about=tasks&follow=false";
        let seen = "Last-Event-ID: 0\r\nConnection: close\r\n";
        assert_eq!(Stream::open_at(addr, path, seen).await.all().await, []);
        let mut both = Stream::opened(addr, "/api/v1/events", "").await;
        rig.node.publish(ms_core::view::EventKind::ArbiterWedged { arbiter: 1, evacuated: 0 });
        assert_eq!(both.event().await.1["event"], "arbiter_wedged");
    });
}

/// Permits everything, so that steering of actors is seen over HTTP.
struct PermitAll;

impl Policy for PermitAll {
    fn permit(&self, _: &Principal, _: Action, _: &Target<'_>) -> Result<(), OpError> {
        Ok(())
    }
}

#[test]
fn a_steering_that_means_another_incarnation_is_a_conflict() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let run = RunConfig::new("permits").desk(|desk| desk.policy(PermitAll));
        let control = NodeControl::new(rig.node.clone(), false, run.exposed);
        control.attach(rig.root.as_supervisor().clone());
        let spec = Api::new(control.desk()).gateway(Bind::loopback(0), HttpLimits::default());
        let spec = spec.unwrap().serving();
        let child = ChildSpec::actor("steered", move || HttpGateway::new(spec.clone()));
        rig.root.as_supervisor().start_child(child).await.unwrap();
        let gateway = rig.root.as_supervisor().get::<HttpGateway>("steered").await.unwrap();
        let addr = gateway.ask(LocalAddr).within(common::TEST_WITHIN).await.unwrap().unwrap();
        let count = async |incarnation: Value| {
            let body = json!({ "path": "/root/http", "on": true, "incarnation": incarnation });
            common::post(addr, "/api/v1/ops/actors.count", &body.to_string()).await
        };
        assert_eq!(count(json!(1)).await.status, 200);
        assert_eq!(count(Value::Null).await.status, 200, "whichever lives");
        let other = count(json!(7)).await;
        assert_eq!((other.status, other.code().as_str()), (409, "conflict"));
        assert!(other.body.contains("/root/http is #1 now, and #7 was meant"), "{other:?}");
    });
}

#[test]
fn streams_are_bounded_and_end_with_the_drain() {
    on_system(async {
        let rig = rig(HttpLimits { streams: 1, ..HttpLimits::default() }).await;
        let mut stream = Stream::open(rig.addr, "Last-Event-ID: 0\r\n").await;
        rig.node.publish(ms_core::view::EventKind::ArbiterWedged { arbiter: 1, evacuated: 0 });
        stream.next().await;
        assert_eq!(get(rig.addr, "/api/v1/events").await.status, 429);
        // Its place is free as soon as its client is gone.
        drop(stream);
        let mut stream = loop {
            let mut next = Stream::open(rig.addr, "Last-Event-ID: 0\r\n").await;
            if next.0.status().await == 200 {
                break next;
            }
        };
        stream.next().await;
        let drain = ms_transport::Drain { within: common::TEST_WITHIN };
        let drained = rig.gateway.ask(drain).within(common::TEST_WITHIN).await.unwrap();
        assert_eq!(drained.cut, 0);
        stream.0.rest().await;
    });
}

/// S7.2-03, S7.2-04, S7.2-05 at the door; what stands behind the probes is the runtime's.
/// S7.2-08, S4.1-05
#[test]
fn probes_and_metrics_have_a_port_of_their_own() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let spec = admin_gateway(
            Bind::loopback(0),
            HttpLimits::default(),
            common::desk(&rig.control, &rig.tasks, false),
            Arc::new(|| "up 1\n".to_owned()),
        )
        .unwrap()
        .serving();
        let child = ChildSpec::actor("admin", move || HttpGateway::new(spec.clone()));
        rig.root.as_supervisor().start_child(child).await.unwrap();
        let admin = rig.root.as_supervisor().get::<HttpGateway>("admin").await.unwrap();
        let addr = admin.ask(LocalAddr).within(common::TEST_WITHIN).await.unwrap().unwrap();
        let metrics = get(addr, "/metrics").await;
        assert_eq!((metrics.status, &*metrics.body), (200, "up 1\n"));
        let statuses = ["startup", "live", "ready"].map(|probe| format!("/health/{probe}"));
        let mut answers = Vec::new();
        for path in &statuses {
            answers.push(get(addr, path).await.status);
        }
        assert_eq!(answers, [503, 200, 503]);
        assert_eq!(get(addr, "/api/v1/tree").await.status, 404);
    });
}

/// S7.2-07
#[test]
fn the_document_names_every_path_and_no_dangling_shape() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        let document = get(rig.addr, "/api/v1/openapi.json").await.json();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{document}");
        let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        for path in [
            "/api/v1/tasks",
            "/api/v1/tasks/batch",
            "/api/v1/tasks/{id}",
            "/api/v1/tasks/{id}/result",
            "/api/v1/tasks/{id}/cancel",
            "/api/v1/tasks/{id}/retry",
            "/api/v1/budgets",
            "/api/v1/budgets/raise",
            "/api/v1/tree",
            "/api/v1/services",
            "/api/v1/events",
            "/health/startup",
            "/health/live",
            "/health/ready",
        ] {
            assert!(paths.iter().any(|known| *known == path), "{path} in {paths:?}");
        }
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#/").skip(1) {
            let pointer = format!("/{}", reference.split('"').next().unwrap());
            assert!(document.pointer(&pointer).is_some(), "{pointer} is not there");
        }
    });
}
