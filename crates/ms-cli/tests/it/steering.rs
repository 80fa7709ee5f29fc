//! The verbs that change something: shown first, confirmed, carried out once.

#![allow(clippy::expect_used, reason = "tests")]

use crate::common;

use common::Node;

const AUDITOR: &str = "/root/auditors/auditor-3";

#[test]
fn a_dry_run_shows_the_blast_radius_and_does_nothing() {
    let node = Node::start();
    let out = node.msctl(&["kill", AUDITOR, "--dry-run"]).ok();
    assert_eq!(out, include_str!("golden/blast.txt"));
    let out = node.msctl(&["kill", "/root", "--dry-run", "--yes"]).ok();
    assert_eq!(out, include_str!("golden/blast_root.txt"));
    assert!(node.steered().is_empty());
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_done() {
    let node = Node::start();
    for verb in ["kill", "restart", "suspend", "resume", "stop"] {
        let run = node.with_input(&[verb, AUDITOR], "y\n");
        run.fails(5, "error[MS0021]");
        run.fails(5, "nothing was done");
    }
    node.with_input(&["inject", AUDITOR, "crash"], "y\n").fails(5, "error[MS0021]");
    assert!(node.steered().is_empty());
}

#[test]
fn with_yes_it_is_done_once_with_its_reason() {
    let node = Node::start();
    let run = node.msctl(&["kill", AUDITOR, "--yes", "--reason", "stuck since noon"]);
    assert_eq!((run.code, run.out), (Some(0), format!("kill {AUDITOR}: done\n")));
    assert!(run.err.starts_with(&format!("kill {AUDITOR} would\n  stop ")), "{}", run.err);
    assert_eq!(node.steered(), [format!("kill {AUDITOR} Some(\"stuck since noon\")")]);
    node.msctl(&["kill", AUDITOR, "-y", "--reason", &"x".repeat(501)]).fails(2, "at most 500");
}

#[test]
fn an_actor_too_sick_for_a_dry_run_can_still_be_killed_with_yes() {
    let node = Node::start();
    let run = node.msctl(&["kill", "/root/hung", "--yes"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.err.contains("because of --yes"), "{}", run.err);
    assert_eq!(node.steered(), ["kill /root/hung None"]);
}

#[test]
fn what_the_node_refuses_is_refused() {
    let node = Node::start();
    node.msctl(&["inject", AUDITOR, "crash-after-await", "--yes"]).fails(5, "error[MS0011]");
}
