//! Streams of events: what they look like on the wire, and what a filter takes.

use ms_core::ActorPath;
use ms_core::stream::{About, EventFilter, StreamEvent, StreamKind};
use ms_core::task::{
    AgentKind, QueueName, TaskChange, TaskId, TaskState, TaskSteering, TaskTransition,
};
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

fn steering(task: Option<TaskId>) -> TaskSteering {
    TaskSteering {
        path: ActorPath::new("/root/tasks").expect("valid"),
        task,
        verb: "task cancel".to_owned(),
        by: "ada".to_owned(),
        reason: None,
        outcome: "ok".to_owned(),
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

/// One kind on the wire, in two logs: a reader must know of which of them the number is.
#[test]
fn a_steering_of_tasks_is_one_of_an_actor_with_a_task_beside_it() {
    let TaskSteering { path, verb, by, reason, outcome, .. } = steering(None);
    let of_actor =
        on_the_wire(StreamKind::Node(EventKind::Steered { path, verb, by, reason, outcome }));
    for task in [None, Some(TaskId::new(uuid::Uuid::nil()))] {
        let mut as_of_actor = of_actor.clone();
        as_of_actor["task"] = json!(task);
        assert_eq!(on_the_wire(StreamKind::TaskSteered(steering(task))), as_of_actor);
    }
}

#[test]
fn a_filter_takes_what_it_is_about_and_what_was_missed_of_it() {
    let wedged = StreamKind::Node(EventKind::ArbiterWedged { arbiter: 1, evacuated: 2 });
    let (its, another) = (transition().id, TaskId::new(uuid::Uuid::from_u128(7)));
    let steered = |task| StreamKind::TaskSteered(steering(task));
    let all = [
        wedged,
        StreamKind::gap(1),
        StreamKind::Task(transition()),
        StreamKind::task_gap(1),
        steered(Some(its)),
        steered(None),
    ];
    let taken = |filter: EventFilter| all.each_ref().map(|kind| filter.takes(kind));
    let about = |about| EventFilter { about, ..EventFilter::default() };
    assert_eq!(taken(about(About::Node)), [true, true, false, false, false, false]);
    assert_eq!(taken(about(About::Tasks)), [false, false, true, true, true, true]);
    assert_eq!(taken(about(About::All)), [true; 6]);
    let others = EventFilter { change: Some(TaskChange::Started), ..about(About::Tasks) };
    assert_eq!(taken(others), [false, false, false, true, false, false]);
    let of = |task| EventFilter { task: Some(task), ..about(About::Tasks) };
    assert_eq!(taken(of(its)), [false, false, true, true, true, false]);
    assert_eq!(taken(of(another)), [false, false, false, true, false, false]);
}
