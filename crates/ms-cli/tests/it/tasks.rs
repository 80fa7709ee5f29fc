//! Durable tasks on the command line.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;

use ms_core::task::MAX_PAYLOAD;
use serde_json::json;

use crate::node::{documents, node};
use crate::transcript::compare;

/// A queue that only the transcripts use.
const OWN_QUEUE: &str = "letters";

#[test]
fn a_task_is_submitted_followed_and_steered() {
    compare("tasks", |t| {
        let node = t.node;
        let submit = ["tasks", "submit", "wait", r#"{"ms":60000}"#, "--queue", OWN_QUEUE];
        let timed =
            ["--key", "order-1", "--priority", "-5", "--deadline", "20h", "--attempt", "1h"];
        let submit = [&submit[..], &timed, &["--attempts", "7"]].concat();
        let id = t.run(&submit).out.trim_end().to_owned();
        t.name(&id, "FIRST");
        node.reaches(&id, "running");
        let agent = node.json(&["tasks", "show", &id]).remove(0);
        let agent = agent["data"]["task"]["assigned_agent"].as_str().expect("one").to_owned();
        t.name(&agent, "AGENT");
        t.run(&submit);
        t.json(&submit);
        t.run(&["tasks", "show", &id]);
        t.json(&["tasks", "show", &id]);
        t.run(&["tasks", "ls", "--queue", OWN_QUEUE, "--kind", "wait", "--state", "running"]);
        t.run(&["tasks", "cancel", &id, "--dry-run"]);
        t.json(&["tasks", "cancel", &id, "--dry-run"]);
        t.input(&["tasks", "cancel", &id], "y\n").fails(5, "error[MS0021]");
        node.reaches(&id, "running");
        t.run(&["tasks", "cancel", &id, "--yes", "--reason", "twice"]);
        t.run(&["tasks", "cancel", &id, "--yes"]);
        t.run(&["tasks", "show", &id]);
        // What the store did and who asked for it have no common order.
        t.lines("  task  ", &["events", "--task", &id]);
        t.lines("twice", &["events", "--task", &id]);
        t.run(&["events", "--task", &id, "--change", "cancelled"]);
        t.json(&["events", "--task", &id, "--change", "started"]);
        let nobody = "01a20de1-fe43-7694-b430-621455741179";
        t.run(&["tasks", "show", nobody]);
        t.run(&["tasks", "retry", nobody, "--yes"]);
    });
}

#[test]
fn payloads_come_from_the_command_line_a_file_or_standard_input() {
    compare("payloads", |t| {
        let file = t.node.file("letter.json");
        fs::write(&file, r#"{"to": "ada"}"#).expect("writes");
        let at = format!("@{}", file.display());
        let submit = ["tasks", "submit", "still"];
        let given = t.run(&[&submit[..], &[r#"{"n":1}"#]].concat());
        let filed = t.run(&[&submit[..], &[&at]].concat());
        let piped = t.input(&[&submit[..], &["-"]].concat(), "[1,2]");
        let none = t.run(&submit);
        let results = [json!({"n": 1}), json!({"to": "ada"}), json!([1, 2]), json!(null)];
        for (run, result) in [given, filed, piped, none].into_iter().zip(results) {
            let id = run.ok().trim_end().to_owned();
            t.node.reaches(&id, "completed");
            let task = t.node.json(&["tasks", "show", &id]).remove(0);
            assert_eq!(task["data"]["result"], result, "{task}");
        }
        let later = t.run(&[&submit[..], &["1", "--delay", "1h"]].concat()).ok();
        let task = t.node.json(&["tasks", "show", later.trim_end()]).remove(0);
        let timings = &task["data"]["task"]["timings"];
        let span = |key: &str| timings[key].as_u64().expect("a time");
        assert_eq!(span("not_before") - span("submitted"), 3_600_000, "{task}");
    });
}

/// Dead letters: two pages of them, retried one by one and all at once.
#[test]
fn dead_letters_are_listed_by_pages_and_replayed() {
    compare("dead", |t| {
        let node = t.node;
        let dies = ["wait", r#"{"ms":60000}"#, "--queue", OWN_QUEUE, "--attempts", "1"];
        let dies = [&dies[..], &["--attempt", "50ms"]].concat();
        let ids = [node.submit(&dies), node.submit(&dies)];
        for (id, name) in ids.iter().zip(["OLDER", "NEWER"]) {
            node.reaches(id, "dead");
            t.name(id, name);
        }
        let of = ["--queue", OWN_QUEUE, "--kind", "wait"];
        t.run(&[&["tasks", "dead", "--limit", "1"][..], &of].concat());
        let page = t.run(&[&["tasks", "dead", "--cursor", &ids[0]][..], &of].concat()).ok();
        assert!(page.contains(&ids[1]) && !page.contains(&ids[0]), "{page}");
        let cursor = ["tasks", "ls", "--state", "dead", "--limit", "1", "--cursor", &ids[0]];
        t.kinds(&[&cursor[..], &of].concat());
        t.kinds(&[&["tasks", "dead"][..], &of].concat());
        let replay = [&["tasks", "replay"][..], &of].concat();
        t.input(&replay, "y\n").fails(5, "retry 2 tasks: not confirmed");
        t.run(&[&replay[..], &["--dry-run", "--limit", "1"]].concat());
        t.run(&[&replay[..], &["--yes", "--limit", "1", "--reason", "try"]].concat());
        node.reaches(&ids[0], "dead");
        t.kinds(&[&replay[..], &["--yes"]].concat());
        ids.iter().for_each(|id| node.reaches(id, "dead"));
        t.run(&["tasks", "retry", &ids[0], "--dry-run"]);
        t.input(&["tasks", "retry", &ids[0]], "y\n").fails(5, "error[MS0021]");
        t.run(&["tasks", "retry", &ids[0], &ids[1], "-y", "--reason", "once more"]);
        ids.iter().for_each(|id| node.reaches(id, "dead"));
        t.kinds(&["tasks", "retry", &ids[0], "-y"]);
        node.reaches(&ids[0], "dead");
        t.kinds(&["tasks", "cancel", &ids[1], "--dry-run"]);
        t.run(&["tasks", "cancel", &ids[1], "-y"]);
        t.run(&["tasks", "replay", "--queue", OWN_QUEUE, "--kind", "nobody", "--yes"]);
    });
}

/// A refusal among many names the refused task, and how many were done before.
#[test]
fn a_refusal_among_many_says_how_many_were_done() {
    let node = node();
    let running = node.submit(&["wait", r#"{"ms":60000}"#]);
    node.reaches(&running, "running");
    let ended = node.submit(&["echo", "1"]);
    node.reaches(&ended, "completed");
    let args = ["tasks", "cancel", &running, &ended, "--yes", "--json"];
    let run = node.msctl(&args);
    run.fails(5, "(1 of 2 were done before)");
    node.reaches(&running, "cancelled");
    let args = ["tasks", "submit", "echo", "1", "--json"];
    assert_eq!(documents(node.msctl(&args), &args)[0]["kind"], "task_taken");
}

#[test]
fn what_is_no_task_is_refused_before_the_node_is_asked() {
    let node = node();
    let submit = |args: &[&str]| node.msctl(&[&["tasks", "submit", "metered"][..], args].concat());
    let taken = || {
        let page = node.json(&["tasks", "ls", "--kind", "metered", "--limit", "1000"]).remove(0);
        page["data"]["tasks"].as_array().expect("a list").len()
    };
    let before = taken();
    submit(&["{"]).fails(2, "the payload is not JSON");
    submit(&["NaN"]).fails(2, "the payload is not JSON");
    submit(&["@/nowhere/x.json"]).fails(2, "cannot be opened");
    submit(&["1", "--key", "two words"]).fails(2, "printable ASCII");
    submit(&["1", "--priority", "101"]).fails(2, "-100 to 100");
    submit(&["1", "--attempts", "101"]).fails(2, "attempts");
    node.msctl(&["tasks", "submit", "no/kind"]).fails(2, "no/kind");
    let large = format!("\"{}\"", "x".repeat(MAX_PAYLOAD));
    let file = node.file("large.json");
    fs::write(&file, &large).expect("writes");
    submit(&[&format!("@{}", file.display())]).fails(1, "error[MS0015]");
    let args = ["tasks", "submit", "metered", "-"];
    node.with_input(&args, &large).fails(1, "error[MS0015]");
    assert_eq!(taken(), before, "nothing was taken");
    // The largest there may be passes the frame.
    let fits = format!("\"{}\"", "x".repeat(MAX_PAYLOAD - 512));
    node.with_input(&["tasks", "submit", "echo", "-"], &fits).ok();
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
