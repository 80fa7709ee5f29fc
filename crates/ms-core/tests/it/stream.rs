//! Streams of events: what they look like on the wire, and what a filter takes.

use ms_core::stream::{About, EventFilter, StreamEvent, StreamKind};
use ms_core::task::{AgentKind, QueueName, TaskChange, TaskId, TaskState, TaskTransition};
use ms_core::view::EventKind;
use serde_json::{Value, json};

fn transition() -> TaskTransition {
    TaskTransition {
        change: TaskChange::Dead,
        id: TaskId::new(uuid::Uuid::nil()),
        queue: QueueName::default(),
        kind: AgentKind::new("mailer").expect("valid"),
        state: TaskState::Dead,
        attempt: 3,
        max_attempts: 3,
        agent: None,
        failure: None,
        retry_in_ms: None,
    }
}

fn on_the_wire(kind: StreamKind) -> Value {
    let sent = StreamEvent { seq: 4, at_ms: 9, kind };
    let written = serde_json::to_value(&sent).expect("JSON");
    assert_eq!(serde_json::from_value::<StreamEvent>(written.clone()).expect("read"), sent);
    written
}

/// Two logs, one list of kinds: nothing on the wire shows from which type a kind is.
#[test]
fn every_kind_is_written_flat_and_read_again() {
    let wedged = EventKind::ArbiterWedged { arbiter: 1, evacuated: 2 };
    let flat =
        json!({"seq": 4, "at_ms": 9, "event": "arbiter_wedged", "arbiter": 1, "evacuated": 2});
    assert_eq!(on_the_wire(StreamKind::Node(wedged)), flat);
    let gap = json!({"seq": 4, "at_ms": 9, "event": "gap", "missed": 3});
    assert_eq!(on_the_wire(StreamKind::gap(3)), gap);
    let [gap, task_gap] = StreamKind::restarted();
    let restarted =
        |name| json!({"seq": 4, "at_ms": 9, "event": name, "missed": 0, "restarted": true});
    assert_eq!(on_the_wire(gap), restarted("gap"));
    assert_eq!(on_the_wire(task_gap), restarted("task_gap"));
    let task = json!({"seq": 4, "at_ms": 9, "event": "task", "change": "dead",
        "id": "00000000-0000-0000-0000-000000000000", "queue": "default", "kind": "mailer",
        "state": "dead", "attempt": 3, "max_attempts": 3});
    assert_eq!(on_the_wire(StreamKind::Task(transition())), task);
    let unknown = json!({"seq": 4, "at_ms": 9, "event": "unheard_of"});
    assert!(serde_json::from_value::<StreamEvent>(unknown).is_err());
}

#[test]
fn a_filter_takes_what_it_is_about_and_what_was_missed_of_it() {
    let wedged = StreamKind::Node(EventKind::ArbiterWedged { arbiter: 1, evacuated: 2 });
    let all = [wedged, StreamKind::gap(1), StreamKind::Task(transition()), StreamKind::task_gap(1)];
    let taken = |filter: EventFilter| all.each_ref().map(|kind| filter.takes(kind));
    let about = |about| EventFilter { about, ..EventFilter::default() };
    assert_eq!(taken(about(About::Node)), [true, true, false, false]);
    assert_eq!(taken(about(About::Tasks)), [false, false, true, true]);
    assert_eq!(taken(about(About::All)), [true; 4]);
    let others = EventFilter { change: Some(TaskChange::Started), ..about(About::Tasks) };
    assert_eq!(taken(others), [false, false, false, true]);
}
