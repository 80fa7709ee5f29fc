//! All traces of the real OTP, played on real supervisors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn conformance(args: &[&str], stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ms-conformance"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    // The program may end without reading its input, so a failed write is no error.
    drop(child.stdin.take().expect("piped").write_all(stdin.as_bytes()));
    child.wait_with_output().expect("ends")
}

fn goldens(folder: &str) -> String {
    let dir = std::env::var_os("GOLDEN_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(folder),
        PathBuf::from,
    );
    dir.to_str().expect("a path in UTF-8").to_owned()
}

/// Checks all traces in a folder, of which there must be at least this many.
fn all_pass(folder: &str, at_least: usize) {
    let output = conformance(&["check", &goldens(folder)], "");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{text}");
    let last = text.lines().last().expect("a closing line");
    let passed: usize =
        last.split(' ').next().and_then(|count| count.parse().ok()).expect("a count");
    assert!(passed >= at_least || std::env::var_os("GOLDEN_DIR").is_some(), "only {last}");
}

#[test]
fn traces_of_real_supervisors_equal_those_of_otp() {
    all_pass("golden-otp", 400);
}

#[test]
fn traces_of_unusual_scenarios_equal_those_of_otp() {
    all_pass("golden-otp-edge", 50);
}

#[test]
fn links_monitors_groups_and_names_answer_as_erlangs() {
    all_pass("golden-otp-processes", 40);
}

#[test]
fn a_live_run_without_erlang_says_what_to_install() {
    let output = Command::new(env!("CARGO_BIN_EXE_ms-conformance"))
        .args(["live", "1"])
        .env("PATH", "")
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(3));
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(error.contains("Debian package erlang-base"), "{error}");
}

#[test]
fn several_files_bare_or_golden_are_played_in_order() {
    let dir = std::env::temp_dir().join(format!("ms-conformance-files-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("writable");
    let (bare, golden) = (dir.join("bare.json"), dir.join("golden.json"));
    std::fs::write(&bare, r#"{"tree":{"children":[{"id":"A b"}]}}"#).expect("writable");
    std::fs::write(&golden, r#"{"scenario":{"tree":{}},"expected":[]}"#).expect("writable");
    let path = |path: &PathBuf| path.to_str().expect("UTF-8").to_owned();
    let output = conformance(&["run", &path(&bare), "-", &path(&golden)], r#"{"tree":{}}"#);
    std::fs::remove_dir_all(&dir).expect("there");
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let starts: Vec<usize> =
        printed.lines().map(|line| line.matches("\"start\"").count()).collect();
    assert_eq!(starts, [2, 0, 1, 0, 1, 0], "{printed}");
    assert!(printed.contains("\"root/A b#1\""), "{printed}");
}

#[test]
fn a_trace_is_printed_exactly_as_the_oracle_prints_it() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden-otp");
    let text = std::fs::read_to_string(folder.join("strategy-one_for_all.json"));
    let text = text.expect("it is under version control");
    let output = conformance(&["run", "-"], &text);
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let expected = text.lines().filter(|line| line.starts_with("{\"step\""));
    let expected: Vec<&str> = expected.map(|line| line.trim_end_matches(',')).collect();
    assert!(!expected.is_empty(), "it has no steps");
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_difference_is_printed_side_by_side_and_fails() {
    let dir = std::env::temp_dir().join(format!("ms-conformance-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("writable");
    let file = r#"{"scenario": {"name": "x", "tree": {"children": []}, "steps": []},
                   "expected": [{"step": 0, "op": "boot", "events": [], "result": "{ok,root#1}"}]}"#;
    std::fs::write(dir.join("x.json"), file).expect("writable");
    let output = conformance(&["check", dir.to_str().expect("UTF-8")], "");
    std::fs::remove_dir_all(&dir).expect("there");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("x.json\n  first difference: step 0 (boot)\n  OTP "), "{text}");
    let row = text.lines().find(|row| row.starts_with("! ")).expect("a marked row");
    let (otp, ours) = row.split_once('|').expect("two sides");
    assert_eq!(otp.trim(), "!");
    assert_eq!(ours.trim(), r#"events {"event":"start","child":"root#1"}"#);
    assert!(text.ends_with("0 passed, 1 failed\n"), "{text}");
}

#[test]
fn wrong_usage_and_malformed_scenarios_have_different_exit_codes() {
    for args in [&[][..], &["run"], &["fly", "x"], &["check", "/no/such/dir"]] {
        assert_eq!(conformance(args, "").status.code(), Some(2), "{args:?}");
    }
    for (input, want) in [
        ("nonsense", "-: not JSON"),
        ("{}", "-: malformed scenario: scenario: `tree` is missing"),
        (
            r#"{"tree":{"children":[{"id":"a","start":["maybe"]}]}}"#,
            "tree/a: `start` has \"maybe\", want ok",
        ),
        (
            r#"{"tree":{},"steps":[{"op":"crash","path":"root"}]}"#,
            "step 1 (crash): `reason` is missing",
        ),
    ] {
        let output = conformance(&["run", "-"], input);
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(want), "{error}");
    }
}
