//! The same answer to a configuration from `msctl config validate`, `ms-server --check`, the start,
//! and a running server that reloads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use common::{Place, Server, msctl, until};
use ms_config::{Key, keys, plain};
use ms_control::Client;
use ms_runtime::section::FrameworkConfig;
use rustix::process::Signal;
use serde_json::Value;

/// A way to get a configuration wrong: lines of a file, and the keys that must be named.
struct Bad {
    lines: String,
    keys: Vec<String>,
}

fn bad(key: &str, value: &str) -> Bad {
    Bad { lines: format!("{key} = {value}"), keys: vec![key.to_owned()] }
}

/// Returns values that a key of this type refuses. A new type has to be added here.
fn of_type(key: &Key) -> Vec<String> {
    let long = format!("{:?}", "x".repeat(ms_config::MAX_TEXT + 1));
    let outside = |down: &dyn Fn(&str) -> Option<String>, up: &dyn Fn(&str) -> String| {
        let [low, high] = key.bound.as_ref().unwrap_or_else(|| panic!("{} has no bound", key.path));
        down(&plain(low)).into_iter().chain([up(&plain(high))]).collect::<Vec<_>>()
    };
    // The neighbours of the bounds, one unit away; there is nothing below zero.
    let numbers = || {
        let below = |low: &str| low.parse::<u64>().unwrap().checked_sub(1).map(|n| n.to_string());
        let above = |high: &str| (high.parse::<u64>().unwrap() + 1).to_string();
        outside(&below, &above)
    };
    let times = || {
        let below = |low: &str| (low != "0s").then(|| format!("{:?}", shorter(low)));
        let above = |high: &str| format!("{:?}", format!("{high}1ms"));
        outside(&below, &above)
    };
    let sizes = || {
        let above = |high: &str| format!("{:?}", format!("{high}1B"));
        outside(&|_| Some("\"1B\"".to_owned()), &above)
    };
    let mut values = match key.what {
        "true or false" => vec!["\"perhaps\"".to_owned()],
        "a whole number" => numbers(),
        "a string" | "a secret string" => vec![long, "\"a\\u0007b\"".to_owned()],
        "a path" => vec!["\"a\\u0000b\"".to_owned()],
        "a list of strings" => vec!["\"x\"".to_owned(), "[1]".to_owned()],
        what if what.starts_with("a time") => [vec!["60".to_owned()], times()].concat(),
        what if what.starts_with("a size") => [vec!["4096".to_owned()], sizes()].concat(),
        what if what.starts_with("an address") => vec!["\"localhost\"".to_owned()],
        what if what.starts_with("one of") => vec!["\"nonsense\"".to_owned()],
        what => panic!("{}: what does {what:?} refuse?", key.path),
    };
    values.push("{ a = 1 }".to_owned());
    values
}

/// Returns a time one smaller unit below the bound, which is above zero for every bound.
fn shorter(time: &str) -> String {
    let millis = time.strip_suffix("ms").map(|text| text.parse::<u64>().unwrap());
    let secs = || time.strip_suffix('s').map(|text| text.parse::<u64>().unwrap() * 1_000);
    let minutes = || time.strip_suffix('m').map(|text| text.parse::<u64>().unwrap() * 60_000);
    let millis = millis.or_else(secs).or_else(minutes).expect("a bound in ms, s or m");
    format!("{}ms", millis - 1)
}

