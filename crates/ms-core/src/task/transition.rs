//! The transitions of tasks, as streams of events carry them.
//!
//! A transition has names, numbers and kinds, never the payload, the result or the text of a
//! failure: those may hold secrets, and have limits of their own.

use serde::{Deserialize, Serialize};

use super::failure::FailureKind;
use super::id::{AgentKind, QueueName, TaskId};
use super::state::TaskState;
use crate::id::ActorPath;

/// The kind of a task's transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskChange {
    /// It was taken in.
    Submitted,
    /// It was given to an agent.
    Assigned,
    /// Its agent has begun.
    Started,
    /// It is done.
    Completed,
    /// An attempt failed: it is tried again, or has failed for good.
    Failed,
    /// Its last attempt failed: it is among the dead letters.
    Dead,
    /// It was cancelled.
    Cancelled,
    /// Its agent gave no sign of life for the length of the lease; it is tried again.
    LeaseLost,
    /// It was taken back from its agent through no fault of its own; it is tried again.
    TakenBack,
    /// It did not reach its agent, or the agent gave it back; it is tried again.
    Released,
    /// It is tried again, with all its attempts, though it had failed or was dead.
    Replayed,
}

impl TaskChange {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 11] = [
        Self::Submitted,
        Self::Assigned,
        Self::Started,
        Self::Completed,
        Self::Failed,
        Self::Dead,
        Self::Cancelled,
        Self::LeaseLost,
        Self::TakenBack,
        Self::Released,
        Self::Replayed,
    ];

    /// Returns the word for tables, filters and JSON.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::Assigned => "assigned",
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::LeaseLost => "lease_lost",
            Self::TakenBack => "taken_back",
            Self::Released => "released",
            Self::Replayed => "replayed",
        }
    }

    /// Returns the change with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.label() == label)
    }
}

/// A task has moved on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskTransition {
    /// How.
    pub change: TaskChange,
    /// Which task.
    pub id: TaskId,
    /// The queue it is in.
    pub queue: QueueName,
    /// The kind of agent it needs.
    pub kind: AgentKind,
    /// Where it is now.
    pub state: TaskState,
    /// The attempt that this is about, from 1; 0 before the first.
    pub attempt: u32,
    /// Attempts it may have.
    pub max_attempts: u32,
    /// The agent this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<ActorPath>,
    /// What kind of end the attempt had, if it failed or was cut short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureKind>,
    /// The wait before it is tried again, in milliseconds; absent when it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_json() {
        for change in TaskChange::ALL {
            let label = serde_json::to_value(change).expect("JSON");
            assert_eq!(label, change.label());
            assert_eq!(TaskChange::from_label(change.label()), Some(change));
        }
    }
}
