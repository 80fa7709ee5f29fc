//! The event bus of a running server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use common::{Http, Place, Server, paths, until};
use ms_control::Client;
use ms_control::proto::Verb;
use serde_json::Value;

fn bus_state(server: &Server) -> Value {
    let path = "/root/components/event-bus/bus".parse().unwrap();
    let state = server.control(async |client: &mut Client| client.state(path).await);
    state.unwrap_or_else(|error| panic!("{error:?}")).state
}

fn metric(server: &Server, name: &str) -> Option<f64> {
    let text = Http::try_get(server.admin(), "/metrics").ok()?.body;
    let line =
        text.lines().find(|line| line.strip_prefix(name).is_some_and(|l| l.starts_with(' ')));
    line?.rsplit(' ').next()?.parse().ok()
}

/// S4.1-08, S1.1-01, S7.4-01: the bus is a component of its own, in the tree, in health and in the
/// metrics; by default it works in memory.
#[test]
fn s4_1_08_the_bus_is_a_component_of_the_core_phase() {
    let place = Place::new();
    let server = place.start();
    let tree = paths(&server.tree());
    for child in ["", "/outlets", "/bus", "/relay", "/meter"] {
        let path = format!("/root/components/event-bus{child}");
        assert!(tree.contains(&path), "{path} in {tree:#?}");
    }
    let lifecycle = "/root/lifecycle".parse().unwrap();
    let dump = server.control(async |client: &mut Client| client.state(lifecycle).await);
    let dump = dump.unwrap().state;
    assert_eq!(dump["components"]["event-bus"]["phase"], "core", "{dump}");
    let report = server.get("/health/ready").json();
    let components = report["components"].as_array().unwrap();
    let own = components.iter().find(|one| one["name"] == "event-bus").expect("listed");
    assert_eq!(own["status"], "healthy", "{report}");
    assert_eq!(bus_state(&server)["carrier"], "memory");
    let pending = until("the gauge", || metric(&server, "ms_framework_event_bus_pending_messages"));
    assert_eq!(pending.to_string(), "0", "nobody is behind");
    assert!(!server.log.text().contains("pre-flight: warning\" check=\"event-bus"));
}

/// S1.2-04, S1.3-03: a crash, its supervisor's decision and the health of a component are events of
/// the bus. The log has the ids of the subjects that the configuration names. The bus itself survives
/// a crash.
#[test]
fn s1_2_04_events_of_the_node_are_published_and_logged() {
    for subject in ["node.exited", "node.decided", "node.noted.health_changed"] {
        let place = Place::new().set(&format!("core.event_bus.log_subjects={subject}"));
        let server = place.start();
        server.steer("/root/components/event-bus/bus", Verb::Kill);
        server.steer("/root/components/database/store", Verb::Kill);
        server.steer("/root/components/application", Verb::Stop);
        let line = server.log.line(&format!("subject={subject}"));
        assert!(line.contains("ms_bus::log") && line.contains("producer=\"node\""), "{line}");
        let id = line.split("id=").nth(1).unwrap().split(' ').next().unwrap();
        assert_eq!(id.split('-').count(), 5, "{line}");
        until("what was published is counted", || {
            let published = metric(&server, "ms_framework_event_bus_published_total")?;
            (published > 4.0).then_some(())
        });
        assert_eq!(bus_state(&server)["lost"], 0);
    }
}

/// S7.1-10: with `nats`, which this build does not support, the server warns before it boots, and
/// runs on the bus of the process.
#[test]
fn s7_1_10_nats_is_warned_about_and_memory_is_used() {
    let place = Place::new().set("core.event_bus.type=nats");
    let check = place.command().arg("--check").output().unwrap();
    assert!(check.status.success());
    let text = String::from_utf8(check.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("features")).expect("the check is listed");
    assert!(line.starts_with("warning") && line.contains("no NATS"), "{line}");
    let server = place.start();
    let line = server.log.line("`core.event_bus.type` has no effect");
    assert!(line.contains("WARN") && line.contains("the bus of the process"), "{line}");
    assert_eq!(bus_state(&server)["carrier"], "memory");
    let memory = Place::new().command().arg("--check").output().unwrap();
    let text = String::from_utf8(memory.stdout).unwrap();
    assert!(text.contains("pass     features"), "{text}");
}

#[test]
fn a_filter_that_is_none_is_refused_with_its_key() {
    let (code, output) = Place::new().set("core.event_bus.log_subjects=node..x").refused();
    assert_eq!(code, 8, "{output}");
    assert!(output.contains("log_subjects") && output.contains("token 2"), "{output}");
}
