//! A server that is started with the deployment's ConfigMap, mounted as a kubelet mounts it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

use common::{Place, Server};
use ms_config::{Raw, Settings, plain};
use ms_control::Client;
use ms_runtime::section::FrameworkConfig;
use serde_json::{Value, json};

/// Every key of the map, with its value as it is written on a command line.
const MAP: [(&str, &str); 27] = [
    ("core.supervision.strategy", "rest_for_one"),
    ("core.supervision.max_restarts", "7"),
    ("core.supervision.restart_window", "90s"),
    ("core.supervision.health_check_interval", "4s"),
    ("core.event_bus.type", "nats"),
    ("core.event_bus.servers", "nats://a:4222,nats://b:4222"),
    ("core.event_bus.cluster_size", "2"),
    ("core.event_bus.max_reconnects", "12"),
    ("core.event_bus.reconnect_delay", "6s"),
    ("core.event_bus.subscriber_backlog", "99"),
    ("core.service_registry.type", "consul"),
    ("core.service_registry.datacenter", "dc2"),
    ("components.initialization_order", "database,application,transport,configuration"),
    ("components.health_checks.startup_probe.initial_delay", "11s"),
    ("components.health_checks.startup_probe.period", "6s"),
    ("components.health_checks.startup_probe.timeout", "4s"),
    ("components.health_checks.startup_probe.success_threshold", "2"),
    ("components.health_checks.startup_probe.failure_threshold", "4"),
    ("components.health_checks.liveness_probe.initial_delay", "1s"),
    ("components.health_checks.liveness_probe.period", "12s"),
    ("components.health_checks.liveness_probe.timeout", "6s"),
    ("components.health_checks.liveness_probe.failure_threshold", "5"),
    ("components.health_checks.readiness_probe.initial_delay", "2s"),
    ("components.health_checks.readiness_probe.period", "7s"),
    ("components.health_checks.readiness_probe.timeout", "2s"),
    ("components.health_checks.readiness_probe.success_threshold", "3"),
    ("components.health_checks.readiness_probe.failure_threshold", "6"),
];

/// The addresses of this test's server are on the command line, as the map has none.
fn mounted(text: &str) -> Place {
    let place = Place::new();
    let dir = place.config();
    fs::remove_file(dir.join("base.toml")).unwrap();
    fs::create_dir(dir.join("..2026_11_30")).unwrap();
    fs::write(dir.join("..2026_11_30/integration.yaml"), text).unwrap();
    symlink("..2026_11_30", dir.join("..data")).unwrap();
    symlink("..data/integration.yaml", dir.join("integration.yaml")).unwrap();
    let database = format!("tasks.database={}", place.database().display());
    let listens = ["http.bind=127.0.0.1:0", "telemetry.metrics_bind=127.0.0.1:0", &database];
    listens.into_iter().fold(place, Place::set)
}

fn state(server: &Server, path: &str) -> Value {
    let path = path.parse().expect("a path");
    let state = server.control(async |client: &mut Client| client.state(path).await);
    state.unwrap_or_else(|error| panic!("{error:?}")).state
}

/// Each value of the map is in force, with its place in the file as its origin, and no other value
/// comes from that file; the parts that use the values report the same.
/// S7.1-01, S7.1-02, S7.1-03, S7.1-04, S7.1-06, S7.1-07, S7.1-09, S7.1-10, S7.1-11, S7.1-12,
/// S7.1-13, S7.1-16, S7.1-17, S7.1-18
#[test]
fn a_server_runs_with_the_config_map_of_the_deployment() {
    let server = mounted(include_str!("config_map.yaml")).start();
    let values = state(&server, "/root/components/configuration/watcher")["values"].clone();
    let in_force: BTreeMap<&str, String> = values
        .as_object()
        .expect("keys")
        .iter()
        .filter(|(_, value)| {
            value["origin"].as_str().is_some_and(|origin| origin.contains("integration.yaml:"))
        })
        .map(|(key, value)| (key.as_str(), value["value"].as_str().expect("text").to_owned()))
        .collect();
    let wanted = MAP.map(|(key, value)| {
        let mut config = FrameworkConfig::default();
        config.set(key, &Raw::Word(value.to_owned())).unwrap_or_else(|e| panic!("{key}: {e:?}"));
        assert!(!config.same(&FrameworkConfig::default(), key), "{key}: {value} is its default");
        (key, plain(&config.get(key).expect("a value")))
    });
    assert_eq!(in_force, BTreeMap::from(wanted));

    let supervisor = state(&server, "/root/components");
    for (key, value) in [
        ("strategy", json!("RestForOne")),
        ("max_restarts", json!(7)),
        ("restart_window", json!("90s")),
    ] {
        assert_eq!(supervisor[key], value, "{supervisor}");
    }
    assert_eq!(state(&server, "/root/components/event-bus/bus")["buffer"], 99);
    let probes = state(&server, "/root/health")["probes"].clone();
    let probe = |initial_delay: &str, period: &str, timeout: &str, success: u64, failure: u64| {
        json!({"initial_delay": initial_delay, "period": period, "timeout": timeout,
            "success_threshold": success, "failure_threshold": failure})
    };
    assert_eq!(probes["startup"], probe("11s", "6s", "4s", 2, 4), "{probes}");
    assert_eq!(probes["liveness"], probe("1s", "12s", "6s", 1, 5), "{probes}");
    assert_eq!(probes["readiness"], probe("2s", "7s", "2s", 3, 6), "{probes}");
    // Keys that this build has no part for are named one by one.
    let warning = server.log.line("pre-flight: warning");
    for key in ["core.event_bus.type", "core.event_bus.cluster_size", "core.service_registry.type"]
    {
        assert!(warning.contains(&format!("`{key}` has no effect")), "{warning}");
    }
}

/// S7.1-15: the one switch of the map, turned off.
#[test]
fn a_config_map_can_switch_the_health_checks_off() {
    let server = mounted("components: {health_checks: {enabled: false}}\n").start();
    assert_eq!(state(&server, "/root/health")["armed"], false);
}
