//! Input that cannot be used: a clear error, the documented exit code, nothing lost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use common::{Bench, Run, finish};
use ms_runtime::exit;

fn refused(bench: &Bench, args: &[&str], code: i32, says: &[&str]) {
    let run = bench.run("refused", args);
    assert_eq!(run.code, Some(code), "{args:?}: {}", run.stderr);
    assert!(run.stdout.is_empty(), "{}", run.stdout);
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    for word in says {
        assert!(run.stderr.contains(word), "{word} in {}", run.stderr);
    }
}

#[test]
fn bad_input_is_refused_with_its_code() {
    let bench = Bench::new();
    let at = |name: &str| bench.dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("text.txt"), "x").unwrap();
    fs::write(at("file"), "x").unwrap();
    refused(&bench, &["--frobnicate"], 2, &["--frobnicate", "--help"]);
    refused(&bench, &["--rate", "0.5"], 2, &["--chaos"]);
    for option in ["--top", "--workers", "--chaos", "--rate", "--pace"] {
        refused(&bench, &[option, "x"], 2, &[&format!("{option} \"x\": invalid")]);
    }
    refused(&bench, &["--path", &at("nowhere")], 4, &["nowhere does not exist"]);
    refused(&bench, &["--path", &at("text.txt")], 8, &["neither a directory nor a .rs file"]);
    refused(&bench, &["--out", &at("no/such/dir.json")], 8, &["--out"]);
    refused(&bench, &["--out", &at("file")], 8, &["no other file is overwritten"]);
    assert_eq!(fs::read(at("file")).unwrap(), b"x");
    refused(&bench, &["--state", &at("file")], 8, &["--state"]);
    // As `ms-server` ends with them: `a_control_socket_that_cannot_be_used_is_5`.
    let code = exit::CONTROL.into();
    refused(&bench, &["--control", &at(&"x".repeat(200))], code, &["--control"]);
    refused(&bench, &["--control", &at("text.txt")], code, &["because: ", "is not a socket"]);
    refused(&bench, &["--control", &at("no/such/dir.sock")], code, &["because: ", "dir.sock"]);
    let _listening = UnixListener::bind(at("used.sock")).unwrap();
    refused(&bench, &["--control", &at("used.sock")], code, &["because: ", "in use"]);
    fs::create_dir(at("damaged")).unwrap();
    fs::write(at("damaged/tasks.db"), "no database".repeat(1000)).unwrap();
    refused(&bench, &["--state", &at("damaged")], 8, &["--fresh"]);
    assert_eq!(bench.run("refused", &["--state", &at("damaged"), "--fresh"]).code, Some(0));
}

/// A report replaces only a report, and no source of the audited tree, even an empty one.
#[test]
fn a_report_is_written_over_no_other_file() {
    let bench = Bench::new();
    let at = |name: &str| bench.dir.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(at("sources")).unwrap();
    fs::write(at("sources/lib.rs"), "pub fn f() {}\n").unwrap();
    fs::write(at("sources/empty.rs"), "").unwrap();
    for source in ["sources/lib.rs", "sources/empty.rs"] {
        let before = fs::read(at(source)).unwrap();
        refused(&bench, &["--path", &at("sources"), "--out", &at(source)], 8, &["--out must name"]);
        assert_eq!(fs::read(at(source)).unwrap(), before, "{source}");
    }
    // Nor does it replace a file that happens to be beside the report.
    fs::write(at("report.json.tmp"), "mine").unwrap();
    for _ in 0..2 {
        let run = bench.run("over", &["--path", &at("sources"), "--out", &at("report.json")]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    assert_eq!(fs::read(at("report.json.tmp")).unwrap(), b"mine");
    let left = fs::read_dir(bench.dir.path()).unwrap();
    let names: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with(".report")), "{names:?}");
}

