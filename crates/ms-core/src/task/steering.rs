//! What is kept about tasks for readers: their transitions, and who steered them.

use serde::{Deserialize, Serialize};

use super::id::TaskId;
use super::transition::TaskTransition;
use crate::id::ActorPath;

/// A verb about tasks was carried out or refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSteering {
    /// The actor that deals with tasks: their dispatcher, or the root where there is none.
    pub path: ActorPath,
    /// Which task; `None` when it was about tasks as a whole.
    // Must be there when it is read, if only as null: that tells it from a steering of an actor,
    // which is written in the same way (`StreamKind`).
    #[serde(deserialize_with = "Option::deserialize")]
    pub task: Option<TaskId>,
    /// The verb: `task cancel ID`.
    pub verb: String,
    /// Who asked, as far as the endpoint knows.
    pub by: String,
    /// The reason given.
    pub reason: Option<String>,
    /// What came of it: `ok` or an error.
    pub outcome: String,
}

/// One entry of the log of events about tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskLogEvent {
    /// A task has moved on.
    Moved(TaskTransition),
    /// Somebody steered a task, or was refused.
    Steered(TaskSteering),
}

impl From<TaskTransition> for TaskLogEvent {
    fn from(transition: TaskTransition) -> Self {
        Self::Moved(transition)
    }
}

impl From<TaskSteering> for TaskLogEvent {
    fn from(steering: TaskSteering) -> Self {
        Self::Steered(steering)
    }
}
