//! The stages of a task's life, and the number of its present assignment.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The stage of a task's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It waits for an agent, perhaps for a delay as well.
    Pending,
    /// An agent was chosen and has a lease; it has not said yet that it began.
    Assigned,
    /// The agent has begun.
    Running,
    /// Done; it has a result.
    Completed,
    /// It failed in a way that no further attempt would mend, or too late.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// All its attempts failed: it is among the dead letters and may be replayed.
    Dead,
}

impl TaskState {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Assigned,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Dead,
    ];

    /// Returns whether the task has ended; only a replay leaves such a state.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Dead)
    }

    /// Returns whether an agent holds the task.
    #[must_use]
    pub const fn is_leased(self) -> bool {
        matches!(self, Self::Assigned | Self::Running)
    }

    /// Returns the word for tables, filters and JSON.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// Returns the state with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.label() == label)
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// The number of one assignment of one task, growing by one each time.
///
/// What an agent says about a task carries the token it was given; a token that is not
/// the present one is refused. That is the whole fencing story.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct FencingToken(pub u64);