/// Whoever names another tree and forgets that there is a state keeps what was done.
#[test]
fn the_state_of_another_input_is_left_alone_until_it_is_to_be_replaced() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let at = |name: &str| bench.dir.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(at("sources")).unwrap();
    fs::write(at("sources/lib.rs"), "pub fn f() {}\n").unwrap();
    let state = at("baseline.state");
    let other = ["--path", &at("sources"), "--state", &state];
    refused(&bench, &other, 8, &["another input", "--fresh", "--state"]);
    // Nothing is audited again.
    let again = bench.run("baseline", &[]);
    again.assert_same_as(&baseline);
    assert!(again.stderr.contains("resumed"), "{}", again.stderr);
    let replaced = bench.run("other", &[&other[..], &["--fresh"]].concat());
    assert_eq!((replaced.code, replaced.tally("in")), (Some(0), 1), "{}", replaced.stderr);
}

#[test]
fn an_audit_of_nothing_leaves_an_earlier_report() {
    let bench = Bench::new();
    let at = |name: &str| bench.dir.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(at("sources")).unwrap();
    fs::create_dir(at("empty")).unwrap();
    fs::write(at("sources/lib.rs"), "pub fn f() {}\n").unwrap();
    let run = |name: &str| bench.run("same", &["--path", &at(name), "--fresh"]);
    let good = run("sources");
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    let report = fs::read(at("same.json")).unwrap();
    let none = run("empty");
    assert_eq!(none.code, Some(8), "{}", none.stderr);
    assert!(!none.stdout.contains("report: "), "{}", none.stdout);
    assert_eq!(fs::read(at("same.json")).unwrap(), report);
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let bench = Bench::new();
    bench.baseline();
    let state = bench.dir.path().join("baseline.state");
    let tasks = fs::read(state.join("tasks.db")).unwrap();
    fs::write(state.join("input"), "format 99\nwho knows\n").unwrap();
    refused(&bench, &["--state", state.to_str().unwrap()], 9, &["format 99", "newer"]);
    assert!(fs::read(state.join("tasks.db")).unwrap() == tasks);
}

#[test]
fn damage_inside_the_store_is_found_as_it_boots_and_nothing_is_recreated() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let tasks = bench.dir.path().join("baseline.state/tasks.db");
    let mut bytes = fs::read(&tasks).unwrap();
    // The magic and the first page stay.
    let damage = 8192..bytes.len().min(400_000);
    bytes[damage].fill(0xa5);
    fs::write(&tasks, &bytes).unwrap();
    let state = tasks.parent().unwrap().to_str().unwrap().to_owned();
    refused(&bench, &["--state", &state], 8, &["database", "damaged"]);
    assert!(fs::read(&tasks).unwrap() == bytes);
    bench.run("baseline", &["--fresh"]).assert_same_as(&baseline);
}

#[test]
fn an_audit_of_nothing_is_no_success() {
    let bench = Bench::new();
    let run = |args: &[&str], home: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ms-demo"));
        command.current_dir(bench.dir.path()).env("CARGO_HOME", bench.dir.path().join(home));
        command
            .args(["--headless", "--no-control"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Run::of(finish(command.spawn().unwrap()), &bench.dir.path().join("audit.json"))
    };
    let all = run(&["--all"], "empty");
    assert_eq!(all.code, Some(8), "{}", all.stderr);
    assert!(all.stderr.contains("cargo build"), "{}", all.stderr);
    let own = run(&["--fresh"], "empty");
    assert_eq!((own.code, own.tally("in")), (Some(8), 0), "{}", own.stderr);
    assert!(own.stderr.contains("no Rust source"), "{}", own.stderr);
    fs::write(bench.dir.path().join("Cargo.lock"), "[[package]]\nversion = 3\nname\n").unwrap();
    let broken = run(&["--fresh"], "empty");
    assert_eq!(broken.code, Some(8), "{}", broken.stderr);
    assert!(broken.stderr.contains("Cargo.lock, line"), "{}", broken.stderr);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let bench = Bench::new();
    let mut command = bench.demo("pipe", &[]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut errors = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut errors).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{errors}");
    assert!(!errors.contains("panic") && !errors.contains("error"), "{errors}");
}

#[test]
fn help_and_version_are_for_standard_output() {
    let ask = |arg: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_ms-demo")).arg(arg).output().unwrap()
    };
    let help = String::from_utf8(ask("--help").stdout).unwrap();
    assert!(help.contains("\nEXAMPLES\n") && help.contains("\nEXIT STATUS\n"), "{help}");
    assert!(ask("--version").stdout.starts_with(b"ms-demo "));
}
