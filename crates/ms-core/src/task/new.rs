//! Tasks as callers submit them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::TaskError;
use super::id::{AgentKind, IdempotencyKey, QueueName};
use crate::spec::Backoff;
use crate::traceparent::TraceContext;

/// Largest request, in bytes of its JSON; payload and all settings together.
pub const MAX_PAYLOAD: usize = 256 * 1024;
/// Most tasks of one submission.
pub const MAX_BATCH: usize = 1_000;
/// Most attempts a task may be given.
pub const MAX_ATTEMPTS: u32 = 100;
/// Highest priority; the lowest is its negative.
pub const MAX_PRIORITY: i16 = 100;
/// Longest deadline, delay, attempt and backoff, in milliseconds: 366 days.
pub const MAX_TASK_TIME: u64 = 366 * 86_400_000;

/// How urgent a task is, -100 to 100; higher goes first, 0 is usual.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "i16", into = "i16")]
pub struct Priority(i16);

impl Priority {
    /// Checks that the priority is within its bounds.
    ///
    /// # Errors
    /// [`TaskError::OutOfBounds`].
    pub const fn new(priority: i16) -> Result<Self, TaskError> {
        if priority > MAX_PRIORITY || priority < -MAX_PRIORITY {
            return Err(TaskError::OutOfBounds { what: "priority", bounds: "-100 to 100" });
        }
        Ok(Self(priority))
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> i16 {
        self.0
    }
}

impl TryFrom<i16> for Priority {
    type Error = TaskError;

    fn try_from(priority: i16) -> Result<Self, TaskError> {
        Self::new(priority)
    }
}

impl From<Priority> for i16 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

/// How often a task is tried, and how long it waits in between.
///
/// The n-th failure waits `backoff_min_ms * 2^(n-1)`, at most `backoff_max_ms`, give or
/// take the share `jitter`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Attempts in all, the first included; 1 to 100.
    pub max_attempts: u32,
    /// Wait after the first failure, in milliseconds.
    pub backoff_min_ms: u64,
    /// Longest wait, in milliseconds.
    pub backoff_max_ms: u64,
    /// Share of the wait that is random, 0.0 to 1.0.
    pub jitter: f64,
}

impl Default for Retry {
    /// Grants three attempts; waits 1 s, then 2 s in between, give or take a fifth; at most 60 s.
    fn default() -> Self {
        Self { max_attempts: 3, backoff_min_ms: 1_000, backoff_max_ms: 60_000, jitter: 0.2 }
    }
}

impl Retry {
    /// Returns the wait after `failures` failed attempts, for a random number in `0.0..1.0`.
    #[must_use]
    pub fn delay(&self, failures: u32, unit_random: f64) -> Duration {
        let backoff = Backoff {
            min: Duration::from_millis(self.backoff_min_ms),
            max: Duration::from_millis(self.backoff_max_ms),
            jitter: self.jitter,
            // Not used by `delay`: a task has no calm runs between its attempts.
            reset_after: Duration::ZERO,
        };
        backoff.delay(failures, unit_random)
    }
}

/// A task as it is submitted.
///
/// ```
/// use ms_core::task::NewTask;
/// let task: NewTask = serde_json::from_str(
///     r#"{ "kind": "crawler", "payload": { "url": "https://example.org" }, "priority": 5 }"#,
/// )
/// .expect("valid");
/// assert_eq!(task.queue.as_str(), "default");
/// assert!(task.check().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// The queue it waits in (default `default`).
    #[serde(default)]
    pub queue: QueueName,
    /// The kind of agent that is to do it.
    pub kind: AgentKind,
    /// The input of the agent.
    #[serde(default)]
    pub payload: Value,
    /// How urgent it is (default 0).
    #[serde(default)]
    pub priority: Priority,
    /// It must end within this many milliseconds of its submission, or it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// It starts this many milliseconds after its submission at the earliest; under `deadline_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// Longest time of one attempt, in milliseconds (default: the dispatcher's).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_ms: Option<u64>,
    /// How often it is tried.
    #[serde(default)]
    pub retry: Retry,
    /// Names this request: sending it again gives the first task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<IdempotencyKey>,
    /// The trace it was submitted in. It comes with the request and is no part of it: the same
    /// request may be sent again in another trace.
    #[serde(skip)]
    pub trace: Option<TraceContext>,
}

impl NewTask {
    /// Makes a task of the default queue, with the default for every setting.
    #[must_use]
    pub fn new(kind: AgentKind, payload: Value) -> Self {
        Self {
            queue: QueueName::default(),
            kind,
            payload,
            priority: Priority::default(),
            deadline_ms: None,
            delay_ms: None,
            attempt_ms: None,
            retry: Retry::default(),
            idempotency_key: None,
            trace: None,
        }
    }

    /// Checks every bound that needs no store; the size is checked where it is encoded.
    ///
    /// # Errors
    /// [`TaskError::OutOfBounds`] names the field; [`TaskError::Contradiction`] two that clash.
    pub fn check(&self) -> Result<(), TaskError> {
        let out = |what, bounds| Err(TaskError::OutOfBounds { what, bounds });
        let is_time = |time: Option<u64>| time.is_none_or(|ms| (1..=MAX_TASK_TIME).contains(&ms));
        let retry = self.retry;
        if !(1..=MAX_ATTEMPTS).contains(&retry.max_attempts) {
            return out("retry.max_attempts", "1 to 100");
        }
        for (what, wait) in [
            ("retry.backoff_min_ms", retry.backoff_min_ms),
            ("retry.backoff_max_ms", retry.backoff_max_ms),
        ] {
            if wait > MAX_TASK_TIME {
                return out(what, "0 to 366 days");
            }
        }
        // NaN is in no range, so it is refused as well.
        if !(0.0..=1.0).contains(&retry.jitter) {
            return out("retry.jitter", "0.0 to 1.0");
        }
        for (what, time) in [
            ("deadline_ms", self.deadline_ms),
            ("delay_ms", self.delay_ms),
            ("attempt_ms", self.attempt_ms),
        ] {
            if !is_time(time) {
                return out(what, "1 ms to 366 days");
            }
        }
        self.check_together()
    }

    /// Checks fields against each other: each may be within its bounds, and the task never run.
    fn check_together(&self) -> Result<(), TaskError> {
        let odd = |what, bounds| Err(TaskError::Contradiction { what, bounds });
        if self.retry.backoff_min_ms > self.retry.backoff_max_ms {
            let bounds = "no more than retry.backoff_max_ms, which is 60000 unless it is given";
            return odd("retry.backoff_min_ms", bounds);
        }
        if let (Some(delay), Some(deadline)) = (self.delay_ms, self.deadline_ms)
            && delay >= deadline
        {
            return odd("delay_ms", "less than deadline_ms, or the task could never start in time");
        }
        Ok(())
    }
}
