//! What is told of a task when it has moved on: for the node's event stream.
//!
//! News carry names, numbers and kinds, never what a task carries, gives back or says of its
//! failure: those may hold secrets, and have limits of their own.

use serde::{Deserialize, Serialize};

use super::failure::FailureKind;
use super::id::{AgentKind, QueueName, TaskId};
use super::machine::{TaskEvent, TaskRecord};
use super::time::TaskTime;
use super::view::TaskState;
use crate::id::ActorPath;

/// How a task moved on.
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
    /// Its agent could not be given it, or gave it back; it is tried again.
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

    /// The word for tables, filters and JSON.
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

    /// The change with this label.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.label() == label)
    }

    /// What this event would be told as, if it ends no task; `None` for signs of life.
    const fn of(event: &TaskEvent) -> Option<Self> {
        Some(match event {
            TaskEvent::Assign { .. } => Self::Assigned,
            TaskEvent::Start(_) => Self::Started,
            TaskEvent::Renew { .. } => return None,
            TaskEvent::Release(_) | TaskEvent::HandBack { .. } => Self::Released,
            TaskEvent::Complete(_) => Self::Completed,
            TaskEvent::Fail { failure, .. } if matches!(failure.kind, FailureKind::Interrupted) => {
                Self::TakenBack
            }
            TaskEvent::Fail { .. } => Self::Failed,
            TaskEvent::Interrupt { .. } => Self::TakenBack,
            TaskEvent::Expire { .. } => Self::LeaseLost,
            TaskEvent::Cancel => Self::Cancelled,
            TaskEvent::Replay => Self::Replayed,
        })
    }
}

/// A task has moved on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskNews {
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
    /// Attempts it is given.
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

impl TaskNews {
    /// A task was taken in.
    #[must_use]
    pub fn submitted(record: &TaskRecord) -> Self {
        Self::new(TaskChange::Submitted, record)
    }

    fn new(change: TaskChange, record: &TaskRecord) -> Self {
        Self {
            change,
            id: record.id,
            queue: record.queue.clone(),
            kind: record.kind.clone(),
            state: record.state,
            attempt: record.attempts,
            max_attempts: record.retry.max_attempts,
            agent: None,
            failure: None,
            retry_in_ms: None,
        }
    }
}

/// What has to be known of a task before an event to tell of it afterwards.
#[derive(Debug, Clone, Copy)]
pub struct Telling {
    change: Option<TaskChange>,
    attempts: u32,
    leased: bool,
}

impl Telling {
    /// Looks at a task to which `event` is about to happen.
    #[must_use]
    pub const fn before(record: &TaskRecord, event: &TaskEvent) -> Self {
        Self {
            change: TaskChange::of(event),
            attempts: record.attempts,
            leased: record.state.is_leased(),
        }
    }

