//! `msctl config`: works without a node, reports every problem, ends with 8.

#![allow(clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::process::Stdio;

use common::run;

fn msctl(files: &[(&str, &str)], args: &[&str]) -> common::Run {
    let home = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        fs::write(home.path().join(name), text).expect("written");
    }
    let mut command = common::command(home.path(), args);
    run({
        command.current_dir(home.path());
        command
    })
}

/// S9.1-02, S4.3-02
/// S4.1-04, S4.3-07, S7.2-12
#[test]
fn validate_ends_with_0_or_with_8_and_every_problem() {
    let good = [("base.toml", "[core.supervision]\nmax_restarts = 9\n")];
    assert_eq!(
        msctl(&good, &["config", "validate"]).ok(),
        "ok: 1 keys set, the others at their defaults\n"
    );
    let bad = [("base.toml", "[http]\nbind = 7\nmax_bodi = \"1MiB\"\n")];
    let run = msctl(&bad, &["config", "validate"]);
    run.fails(8, "base.toml:2:8: `http.bind` must be an address");
    run.fails(8, "base.toml:3:1: there is no key `http.max_bodi`; did you mean `http.max_body`?");
    msctl(&[], &["config", "validate", "/nowhere"]).fails(8, "has no base file");
    msctl(&good, &["config", "validate", "--environment", "../x"]).fails(8, "environment");
}

/// What leaves the node open to others ends with the code the server ends with.
#[test]
fn validate_ends_with_78_for_what_is_unsafe_and_warns_of_what_has_no_effect() {
    let unsafe_one = [("base.toml", "[http]\nbind = \"0.0.0.0:80\"\n")];
    msctl(&unsafe_one, &["config", "validate"]).fails(78, "`http.auth_token_file`");
    let idle = [("base.toml", "[core.event_bus]\ntype = \"nats\"\n")];
    let run = msctl(&idle, &["config", "validate"]);
    assert!(run.err.contains("warning: ./base.toml:2:8: `core.event_bus.type` has no effect"));
    assert_eq!(run.code, Some(0));
    assert_eq!(run.out, "ok: 1 keys set, the others at their defaults\n");
}

/// S4.3-01, S4.3-05
#[test]
fn show_has_every_value_its_origin_and_no_secret() {
    let files = [("base.toml", "[core.supervision]\nmax_restarts = 9\n")];
    let args = ["config", "show", "--origin", "--set", "shutdown.within=7s"];
    let output = msctl(&files, &args).ok();
    for (line, origin) in [
        ("core.supervision.max_restarts = 9", "./base.toml:2:16"),
        ("shutdown.within = 7s", "--set shutdown.within"),
        ("http.bind = 127.0.0.1:8080", "default"),
    ] {
        let found = output.lines().find(|found| found.starts_with(line)).expect(line);
        assert!(found.trim_end().ends_with(origin), "{found}");
    }
    let json = msctl(&files, &["config", "show", "--json"]).ok();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["data"]["core.supervision.max_restarts"]["value"], 9);

    let secret = ["config", "show", "--set", "core.event_bus.password=s3cret"];
    let run = msctl(&files, &secret);
    run.fails(8, "write it into a file of mode 0600");
    assert!(!run.err.contains("s3cret"), "{}", run.err);
}

/// S4.3-04, S7.2-01: real variables of the environment, as a container sets them.
#[test]
fn variables_override_files_and_pick_the_environment() {
    let home = tempfile::tempdir().expect("a directory");
    for (name, text) in [
        ("base.toml", "[core.supervision]\nmax_restarts = 6\n"),
        ("production.toml", "[shutdown]\nwithin = \"9s\"\n"),
    ] {
        fs::write(home.path().join(name), text).expect("written");
    }
    let mut command = common::command(home.path(), &["config", "show", "--origin"]);
    command.current_dir(home.path()).env("ENVIRONMENT", "production");
    let variable = "MS_FRAMEWORK__CORE__SUPERVISION__MAX_RESTARTS";
    command.env(variable, "9");
    let output = run(command).ok();
    for (line, origin) in [
        ("core.supervision.max_restarts = 9", variable),
        ("shutdown.within = 9s", "./production.toml:2:10"),
    ] {
        let found = output.lines().find(|found| found.starts_with(line)).expect(line);
        assert!(found.trim_end().ends_with(origin), "{found}");
    }
}

/// Fault 47: missing values, numbers out of range, a closed stdout.
#[test]
fn fault_47_bad_options_are_usage_and_a_closed_pipe_is_no_error() {
    let files = [("base.toml", "")];
    msctl(&files, &["config", "show", "--set"]).fails(2, "a value is required");
    msctl(&files, &["config", "show", "--set", "http.bind=127.0.0.1:70000"])
        .fails(8, "must be an address");
    // A dry run does not look at them: it foretells for whichever life there is.
    for option in ["--incarnation=4", "--request-id=a"] {
        let kill = ["kill", "/root/a", "--dry-run", option];
        msctl(&[], &kill).fails(2, "cannot be used with");
    }
    let home = tempfile::tempdir().expect("a directory");
    let mut child = common::command(home.path(), &["config", "schema"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ends").code(), Some(0));
}

#[test]
fn the_schema_is_json_and_lists_the_keys() {
    let text = msctl(&[], &["config", "schema"]).ok();
    let schema: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(schema["properties"]["core"]["properties"]["event_bus"].is_object());
}
