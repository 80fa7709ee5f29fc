//! The life of one task as a state machine.
//!
//! ```text
//!             assign            start
//!  submit ─▶ Pending ─────▶ Assigned ─────▶ Running ───┐
//!              ▲  ▲            │               │       │ complete
//!              │  └────────────┴───────────────┘       ├─────────▶ Completed
//!              │    failed with attempts left,         │ for good, or too late
//!              │    interrupted, handed back           ├─────────▶ Failed ──┐
//!              │                                       │ attempts used up   │
//!              │                                       ├─────────▶ Dead ────┤
//!              │                                       │ cancel (any time)  │
//!              │                                       └─────────▶ Cancelled│
//!              └────────────────────── replay ──────────────────────────────┘
//! ```

use std::time::Duration;

use ms_core::id::ActorPath;
use ms_core::task::{
    AgentKind, FailureKind, FencingToken, IdempotencyKey, Lease, NewTask, Priority, QueueName,
    Retry, TaskError, TaskFailure, TaskId, TaskState, TaskTime, TaskView, Timings,
};
use ms_core::traceparent::TraceContext;
use serde::{Deserialize, Serialize};

/// Attempts that may be cut short through no fault of the task before it counts as dead:
/// it may be what kills the process.
pub const MAX_INTERRUPTIONS: u32 = 20;

/// Something that happens to a task.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TaskEvent {
    /// It is given to an agent.
    Assign {
        /// Which agent.
        agent: ActorPath,
        /// For how long, unless renewed.
        lease: Duration,
    },
    /// Its agent has begun.
    Start(FencingToken),
    /// Its agent is alive and at it.
    Renew {
        /// The agent's token.
        token: FencingToken,
        /// The lease ends this long after now.
        lease: Duration,
    },
    /// The task did not reach its agent; the attempt does not count.
    Release(FencingToken),
    /// The agent gives the task back, because it was asked to stop or does not want it now. The
    /// attempt does not count, and is no interruption either: nothing went wrong.
    HandBack {
        /// The agent's token.
        token: FencingToken,
        /// The task may start again this long after now.
        after: Duration,
    },
    /// The agent has the result.
    Complete(FencingToken),
    /// The attempt failed.
    Fail {
        /// The agent's token.
        token: FencingToken,
        /// Why.
        failure: TaskFailure,
        /// A random number in `0.0..1.0`, for the jitter of the wait.
        unit_random: f64,
    },
    /// The attempt was cut short through no fault of the task.
    Interrupt {
        /// The agent's token; `None` takes the task from any agent.
        token: Option<FencingToken>,
        /// Why, for people.
        why: String,
    },
    /// Time has passed: an overdue lease or deadline is applied.
    Expire {
        /// A random number in `0.0..1.0`, for the jitter of the wait.
        unit_random: f64,
    },
    /// Nobody wants it any more.
    Cancel,
    /// It is to be tried again, with all its attempts, though it failed or is dead.
    Replay,
}

/// Whether an event changed the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The record is to be written.
    Changed,
    /// Nothing changed: the same event came twice, or nothing is due.
    Already,
}

/// The record that a store keeps of a task. Request and result are kept separately.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Its id.
    pub id: TaskId,
    /// The queue it is in.
    pub queue: QueueName,
    /// The kind of agent it needs.
    pub kind: AgentKind,
    /// How urgent it is.
    pub priority: Priority,
    /// How often it is tried.
    pub retry: Retry,
    /// Longest time of one attempt, in milliseconds, where the task sets one.
    pub attempt_ms: Option<u64>,
    /// The time it has to end in, in milliseconds, from its submission and from each replay.
    /// Records of earlier versions do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// The key it was submitted with.
    pub key: Option<IdempotencyKey>,
    /// The trace it was submitted in. Records of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceContext>,
    /// Where it is in its life.
    pub state: TaskState,
    /// Attempts that count, the present one included.
    pub attempts: u32,
    /// Attempts that do not.
    pub interruptions: u32,
    /// How often it was replayed.
    pub replays: u32,
    /// The token of the present or last assignment.
    pub token: FencingToken,
    /// When the present lease ends.
    pub lease_until: Option<TaskTime>,
    /// The agent that has it, or had it last.
    pub agent: Option<ActorPath>,
    /// When things happened to it.
    pub timings: Timings,
    /// Why the last attempt failed.
    pub failure: Option<TaskFailure>,
}

