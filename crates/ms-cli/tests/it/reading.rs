//! The verbs that only read.

#![allow(clippy::expect_used, reason = "tests")]

use crate::common;

use common::Node;
use serde_json::Value;

const AUDITOR: &str = "/root/auditors/auditor-3";

#[test]
fn tree_finds_the_node_by_itself_and_marks_what_needs_a_look() {
    let node = Node::start();
    let out = node.msctl(&["tree"]).ok();
    assert_eq!(out, include_str!("golden/tree.txt"), "no colour, for it is no terminal");
    assert_eq!(node.msctl(&["tree", "--ascii"]).ok(), include_str!("golden/tree_ascii.txt"));
    assert_eq!(node.msctl(&["tree", "--dot"]).ok(), include_str!("golden/tree.dot"));
}

#[test]
fn ps_sorts_and_keeps_the_top() {
    let node = Node::start();
    let out = node.msctl(&["ps", "--sort", "queue", "--top", "2", "--window", "1s"]).ok();
    let first: Vec<_> = out.lines().map(|line| line.split(' ').next().unwrap_or("")).collect();
    assert_eq!(first, ["PATH", AUDITOR, "/root/auditors/auditor-1", "2"]);
    assert!(out.ends_with("2 of 10 actors, busy and rate over 1s\n"), "{out}");
    node.msctl(&["ps", "--window", "61s"]).fails(2, "at most 60000");
}

#[test]
fn why_names_file_line_and_message_type() {
    let node = Node::start();
    let out = node.msctl(&["why", AUDITOR]).ok();
    for part in ["src/auditor.rs:88:9", "AuditFile", "2 left", "injected    yes", "one_for_all"] {
        assert!(out.contains(part), "{part} in {out}");
    }
    let out = node.msctl(&["why", "/root/walker"]).ok();
    assert_eq!(out, "/root/walker has not ended since the node booted\n");
}

#[test]
fn streams_end_and_are_lines() {
    let node = Node::start();
    assert_eq!(node.msctl(&["events"]).ok(), include_str!("golden/events.txt"));
    let out = node.msctl(&["events", "--json"]).ok();
    assert_eq!(out.lines().count(), 11);
    for line in out.lines() {
        let document: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(document["kind"], "event");
    }
    let run = node.msctl(&["trace", AUDITOR, "--max", "5", "--for", "1s"]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), include_str!("golden/trace.txt")));
    assert_eq!(run.err, "2 of at most 5 messages in at most 1s\n");
}

#[test]
fn codes_are_explained_and_shells_completed_without_a_node() {
    let offline = |args: &[&str]| common::run(common::command("/nowhere".as_ref(), args));
    assert!(offline(&["explain", "ms0012"]).ok().starts_with("MS0012: no node answers\n\n"));
    assert!(offline(&["explain"]).ok().contains("MS0016  different protocol versions\n"));
    offline(&["explain", "MS9999"]).fails(4, "MS9999");
    for shell in ["bash", "zsh", "fish"] {
        assert!(offline(&["completions", shell]).ok().contains("msctl"), "{shell}");
    }
}
