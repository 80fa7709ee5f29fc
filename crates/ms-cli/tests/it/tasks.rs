//! Durable tasks, names and budgets on the command line.

#![allow(clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;

use common::Node;
use common::sample::TASK;
use ms_core::task::{MAX_PAYLOAD, TaskState};
use serde_json::{Value, json};

const OTHER: &str = "01a20de1-fe43-7694-b430-621455741179";

fn document(out: &str) -> Value {
    serde_json::from_str(out).expect("JSON")
}

#[test]
fn lists_are_filtered_paged_and_have_a_versioned_json_form() {
    let node = Node::start();
    let out = node.msctl(&["tasks", "ls", "--state", "dead", "--kind", "auditor"]).ok();
    assert!(out.contains(TASK) && out.contains(&format!("--cursor {TASK}")), "{out}");
    let args = ["tasks", "dead", "--limit", "7", "--cursor", TASK, "--queue", "default", "--json"];
    let page = document(&node.msctl(&args).ok());
    assert_eq!((&page["schema"], &page["kind"]), (&json!(1), &json!("tasks")));
    assert_eq!(
        (&page["data"]["tasks"][0]["id"], &page["data"]["next"]),
        (&json!(OTHER), &json!(null))
    );
    let asked = node.fake.asked.lock().expect("not poisoned").clone();
    assert_eq!(asked[0].state, Some(TaskState::Dead));
    assert_eq!(asked[0].kind.as_ref().expect("given").as_str(), "auditor");
    assert_eq!((asked[1].limit, asked[1].after), (7, Some(TASK.parse().expect("a UUID"))));
    for (args, said) in [
        (["ls", "--state", "asleep"], "one of pending, assigned"),
        (["ls", "--limit", "1001"], "between 1 and 1000"),
        (["ls", "--limit", "0"], "between 1 and 1000"),
        (["ls", "--cursor", "x"], "UUID"),
        (["show", "x", "--json"], "UUID"),
    ] {
        node.msctl(&[&["tasks"][..], &args].concat()).fails(2, said);
    }
}

#[test]
fn one_task_is_shown_and_an_unknown_one_is_not_found() {
    let node = Node::start();
    assert_eq!(node.msctl(&["tasks", "show", TASK]).ok(), include_str!("golden/task.txt"));
    let shown = document(&node.msctl(&["tasks", "show", TASK, "--json"]).ok());
    assert_eq!((&shown["kind"], &shown["data"]["task"]["id"]), (&json!("task"), &json!(TASK)));
    node.msctl(&["tasks", "show", OTHER]).fails(4, "error[MS0024]");
    for verb in ["cancel", "retry"] {
        node.msctl(&["tasks", verb, OTHER, "--yes"]).fails(4, "error[MS0024]");
    }
    assert!(node.steered().is_empty());
    assert!(node.msctl(&["explain", "MS0024"]).ok().contains("msctl tasks ls"));
}

