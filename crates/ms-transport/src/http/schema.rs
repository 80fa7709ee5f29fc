//! The shapes of tasks for the OpenAPI document. `ms-core` owns the types and knows nothing of HTTP; a
//! test keeps these shapes in step with them.

#![allow(dead_code, reason = "described, never made: the values are ms-core's")]

use serde_json::Value;
use utoipa::ToSchema;

/// A task as it is submitted. `delay_ms` is less than `deadline_ms`, and it may have 256 KiB of
/// JSON in all.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTask)]
pub(super) struct NewTaskSchema {
    /// The queue it waits in.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$", required = false, default = "default")]
    queue: String,
    /// The kind of agent that is to do it.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$", example = "echo")]
    kind: String,
    /// What the agent is given.
    #[schema(required = false)]
    payload: Value,
    /// How urgent it is; higher goes first.
    #[schema(minimum = -100, maximum = 100, default = 0, required = false)]
    priority: i16,
    /// It must end within this many milliseconds of its submission.
    #[schema(minimum = 1, maximum = 31_622_400_000_u64)]
    deadline_ms: Option<u64>,
    /// It does not start earlier than this many milliseconds after its submission.
    #[schema(minimum = 1, maximum = 31_622_400_000_u64)]
    delay_ms: Option<u64>,
    /// Longest time of one attempt, in milliseconds.
    #[schema(minimum = 1, maximum = 31_622_400_000_u64)]
    attempt_ms: Option<u64>,
    /// How often it is tried.
    #[schema(required = false)]
    retry: RetrySchema,
    /// Names this request; the header `Idempotency-Key` does the same.
    #[schema(pattern = "^[!-~]{1,128}$", max_length = 128, min_length = 1)]
    idempotency_key: Option<String>,
}

/// Tasks that are submitted together.
#[derive(ToSchema)]
#[schema(as = Batch, min_items = 1, max_items = 1_000)]
pub(super) struct BatchSchema(Vec<NewTaskSchema>);

/// How often a task is tried, and how long it waits in between. `backoff_min_ms` is not more than
/// `backoff_max_ms`.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Retry)]
pub(super) struct RetrySchema {
    /// Attempts in all.
    #[schema(minimum = 1, maximum = 100, default = 3, required = false)]
    max_attempts: u32,
    /// Wait after the first failure, in milliseconds.
    #[schema(minimum = 0, maximum = 31_622_400_000_u64, default = 1_000, required = false)]
    backoff_min_ms: u64,
    /// Longest wait, in milliseconds.
    #[schema(minimum = 0, maximum = 31_622_400_000_u64, default = 60_000, required = false)]
    backoff_max_ms: u64,
    /// Share of the wait that is random.
    #[schema(minimum = 0, maximum = 1, default = 0.2, required = false)]
    jitter: f64,
}

/// The id of a task.
#[derive(ToSchema)]
#[schema(as = TaskId, format = Uuid, examples("01a20de1-fe43-7694-b430-621455741178"))]
pub(super) struct TaskIdSchema(String);

/// A task.
#[derive(ToSchema)]
#[schema(as = Task)]
pub(super) struct TaskViewSchema {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// The queue it is in.
    queue: String,
    /// The kind of agent it needs.
    kind: String,
    /// Where it is in its life.
    state: StateSchema,
    /// How urgent it is.
    priority: i16,
    /// The agent that has it, or had it last.
    #[schema(required = true)]
    assigned_agent: Option<String>,
    /// Attempts so far.
    attempts: u32,
    /// Attempts it is given.
    max_attempts: u32,
    /// Attempts that were cut short through no fault of the task.
    interruptions: u32,
    /// How often it was taken out of the dead letters.
    replays: u32,
    /// When what happened, in milliseconds since 1970.
    timings: TimingsSchema,
    /// The present lease, while an agent has it.
    #[schema(required = true)]
    lease: Option<LeaseSchema>,
    /// Why the last attempt failed, if one did.
    #[schema(required = true)]
    failure: Option<FailureSchema>,
    /// The key it was submitted with.
    #[schema(required = true)]
    idempotency_key: Option<String>,
    /// Where in which trace it was submitted (W3C Trace Context).
    #[schema(required = true)]
    traceparent: Option<String>,
}

/// Where a task is in its life.
#[derive(ToSchema)]
#[schema(as = TaskState, rename_all = "snake_case")]
pub(super) enum StateSchema {
    Pending,
    Assigned,
    Running,
    Completed,
    Failed,
    Cancelled,
    Dead,
}

/// What happened to a task.
#[derive(ToSchema)]
#[schema(as = TaskChange, rename_all = "snake_case")]
pub(super) enum ChangeSchema {
    Submitted,
    Assigned,
    Started,
    Completed,
    Failed,
    Dead,
    Cancelled,
    LeaseLost,
    TakenBack,
    Released,
    Replayed,
}

