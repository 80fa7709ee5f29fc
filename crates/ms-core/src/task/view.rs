//! The view of a task that readers get.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::failure::TaskFailure;
use super::id::{AgentKind, IdempotencyKey, QueueName, TaskId};
use super::new::Priority;
use super::state::{FencingToken, TaskState};
use super::time::TaskTime;
use crate::id::ActorPath;
use crate::traceparent::{SpanId, TraceContext};

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

/// A task as readers see it; request and result are fetched separately.
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
    /// Attempts it may have.
    pub max_attempts: u32,
    /// Attempts that were cut short through no fault of the task; they do not count.
    pub interruptions: u32,
    /// How often it was taken out of the dead letters.
    pub replays: u32,
    /// When things happened to it.
    pub timings: Timings,
    /// The present lease, while an agent has it.
    pub lease: Option<Lease>,
    /// Why the last attempt failed, if one did.
    pub failure: Option<TaskFailure>,
    /// The key it was submitted with.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The trace it was submitted in, if that is known.
    #[serde(default)]
    pub traceparent: Option<TraceContext>,
}

impl TaskView {
    /// Returns the trace context of the present attempt: an operation of its own below the
    /// submission's. It is the same whoever asks, and differs between attempts.
    #[must_use]
    pub fn attempt_trace(&self, token: FencingToken) -> Option<TraceContext> {
        let (_, low) = self.id.uuid().as_u64_pair();
        // The low half of a fresh id is random; the token tells the attempts apart.
        let span = low ^ token.0.rotate_right(8);
        let span = NonZeroU64::new(span).unwrap_or(NonZeroU64::MIN);
        self.traceparent.map(|trace| trace.child(SpanId::new(span)))
    }
}