impl TaskRecord {
    /// Makes the record of a task that is submitted at `now`.
    ///
    /// # Errors
    /// Those of [`NewTask::check`].
    pub fn submit(id: TaskId, task: &NewTask, now: TaskTime) -> Result<Self, TaskError> {
        task.check()?;
        let after = |ms: Option<u64>| ms.map(|ms| now + Duration::from_millis(ms));
        Ok(Self {
            id,
            queue: task.queue.clone(),
            kind: task.kind.clone(),
            priority: task.priority,
            retry: task.retry,
            attempt_ms: task.attempt_ms,
            deadline_ms: task.deadline_ms,
            key: task.idempotency_key.clone(),
            trace: task.trace,
            state: TaskState::Pending,
            attempts: 0,
            interruptions: 0,
            replays: 0,
            token: FencingToken::default(),
            lease_until: None,
            agent: None,
            timings: Timings {
                submitted: now,
                not_before: after(task.delay_ms).unwrap_or(now),
                deadline: after(task.deadline_ms),
                ..Timings::default()
            },
            failure: None,
        })
    }

    /// Feeds one event.
    ///
    /// # Errors
    /// The event does not fit the state, or carries a token that is not the present one;
    /// the record is as it was.
    pub fn apply(&mut self, event: TaskEvent, now: TaskTime) -> Result<Applied, TaskError> {
        match event {
            TaskEvent::Assign { agent, lease } => self.assign(agent, lease, now),
            TaskEvent::Start(token) => self.start(token, now),
            TaskEvent::Renew { token, lease } => self.renew(token, lease, now),
            TaskEvent::Release(token) => self.hand_back(token, now),
            TaskEvent::HandBack { token, after } => self.hand_back(token, now + after),
            TaskEvent::Complete(token) => self.complete(token, now),
            // An agent that was stopped reports it itself; that costs no attempt either (T6).
            TaskEvent::Fail { token, failure, .. } if failure.kind == FailureKind::Interrupted => {
                self.interrupt(Some(token), failure, now)
            }
            TaskEvent::Fail { token, failure, unit_random } => {
                self.held(token)?;
                self.fail(failure, unit_random, now);
                Ok(Applied::Changed)
            }
            TaskEvent::Interrupt { token, why } => {
                self.interrupt(token, TaskFailure::new(FailureKind::Interrupted, why), now)
            }
            TaskEvent::Expire { unit_random } => Ok(self.expire(unit_random, now)),
            TaskEvent::Cancel => self.cancel(now),
            TaskEvent::Replay => self.replay(now),
        }
    }

    /// Returns whether the task may be assigned at `now`.
    #[must_use]
    pub fn is_ready(&self, now: TaskTime) -> bool {
        self.state == TaskState::Pending && self.timings.not_before <= now && !self.is_late(now)
    }

    /// Returns when [`TaskEvent::Expire`] next has something to do, if ever.
    #[must_use]
    pub fn expires_at(&self) -> Option<TaskTime> {
        if self.state.is_ended() {
            return None;
        }
        let lease = self.lease_until.into_iter();
        lease.chain(self.timings.deadline).min()
    }

