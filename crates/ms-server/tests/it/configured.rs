//! The effects of a configuration on a running server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;

use common::{Http, Place, Server};
use ms_control::Client;
use serde_json::{Value, json};

/// Returns the state of an actor as `msctl state` prints it.
fn state(server: &Server, path: &str) -> Value {
    let path = path.parse().expect("a path");
    let state = server.control(async |client: &mut Client| client.state(path).await);
    state.unwrap_or_else(|error| panic!("{error:?}")).state
}

/// S4.3-11, S7.2-01: the line that says which environment's layer is loaded.
#[test]
fn the_log_says_which_environment_is_loaded() {
    let place = Place::new();
    fs::write(place.config().join("production.toml"), "tasks.agents = 2\n").unwrap();
    let mut command = place.command();
    command.env("ENVIRONMENT", "production");
    let server = place.launch_as(command);
    server.started();
    server.log.line("Loading configuration for environment: production");
    let agents =
        &state(&server, "/root/components/configuration/watcher")["values"]["tasks.agents"];
    assert_eq!(agents["value"], "2");
}

/// S1.1-06, S4.3-01, S4.3-05: the running node lists the configuration in force, each value with its
/// origin, also after a change. This build uses no secrets, so a test of ms-runtime checks that they are
/// hidden.
#[test]
fn the_running_node_lists_the_configuration_in_force() {
    const WATCHER: &str = "/root/components/configuration/watcher";
    let place = Place::new().set("core.supervision.max_restarts=7");
    let server = place.start();
    let values = state(&server, WATCHER)["values"].clone();
    let restarts = &values["core.supervision.max_restarts"];
    assert_eq!(restarts["value"], "7");
    assert!(restarts["origin"].as_str().unwrap().contains("--set"), "{restarts}");
    let bind = &values["http.bind"];
    assert!(bind["origin"].as_str().unwrap().contains("base.toml:1"), "{bind}");
    assert_eq!(values["tasks.retention"]["origin"], "default");
    assert_eq!(values["core.service_registry.token"]["value"], "", "none is set");

    place.write_config("telemetry.log_filter = \"warn\"\n");
    common::until("the new value", || {
        let filter = state(&server, WATCHER)["values"]["telemetry.log_filter"]["value"].clone();
        (filter == "warn").then_some(())
    });
}

/// S7.1-01, S7.1-02: the components are kept alive as the configuration says.
#[test]
fn the_strategy_and_the_intensity_of_the_configuration_are_those_of_the_components() {
    let place = Place::new();
    let set = ["strategy=rest_for_one", "max_restarts=7", "restart_window=2m"];
    let place = set.iter().fold(place, |p, set| p.set(&format!("core.supervision.{set}")));
    let server = place.start();
    let supervisor = state(&server, "/root/components");
    assert_eq!(supervisor["strategy"], "RestForOne", "{supervisor}");
    assert_eq!(supervisor["max_restarts"], 7, "{supervisor}");
    assert_eq!(supervisor["restart_window"], "120s", "{supervisor}");
}

/// S7.1-06: settings that this build does not support are reported at the start, and the server runs
/// without them.
#[test]
fn a_setting_without_a_part_for_it_is_warned_about() {
    let place = Place::new()
        .set("core.service_registry.type=consul")
        .set("telemetry.otlp_endpoint=http://127.0.0.1:4317");
    let mut command = place.command();
    let out = command.arg("--check").output().expect("runs");
    let report = String::from_utf8(out.stdout).expect("text");
    let warning = report.lines().find(|line| line.starts_with("warning  features:"));
    let warning = warning.unwrap_or_else(|| panic!("no warning in:\n{report}"));
    for key in ["`core.service_registry.type`", "`telemetry.otlp_endpoint`"] {
        assert!(warning.contains(key), "{warning}");
    }
    let server = place.start();
    server.log.line("features");
    let quiet = Place::new().command().arg("--check").output().expect("runs");
    let report = String::from_utf8(quiet.stdout).expect("text");
    assert!(report.lines().any(|line| line == "pass     features"), "{report}");
}

