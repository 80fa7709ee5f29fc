//! Transcripts: command lines of `msctl` against a real node, with output and exit code.
//!
//! Each is compared with `golden/node/NAME.txt`; what differs from run to run is masked (`mask.rs`).
//! `UPDATE_GOLDEN=1 cargo nextest run -p ms-cli` rewrites the files. `coverage.rs` reads in them
//! which verbs and flags were run.

#![allow(unreachable_pub, clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::common::{Run, until};
use crate::mask;
use crate::node::{Node, documents, node};

/// Returns the directory of the files.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden/node")
}

pub struct Transcript {
    pub node: &'static Node,
    text: String,
    /// Values, and the names that stand for them.
    named: Vec<(String, String)>,
}

/// Writes a transcript and compares it with the golden file.
#[track_caller]
pub fn compare(name: &str, steps: impl FnOnce(&mut Transcript)) {
    let node = node();
    let home = node.home().to_str().expect("UTF-8").to_owned();
    let named = vec![(home, "HOME".to_owned())];
    let mut transcript = Transcript { node, text: String::new(), named };
    steps(&mut transcript);
    let text = transcript.text;
    let file = directory().join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(directory()).expect("made");
        fs::write(&file, &text).expect("writes");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if text != expected {
        let differs = text.lines().zip(expected.lines()).position(|(now, then)| now != then);
        panic!(
            "{} differs from its line {} on (UPDATE_GOLDEN=1 rewrites it); it is now:\n{text}",
            file.display(),
            differs.map_or(0, |at| at + 1),
        );
    }
}

impl Transcript {
    /// Writes `name` for `value` from now on.
    pub fn name(&mut self, value: &str, name: &str) {
        self.named.push((value.to_owned(), name.to_owned()));
    }

    fn masked(&self, text: &str) -> String {
        let named = self.named.iter();
        let text = named.fold(text.to_owned(), |text, (value, name)| text.replace(value, name));
        mask::text(&text)
    }

    fn says(&mut self, args: &[&str]) {
        let quoted = |arg: &&str| match arg.contains([' ', '"', '{']) || arg.is_empty() {
            true => format!("'{arg}'"),
            false => (*arg).to_owned(),
        };
        let args: Vec<_> = args.iter().map(quoted).collect();
        let line = args.join(" ");
        let line = self.named.iter().fold(line, |line, (value, name)| line.replace(value, name));
        self.text.push_str(&format!("$ msctl {line}\n"));
    }

    fn ended(&mut self, out: &str, err: &str, code: Option<i32>) {
        self.text.push_str(out);
        for line in err.lines() {
            self.text.push_str(&format!("2> {line}\n"));
        }
        let code = code.expect("no signal ended it");
        self.text.push_str(&format!("exit {code}\n\n"));
    }

    /// Runs a verb; its whole output is in the transcript.
    pub fn run(&mut self, args: &[&str]) -> Run {
        self.run_with(args, "", |out| out.to_owned())
    }

    /// The same, with standard input.
    pub fn input(&mut self, args: &[&str], input: &str) -> Run {
        self.run_with(args, input, |out| out.to_owned())
    }

    /// The same, with only those lines of the output that contain `part`.
    pub fn lines(&mut self, part: &str, args: &[&str]) -> Run {
        self.run_with(args, "", |out| {
            let lines = out.lines().filter(|line| line.contains(part));
            let lines: String = lines.map(|line| format!("{line}\n")).collect();
            format!("(lines with {part:?})\n{lines}")
        })
    }

    /// The same, with only the first line of the output.
    pub fn begins(&mut self, args: &[&str]) -> Run {
        self.run_with(args, "", |out| {
            let first = out.lines().find(|line| !line.trim().is_empty());
            format!("{}\n(and so on)\n", first.unwrap_or_default())
        })
    }

    /// The same, with all numbers masked.
    pub fn numbers(&mut self, args: &[&str]) -> Run {
        self.run_with(args, "", mask::numbers)
    }

    /// The same, with everything masked that depends on who else looked.
    pub fn counts(&mut self, args: &[&str]) -> Run {
        self.run_with(args, "", mask::counts)
    }

    fn run_with(&mut self, args: &[&str], input: &str, select: impl Fn(&str) -> String) -> Run {
        let run = self.at_rest(args, || self.node.with_input(args, input));
        let (out, err) = (select(&self.masked(&run.out)), self.masked(&run.err));
        self.says(args);
        self.ended(&out, &err, run.code);
        run
    }

    /// Looks at actors until none of those in the output has or handles a message: the node's own
    /// health checks ask supervisors at any time.
    fn at_rest(&self, args: &[&str], look: impl Fn() -> Run) -> Run {
        if !["tree", "inspect"].contains(&args[0]) {
            return look();
        }
        until("nobody is busy or late", || {
            let run = look();
            (!busy(&run.out)).then_some(run)
        })
    }

    /// Runs a verb with `--json`; the documents obey the schema and are in the transcript.
    pub fn json(&mut self, args: &[&str]) -> Vec<Value> {
        self.json_with(args, |document| format!("{:#}\n", mask::json(document)))
    }

    /// The same, with only the kind of each document: its content differs in every run.
    pub fn kinds(&mut self, args: &[&str]) -> Vec<Value> {
        self.json_with(args, |document| format!("(a document of kind {})\n", document["kind"]))
    }

    fn json_with(&mut self, args: &[&str], render: impl Fn(&Value) -> String) -> Vec<Value> {
        let args = [args, &["--json"]].concat();
        let run = self.at_rest(&args, || self.node.msctl(&args));
        let err = self.masked(&run.err);
        let all = documents(run, &args);
        let text: String = all.iter().map(render).collect();
        let named = self.named.iter();
        let text = named.fold(text, |text, (value, name)| text.replace(value, name));
        self.says(&args);
        self.ended(&text, &err, Some(0));
        all
    }

    /// Runs a verb that does not end, and interrupts it after this many lines.
    pub fn interrupted(&mut self, lines: usize, args: &[&str]) {
        let mut child = self.node.goes_on(args);
        // Held to the end: a reader that leaves would end it in another way than an interrupt.
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let seen = (&mut out).lines().take(lines).map_while(Result::ok).count();
        assert_eq!(seen, lines, "{args:?} goes on");
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::INT).expect("it runs");
        let code = child.wait().expect("ends").code();
        self.says(args);
        self.ended("(goes on until Ctrl-C)\n", "", code);
    }
}

/// Returns whether the output of `msctl tree` or `msctl inspect` has an actor with something to do,
/// or one that a busy machine keeps from answering.
fn busy(out: &str) -> bool {
    if out.contains("unresponsive") {
        return true;
    }
    fn status(value: &Value) -> bool {
        let own = |(key, value): (&String, &Value)| match key.as_str() {
            "handling" => !value.is_null(),
            "depth" => value.as_u64().is_some_and(|depth| depth > 0),
            _ => status(value),
        };
        match value {
            Value::Object(map) => map.iter().any(own),
            Value::Array(all) => all.iter().any(status),
            _ => false,
        }
    }
    let handles = |line: &str| match line.trim_start().split_once("  ") {
        Some(("handling", what)) => what.trim() != "nothing",
        Some(("mailbox", waiting)) => !waiting.trim().starts_with("0 waiting"),
        _ => line.contains("  queue ") || line.contains("  handles "),
    };
    match serde_json::from_str(out) {
        Ok(document) => status(&document),
        Err(_) => out.lines().any(handles),
    }
}
