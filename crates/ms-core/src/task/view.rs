//! What a reader is shown of a task.

use std::fmt;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::failure::TaskFailure;
use super::id::{AgentKind, IdempotencyKey, QueueName, TaskId};
use super::new::Priority;
use super::time::TaskTime;
use crate::id::ActorPath;
use crate::traceparent::{SpanId, TraceContext};

/// Where a task is in its life.
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

    /// Whether it has ended; only a replay leaves such a state.
    #[must_use]
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Dead)
    }

    /// Whether an agent has it.
    #[must_use]
    pub const fn is_leased(self) -> bool {
        matches!(self, Self::Assigned | Self::Running)
    }

    /// The word for tables, filters and JSON.
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

    /// The state with this label.
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

/// An agent's right to a task, for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lease {
    /// Which assignment this is.
    pub token: FencingToken,
    /// When it ends, unless renewed.
    pub until: TaskTime,
}

/// When things happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Timings {
    /// When it was submitted.
    pub submitted: TaskTime,
    /// It does not start earlier than this.
    pub not_before: TaskTime,
    /// It fails if it has not ended by then.
    pub deadline: Option<TaskTime>,
    /// When the present or last attempt was given to its agent.
    pub assigned: Option<TaskTime>,
    /// When that agent began.
    pub started: Option<TaskTime>,
    /// When it ended.
    pub ended: Option<TaskTime>,
}

/// A task as readers see it; request and result are asked for apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// The queue it is in.
    pub queue: QueueName,
    /// The kind of agent it needs.
    pub kind: AgentKind,
    /// Where it is in its life.
    pub state: TaskState,
    /// How urgent it is.
    pub priority: Priority,
    /// The agent that has it, or had it last.
    pub assigned_agent: Option<ActorPath>,
    /// Attempts so far, the present one included.
    pub attempts: u32,
    /// Attempts it is given.
    pub max_attempts: u32,
    /// Attempts that were cut short through no fault of the task; they do not count.
    pub interruptions: u32,
    /// How often it was taken out of the dead letters.
    pub replays: u32,
    /// When what happened.
    pub timings: Timings,
    /// The present lease, while an agent has it.
    pub lease: Option<Lease>,
    /// Why the last attempt failed, if one did.
    pub failure: Option<TaskFailure>,
    /// The key it was submitted with.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Where in which trace it was submitted, if that is known.
    #[serde(default)]
    pub traceparent: Option<TraceContext>,
}

impl TaskView {
    /// Where in that trace the present attempt is: an operation of its own, below the
    /// submission. The same for all who ask about this attempt, and another for each.
    #[must_use]
    pub fn attempt_trace(&self, token: FencingToken) -> Option<TraceContext> {
        let (_, low) = self.id.uuid().as_u64_pair();
        // The low half of a fresh id is random; the token tells the attempts apart.
        let span = low ^ token.0.rotate_right(8);
        let span = NonZeroU64::new(span).unwrap_or(NonZeroU64::MIN);
        self.traceparent.map(|trace| trace.child(SpanId::new(span)))
    }
}