    /// Returns the present lease.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        self.lease_until.map(|until| Lease { token: self.token, until })
    }

    /// Returns the view that readers get.
    #[must_use]
    pub fn view(&self) -> TaskView {
        TaskView {
            id: self.id,
            queue: self.queue.clone(),
            kind: self.kind.clone(),
            state: self.state,
            priority: self.priority,
            assigned_agent: self.agent.clone(),
            attempts: self.attempts,
            max_attempts: self.retry.max_attempts,
            interruptions: self.interruptions,
            replays: self.replays,
            timings: self.timings,
            lease: self.lease(),
            failure: self.failure.clone(),
            idempotency_key: self.key.clone(),
            traceparent: self.trace,
        }
    }

    fn is_late(&self, now: TaskTime) -> bool {
        self.timings.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Checks that the agent with this token holds the task.
    ///
    /// # Errors
    /// [`TaskError::StaleToken`] when it has not, or not any more.
    pub fn held(&self, token: FencingToken) -> Result<(), TaskError> {
        if self.state.is_leased() && token == self.token {
            return Ok(());
        }
        Err(TaskError::StaleToken { id: self.id, given: token })
    }

    fn wrong_state(&self, verb: &'static str) -> TaskError {
        TaskError::WrongState { id: self.id, state: self.state, verb }
    }

    fn assign(
        &mut self,
        agent: ActorPath,
        lease: Duration,
        now: TaskTime,
    ) -> Result<Applied, TaskError> {
        if self.is_late(now) && !self.state.is_ended() {
            return Err(TaskError::DeadlinePassed(self.id));
        }
        if !self.is_ready(now) {
            return Err(self.wrong_state("assigned"));
        }
        self.state = TaskState::Assigned;
        self.attempts += 1;
        // The new token fences the agent of the assignment before.
        self.token = FencingToken(self.token.0 + 1);
        self.lease_until = Some(now + lease);
        self.agent = Some(agent);
        self.timings.assigned = Some(now);
        self.timings.started = None;
        Ok(Applied::Changed)
    }

    fn start(&mut self, token: FencingToken, now: TaskTime) -> Result<Applied, TaskError> {
        self.held(token)?;
        if self.state == TaskState::Running {
            return Ok(Applied::Already);
        }
        self.state = TaskState::Running;
        self.timings.started = Some(now);
        Ok(Applied::Changed)
    }

    fn renew(
        &mut self,
        token: FencingToken,
        lease: Duration,
        now: TaskTime,
    ) -> Result<Applied, TaskError> {
        self.held(token)?;
        // Never shorter: a renewal that was delayed on its way must not cut a longer lease.
        self.lease_until = self.lease_until.max(Some(now + lease));
        Ok(Applied::Changed)
    }

    fn hand_back(
        &mut self,
        token: FencingToken,
        not_before: TaskTime,
    ) -> Result<Applied, TaskError> {
        self.held(token)?;
        self.attempts -= 1;
        self.wait_again(not_before);
        Ok(Applied::Changed)
    }

    fn complete(&mut self, token: FencingToken, now: TaskTime) -> Result<Applied, TaskError> {
        // Sent again, because the answer to the first report was lost.
        if self.state == TaskState::Completed && token == self.token {
            return Ok(Applied::Already);
        }
        // The deadline is not looked at: a result that comes before the sweep does counts.
        self.held(token)?;
        // A short task may be done before its start was reported.
        self.timings.started = self.timings.started.or(self.timings.assigned);
        self.failure = None;
        self.end(TaskState::Completed, now);
        Ok(Applied::Changed)
    }

    /// Ends an attempt that counts as failed.
    fn fail(&mut self, failure: TaskFailure, unit_random: f64, now: TaskTime) {
        let permanent = failure.permanent;
        self.failure = Some(failure);
        if permanent {
            self.end(TaskState::Failed, now);
        } else if self.attempts >= self.retry.max_attempts {
            self.end(TaskState::Dead, now);
        } else {
            self.wait_again(now + self.retry.delay(self.attempts, unit_random));
        }
    }

    fn interrupt(
        &mut self,
        token: Option<FencingToken>,
        failure: TaskFailure,
        now: TaskTime,
    ) -> Result<Applied, TaskError> {
        self.held(token.unwrap_or(self.token))?;
        self.attempts -= 1;
        // The attempt was counted when it was assigned. Interruptions have a limit of their own, or
        // a task that kills the process each time would be tried for ever.
        self.interruptions += 1;
        self.failure = Some(failure);
        if self.interruptions > MAX_INTERRUPTIONS {
            self.end(TaskState::Dead, now);
        } else {
            self.wait_again(now);
        }
        Ok(Applied::Changed)
    }

    fn expire(&mut self, unit_random: f64, now: TaskTime) -> Applied {
        if self.expires_at().is_none_or(|at| now < at) {
            return Applied::Already;
        }
        if self.is_late(now) {
            // The deadline before the lease: a task past it must not get another attempt.
            let message = "its deadline passed before it was done";
            self.failure = Some(TaskFailure::new(FailureKind::DeadlinePassed, message));
            self.end(TaskState::Failed, now);
        } else {
            let message = "its lease expired: its agent gave no sign of life in time";
            self.fail(TaskFailure::new(FailureKind::LeaseExpired, message), unit_random, now);
        }
        Applied::Changed
    }

    fn cancel(&mut self, now: TaskTime) -> Result<Applied, TaskError> {
        match self.state {
            TaskState::Cancelled => Ok(Applied::Already),
            state if state.is_ended() => Err(self.wrong_state("cancelled")),
            _ => {
                self.end(TaskState::Cancelled, now);
                Ok(Applied::Changed)
            }
        }
    }

    fn replay(&mut self, now: TaskTime) -> Result<Applied, TaskError> {
        // A cancelled task stays cancelled (T10).
        if !matches!(self.state, TaskState::Dead | TaskState::Failed) {
            return Err(self.wrong_state("replayed"));
        }
        // It gets the span it was submitted with. The point that the span led to moves with each
        // replay, so the span cannot be had from it.
        self.timings.deadline = self.span().map(|span| now + span);
        self.timings.ended = None;
        self.attempts = 0;
        self.interruptions = 0;
        self.replays += 1;
        self.wait_again(now);
        Ok(Applied::Changed)
    }

    /// Returns the time that the task has to end in.
    fn span(&self) -> Option<Duration> {
        // What an earlier version wrote has only the point in time, which is right until the first
        // replay.
        let kept = self.deadline_ms.map(Duration::from_millis);
        kept.or_else(|| Some(self.timings.deadline?.since(self.timings.submitted)))
    }

    fn wait_again(&mut self, not_before: TaskTime) {
        self.state = TaskState::Pending;
        self.lease_until = None;
        self.timings.not_before = not_before;
    }

    fn end(&mut self, state: TaskState, now: TaskTime) {
        self.state = state;
        self.lease_until = None;
        self.timings.ended = Some(now);
    }
}
