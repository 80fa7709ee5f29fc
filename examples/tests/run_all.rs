//! Runs every example and compares what it prints with what its own comment promises.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The text block of an example's first comment.
fn promised(source: &str) -> String {
    let comment = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line));
    let block =
        comment.skip_while(|line| *line != "```text").skip(1).take_while(|line| *line != "```");
    block.map(|line| format!("{line}\n")).collect()
}

/// Places in the source lose their numbers: an edit above must not break the comment.
fn without_places(text: &str) -> String {
    let mut parts = text.split(".rs:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(".rs:0:0");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'));
    }
    out
}

/// Where cargo puts examples: beside the directory of this test.
fn program(name: &str) -> PathBuf {
    let me = std::env::current_exe().expect("known");
    let directory = me.parent().and_then(Path::parent).expect("target/PROFILE/deps");
    let program = directory.join("examples").join(name);
    assert!(program.exists(), "build the examples first: cargo build -p ms-examples --examples");
    program
}

fn examples() -> Vec<(String, String)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = fs::read_dir(here).expect("readable").map(|entry| entry.expect("readable").path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let named = sources.map(|path| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("readable"))
    });
    let mut found: Vec<_> = named.filter(|(name, _)| name != "lib").collect();
    found.sort();
    found
}

/// What these print shows S2.3-06, S2.3-07, S2.3-08, S2.4-08 and S2.4-15 (`router_strategies`),
/// S2.4-12 and S2.4-13 (`router_fan_out`), S2.4-18 (`registry_groups`), S9.2-01, S9.2-04 and
/// S9.2-05 (`breaker_fallback`).
#[test]
fn every_example_prints_what_its_comment_promises() {
    let all = examples();
    assert!(all.len() >= 8, "the examples are gone");
    for (name, source) in all {
        let run = Command::new(program(&name)).output().expect("runs");
        let printed = String::from_utf8(run.stdout).expect("text");
        let stderr = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{name}: {} {stderr}", run.status);
        assert_eq!(without_places(&printed), without_places(&promised(&source)), "{name}");
    }
}

/// S2.4-03
#[test]
fn every_example_is_listed_and_the_first_one_is_short() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(here.join("Cargo.toml")).expect("readable");
    let list = fs::read_to_string(here.join("lib.rs")).expect("readable");
    for (name, source) in examples() {
        assert!(manifest.contains(&format!("path = \"{name}.rs\"")), "{name} is not in Cargo.toml");
        assert!(list.contains(&format!("`{name}`")), "{name} is not in the list of lib.rs");
        if name == "hello_agent" {
            let code =
                source.lines().filter(|line| !line.starts_with("//") && !line.trim().is_empty());
            assert!(code.count() <= 40, "{name} is to fit on a screen");
        }
    }
}
