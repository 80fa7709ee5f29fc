//! The items of an event stream: the events of a node, those about durable tasks, and the gaps in
//! either; and the filter that a reader sets.
//!
//! A node and its task store have logs of their own, each with its own numbers. Whoever streams
//! them puts them together here.

use serde::{Deserialize, Serialize};

use crate::exit::ExitReason;
use crate::task::{TaskChange, TaskId, TaskLogEvent, TaskSteering, TaskTransition};
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
    /// A verb about tasks was carried out or refused. It is written as a steering of an actor is,
    /// with `task` beside it.
    #[serde(rename = "steered")]
    TaskSteered(TaskSteering),
    /// Events about tasks were left out because a reader was too slow or came too late.
    TaskGap {
        /// How many, as far as it is known.
        missed: u64,
        /// As for [`StreamKind::Gap`].
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        restarted: bool,
    },
    /// Something happened in the node. It is written as itself: readers see one list of kinds.
    // serde wants untagged variants at the end.
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
        matches!(self, Self::Task(_) | Self::TaskSteered(_) | Self::TaskGap { .. })
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

impl From<TaskLogEvent> for StreamKind {
    fn from(event: TaskLogEvent) -> Self {
        match event {
            TaskLogEvent::Moved(transition) => Self::Task(transition),
            TaskLogEvent::Steered(steering) => Self::TaskSteered(steering),
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
    /// Durable tasks, and who steered them.
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
            // A steering is no transition: who asks for one kind of them does not mean it.
            StreamKind::TaskSteered(steering) => {
                self.tasks()
                    && self.task.is_none_or(|id| steering.task == Some(id))
                    && self.change.is_none()
            }
            // Nobody knows what was left out, so a gap is for every reader of its log.
            StreamKind::TaskGap { .. } => self.tasks(),
            StreamKind::Gap { .. } | StreamKind::Node(_) => self.node(),
        }
    }
}
