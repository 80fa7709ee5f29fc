//! Streams of the real node: events that are resumed and followed, messages that are traced.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::json;

use crate::common::{Run, until};
use crate::node::{documents, node};
use crate::transcript::compare;

const STILL: &str = "/root/components/application/tasks/still/still-2";
const FIRST: &str = "/root/components/application/tasks/echo/echo-1";

/// A number from another life of the node is reported as a gap, and nothing is left out.
#[test]
fn events_are_resumed_within_the_life_they_belong_to() {
    let node = node();
    let ids: Vec<_> = (0..3).map(|n| node.submit(&["echo", &n.to_string()])).collect();
    ids.iter().for_each(|id| node.reaches(id, "completed"));
    let all = node.json(&["events", "--about", "tasks"]);
    let life = all[0]["life"].as_str().expect("a life").to_owned();
    let last = all.last().expect("some")["data"]["seq"].to_string();
    let own = ["events", "--about", "tasks", "--since-task", &last, "--life", &life];
    assert_eq!(node.msctl(&own).ok(), "");
    let other = ["events", "--about", "tasks", "--since-task", &last, "--life", "0123456789abcdef"];
    let events = node.json(&other);
    assert_eq!(events[0]["data"]["event"], "task_gap");
    assert_eq!(events[0]["data"]["restarted"], true);
    assert_eq!(events.len(), all.len() + 1, "all that is kept follows");
    assert!(node.msctl(&other).ok().contains("the node was restarted"));
    node.msctl(&["events", "--life", "x"]).fails(2, "16 digits");
}

#[test]
fn events_are_those_that_are_asked_for() {
    compare("events", |t| {
        t.lines(STILL, &["events"]);
        t.lines(STILL, &["events", "--about", "node"]);
        t.lines(STILL, &["events", "--about", "tasks"]);
        t.lines(STILL, &["events", "--about", "all"]);
        let life = t.node.json(&["info"])[0]["data"]["life"].as_str().expect("one").to_owned();
        t.name(&life, "LIFE");
        let since = ["--since", "0", "--since-task", "0", "--life", &life];
        t.lines(STILL, &[&["events"][..], &since].concat());
        t.kinds(&["events", "--about", "node", "--since", "9999999"]);
        t.interrupted(3, &["events", "--follow"]);
        t.interrupted(3, &["events", "-f", "--json"]);
        t.run(&["events", "--about", "node", "--change", "dead"]);
    });
}

#[test]
fn messages_are_counted_and_traced() {
    compare("trace", |t| {
        let node = t.node;
        t.run(&["stats", FIRST, "--on"]);
        let args = ["trace", FIRST, "--max", "1", "--for", "1m", "--json"];
        let mut tracing = node.goes_on(&args);
        // One of two agents does it.
        until("a message was seen", || {
            node.submit(&["echo", "1"]);
            tracing.try_wait().expect("asked").map(|_| ())
        });
        let run = Run::of(tracing.wait_with_output().expect("ended"));
        let said = run.err.clone();
        let lines = documents(run, &args);
        assert_eq!((lines.len(), &lines[0]["data"]["path"]), (1, &json!(FIRST)));
        assert!(said.starts_with("1 of at most 1 messages"), "{said}");
        // Nothing is handled within a millisecond: the trace ends by its time.
        t.run(&["trace", STILL, "--max", "5", "--for", "1ms"]);
        t.json(&["trace", STILL, "--for", "1ms"]);
        assert_eq!(node.json(&["stats", FIRST])[0]["data"]["on"], true);
        t.numbers(&["stats", FIRST, "--off"]);
        t.run(&["trace", FIRST, "--max", "0"]);
    });
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let node = node();
    let mut child = node.goes_on(&["events", "--follow", "--json"]);
    let mut first = String::new();
    let mut out = BufReader::with_capacity(1, child.stdout.take().expect("piped"));
    out.read_line(&mut first).expect("a line");
    drop(out);
    // Its next line has no reader.
    until("it ends by itself", || {
        node.submit(&["echo", "1"]);
        child.try_wait().expect("asked").map(|status| assert_eq!(status.code(), Some(0)))
    });
    // `completions` writes at once, into a pipe that is already closed.
    let mut closed = node.command(&["completions", "bash"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let closed = closed.stdout(Stdio::from(writer)).output().expect("runs");
    assert_eq!((closed.status.code(), closed.stderr.len()), (Some(0), 0));
}
