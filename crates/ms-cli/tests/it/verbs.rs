//! Every verb of the real `msctl` against a real node: in words, in JSON of the schema.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;
use crate::node;

use std::collections::BTreeSet;

use node::{POOL, documents, node};
use serde_json::{Value, json};

const FIRST: &str = "/root/components/application/tasks/echo/echo-1";
const SECOND: &str = "/root/components/application/tasks/echo/echo-2";

/// S2.2-01, S2.1-13, S1.1-02
#[test]
fn every_reading_verb_answers_in_words_and_in_json_of_the_schema() {
    let node = node();
    for (args, kind, at, value) in [
        (&["tree"][..], "tree", "/data/id", json!("root")),
        (&["tree", POOL, "--depth", "1"], "tree", "/data/status/path", json!(POOL)),
        (&["ps", "--window", "10ms"], "ps", "/schema", json!(1)),
        (&["inspect", FIRST], "inspect", "/data/status/path", json!(FIRST)),
        (&["state", FIRST], "state", "/data/path", json!(FIRST)),
        (&["why", FIRST], "why", "/over_budget", json!([])),
        (&["stats", FIRST], "statistics", "/data/on", json!(false)),
        (&["lookup", "task-store"], "found", "/data/name", json!("task-store")),
        (&["info"], "info", "/data/node", json!("test")),
        (&["metrics"], "integration", "/data/lost", json!(0)),
        (&["tasks", "ls"], "tasks", "/data/next", Value::Null),
        (&["tasks", "dead"], "tasks", "/data/tasks", json!([])),
        (&["kill", FIRST, "--dry-run"], "dry_run", "/data/stopped/0", json!(FIRST)),
        (&["config", "validate"], "config_valid", "/data/set", json!(5)),
        (&["config", "show"], "config", "/data/tasks.agents/value", json!(2)),
    ] {
        let words = node.msctl(args).ok();
        assert!(!words.is_empty() && !words.starts_with('{'), "{args:?}: {words}");
        let answers = node.json(args);
        assert_eq!((answers.len(), &answers[0]["kind"]), (1, &json!(kind)), "{args:?}");
        assert_eq!(answers[0].pointer(at), Some(&value), "{args:?}: {:#}", answers[0]);
    }
}

