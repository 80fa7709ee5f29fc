//! `cargo xtask coverage` as a process, and how it ends.
#![allow(clippy::expect_used, reason = "tests")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Stands where cargo looks for `cargo tarpaulin` first: a count of the whole workspace takes 20
/// minutes. It says what it was asked, and ends as it is output.
const TOOL: &str = r#"#!/bin/sh
[ "$2" = --version ] && exit "$VERSION_ENDS_WITH"
echo "counted: $*"
exit "$COUNT_ENDS_WITH"
"#;

/// A directory with the tool, and the search path that begins with it.
fn path(name: &str) -> OsString {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&directory).expect("made");
    let tool = directory.join("cargo-tarpaulin");
    fs::write(&tool, TOOL).expect("written");
    fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).expect("set");
    let rest = std::env::var_os("PATH").unwrap_or_default();
    // Cargo looks in its own directory before all others, unless it is among them.
    let own = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let own = own.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let all = [directory].into_iter().chain(std::env::split_paths(&rest));
    let all = all.chain(own.map(|own| own.join("bin")));
    std::env::join_paths(all).expect("a search path")
}

/// Runs the command; gives its exit code and what it said.
fn coverage(path: &OsString, version: &str, count: &str, args: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("coverage").args(args).env("PATH", path);
    command.env("VERSION_ENDS_WITH", version).env("COUNT_ENDS_WITH", count);
    let out = command.output().expect("it runs");
    let output = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    (out.status.code(), output.into_owned())
}

/// SExec-01: the whole workspace is counted with a floor of 85 %; where the count says that it is
/// below (cargo-tarpaulin ends with 2), the command fails, and where it is not, it does not.
#[test]
fn sexec_01_a_share_below_the_floor_fails_the_command() {
    let path = path("coverage");
    let (code, output) = coverage(&path, "0", "0", &["--out", "Json"]);
    assert_eq!(code, Some(0), "{output}");
    let asked = output.lines().find_map(|line| line.strip_prefix("counted: ")).expect("it counts");
    for words in ["tarpaulin --workspace", "--fail-under 85", "--out Json"] {
        assert!(asked.contains(words), "no {words} in {asked}");
    }
    let (code, output) = coverage(&path, "0", "2", &[]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("! `") && output.contains("ended with exit status: 2"), "{output}");
}

/// Without the tool nothing was counted, and that is no success: it is said how to get it.
#[test]
fn without_the_tool_the_command_says_how_to_get_it_and_does_not_pass() {
    let (code, output) = coverage(&path("no-coverage"), "101", "0", &[]);
    assert_eq!(code, Some(3), "{output}");
    assert!(output.contains("cargo install cargo-tarpaulin --locked"), "{output}");
    assert!(!output.contains("counted: "), "{output}");
}
