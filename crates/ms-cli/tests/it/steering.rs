//! The verbs that change something: previewed, confirmed, carried out once, recorded.

#![allow(clippy::expect_used, reason = "tests")]

use crate::common::scripted::Scripted;
use crate::common::until;
use crate::node::{POOL, node};
use crate::transcript::compare;

/// An agent that no other test touches.
const SPARE: &str = "/root/components/application/tasks/spare/spare-1";
/// Their supervisor.
const SPARES: &str = "/root/components/application/tasks/spare";
/// One more, for faults.
const OTHER: &str = "/root/components/application/tasks/spare/spare-2";

#[test]
fn an_actor_is_steered_and_it_is_on_record() {
    compare("steering", |t| {
        let node = t.node;
        for verb in ["kill", "restart", "suspend", "resume", "stop"] {
            t.run(&[verb, SPARE, "--dry-run"]);
            let run = t.input(&[verb, SPARE], "y\n");
            run.fails(5, "nothing was done");
        }
        assert_eq!(node.incarnation(SPARE), 1, "until now nothing was done");
        t.json(&["kill", SPARE, "--dry-run"]);
        t.run(&["suspend", SPARES, "--yes"]);
        t.run(&["kill", SPARE, "--dry-run"]);
        t.run(&["resume", SPARES, "--yes"]);
        t.run(&["restart", SPARE, "--yes", "--reason", "the first"]);
        node.comes_back(SPARE, 1);
        // It ended on an order, so there is no record, but `why` knows of the end.
        t.run(&["why", SPARE]);
        t.run(&["kill", SPARE, "-y"]);
        node.comes_back(SPARE, 2);
        t.run(&["why", SPARE]);
        t.run(&["why", SPARE, "--last", "2"]);
        t.run(&["suspend", SPARE, "--yes"]);
        t.numbers(&["inspect", SPARE]);
        t.run(&["resume", SPARE, "--yes"]);
        for verb in ["restart", "kill", "suspend", "resume", "stop"] {
            let before = node.incarnation(SPARE);
            let (life, once) = (before.to_string(), format!("{verb}-once"));
            let only = ["--incarnation", &life, "--request-id", &once];
            t.json(&[&[verb, SPARE, "--yes", "--reason", "as JSON"], &only[..]].concat());
            if ["restart", "kill"].contains(&verb) {
                node.comes_back(SPARE, before);
                // Sent again, it is answered as before; and one that is meant for the life before is
                // too late.
                let again = [&[verb, SPARE, "--yes", "--reason", "as JSON"], &only[..]].concat();
                assert_eq!(node.msctl(&again).code, Some(0));
                assert_eq!(node.incarnation(SPARE), before + 1, "carried out once");
                let late = [verb, SPARE, "--yes", "--incarnation", &life];
                node.msctl(&late).fails(5, "error[MS0034]");
            }
        }
        t.run(&["restart", SPARE, "--yes", "--reason", "up again"]);
        let record = t.lines(&format!("steered  {SPARE}"), &["events", "--about", "node"]);
        let steered = record.out.lines().filter(|line| line.contains("  steered")).count();
        // Ten as above, two of their supervisor, and two that came too late: a refusal is on record.
        assert_eq!(steered, 14, "an order without a yes leaves no record: {}", record.out);
    });
}

#[test]
fn faults_are_injected_and_why_says_so() {
    compare("faults", |t| {
        let node = t.node;
        t.input(&["inject", OTHER, "crash"], "y\n").fails(5, "error[MS0021]");
        for (number, fault) in [(1, "crash"), (2, "crash-after-await")] {
            let (life, once) = (number.to_string(), format!("{fault}-once"));
            let only = ["--incarnation", &life, "--request-id", &once];
            node.msctl(&["inject", OTHER, fault, "--yes", "--incarnation", "99"])
                .fails(5, "error[MS0034]");
            t.run(&[&["inject", OTHER, fault, "--yes"], &only[..]].concat());
            node.comes_back(OTHER, number);
        }
        t.run(&["why", OTHER, "--last", "2"]);
        let why = t.node.json(&["why", OTHER]).remove(0);
        assert_eq!(why["data"][0]["injected"], true);
        t.begins(&["why", OTHER, "--backtrace"]);
        // The heartbeat finds it, and its thread is abandoned.
        t.run(&["inject", OTHER, "hang", "-y"]);
        let blocked = "/root/components/application/tasks/wait/wait-2";
        let before = node.incarnation(blocked);
        t.json(&["inject", blocked, "block", "--yes"]);
        node.comes_back(blocked, before);
        let why = node.json(&["why", blocked]).remove(0);
        assert_eq!(why["data"][0]["injected"], true, "{why}");
    });
}

/// A reason has a limit, counted in characters.
#[test]
fn a_reason_that_is_too_long_is_refused() {
    let long = "x".repeat(501);
    let agent = format!("{POOL}/echo-1");
    node().msctl(&["resume", &agent, "-y", "--reason", &long]).fails(2, "at most 500");
}

/// Only a scripted peer can do this: not answer the dry run, and then carry out the order.
#[test]
fn an_actor_too_sick_for_a_dry_run_can_still_be_killed_with_yes() {
    let peer = Scripted::start();
    let run = peer.msctl(&["kill", "/root/hung", "--yes"]);
    assert_eq!((run.code, run.out.as_str()), (Some(0), "kill /root/hung: done\n"), "{run:?}");
    assert!(run.err.contains("because of --yes"), "{}", run.err);
    assert_eq!(peer.steered(), ["kill /root/hung None"]);
    peer.msctl(&["kill", "/root/hung", "--dry-run"]).fails(6, "error[MS0013]");
}

/// The root itself may be inspected, but not harmed.
#[test]
fn what_the_node_refuses_is_refused() {
    let node = node();
    let run = node.msctl(&["inject", "/root", "hang", "--yes"]);
    run.fails(5, "error[MS0011]");
    for verb in ["kill", "restart", "suspend", "resume", "stop"] {
        for sure in ["--dry-run", "--yes"] {
            node.msctl(&[verb, "/root", sure]).fails(5, "error[MS0011]");
        }
        // The dry run before an order may not be the only one that refuses.
        let fields = format!(r#"{{"path":"/root","verb":"{verb}"}}"#);
        node.msctl(&["call", "actors.steer", &fields, "--yes"]).fails(5, "error[MS0011]");
    }
    until("it is on record", || {
        let events = node.msctl(&["events", "--about", "node"]).ok();
        events.lines().any(|line| line.contains("steered    /root: inject hang")).then_some(())
    });
}
