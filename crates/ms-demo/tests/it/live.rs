//! The live view, in a terminal that util-linux's `script` makes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Bench, pause};

/// The output of the terminal so far.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    /// Collects the output of `child`, to its end.
    fn of(child: &mut Child) -> (Self, std::thread::JoinHandle<()>) {
        let screen = Self::default();
        let (mut out, output) = (child.stdout.take().unwrap(), screen.clone());
        let reader = std::thread::spawn(move || {
            let mut some = [0; 4_096];
            while let Ok(read @ 1..) = out.read(&mut some) {
                output.0.lock().unwrap().extend_from_slice(&some[..read]);
            }
        });
        (screen, reader)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    /// Waits until a word appears.
    fn until(&self, word: &str) {
        let end = Instant::now() + Duration::from_secs(180);
        while !self.text().contains(word) {
            assert!(Instant::now() < end, "{word} is not in {}", self.text());
            pause(20);
        }
    }
}

#[test]
fn keys_do_harm_and_the_result_is_the_same() {
    let there = Command::new("script").arg("--version").output();
    assert!(there.is_ok(), "this test needs `script`; install Debian's package bsdutils");
    let bench = Bench::new();
    let baseline = bench.baseline();
    // So slow that it is not over before the last key, however long a busy machine takes to show the
    // effect of each.
    let demo = format!(
        "{} --path {} --no-control --workers 4 --state live.state --out live.json --pace 250",
        env!("CARGO_BIN_EXE_ms-demo"),
        bench.tree().display()
    );
    let mut script = Command::new("script");
    script.current_dir(bench.dir.path()).env("TERM", "xterm").env_remove("NO_COLOR");
    script.args(["-qec", &format!("stty cols 120 rows 40; {demo}"), "/dev/null"]);
    let mut child =
        script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut keyboard = child.stdin.take().unwrap();
    let (screen, reader) = Screen::of(&mut child);
    // A key is pressed when the effect of the one before is on the screen.
    for (output, key) in [
        ("└─ walker", b"x"),
        ("keys: c crash", b"c"),
        ("PANIC injected after an await at auditor.rs:", b"s"),
        ("suspended", b"k"),
        (": killed; restarted", b"s"),
        ("└─ pipeline", b"p"),
        ("dispatcher#1: killed; restarted", b"h"),
    ] {
        screen.until(output);
        keyboard.write_all(key).unwrap();
    }
    let end = child.wait().unwrap();
    reader.join().unwrap();
    drop(keyboard);
    let output = screen.text();
    assert!(end.success(), "{output}");
    let last = output.lines().last().unwrap();
    assert!(last.contains(&format!("unsafe_lines={}", baseline.tally("unsafe_lines"))), "{last}");
    assert!(output.contains("while Audit("), "{output}");
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.dir.path().join("live.json")).unwrap())
            .unwrap();
    assert!(json["audit"] == *baseline.audit());
    assert!(json["run"]["restarts"].as_u64().unwrap() >= 3);
}
