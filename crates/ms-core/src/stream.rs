//! The items of an event stream: the events of a node, those about durable tasks, and the gaps in
//! either; and the filter that a reader sets.
//!
//! A node and its task store have logs of their own, each with its own numbers. Whoever streams
//! them puts them together here.

use serde::{Deserialize, Serialize};

use crate::exit::ExitReason;
use crate::task::{TaskChange, TaskId, TaskTransition};
use crate::view::{EventKind, Numbered};

/// One item of a stream of events, with its number in the log it is from.
pub type StreamEvent = Numbered<StreamKind>;

/// The kinds of [`StreamEvent`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum StreamKind {
    /// Events of the node were left out: a reader or a buffer was too slow, or came too late.
    Gap {
        /// How many, as far as it is known.
        missed: u64,
        /// The reader's place is of another life of the node: what it had not seen of that
        /// life is lost, and is not counted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        restarted: bool,
    },
    /// A durable task has moved on.
    Task(TaskTransition),
    /// Events about tasks were left out because a reader was too slow or came too late.
    TaskGap {
        /// How many, as far as it is known.
        missed: u64,
        /// As for [`StreamKind::Gap`].
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        restarted: bool,
    },
    /// Something happened in the node. It is written as itself: readers see one list of kinds.
    #[serde(untagged)]
    Node(EventKind),
}

impl StreamKind {
    /// Makes a gap in the node's events, for a reader that was too slow or came too late.
    #[must_use]
    pub const fn gap(missed: u64) -> Self {
        Self::Gap { missed, restarted: false }
    }

    /// Makes a gap in the events about tasks.
    #[must_use]
    pub const fn task_gap(missed: u64) -> Self {
        Self::TaskGap { missed, restarted: false }
    }

    /// Makes the first items for a reader whose place is of another life of the node.
    #[must_use]
    pub const fn restarted() -> [Self; 2] {
        [Self::Gap { missed: 0, restarted: true }, Self::TaskGap { missed: 0, restarted: true }]
    }

    /// Returns whether it is about tasks: its number is then one of their log.
    #[must_use]
    pub const fn is_about_tasks(&self) -> bool {
        matches!(self, Self::Task(_) | Self::TaskGap { .. })
    }

    /// Returns the exit reason, for an event about an end.
    #[must_use]
    pub fn reason(&self) -> Option<&ExitReason> {
        match self {
            Self::Node(kind) => kind.reason(),
            _ => None,
        }
    }
}

/// The logs whose events a reader gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Actors, supervisors, arbiters and components.
    #[default]
    Node,
    /// Durable tasks.
    Tasks,
    /// Both.
    All,
}

/// The filter of the events that a reader gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventFilter {
    /// From which logs.
    pub about: About,
    /// If set, only this task's events of those about tasks.
    pub task: Option<TaskId>,
    /// If set, only transitions of this kind of those about tasks.
    pub change: Option<TaskChange>,
}

impl EventFilter {
    /// Returns whether the events of the node are wanted.
    #[must_use]
    pub const fn node(&self) -> bool {
        matches!(self.about, About::Node | About::All)
    }

    /// Returns whether events about tasks are wanted.
    #[must_use]
    pub const fn tasks(&self) -> bool {
        matches!(self.about, About::Tasks | About::All)
    }

    /// Returns whether this event is wanted. A gap passes whatever `task` and `change` say.
    #[must_use]
    pub fn takes(&self, kind: &StreamKind) -> bool {
        match kind {
            StreamKind::Task(transition) => {
                self.tasks()
                    && self.task.is_none_or(|id| transition.id == id)
                    && self.change.is_none_or(|change| transition.change == change)
            }
            // Nobody knows what was left out, so a gap is for every reader of its log.
            StreamKind::TaskGap { .. } => self.tasks(),
            StreamKind::Gap { .. } | StreamKind::Node(_) => self.node(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::task::{AgentKind, QueueName, TaskState};

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
        let all =
            [wedged, StreamKind::gap(1), StreamKind::Task(transition()), StreamKind::task_gap(1)];
        let taken = |filter: EventFilter| all.each_ref().map(|kind| filter.takes(kind));
        let about = |about| EventFilter { about, ..EventFilter::default() };
        assert_eq!(taken(about(About::Node)), [true, true, false, false]);
        assert_eq!(taken(about(About::Tasks)), [false, false, true, true]);
        assert_eq!(taken(about(About::All)), [true; 4]);
        let others = EventFilter { change: Some(TaskChange::Started), ..about(About::Tasks) };
        assert_eq!(taken(others), [false, false, false, true]);
    }
}
