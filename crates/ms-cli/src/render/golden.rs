//! Compares what people see with `tests/it/golden/*.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p ms-cli` rewrites the files.

use std::fs;
use std::path::Path;

use ms_control::proto::{
    NodeInfo, PsRow, PsSort, PsTable, StateView, StatisticsView, Steered, TaskDetails, Verb,
};
use ms_core::task::{TaskPage, TaskState};
use ms_core::view::Mark;
use ms_core::{ExitReason, Incarnation};
use serde_json::json;

use super::sample::{self, NOON, path};
use super::*;

const UNICODE: Style = Style { colour: false, ascii: false };
const COLOUR: Style = Style { colour: true, ascii: false };

fn golden(name: &str, rendered: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, rendered).expect("writes");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        rendered == expected,
        "{name} differs; it is now:\n{rendered}\nand should be:\n{expected}"
    );
}

pub(super) fn table() -> PsTable {
    let tree = sample::tree();
    let row = |node: &ms_core::view::TreeNode| PsRow {
        status: node.status.clone(),
        busy_us: Some(node.status.path.as_str().len() as u64 * 1_000),
        handled: Some(500),
    };
    let mut rows: Vec<_> = tree.walk().map(row).collect();
    for row in rows.iter_mut().filter(|row| row.status.mailbox.depth.is_none()) {
        (row.busy_us, row.handled) = (None, None);
    }
    PsTable { window_ms: 5_000, total: rows.len(), rows }
}

#[test]
fn trees() {
    golden("tree.txt", &tree(&sample::tree(), UNICODE));
    golden("tree_ascii.txt", &tree(&sample::tree(), Style::PLAIN));
    golden("tree_colour.txt", &tree(&sample::tree(), COLOUR));
    golden("tree.dot", &dot(&sample::tree()));
}

#[test]
fn a_tree_says_that_a_silent_supervisor_hides_a_part_of_it() {
    let mut whole = sample::tree();
    assert!(whole.silent().next().is_none() && !tree(&whole, UNICODE).contains("not shown"));
    let below = whole.children.iter_mut().find(|node| node.supervisor.is_some());
    let below = below.expect("a supervisor");
    below.supervisor = None;
    below.children.clear();
    below.status.marks = vec![Mark::Unresponsive];
    let text = tree(&whole, UNICODE);
    let note = "; 1 supervisor did not answer in time, so its children are not shown\n";
    assert!(text.ends_with(note), "{text}");
}

#[test]
fn tables() {
    for (name, sort) in [("ps_queue.txt", PsSort::Queue), ("ps_busy.txt", PsSort::Busy)] {
        let mut table = table();
        table.arrange(sort, Some(6));
        golden(name, &ps(&table, UNICODE));
    }
}

#[test]
fn one_actor() {
    golden("inspect.txt", &inspect(&sample::auditor(3), UNICODE));
    golden("inspect_supervisor.txt", &inspect(&sample::tree(), UNICODE));
    let state_of = json!({"seen": 3, "token": "[redacted]", "odd": "\u{1b}[2J"});
    let view = StateView { path: path("/root/a"), incarnation: Incarnation(4), state: state_of };
    golden("state.txt", &state(&view));
    let types = sample::auditor(3).status.types;
    let (path, for_ms) = (path("/root/a"), Some(10_000));
    let view = StatisticsView { path, on: true, for_ms, handled: 1_200, busy_us: 950_000, types };
    golden("statistics.txt", &statistics(&view));
}

#[test]
fn reasons() {
    golden("why.txt", &why(&sample::why(), NOON + 12_000, false, UNICODE));
    let mut status = sample::auditor(3).status;
    status.last_exit = None;
    assert!(no_records(&status).contains("has not ended"));
    status.last_exit = Some(ExitReason::Shutdown);
    let text = no_records(&status);
    assert!(
        text.contains("last ended with: shutdown") && !text.contains("has not ended"),
        "{text}"
    );
    golden("why_gave_up.txt", &why(&sample::gave_up(), NOON + 90_000, false, UNICODE));
}

#[test]
fn durable_tasks() {
    let dead = TaskDetails { task: sample::task(), result: None };
    golden("task.txt", &task(&dead, UNICODE));
    let mut done = TaskDetails { result: Some(json!({"seen": 3})), ..dead.clone() };
    (done.task.state, done.task.failure) = (TaskState::Completed, None);
    golden("task_completed.txt", &task(&done, UNICODE));
    let next = Some(done.task.id);
    let page = TaskPage { tasks: vec![dead.task, done.task], next, unreadable: Vec::new() };
    golden("tasks.txt", &tasks(&page, UNICODE));
}

#[test]
fn names_and_budgets() {
    golden("found.txt", &found(&sample::found("task-store"), UNICODE));
    let asked = path("/root/auditors/auditor-3");
    let text = over_budget(&sample::over_budget(), &asked, NOON + 90_000, UNICODE);
    golden("over_budget.txt", &text);
}

#[test]
fn steering() {
    let (worker, root) = (path("/root/auditors/auditor-3"), path("/root"));
    golden("blast.txt", &blast(Verb::Kill, &worker, &sample::blast(&worker), UNICODE));
    golden("blast_root.txt", &blast(Verb::Kill, &root, &sample::blast(&root), UNICODE));
    let done = Steered { path: worker, verb: Verb::Kill, outcome: "restarted as #5".into() };
    golden("steered.txt", &steered(&done));
}

#[test]
fn streams_and_the_node() {
    let events: String = sample::events().iter().map(|one| event(one, UNICODE)).collect();
    golden("events.txt", &events);
    golden("trace.txt", &sample::traces().iter().map(trace).collect::<String>());
    let node = NodeInfo {
        node: "demo".into(),
        pid: 4_711,
        version: "0.1.0".into(),
        uptime_ms: 64_000,
        actors: 10,
        restarts: 3,
        dead_letters: 2,
        arbiters: 4,
        inspections: 12,
        inspection_us: 1_500,
        faults_allowed: true,
        counters: [("timers".to_owned(), 5)].into(),
        life: Some(ms_core::NodeLife::new(0x5f0c_2d9a_81b3_e47d)),
        ..NodeInfo::default()
    };
    golden("info.txt", &info(&node));
}