    /// The news, once the event has changed the task; `None` for a sign of life.
    #[must_use]
    pub fn after(self, record: &TaskRecord, now: TaskTime) -> Option<TaskNews> {
        let change = match (self.change?, record.state) {
            (_, TaskState::Dead) => TaskChange::Dead,
            (_, TaskState::Failed) => TaskChange::Failed,
            (change, _) => change,
        };
        let mut news = TaskNews::new(change, record);
        match change {
            TaskChange::Submitted | TaskChange::Replayed => {}
            TaskChange::Assigned | TaskChange::Started | TaskChange::Completed => {
                news.agent.clone_from(&record.agent);
            }
            TaskChange::Cancelled => {
                news.agent = record.agent.clone().filter(|_| self.leased);
            }
            TaskChange::Failed
            | TaskChange::Dead
            | TaskChange::LeaseLost
            | TaskChange::TakenBack
            | TaskChange::Released => {
                // One that does not count has been taken off already.
                news.attempt = self.attempts;
                news.agent = record.agent.clone().filter(|_| self.leased);
                if change != TaskChange::Released {
                    news.failure = record.failure.as_ref().map(|failure| failure.kind);
                }
                let again = record.state == TaskState::Pending;
                let wait = record.timings.not_before.since(now).as_millis();
                news.retry_in_ms = again.then(|| u64::try_from(wait).unwrap_or(u64::MAX));
            }
        }
        Some(news)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::super::failure::TaskFailure;
    use super::super::new::NewTask;
    use super::super::view::FencingToken;
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    struct Life {
        record: TaskRecord,
        now: TaskTime,
    }

    impl Life {
        fn new(max_attempts: u32) -> Self {
            let mut task = NewTask::new(AgentKind::new("mailer").expect("valid"), "s3cret".into());
            task.retry.max_attempts = max_attempts;
            task.retry.jitter = 0.0;
            let now = TaskTime::from_millis(1_000);
            let record = TaskRecord::submit(TaskId::new(Uuid::nil()), &task, now).expect("valid");
            Self { record, now }
        }

        fn feed(&mut self, event: TaskEvent) -> Option<TaskNews> {
            let telling = Telling::before(&self.record, &event);
            self.record.apply(event, self.now).expect("fits");
            telling.after(&self.record, self.now)
        }

        fn given(&mut self) -> FencingToken {
            let agent = ActorPath::new("/root/mailer-1").expect("valid");
            self.feed(TaskEvent::Assign { agent, lease: LEASE }).expect("news");
            self.record.token
        }
    }

    fn fail(token: FencingToken) -> TaskEvent {
        TaskEvent::Fail { token, failure: TaskFailure::retry("it said s3cret"), unit_random: 0.5 }
    }

    #[test]
    fn a_failure_tells_its_attempt_and_whether_it_is_tried_again() {
        let mut life = Life::new(2);
        let token = life.given();
        let first = life.feed(fail(token)).expect("news");
        assert_eq!((first.change, first.attempt), (TaskChange::Failed, 1));
        assert_eq!((first.retry_in_ms, first.failure), (Some(1_000), Some(FailureKind::Error)));
        assert_eq!(first.agent.as_ref().map(ActorPath::as_str), Some("/root/mailer-1"));
        life.now = life.now + Duration::from_secs(1);
        let token = life.given();
        let last = life.feed(fail(token)).expect("news");
        assert_eq!((last.change, last.attempt, last.retry_in_ms), (TaskChange::Dead, 2, None));
        let told = serde_json::to_string(&[first, last]).expect("JSON");
        assert!(!told.contains("s3cret"), "{told}");
        let again = life.feed(TaskEvent::Replay).expect("news");
        assert_eq!((again.change, again.attempt, again.agent), (TaskChange::Replayed, 0, None));
    }

    #[test]
    fn what_does_not_count_is_told_with_the_attempt_that_was_cut_short() {
        let mut life = Life::new(3);
        life.given();
        let why = "the process ended".to_owned();
        let news = life.feed(TaskEvent::Interrupt { token: None, why }).expect("news");
        assert_eq!(
            (news.change, news.attempt, news.state),
            (TaskChange::TakenBack, 1, TaskState::Pending)
        );
        assert_eq!((news.failure, news.retry_in_ms), (Some(FailureKind::Interrupted), Some(0)));
        let token = life.given();
        let news = life.feed(TaskEvent::Release(token)).expect("news");
        assert_eq!((news.change, news.attempt, news.failure), (TaskChange::Released, 1, None));
    }

    #[test]
    fn a_lost_lease_and_a_passed_deadline_are_told_apart() {
        let mut life = Life::new(3);
        life.given();
        life.now = life.now + LEASE;
        let news = life.feed(TaskEvent::Expire { unit_random: 0.5 }).expect("news");
        assert_eq!(
            (news.change, news.failure),
            (TaskChange::LeaseLost, Some(FailureKind::LeaseExpired))
        );
        life.record.timings.deadline = Some(life.now);
        let news = life.feed(TaskEvent::Expire { unit_random: 0.5 }).expect("news");
        assert_eq!(
            (news.change, news.failure),
            (TaskChange::Failed, Some(FailureKind::DeadlinePassed))
        );
        assert_eq!((news.agent, news.retry_in_ms), (None, None));
    }

    #[test]
    fn signs_of_life_are_no_news_and_labels_are_those_of_the_json() {
        let mut life = Life::new(1);
        let token = life.given();
        assert_eq!(life.feed(TaskEvent::Start(token)).expect("news").change, TaskChange::Started);
        assert_eq!(life.feed(TaskEvent::Renew { token, lease: LEASE }), None);
        let news = life.feed(TaskEvent::Cancel).expect("news");
        assert_eq!((news.change, news.agent.is_some()), (TaskChange::Cancelled, true));
        for change in TaskChange::ALL {
            let label = serde_json::to_value(change).expect("JSON");
            assert_eq!(label, change.label());
            assert_eq!(TaskChange::from_label(change.label()), Some(change));
        }
    }
}