/// Values that their type accepts, and the parts that use them refuse.
fn of_parts() -> Vec<Bad> {
    let one = [
        ("telemetry.log_filter", "\"ms_framework=verbose\""),
        ("telemetry.log_filter", "\"info,!!=\""),
        ("telemetry.otlp_endpoint", "\"localhost:4317\""),
        ("telemetry.otlp_endpoint", "\"https://me:secret@collector\""),
        ("core.event_bus.log_subjects", "\"node..x\""),
        ("core.event_bus.log_subjects", "\"a.>.b\""),
        ("core.event_bus.servers", "[\"127.0.0.1\"]"),
        ("core.service_registry.url", "\"consul\""),
        ("core.service_registry.url", "\"http://127.0.0.1:8500\""),
        ("core.service_registry.datacenter", "\"\""),
        ("core.service_registry.encryption", "false"),
        ("core.supervision.restart_window", "\"1500ms\""),
        ("tasks.database", "\"\""),
        ("tasks.database", "\".\""),
        ("tasks.database", "\"state/\""),
        ("tasks.database", "\"/dev/null\""),
        ("tasks.database", "\":memory:\""),
        ("tasks.database", "\"file:x?mode=memory\""),
        ("http.auth_token_file", "\"/etc/\""),
        ("http.bind", "\"0.0.0.0:8080\""),
        ("telemetry.metrics_bind", "\"[::]:9090\""),
        ("shutdown.within", "\"26s\""),
        ("shutdown.within", "\"29s\""),
        ("shutdown.within", "\"900ms\""),
        ("components.initialization_order", "[\"a\", \"a\"]"),
        ("components.initialization_order", "[\"../a\"]"),
        ("components.initialization_order", "[\"transport\", \"database\"]"),
        ("components.initialization_order", "[\"observability\", \"configuration\"]"),
        ("components.health_checks.liveness_probe.success_threshold", "2"),
        ("components.health_checks.readiness_probe.timeout", "\"6s\""),
    ];
    let pair = |lines: &str, key: &str| Bad { lines: lines.to_owned(), keys: vec![key.to_owned()] };
    let several = [
        pair(
            "http.bind = \"127.0.0.1:8080\"\ntelemetry.metrics_bind = \"127.0.0.1:8080\"",
            "telemetry.metrics_bind",
        ),
        pair(
            "http.bind = \"127.0.0.1:8080\"\nhttp.auth_token_file = \"/t\"\n\
             http.tls_terminated_upstream = true\ntelemetry.metrics_bind = \"0.0.0.0:8080\"",
            "telemetry.metrics_bind",
        ),
        pair("persistence.enabled = true", "persistence.dir"),
        pair(
            "core.event_bus.type = \"nats\"\ncore.event_bus.servers = []",
            "core.event_bus.servers",
        ),
        pair("shutdown.kubernetes_grace = \"5s\"\nshutdown.within = \"1s\"", "shutdown.within"),
    ];
    one.iter().map(|(key, value)| bad(key, value)).chain(several).collect()
}

/// Returns all cases: the values that types and bounds of all keys refuse, then those of the parts.
fn all() -> Vec<Bad> {
    let declared = keys::<FrameworkConfig>();
    let by_type = declared.iter().flat_map(|key| {
        of_type(key).into_iter().map(|value| bad(&key.path, &value)).collect::<Vec<_>>()
    });
    let secrets = declared.iter().filter(|key| key.secret);
    let in_the_open = secrets.map(|key| bad(&key.path, "\"s3cret\""));
    by_type.chain(in_the_open).chain(of_parts()).collect()
}

/// Returns the standard error of a program, and its exit code.
fn asked(command: &mut Command) -> (i32, String) {
    let out = command.stdin(Stdio::null()).output().expect("it runs");
    let text = String::from_utf8(out.stderr).expect("text");
    (out.status.code().expect("no signal"), text)
}

/// Returns the problems of the last reload of a running server.
fn failures(server: &Server) -> Vec<String> {
    let lines = state(server)["last_failure"].as_array().expect("a list").clone();
    lines.iter().map(|line| line.as_str().expect("a line").to_owned()).collect()
}

fn state(server: &Server) -> Value {
    let path = "/root/components/configuration/watcher".parse().unwrap();
    server.control(async |client: &mut Client| client.state(path).await).unwrap().state
}

/// Writes the environment's file atomically. Anybody may read it.
fn write(place: &Place, text: &str) {
    let new = place.file("new");
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, PermissionsExt::from_mode(0o644)).unwrap();
    fs::rename(new, place.config().join("development.toml")).unwrap();
}

/// Servers that are asked in parallel: one alone would take minutes.
const BESIDE: usize = 4;

/// Row 41, S9.1-02: for every wrong value of every key, the three checks and the start itself print the
/// same lines and end with the same exit code.
#[test]
fn every_bad_value_is_refused_alike_by_validate_check_start_and_reload() {
    let cases = all();
    assert!(cases.len() >= 100, "only {} cases", cases.len());
    let each = cases.len().div_ceil(BESIDE);
    std::thread::scope(|scope| {
        for part in cases.chunks(each) {
            scope.spawn(|| refused_alike(part));
        }
    });
}