#[test]
fn a_task_is_submitted_from_the_command_line_a_file_or_standard_input() {
    let node = Node::start();
    let file = node.home.path().join("letter.json");
    fs::write(&file, r#"{"to": "ada"}"#).expect("writes");
    let at = format!("@{}", file.display());
    let submit = ["tasks", "submit", "mailer"];
    let out = node.msctl(&[&submit[..], &[r#"{"n":1}"#, "--priority", "-5"]].concat()).ok();
    assert_eq!(out, format!("{TASK}\n"));
    let timed = ["--queue", "slow", "--delay", "1h", "--attempts", "7"];
    node.msctl(&[&submit[..], &[&at], &timed].concat()).ok();
    let keyed = node.with_input(&[&submit[..], &["-", "--key", "order-4711"]].concat(), "[1,2]");
    assert!(keyed.ok().contains("the key was known: this is the first task"));
    let taken = document(&node.msctl(&[&submit[..], &["--json"]].concat()).ok());
    assert_eq!((&taken["kind"], &taken["data"]["repeated"]), (&json!("task_taken"), &json!(false)));
    let tasks = node.fake.submitted.lock().expect("not poisoned").clone();
    let payloads: Vec<_> = tasks.iter().map(|task| task.payload.clone()).collect();
    assert_eq!(payloads, [json!({"n": 1}), json!({"to": "ada"}), json!([1, 2]), json!(null)]);
    assert_eq!(tasks[0].priority.get(), -5);
    let slow = &tasks[1];
    assert_eq!(
        (slow.queue.as_str(), slow.delay_ms, slow.retry.max_attempts),
        ("slow", Some(3_600_000), 7)
    );
    assert_eq!(tasks[2].idempotency_key.as_ref().expect("given").as_str(), "order-4711");
}

#[test]
fn what_is_no_task_is_refused_before_the_node_is_asked() {
    let node = Node::start();
    let submit = |args: &[&str]| node.msctl(&[&["tasks", "submit", "mailer"][..], args].concat());
    submit(&["{"]).fails(2, "the payload is no JSON");
    submit(&["NaN"]).fails(2, "the payload is no JSON");
    submit(&["@/nowhere/x.json"]).fails(2, "cannot be opened");
    submit(&["1", "--key", "two words"]).fails(2, "printable ASCII");
    submit(&["1", "--priority", "101"]).fails(2, "-100 to 100");
    submit(&["1", "--attempts", "101"]).fails(2, "attempts");
    node.msctl(&["tasks", "submit", "no/kind"]).fails(2, "no/kind");
    let large = format!("\"{}\"", "x".repeat(MAX_PAYLOAD));
    let file = node.home.path().join("large.json");
    fs::write(&file, &large).expect("writes");
    submit(&[&format!("@{}", file.display())]).fails(1, "error[MS0015]");
    let args = ["tasks", "submit", "mailer", "-"];
    node.with_input(&args, &large).fails(1, "error[MS0015]");
    assert!(node.fake.submitted.lock().expect("not poisoned").is_empty());
    // The largest there may be passes the frame.
    let fits = format!("\"{}\"", "x".repeat(MAX_PAYLOAD - 512));
    node.with_input(&args, &fits).ok();
}

#[test]
fn cancel_and_retry_are_shown_confirmed_and_done_with_their_reason() {
    let node = Node::start();
    for verb in ["cancel", "retry"] {
        let out = node.msctl(&["tasks", verb, TASK, "--dry-run"]).ok();
        assert!(out.contains(TASK) && out.ends_with("1 task\n"), "{out}");
        let run = node.with_input(&["tasks", verb, TASK], "y\n");
        run.fails(5, "error[MS0021]");
        run.fails(5, &format!("{verb} 1 task: not confirmed"));
    }
    assert!(node.steered().is_empty());
    let run = node.msctl(&["tasks", "cancel", TASK, "--yes", "--reason", "twice"]);
    assert_eq!((run.code, run.out), (Some(0), format!("{TASK} cancelled: it is cancelled\n")));
    assert!(run.err.contains(TASK), "what it is is shown: {}", run.err);
    let run = node.msctl(&["tasks", "retry", TASK, "-y", "--json"]);
    assert_eq!(document(&run.out)["data"][0]["state"], "pending");
    assert_eq!(
        node.steered(),
        [format!("cancel {TASK} Some(\"twice\")"), format!("retry {TASK} None")]
    );
    let refused = node.msctl(&["tasks", "cancel", TASK, "--yes", "--reason", "refuse"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(5), ""), "{refused:?}");
    assert!(refused.err.contains("error[MS0025]"), "{}", refused.err);
}

#[test]
fn a_replay_takes_all_pages_of_dead_letters_and_says_how_many() {
    let node = Node::start();
    let run = node.with_input(&["tasks", "replay", "--kind", "auditor"], "");
    run.fails(5, "retry 2 tasks: not confirmed");
    let out = node.msctl(&["tasks", "replay", "--dry-run"]).ok();
    assert!(out.contains(TASK) && out.contains(OTHER) && out.ends_with("2 tasks\n"), "{out}");
    assert!(node.steered().is_empty());
    let run = node.msctl(&["tasks", "replay", "--yes", "--limit", "1"]);
    assert_eq!((run.code, run.out.lines().count()), (Some(0), 1));
    let run = node.msctl(&["tasks", "replay", "--yes"]);
    assert_eq!((run.code, run.out.lines().count()), (Some(0), 2), "{}", run.err);
    let expected = [TASK, TASK, OTHER].map(|id| format!("retry {id} None"));
    assert_eq!(node.steered(), expected);
    let run = node.msctl(&["tasks", "replay", "--yes", "--reason", "refuse"]);
    assert!(run.err.contains("(0 of 2 were done before)"), "{}", run.err);
}

#[test]
fn why_tells_of_the_budget_that_holds_an_actor() {
    let node = Node::start();
    let out = node.msctl(&["why", "/root/auditors"]).ok();
    assert!(out.starts_with("/root/auditors is suspended over its budget\n"), "{out}");
    for part in ["3 of 3 messages", "30 of 100 tokens", "BudgetClient::raise", "has not ended"] {
        assert!(out.contains(part), "{part} in {out}");
    }
    let told = document(&node.msctl(&["why", "/root/auditors", "--json"]).ok());
    assert_eq!((&told["kind"], &told["data"]), (&json!("why"), &json!([])));
    assert_eq!(told["over_budget"][0]["over"]["limit"], 3);
    let told = document(&node.msctl(&["why", "/root/walker", "--json"]).ok());
    assert_eq!(told["over_budget"], json!([]));
}

#[test]
fn events_are_those_that_are_asked_for() {
    let node = Node::start();
    let all = node.msctl(&["events"]).ok();
    assert_eq!(all, include_str!("golden/events.txt"));
    let tasks = node.msctl(&["events", "--about", "tasks"]).ok();
    assert!(tasks.lines().all(|line| line.contains("task")), "{tasks}");
    let node_only = node.msctl(&["events", "--about", "node"]).ok();
    assert_eq!(node_only.lines().count() + tasks.lines().count(), all.lines().count());
    let dead = node.msctl(&["events", "--change", "dead", "--json"]).ok();
    assert_eq!(
        dead.lines().filter(|line| line.contains("\"change\":\"dead\"")).count(),
        1,
        "{dead}"
    );
    node.msctl(&["events", "--about", "node", "--change", "dead"])
        .fails(2, "leave --about node out");
    node.msctl(&["events", "--change", "lost"]).fails(2, "one of submitted");
}
