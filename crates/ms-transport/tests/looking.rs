//! Tree, services, events, health, metrics and the document.
#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

mod common;

use std::sync::Arc;

use common::{Client, Fit, get, on_system, request, rig};
use ms_supervisor::ChildSpec;
use ms_transport::{Bind, HttpGateway, HttpLimits, LocalAddr, admin_gateway};
use serde_json::Value;
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
fn integration_metrics_are_answered_and_documented() {
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
        let mut client = Client::to(addr).await;
        client.send(request("GET", "/api/v1/events", headers, "")).await;
        Self(client, String::new())
    }

    /// The next event: its number and its data.
    async fn next(&mut self) -> (u64, Value) {
        loop {
            if let Some((event, rest)) = self.1.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.1 = rest;
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                if let (Some(id), Some(data)) = (field("id: "), field("data: ")) {
                    return (id.parse().unwrap(), serde_json::from_str(&data).unwrap());
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
        let mut stream = Stream::open(rig.addr, "").await;
        // The stream is there when its head is.
        while !stream.1.contains("\r\n\r\n") {
            let mut buffer = [0; 1024];
            let read = stream.0.0.read(&mut buffer).await.unwrap();
            stream.1.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        for _ in 0..3 {
            rig.node.publish(ms_core::view::EventKind::ArbiterWedged { arbiter: 1, evacuated: 0 });
        }
        let (first, event) = stream.next().await;
        assert_eq!(event["event"], "arbiter_wedged");
        let (second, _) = stream.next().await;
        assert_eq!(second, first + 1);
        drop(stream);
        let mut resumed = Stream::open(rig.addr, &format!("Last-Event-ID: {first}\r\n")).await;
        assert_eq!(resumed.next().await.0, second);
        assert_eq!(resumed.next().await.0, second + 1);
        let bad = common::call(rig.addr, "GET", "/api/v1/events", "Last-Event-ID: x\r\n", "").await;
        assert_eq!(bad.code(), "bad-parameter");
    });
}

#[test]
fn what_is_lost_of_the_past_is_told_as_a_gap() {
    on_system(async {
        let rig = rig(HttpLimits::default()).await;
        for _ in 0..20_000 {
            rig.node.publish(ms_core::view::EventKind::ArbiterWedged { arbiter: 1, evacuated: 0 });
        }
        let mut stream = Stream::open(rig.addr, "Last-Event-ID: 1\r\n").await;
        let (at, event) = stream.next().await;
        assert_eq!(event["event"], "gap");
        assert_eq!(event["missed"].as_u64().unwrap(), at - 1);
        assert_eq!(stream.next().await.0, at + 1);
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
        let drain = ms_transport::Drain { within: common::PATIENCE };
        let drained = rig.gateway.ask(drain).within(common::PATIENCE).await.unwrap();
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
            Arc::new(Fit(false)),
            Arc::new(|| "up 1\n".to_owned()),
        )
        .unwrap()
        .serving();
        let child = ChildSpec::actor("admin", move || HttpGateway::new(spec.clone()));
        rig.root.as_supervisor().start_child(child).await.unwrap();
        let admin = rig.root.as_supervisor().get::<HttpGateway>("admin").await.unwrap();
        let addr = admin.ask(LocalAddr).within(common::PATIENCE).await.unwrap().unwrap();
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