/// One server-sent event.
#[derive(ToSchema)]
#[schema(as = ServerSentEvent)]
pub(super) struct SentEventSchema {
    /// Its place, for `Last-Event-ID`.
    id: String,
    /// Its kind.
    event: String,
    /// What happened, as JSON; as `data` of `msctl events --json` has it.
    data: String,
}

/// What events are about.
#[derive(ToSchema)]
#[schema(as = About, rename_all = "snake_case")]
pub(super) enum AboutSchema {
    Node,
    Tasks,
    All,
}

/// When things happened to a task, in milliseconds since 1970.
#[derive(ToSchema)]
#[schema(as = Timings)]
pub(super) struct TimingsSchema {
    submitted: u64,
    not_before: u64,
    #[schema(required = true)]
    deadline: Option<u64>,
    #[schema(required = true)]
    assigned: Option<u64>,
    #[schema(required = true)]
    started: Option<u64>,
    #[schema(required = true)]
    ended: Option<u64>,
}

/// An agent's right to a task, for a time.
#[derive(ToSchema)]
#[schema(as = Lease)]
pub(super) struct LeaseSchema {
    /// Which assignment this is.
    token: u64,
    /// When it ends, unless renewed.
    until: u64,
}

/// Why an attempt failed.
#[derive(ToSchema)]
#[schema(as = TaskFailure)]
pub(super) struct FailureSchema {
    /// error, crashed, timed_out, lease_expired, deadline_passed, interrupted, over_budget.
    kind: String,
    /// One line.
    message: String,
    /// What caused it, outermost first; left out when nothing else did.
    #[schema(required = false)]
    causes: Vec<String>,
    /// True when another attempt would fail as well.
    permanent: bool,
}

/// A page of tasks.
#[derive(ToSchema)]
#[schema(as = TaskPage)]
pub(super) struct TaskPageSchema {
    /// The tasks, in the order in which they were taken.
    tasks: Vec<TaskViewSchema>,
    /// Ids of tasks of this page of which nothing can be read.
    unreadable: Vec<String>,
    /// The cursor of the next page; null at the end.
    #[schema(required = true)]
    next: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ms_core::task::{
        AgentKind, FailureKind, FencingToken, IdempotencyKey, Lease, NewTask, Priority, QueueName,
        TaskFailure, TaskId, TaskPage, TaskState, TaskTime, TaskView, Timings,
    };
    use utoipa::PartialSchema;
    use utoipa::openapi::{RefOr, Schema};

    use super::*;

    fn documented<T: PartialSchema>() -> BTreeSet<String> {
        match T::schema() {
            RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
            _ => panic!("no object"),
        }
    }

    fn real(value: impl serde::Serialize) -> BTreeSet<String> {
        match serde_json::to_value(value).expect("json") {
            Value::Object(fields) => fields.keys().cloned().collect(),
            other => panic!("no object: {other}"),
        }
    }

    fn view() -> TaskView {
        let failure = TaskFailure {
            causes: vec!["cause".to_owned()],
            ..TaskFailure::new(FailureKind::Error, "message")
        };
        TaskView {
            id: TaskId::new(uuid::Uuid::nil()),
            queue: QueueName::default(),
            kind: AgentKind::new("a").expect("valid"),
            state: TaskState::Running,
            priority: Priority::default(),
            assigned_agent: None,
            attempts: 0,
            max_attempts: 1,
            interruptions: 0,
            replays: 0,
            timings: Timings::default(),
            lease: Some(Lease { token: FencingToken(1), until: TaskTime::from_millis(1) }),
            failure: Some(failure),
            idempotency_key: None,
            traceparent: None,
        }
    }

    #[test]
    fn the_document_has_the_fields_that_are_sent() {
        let task = view();
        assert_eq!(documented::<TimingsSchema>(), real(task.timings));
        assert_eq!(documented::<LeaseSchema>(), real(task.lease));
        assert_eq!(documented::<FailureSchema>(), real(&task.failure));
        assert_eq!(documented::<TaskPageSchema>(), real(TaskPage::default()));
        assert_eq!(documented::<TaskViewSchema>(), real(task));
        let task = NewTask {
            deadline_ms: Some(1),
            delay_ms: Some(1),
            attempt_ms: Some(1),
            idempotency_key: Some(IdempotencyKey::new("k").expect("valid")),
            ..NewTask::new(AgentKind::new("a").expect("valid"), Value::Null)
        };
        assert_eq!(documented::<RetrySchema>(), real(task.retry));
        assert_eq!(documented::<NewTaskSchema>(), real(task));
    }
}