/// S2.1-02: the dump of the hub: every component with its phase, its level, its needs and its health,
/// and the agents that tasks are routed to.
#[test]
fn the_dump_shows_the_graph_of_components() {
    let place = Place::new();
    let server = place.start();
    let dump = state(&server, "/root/lifecycle");
    let graph = &dump["components"];
    assert_eq!(graph["transport"]["needs"], json!(["database", "credentials"]), "{dump}");
    assert_eq!(graph["application"]["needs"], json!(["database"]), "{dump}");
    assert_eq!(graph["configuration"]["needs"], json!([]), "{dump}");
    for (id, node) in graph.as_object().unwrap() {
        assert!(node["phase"].is_string() && node["level"].is_u64(), "{id}: {node}");
        let up = dump["up"].as_array().unwrap();
        assert!(up.iter().any(|one| one == id.as_str()), "{id} is not up: {dump}");
    }
    let health = state(&server, "/root/health");
    assert_eq!(health["components"]["transport"], "healthy", "{health}");
    let dispatcher = state(&server, "/root/components/application/tasks/dispatcher");
    for kind in ["audit", "echo", "wait"] {
        assert!(dispatcher["routes"][kind].as_u64().unwrap() > 0, "{dispatcher}");
    }
}

/// S7.1-15: with checks off no component is asked, and all three probes are answered.
#[test]
fn without_health_checks_the_three_questions_are_still_answered() {
    let place = Place::new();
    place.write_config("components.health_checks.enabled = false\n");
    let server = place.start();
    for path in ["/health/startup", "/health/live", "/health/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
        assert_eq!(Http::try_get(server.admin(), path).unwrap().status, 200, "{path}");
    }
    assert_eq!(state(&server, "/root/health")["armed"], false, "nobody is asked");
}

/// Returns the lines of this level whose target begins with this text.
fn lines(server: &Server, level: &str, target: &str) -> usize {
    let of = |line: &&str| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(level) && words.next().is_some_and(|word| word.starts_with(target))
    };
    server.log.text().lines().filter(of).count()
}

/// S7.2-02: `RUST_LOG=info,ms_framework=debug` gives debug lines of the framework's crates, and
/// of no other.
#[test]
fn rust_log_with_ms_framework_reaches_every_crate_of_it() {
    let place = Place::new();
    let mut command = place.command();
    command.env("RUST_LOG", "info,ms_framework=trace");
    let server = place.launch_as(command);
    server.started();
    server.log.line("DEBUG ms_server");
    let text = server.log.text();
    let verbose = text.lines().filter(|line| line.contains("DEBUG") || line.contains("TRACE"));
    let foreign: Vec<&str> = verbose.filter(|line| !line.contains(" ms_")).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    assert!(lines(&server, "INFO", "ms_runtime") > 0, "{text}");
}

/// S7.2-02, S4.3-10: the same in the file, applied while the server runs.
#[test]
fn ms_framework_in_the_file_is_taken_over_while_it_runs() {
    let place = Place::new();
    place.write_config("telemetry.log_filter = \"info\"\n");
    let server = place.start();
    assert_eq!(lines(&server, "DEBUG", "ms_"), 0, "{}", server.log.text());
    place.write_config("telemetry.log_filter = \"info,ms_framework=debug\"\n");
    server.log.line("the log filter was changed");
    server.log.line("DEBUG ms_server");
    place.write_config("telemetry.log_filter = \"info,ms_framework=off\"\n");
    common::until("silence", || {
        let filter = state(&server, "/root/components/configuration/watcher")["values"]
            ["telemetry.log_filter"]["value"]
            .clone();
        (filter == "info,ms_framework=off").then_some(())
    });
}

/// `--check` finds what a start would fail with, and creates or changes nothing.
#[test]
fn a_check_says_whether_the_task_store_is_to_be_had() {
    let place = Place::new();
    let checked = || {
        let out = place.command().arg("--check").output().expect("runs");
        let text = [out.stdout, out.stderr].concat();
        (out.status.code(), String::from_utf8(text).expect("text"))
    };
    assert_eq!(checked().0, Some(0));
    assert!(!place.database().exists(), "nothing is made");
    let mut server = place.start();
    let (code, report) = checked();
    assert_eq!(code, Some(6), "{report}");
    let fails = |report: &str, why: &str| {
        let line = report.lines().find(|line| line.contains("task-store"));
        assert!(line.is_some_and(|line| line.contains(why)), "{why}: {report}");
    };
    fails(&report, "in use by another");
    assert_eq!(server.stop(), 0);
    assert_eq!(checked().0, Some(0));
    for (text, why) in [("some text", "not an SQLite database"), ("", "gone or empty")] {
        std::fs::write(place.database(), text).expect("written");
        fails(&checked().1, why);
        assert_eq!(std::fs::read_to_string(place.database()).expect("there"), text);
    }
}