fn refused_alike(cases: &[Bad]) {
    let place = Place::new();
    let server = place.start();
    let mut before = Vec::new();
    for (nth, Bad { lines, keys }) in cases.iter().enumerate() {
        // Each case is on a line of its own, so that its message cannot be taken for another's.
        write(&place, &format!("{}{lines}\n", "\n".repeat(nth)));
        server.signal(Signal::HUP);
        let reported = until(&format!("a word on {lines}"), || {
            Some(failures(&server)).filter(|reported| !reported.is_empty() && *reported != before)
        });
        for key in keys {
            assert!(
                reported.iter().any(|line| line.contains(&format!("`{key}`"))),
                "{lines}: {reported:?}"
            );
        }
        let is_unsafe = reported.iter().any(|line| line.ends_with("(unsafe)"));
        let code = if is_unsafe { 78 } else { 8 };

        let validated = asked(msctl().args(["config", "validate"]).arg(place.config()));
        let expected: String = reported.iter().map(|line| format!("error: {line}\n")).collect();
        assert_eq!(validated, (code, expected), "{lines}");
        let whole = reported.join("\n");
        let expected = format!("ms-server: the configuration cannot be used\n  because {whole}\n");
        assert_eq!(asked(place.command().arg("--check")), (code, expected.clone()), "{lines}");
        assert_eq!(asked(&mut place.command()), (code, expected), "{lines}");
        before = reported;
    }
    // The last good configuration stayed in force, and the next reload builds on it.
    let current = state(&server);
    assert_eq!(
        (&current["version"], &current["needs_restart"]),
        (&0.into(), &Value::Array(vec![]))
    );
    write(&place, "telemetry.log_filter = \"warn\"\n");
    until("the good one", || (state(&server)["version"] == 1).then_some(()));
    assert_eq!(failures(&server), Vec::<String>::new());
    assert_eq!(asked(msctl().args(["config", "validate"]).arg(place.config())).0, 0);
}

/// The components that `msctl` checks a configured order against, offline, are the server's.
#[test]
fn the_components_that_validate_knows_are_those_of_the_server() {
    let place = Place::new();
    let dir = place.file("snapshots");
    std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(&dir).unwrap();
    fs::write(place.file("keys"), format!("key {}\n", "5a".repeat(32))).unwrap();
    fs::set_permissions(place.file("keys"), PermissionsExt::from_mode(0o600)).unwrap();
    place.write_config(&format!(
        "[persistence]\nenabled = true\ndir = {dir:?}\nkey_file = {:?}\n",
        place.file("keys")
    ));
    let server = place.start();
    let path = "/root/lifecycle".parse().unwrap();
    let state = server.control(async |client: &mut Client| client.state(path).await).unwrap().state;
    let known =
        |id: &str| ms_runtime::section::components::COMPONENTS.iter().find(|one| one.0 == id);
    for (id, node) in state["components"].as_object().unwrap() {
        let (_, needs) = known(id).unwrap_or_else(|| panic!("{id} is not in ms-config's table"));
        let found: Vec<&str> =
            node["needs"].as_array().unwrap().iter().map(|need| need.as_str().unwrap()).collect();
        let mut wanted = needs.to_vec();
        // Only where the program sets budgets.
        wanted.retain(|need| *need != "budgets");
        wanted.sort_unstable();
        let mut found = found;
        found.sort_unstable();
        assert_eq!(found, wanted, "{id}");
    }
}

/// Row 42, the cases of a linked file and of a hangup: the file that `base.toml` links to is
/// watched where it is, and SIGHUP reads whatever was noticed, and says what it did.
#[test]
fn a_linked_file_is_watched_and_a_hangup_says_what_it_read() {
    let place = Place::new();
    fs::create_dir(place.file("elsewhere")).unwrap();
    let linked = place.file("elsewhere").join("base.toml");
    let base = place.config().join("base.toml");
    let good = fs::read_to_string(&base).unwrap();
    let filter =
        |level: &str| fs::write(&linked, format!("{good}telemetry.log_filter = {level:?}\n"));
    filter("info").unwrap();
    fs::remove_file(&base).unwrap();
    std::os::unix::fs::symlink("../elsewhere/base.toml", &base).unwrap();
    let server = place.start();
    assert_eq!(state(&server)["watching"], true);
    let in_force = |level: &str| {
        until(level, || {
            let current = &state(&server)["values"]["telemetry.log_filter"]["value"];
            (*current == *level).then_some(())
        });
    };
    filter("info,ms_server=debug").unwrap();
    in_force("info,ms_server=debug");
    server.signal(Signal::HUP);
    let line = server.log.line("reloaded;");
    assert!(line.contains("unchanged:") && !line.contains("changed: configuration"), "{line}");

    // The change and the signal at once: whichever reads first, the file is read, and both report it.
    filter("info,ms_server=trace").unwrap();
    server.signal(Signal::HUP);
    in_force("info,ms_server=trace");
    let broken = format!("{good}tasks.agents = 0\n");
    fs::write(&linked, broken).unwrap();
    server.signal(Signal::HUP);
    let line = server.log.line("the reload is incomplete");
    assert!(line.contains("failed: configuration") && line.contains("`tasks.agents`"), "{line}");
    assert!(line.contains("ERROR"), "{line}");
}
