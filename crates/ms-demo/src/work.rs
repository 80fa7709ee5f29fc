//! Units of work as durable tasks, and ended tasks as outcomes.

use ms_audit::{FileReport, Outcome, Reason, SourceFile};
use ms_core::IdError;
use ms_core::task::{
    AgentKind, IdempotencyKey, NewTask, Retry, TaskFailure, TaskIdError, TaskState, TaskView,
};
use ms_task::TaskEnd;
use serde::Deserialize;

/// The agents that audit: their kind, and the name of their supervisor.
pub(crate) const AUDITORS: &str = "auditor";

/// The retries of a file that kills its auditor. The same for every run: a task that is submitted
/// again has to be the same task.
const RETRY: Retry = Retry {
    max_attempts: ms_audit::outcome::MAX_KILLS,
    backoff_min_ms: 50,
    backoff_max_ms: 1_000,
    jitter: 0.2,
};

/// The start of the failure text of an attempt whose agent died.
const AGENT_ENDED: &str = "the agent ended: ";

/// A file cannot be made a task.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkError {
    #[error(transparent)]
    Kind(#[from] IdError),
    #[error(transparent)]
    Key(#[from] TaskIdError),
    #[error("a file cannot be encoded as a task")]
    Payload(#[from] serde_json::Error),
}

/// Makes the task of auditing a file. The same file, unchanged, is the same task in every run.
pub(crate) fn task(file: &SourceFile) -> Result<NewTask, WorkError> {
    Ok(NewTask {
        retry: RETRY,
        idempotency_key: Some(IdempotencyKey::new(file.key())?),
        ..NewTask::new(AgentKind::new(AUDITORS)?, serde_json::to_value(file)?)
    })
}

/// Makes the failure of a file that cannot be audited: no further attempt would mend it.
pub(crate) fn set_aside(reason: &Reason) -> TaskFailure {
    let text = serde_json::to_string(reason).unwrap_or_else(|_| reason.to_string());
    TaskFailure::permanent(text)
}

/// Returns whether it was set aside in an earlier run for a reason that may be gone by now.
pub(crate) fn is_worth_another_try(view: &TaskView) -> bool {
    view.state == TaskState::Failed && reason(view).is_worth_retrying()
}

/// Returns the outcome of a file whose task has ended.
pub(crate) fn outcome(end: &TaskEnd) -> Outcome {
    if end.view.state != TaskState::Completed {
        return Outcome::Quarantined(reason(&end.view));
    }
    match end.result.as_ref().map(FileReport::deserialize) {
        Some(Ok(report)) => Outcome::Done(report),
        Some(Err(error)) => unreadable(format!("its result cannot be read: {error}")),
        None => unreadable("its result is gone".to_owned()),
    }
}

fn unreadable(detail: String) -> Outcome {
    Outcome::Quarantined(Reason::Unreadable { detail })
}

fn reason(view: &TaskView) -> Reason {
    let why = view.failure.as_ref().map_or("no reason is known", |failure| &failure.message);
    let text = || why.strip_prefix(AGENT_ENDED).unwrap_or(why).to_owned();
    match view.state {
        // A dead letter.
        TaskState::Dead => Reason::KilledAuditor { kills: view.attempts, last: text() },
        TaskState::Cancelled => Reason::Unreadable { detail: "its task was cancelled".to_owned() },
        _ => serde_json::from_str(why).unwrap_or_else(|_| Reason::Unreadable { detail: text() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ms_audit::Fingerprint;
    use ms_core::task::{FailureKind, FencingToken, TaskId, TaskTime};
    use ms_task::{TaskEvent, TaskRecord};
    use std::time::Duration;

    fn file() -> SourceFile {
        SourceFile {
            label: "u/a.rs".into(),
            unit: "u".into(),
            shipped: true,
            path: "/x/u/a.rs".into(),
            fingerprint: Fingerprint { len: 1, modified_ns: 2 },
        }
    }

    /// The record of the task after these failed attempts.
    fn failed(failures: &[TaskFailure]) -> TaskView {
        let now = TaskTime::from_millis;
        let id = TaskId::new(Default::default());
        let mut record = TaskRecord::submit(id, &task(&file()).unwrap(), now(0)).unwrap();
        for (n, failure) in (1_u64..).zip(failures) {
            let at = now(n * 10_000);
            let agent = ms_core::ActorPath::new("/root/auditor-1").unwrap();
            let assign = TaskEvent::Assign { agent, lease: Duration::from_secs(3) };
            record.apply(assign, at).unwrap();
            let (token, failure) = (FencingToken(n), failure.clone());
            record.apply(TaskEvent::Fail { token, failure, unit_random: 0.0 }, at).unwrap();
        }
        record.view()
    }

    fn aside(view: TaskView) -> Reason {
        match outcome(&TaskEnd { view, result: None }) {
            Outcome::Quarantined(reason) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_file_is_the_same_task() {
        assert_eq!(task(&file()).unwrap(), task(&file()).unwrap());
        let changed = Fingerprint { len: 1, modified_ns: 3 };
        let changed = task(&SourceFile { fingerprint: changed, ..file() }).unwrap();
        assert_ne!(task(&file()).unwrap().idempotency_key, changed.idempotency_key);
    }

    #[test]
    fn a_dead_letter_is_a_file_that_killed_its_auditor() {
        let crash = TaskFailure::new(FailureKind::Crashed, "the agent ended: panicked: boom");
        let view = failed(&[crash.clone(), crash.clone(), crash]);
        assert_eq!(view.state, TaskState::Dead);
        assert!(!is_worth_another_try(&view));
        let expected = Reason::KilledAuditor { kills: 3, last: "panicked: boom".into() };
        assert_eq!(aside(view), expected);
    }

    #[test]
    fn a_reason_survives_its_way_through_the_store() {
        let unreadable = Reason::Unreadable { detail: "Permission denied".into() };
        for (reason, again) in [(unreadable, true), (Reason::TooLarge { bytes: 7 }, false)] {
            let view = failed(&[set_aside(&reason)]);
            assert_eq!((view.state, is_worth_another_try(&view)), (TaskState::Failed, again));
            assert_eq!(aside(view), reason);
        }
    }
}
