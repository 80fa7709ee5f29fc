//! The ends of the real `msctl` against a real node: each failure with its exit code.

#![allow(clippy::expect_used, reason = "tests")]

use crate::node;

use std::fs;

use crate::common::until;
use node::{METERED, POOL, node};

const NOBODY: &str = "01a20de1-fe43-7694-b430-621455741179";

#[test]
fn what_goes_wrong_has_its_exit_code() {
    let node = node();
    for (args, code, said) in [
        (&["dance"][..], 2, "unrecognized subcommand"),
        (&["tree", "root"], 2, "start it with '/'"),
        (&["tree", "--depth", "65"], 2, "at most 64"),
        (&["ps", "--window", "61s"], 2, "at most 60s"),
        (&["tasks", "ls", "--limit", "0"], 2, "between 1 and 1000"),
        (&["tasks", "submit", "echo", "{"], 2, "error[MS0014]"),
        (&["tasks", "submit", "echo", r#"{"a":1,"a":2}"#], 2, "\"a\" appears twice"),
        (&["events", "--about", "node", "--change", "dead"], 2, "leave --about node out"),
        (&["inspect", "/root/nobody"], 4, "error[MS0010]"),
        (&["state", "/root/nobody"], 4, "error[MS0010]"),
        (&["why", "/root/nobody"], 4, "error[MS0010]"),
        (&["kill", "/root/nobody", "--yes"], 4, "error[MS0010]"),
        (&["tasks", "show", NOBODY], 4, "error[MS0024]"),
        (&["tasks", "retry", NOBODY, "--yes"], 4, "error[MS0024]"),
        (&["lookup", "task-stor"], 4, "did you mean"),
        (&["explain", "MS9999"], 4, "MS9999"),
        (&["tasks", "submit", "nobody-does-this", "1"], 5, "error[MS0025]"),
        (&["restart", POOL], 5, "error[MS0021]"),
        (&["inject", POOL, "crash"], 5, "next: repeat with --yes"),
        // The node refuses it. A node that does not would end here, and all tests with it.
        (&["inject", "/root", "hang", "--yes"], 5, "the node with it"),
        (&["config", "validate", "/nowhere"], 8, "has no base file"),
        (&["config", "show", "--set", "http.bind=nowhere"], 8, "must be an address"),
        (&["ps", "--window", "soon"], 2, "250ms"),
        (&["budget", "show", "/root/nobody"], 4, "error[MS0029]"),
        (&["budget", "raise", METERED, "euros", "1", "--yes"], 4, "does not limit"),
        (&["budget", "raise", METERED, "messages", "-1"], 2, "unexpected argument"),
    ] {
        node.msctl(args).fails(code, said);
    }
    let large = format!("\"{}\"", "x".repeat(256 * 1024));
    node.with_input(&["tasks", "submit", "echo", "-"], &large).fails(1, "error[MS0015]");
    assert!(node.msctl(&["completions", "bash"]).ok().contains("msctl"));
    assert!(node.msctl(&["config", "schema"]).ok().contains("\"core\""));
}

/// A path that is not a socket is reported as what it is: nothing will replace it.
#[test]
fn a_path_that_is_no_socket_is_named_as_what_it_is() {
    let node = node();
    let file = node.file("notes.txt");
    fs::write(&file, "mine").expect("written");
    let at =
        |path: &std::path::Path| node.msctl(&["info", "--control", path.to_str().expect("UTF-8")]);
    let run = at(&file);
    run.fails(2, "it is a regular file, not a socket");
    assert!(!run.err.contains("replaces"), "{}", run.err);
    at(&node.file("state")).fails(2, "it is a directory, not a socket");
    at(&node.file("none.sock")).fails(3, "there is no such socket");
    assert_eq!(fs::read_to_string(&file).expect("there"), "mine");
}

#[test]
fn an_actor_that_does_not_answer_is_6() {
    let node = node();
    // An actor that awaits for ever still answers this question; one that blocks its thread does
    // not. Its arbiter is abandoned 15 s later at the earliest.
    let hung = "/root/components/application/tasks/wait/wait-1";
    let injected = node.msctl(&["inject", hung, "block", "--yes"]);
    assert_eq!(injected.code, Some(0), "{injected:?}");
    until("it does not answer", || {
        let run = node.msctl(&["state", hung, "--timeout", "100ms"]);
        (run.code == Some(6)).then(|| run.fails(6, "error[MS0013]"))
    });
}
