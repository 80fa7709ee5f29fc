//! The live view, in a terminal that util-linux's `script` makes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::{Bench, finish, pause};

#[test]
fn keys_do_harm_and_the_result_is_the_same() {
    let there = Command::new("script").arg("--version").output();
    assert!(there.is_ok(), "this test needs `script`; install Debian's package bsdutils");
    let bench = Bench::new();
    let baseline = bench.baseline();
    let demo = format!(
        "{} --path {} --no-control --workers 4 --state live.state --out live.json --pace 25",
        env!("CARGO_BIN_EXE_ms-demo"),
        bench.tree().display()
    );
    let mut script = Command::new("script");
    script.current_dir(bench.dir.path()).env("TERM", "xterm").env_remove("NO_COLOR");
    script.args(["-qec", &format!("stty cols 120 rows 40; {demo}"), "/dev/null"]);
    let mut child =
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    for key in [b"x", b"c", b"s", b"k", b"p", b"s", b"h"] {
        pause(250);
        keyboard.write_all(key).unwrap();
    }
    let out = finish(child);
    drop(keyboard);
    let shown = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{shown}");
    let last = shown.lines().last().unwrap();
    assert!(last.contains(&format!("unsafe_lines={}", baseline.tally("unsafe_lines"))), "{last}");
    for word in [
        "keys: c crash",
        "└─ pipeline",
        "suspended",
        "PANIC injected after an await at auditor.rs:",
        "while Audit(",
    ] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.dir.path().join("live.json")).unwrap())
            .unwrap();
    assert!(json["audit"] == *baseline.audit());
    assert!(json["run"]["restarts"].as_u64().unwrap() >= 3);
}