#[test]
fn a_task_is_submitted_followed_steered_and_told_of() {
    let node = node();
    let submit = ["tasks", "submit", "wait", r#"{"ms":60000}"#, "--key", "order-4711"];
    let first = node.json(&submit);
    let id = first[0]["data"]["task"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(first[0]["data"]["repeated"], false);
    let again = node.msctl(&submit).ok();
    assert!(again.contains(&id) && again.contains("the key was known"), "{again}");
    node.reaches(&id, "running");
    let shown = node.msctl(&["tasks", "show", &id]).ok();
    assert!(shown.starts_with(&id) && shown.contains("order-4711"), "{shown}");
    let listed =
        node.json(&["tasks", "ls", "--kind", "wait", "--state", "running", "--limit", "1"]);
    assert_eq!(listed[0]["data"]["tasks"][0]["id"], json!(id));
    let dry = node.json(&["tasks", "cancel", &id, "--dry-run"]);
    assert_eq!((&dry[0]["kind"], &dry[0]["data"][0]["id"]), (&json!("tasks_dry_run"), &json!(id)));
    let refused = node.with_input(&["tasks", "cancel", &id], "y\n");
    refused.fails(5, "error[MS0021]");
    node.reaches(&id, "running");
    let args = ["tasks", "cancel", &id, "--yes", "--reason", "twice", "--json"];
    let done = documents(node.msctl(&args), &args);
    assert_eq!(done[0]["kind"], "tasks_steered");
    node.reaches(&id, "cancelled");
    // What cannot work fails for good, and is tried again by hand.
    let bad = node.submit(&["wait", r#"{"ms":"soon"}"#]);
    node.reaches(&bad, "failed");
    let args = ["tasks", "retry", &bad, "--yes", "--json"];
    assert_eq!(documents(node.msctl(&args), &args)[0]["data"][0]["id"], json!(bad));
    node.reaches(&bad, "failed");
    let run = node.msctl(&["tasks", "replay", "--yes"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let listed = node.msctl(&["tasks", "ls", "--kind", "wait"]).ok();
    assert!(listed.contains("cancelled") && listed.contains("failed"), "{listed}");
    // Its events, in order, with the life they belong to.
    let told = node.json(&["events", "--task", &id]);
    let changes: Vec<_> = told.iter().map(|event| &event["data"]["change"]).collect();
    assert_eq!(changes, ["submitted", "assigned", "started", "cancelled"]);
    let life = &node.json(&["info"])[0]["data"]["life"];
    assert!(told.iter().all(|event| event["life"] == *life && life.is_string()), "{life}");
    let told = node.msctl(&["events", "--task", &id]).ok();
    assert_eq!(told.lines().count(), 4, "{told}");
}

/// A number of another life of the node is told as a gap, and nothing is left out.
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
    let told = node.json(&other);
    assert_eq!(told[0]["data"]["event"], "task_gap");
    assert_eq!(told[0]["data"]["restarted"], true);
    assert_eq!(told.len(), all.len() + 1, "all that is kept follows");
    assert!(node.msctl(&other).ok().contains("started anew"));
    node.msctl(&["events", "--life", "x"]).fails(2, "16 digits");
}

#[test]
fn an_actor_is_steered_and_says_why_it_ended() {
    let node = node();
    for verb in ["kill", "restart", "suspend", "resume", "stop"] {
        let run = node.with_input(&[verb, SECOND], "y\n");
        run.fails(5, "error[MS0021]");
        run.fails(5, "nothing was done");
    }
    let steer = |verb: &str| {
        let args = [verb, SECOND, "--yes", "--reason", "the test", "--json"];
        let run = node.msctl(&args);
        let done = documents(run, &args);
        assert_eq!((&done[0]["kind"], &done[0]["data"]["verb"]), (&json!("steered"), &json!(verb)));
    };
    let before = node.incarnation(SECOND);
    steer("restart");
    node::until("restarted", || (node.incarnation(SECOND) > before).then_some(()));
    steer("suspend");
    let shown = node.json(&["inspect", SECOND]);
    assert_eq!(shown[0]["data"]["status"]["lifecycle"], "suspended");
    steer("resume");
    let before = node.incarnation(SECOND);
    steer("kill");
    node::until("killed", || (node.incarnation(SECOND) > before).then_some(()));
    let why = node.json(&["why", SECOND]);
    assert_eq!(why[0]["data"][0]["reason"]["kind"], "killed");
    let injected = ["inject", SECOND, "crash", "--yes", "--json"];
    assert_eq!(documents(node.msctl(&injected), &injected)[0]["kind"], "injected");
    let why = node::until("crashed", || {
        let why = node.json(&["why", SECOND, "--last", "1"]).remove(0);
        (why["data"][0]["injected"] == true).then_some(why)
    });
    assert_eq!(why["data"][0]["reason"]["kind"], "panicked");
    let told = node.msctl(&["why", SECOND]).ok();
    assert!(told.starts_with(SECOND) && told.contains("injected"), "{told}");
    // What was done is on record.
    let told = node.json(&["events", "--about", "node"]);
    let steered = told.iter().filter(|event| event["data"]["event"] == "steered").count();
    assert!(steered >= 4, "{told:#?}");
}

#[test]
fn messages_are_counted_and_traced() {
    let node = node();
    node.msctl(&["stats", FIRST, "--on"]).ok();
    let mut tracing = node.goes_on(&["trace", FIRST, "--max", "1", "--for", "1m", "--json"]);
    // One of two agents does it.
    node::until("a message was seen", || {
        node.submit(&["echo", "1"]);
        tracing.try_wait().expect("asked").map(|_| ())
    });
    let run = common::Run::of(tracing.wait_with_output().expect("ended"));
    let said = run.err.clone();
    let lines = documents(run, &["trace"]);
    assert_eq!((lines.len(), &lines[0]["data"]["path"]), (1, &json!(FIRST)));
    assert!(said.starts_with("1 of at most 1 messages"), "{said}");
    assert_eq!(node.json(&["stats", FIRST, "--off"])[0]["data"]["on"], false);
    node.msctl(&["trace", FIRST, "--max", "0"]).fails(2, "1..=10000");
}

/// A verb that is new is run here, too.
#[test]
fn no_verb_is_left_out() {
    let node = node();
    let own = [include_str!("verbs.rs"), include_str!("ends.rs")].concat();
    let verbs = verbs_of(&node.msctl(&["--help"]).ok());
    assert!(verbs.len() > 20, "{verbs:?}");
    for verb in &verbs {
        assert!(own.contains(&format!("\"{verb}\"")), "msctl {verb} is not run against a node");
        let below = verbs_of(&node.msctl(&[verb, "--help"]).ok());
        for sub in below {
            let run = format!("\"{verb}\", \"{sub}\"");
            assert!(own.contains(&run), "msctl {verb} {sub} is not run against a node");
        }
    }
}

fn verbs_of(help: &str) -> BTreeSet<String> {
    let commands = help.split_once("\nCommands:\n").map_or("", |(_, below)| below);
    commands
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("    "))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}
