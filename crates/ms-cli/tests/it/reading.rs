//! The verbs that only read, as text and as JSON of the schema.

#![allow(clippy::expect_used, reason = "tests")]

use crate::transcript::compare;

/// Agents that every test leaves alone.
const POOL: &str = "/root/components/application/tasks/still";
const AGENTS: &str = "/root/components/application/tasks/still/still-";
const FIRST: &str = "/root/components/application/tasks/still/still-1";

/// S2.2-01, S2.1-13, S1.1-02
#[test]
fn the_tree_and_its_actors_are_printed() {
    compare("tree", |t| {
        // Only supervisors: what the agents of other tests are doing now differs in every run.
        t.lines("[one_for", &["tree", "--depth", "2"]);
        t.run(&["tree", POOL]);
        t.run(&["tree", POOL, "--ascii"]);
        t.run(&["tree", POOL, "--dot"]);
        t.json(&["tree", POOL, "--depth", "1"]);
        t.interrupted(8, &["tree", POOL, "--watch"]);
        t.numbers(&["inspect", FIRST]);
        t.counts(&["inspect", POOL]);
        t.json(&["inspect", FIRST]);
        t.numbers(&["state", "/root/components"]);
        t.kinds(&["state", "/root/components"]);
        t.run(&["why", FIRST]);
        t.json(&["why", FIRST]);
        t.numbers(&["stats", FIRST]);
        t.json(&["stats", FIRST]);
    });
}

#[test]
fn the_node_its_names_and_its_work_are_printed() {
    compare("node", |t| {
        t.numbers(&["info"]);
        t.kinds(&["--timeout", "30s", "info"]);
        let socket = t.node.socket();
        t.begins(&["info", "--control", socket.to_str().expect("UTF-8")]);
        t.run(&["lookup", "task-store"]);
        t.json(&["lookup", "task-store"]);
        t.run(&["lookup", "task-stor"]);
        for sort in ["busy", "wait", "queue", "restarts"] {
            // Nobody sends to these agents. A supervisor gets a message from everyone who looks.
            t.lines(AGENTS, &["ps", "--sort", sort, "--window", "10ms"]);
        }
        let top = t.begins(&["ps", "--top", "3", "--window", "10ms"]).out;
        assert_eq!(top.lines().count(), 5, "a head, three actors, a sum: {top}");
        t.kinds(&["ps", "--window", "10ms"]);
        t.begins(&["metrics"]);
        t.kinds(&["metrics"]);
    });
}

/// Any operation by its name: one that reads is answered, one that changes something asks first.
#[test]
fn operations_are_called_by_their_name() {
    compare("call", |t| {
        let lookup = r#"{"name":"task-store"}"#;
        t.run(&["call", "names.lookup", lookup]);
        t.run(&["call", "names.lookup", lookup, "--json"]);
        t.run(&["call", "names.lookup", r#"{"nmae":"task-store"}"#]);
        t.run(&["call", "names.lookup", "task-store"]);
        t.run(&["call", "names.look"]);
        t.run(&["call", "names.look", "--yes"]);
        let nobody = r#"{"id":"01a20de1-fe43-7694-b430-621455741178"}"#;
        t.run(&["call", "tasks.retry", nobody]);
        t.run(&["call", "tasks.retry", nobody, "--yes"]);
        t.run(&["call", "actors.trace", r#"{"path":"/root/none","max":1,"for_ms":1}"#]);
    });
}

#[test]
fn what_needs_no_node_is_answered_without_one() {
    compare("offline", |t| {
        t.begins(&["--version"]);
        t.run(&["explain", "ms0012"]);
        t.run(&["explain"]);
        t.run(&["explain", "MS9999"]);
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            t.begins(&["completions", shell]);
        }
        t.run(&["config", "validate"]);
        t.json(&["config", "validate", "--environment", "test"]);
        let set = ["--set", "tasks.agents=3"];
        t.run(&[&["config", "validate", "."][..], &set].concat());
        t.lines("tasks.", &[&["config", "show", "."][..], &set].concat());
        t.lines("tasks.", &[&["config", "show", "--origin"][..], &set].concat());
        t.lines("tasks.agents", &["config", "show", "--environment", "test"]);
        t.kinds(&["config", "show"]);
        t.begins(&["config", "schema"]);
        t.run(&["config", "validate", "/nowhere"]);
    });
}
