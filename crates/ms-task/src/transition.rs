//! From an event that happened to a task to the transition that streams of events carry.

use ms_core::task::{FailureKind, TaskChange, TaskState, TaskTime, TaskTransition};

use crate::machine::{TaskEvent, TaskRecord};

/// Makes the transition of a task that was taken in.
#[must_use]
pub fn submitted(record: &TaskRecord) -> TaskTransition {
    transition_to(TaskChange::Submitted, record)
}

fn transition_to(change: TaskChange, record: &TaskRecord) -> TaskTransition {
    TaskTransition {
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

/// The facts about a task before an event that its transition needs afterwards.
#[derive(Debug, Clone, Copy)]
pub struct PendingTransition {
    change: Option<TaskChange>,
    attempts: u32,
    leased: bool,
}

impl PendingTransition {
    /// Looks at a task to which `event` is about to happen.
    #[must_use]
    pub const fn before(record: &TaskRecord, event: &TaskEvent) -> Self {
        Self { change: change(event), attempts: record.attempts, leased: record.state.is_leased() }
    }

    /// Returns the transition, once the event has changed the task; `None` for a sign of life.
    #[must_use]
    pub fn after(self, record: &TaskRecord, now: TaskTime) -> Option<TaskTransition> {
        let change = match (self.change?, record.state) {
            (_, TaskState::Dead) => TaskChange::Dead,
            (_, TaskState::Failed) => TaskChange::Failed,
            (change, _) => change,
        };
        let mut transition = transition_to(change, record);
        match change {
            TaskChange::Submitted | TaskChange::Replayed => {}
            TaskChange::Assigned | TaskChange::Started | TaskChange::Completed => {
                transition.agent.clone_from(&record.agent);
            }
            TaskChange::Cancelled => {
                // The record names the last agent as well, which has nothing to do with this.
                transition.agent = record.agent.clone().filter(|_| self.leased);
            }
            TaskChange::Failed
            | TaskChange::Dead
            | TaskChange::LeaseLost
            | TaskChange::TakenBack
            | TaskChange::Released => {
                // An attempt that does not count was subtracted when the event was applied.
                transition.attempt = self.attempts;
                transition.agent = record.agent.clone().filter(|_| self.leased);
                if change != TaskChange::Released {
                    transition.failure = record.failure.as_ref().map(|failure| failure.kind);
                }
                let again = record.state == TaskState::Pending;
                let wait = record.timings.not_before.since(now).as_millis();
                transition.retry_in_ms = again.then(|| u64::try_from(wait).unwrap_or(u64::MAX));
            }
        }
        Some(transition)
    }
}

/// Returns the change that an event is reported as, if it ends no task; `None` for signs of life.
const fn change(event: &TaskEvent) -> Option<TaskChange> {
    Some(match event {
        TaskEvent::Assign { .. } => TaskChange::Assigned,
        TaskEvent::Start(_) => TaskChange::Started,
        TaskEvent::Renew { .. } => return None,
        TaskEvent::Release(_) | TaskEvent::HandBack { .. } => TaskChange::Released,
        TaskEvent::Complete(_) => TaskChange::Completed,
        TaskEvent::Fail { failure, .. } if matches!(failure.kind, FailureKind::Interrupted) => {
            TaskChange::TakenBack
        }
        TaskEvent::Fail { .. } => TaskChange::Failed,
        TaskEvent::Interrupt { .. } => TaskChange::TakenBack,
        TaskEvent::Expire { .. } => TaskChange::LeaseLost,
        TaskEvent::Cancel => TaskChange::Cancelled,
        TaskEvent::Replay => TaskChange::Replayed,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use ms_core::ActorPath;
    use ms_core::task::{AgentKind, FencingToken, NewTask, TaskFailure, TaskId};

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

        fn feed(&mut self, event: TaskEvent) -> Option<TaskTransition> {
            let pending = PendingTransition::before(&self.record, &event);
            self.record.apply(event, self.now).expect("fits");
            pending.after(&self.record, self.now)
        }

        fn given(&mut self) -> FencingToken {
            let agent = ActorPath::new("/root/mailer-1").expect("valid");
            self.feed(TaskEvent::Assign { agent, lease: LEASE }).expect("a transition");
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
        let first = life.feed(fail(token)).expect("a transition");
        assert_eq!((first.change, first.attempt), (TaskChange::Failed, 1));
        assert_eq!((first.retry_in_ms, first.failure), (Some(1_000), Some(FailureKind::Error)));
        assert_eq!(first.agent.as_ref().map(ActorPath::as_str), Some("/root/mailer-1"));
        life.now = life.now + Duration::from_secs(1);
        let token = life.given();
        let last = life.feed(fail(token)).expect("a transition");
        assert_eq!((last.change, last.attempt, last.retry_in_ms), (TaskChange::Dead, 2, None));
        let text = serde_json::to_string(&[first, last]).expect("JSON");
        assert!(!text.contains("s3cret"), "{text}");
        let again = life.feed(TaskEvent::Replay).expect("a transition");
        assert_eq!((again.change, again.attempt, again.agent), (TaskChange::Replayed, 0, None));
    }

    #[test]
    fn an_attempt_that_does_not_count_is_reported_by_its_number() {
        let mut life = Life::new(3);
        life.given();
        let why = "the process ended".to_owned();
        let transition =
            life.feed(TaskEvent::Interrupt { token: None, why }).expect("a transition");
        assert_eq!(
            (transition.change, transition.attempt, transition.state),
            (TaskChange::TakenBack, 1, TaskState::Pending)
        );
        assert_eq!(
            (transition.failure, transition.retry_in_ms),
            (Some(FailureKind::Interrupted), Some(0))
        );
        let token = life.given();
        let transition = life.feed(TaskEvent::Release(token)).expect("a transition");
        assert_eq!(
            (transition.change, transition.attempt, transition.failure),
            (TaskChange::Released, 1, None)
        );
    }

    #[test]
    fn a_lost_lease_and_a_passed_deadline_are_different_changes() {
        let mut life = Life::new(3);
        life.given();
        life.now = life.now + LEASE;
        let transition = life.feed(TaskEvent::Expire { unit_random: 0.5 }).expect("a transition");
        assert_eq!(
            (transition.change, transition.failure),
            (TaskChange::LeaseLost, Some(FailureKind::LeaseExpired))
        );
        life.record.timings.deadline = Some(life.now);
        let transition = life.feed(TaskEvent::Expire { unit_random: 0.5 }).expect("a transition");
        assert_eq!(
            (transition.change, transition.failure),
            (TaskChange::Failed, Some(FailureKind::DeadlinePassed))
        );
        assert_eq!((transition.agent, transition.retry_in_ms), (None, None));
    }

    #[test]
    fn signs_of_life_are_no_transitions() {
        let mut life = Life::new(1);
        let token = life.given();
        assert_eq!(
            life.feed(TaskEvent::Start(token)).expect("a transition").change,
            TaskChange::Started
        );
        assert_eq!(life.feed(TaskEvent::Renew { token, lease: LEASE }), None);
        let transition = life.feed(TaskEvent::Cancel).expect("a transition");
        assert_eq!((transition.change, transition.agent.is_some()), (TaskChange::Cancelled, true));
    }
}
