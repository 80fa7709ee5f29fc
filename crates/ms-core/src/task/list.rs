//! Lists of tasks, and the answer to a submission: what callers and tools see of a store.

use serde::{Deserialize, Serialize};

use super::id::{AgentKind, QueueName, TaskId};
use super::state::TaskState;
use super::view::TaskView;

/// Most tasks of one page of a list.
pub const MAX_PAGE: usize = 1_000;

/// A submission that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The task as it is now.
    pub view: TaskView,
    /// True when its idempotency key was known: this is the first task, none was made.
    pub repeated: bool,
}

/// Selects the tasks of a list; an empty filter selects all.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskFilter {
    /// Only of this queue.
    pub queue: Option<QueueName>,
    /// Only for this kind of agent.
    pub kind: Option<AgentKind>,
    /// Only in this state.
    pub state: Option<TaskState>,
    /// Only tasks taken after this one: the cursor of the previous page.
    pub after: Option<TaskId>,
    /// Tasks of one page, 1 to 1,000; 0 is 100.
    pub limit: usize,
}

/// One page of a list, in the order in which the tasks were taken: a reader that goes on
/// behind the last one it has seen misses none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<TaskView>,
    /// Tasks of this page of which nothing can be read; the log says why.
    #[serde(default)]
    pub unreadable: Vec<TaskId>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<TaskId>,
}
