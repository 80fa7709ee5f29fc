//! What became of an attempt, in the store's words, and getting it written.

use std::sync::Arc;
use std::time::Duration;

use ms_core::ExitReason;
use ms_core::task::{FailureKind, FencingToken, TaskError, TaskFailure, TaskId};
use ms_task::{TaskCommand, TaskOutcome, TaskStore};

/// How long is waited after the store refused something.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);
/// Longest pause between two tries to write an outcome.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Whether an end of the agent is the task's fault.
pub(crate) fn blame(id: TaskId, token: FencingToken, reason: &ExitReason) -> TaskCommand {
    let is_own = match reason {
        ExitReason::Panicked(_)
        | ExitReason::Failed(_)
        | ExitReason::InitFailed(_)
        | ExitReason::InitTimeout { .. }
        | ExitReason::HeartbeatLost { .. } => true,
        ExitReason::Normal
        | ExitReason::Shutdown
        | ExitReason::ShutdownWith(_)
        | ExitReason::Killed
        | ExitReason::ChildStartFailed { .. }
        | ExitReason::ArbiterLost
        | ExitReason::NoProc => false,
    };
    let why = format!("the agent ended: {reason}");
    if is_own {
        let failure = TaskFailure::new(FailureKind::Crashed, why);
        TaskCommand::Finish(id, token, TaskOutcome::Failed(failure))
    } else {
        TaskCommand::Interrupt(id, token, why)
    }
}

/// Writes an outcome; tried again for as long as the store may take it later. `doubt` is called
/// each time it does not: the dispatcher keeps the leases then, and gives up when it ends.
pub(crate) async fn write(store: Arc<dyn TaskStore>, command: TaskCommand, doubt: impl Fn()) {
    let (mut next, mut pause) = (Some(command), PAUSE);
    while let Some(command) = next.take() {
        match store.execute(vec![command.clone()]).await {
            Ok(answers) => {
                let refusal = answers.into_iter().find_map(Result::err);
                next = refusal.and_then(|error| second_try(command, error));
            }
            Err(error) if error.is_transient() => {
                doubt();
                tracing::debug!(%error, "an outcome waits for the store");
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
                next = Some(command);
            }
            Err(error) => {
                // The lease ends, and with it the attempt.
                tracing::error!(%error, "the outcome of a task could not be written");
            }
        }
    }
}

/// What to say of a task whose outcome was refused.
fn second_try(command: TaskCommand, error: TaskError) -> Option<TaskCommand> {
    match (&error, command) {
        (TaskError::TooLarge { .. }, TaskCommand::Finish(id, token, TaskOutcome::Completed(_))) => {
            let failure = TaskFailure::permanent(error.to_string());
            Some(TaskCommand::Finish(id, token, TaskOutcome::Failed(failure)))
        }
        // The late word of a superseded agent: refused, as it should be.
        (error, command) => {
            tracing::debug!(task = %command.id(), %error, "an outcome was refused");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An attempt is used up by what the agent did itself, and by nothing that was done to it.
    #[test]
    fn a_task_is_to_blame_for_the_ends_that_its_work_can_bring_about() {
        let own = |reason: ExitReason| {
            let said = blame(TaskId::new(uuid::Uuid::nil()), FencingToken(1), &reason);
            matches!(said, TaskCommand::Finish(_, _, TaskOutcome::Failed(_)))
        };
        for reason in [ExitReason::failed("it broke"), ExitReason::HeartbeatLost { missed: 3 }] {
            assert!(own(reason.clone()), "{reason}");
        }
        for reason in [
            ExitReason::Normal,
            ExitReason::Shutdown,
            ExitReason::Killed,
            ExitReason::ArbiterLost,
            ExitReason::NoProc,
        ] {
            assert!(!own(reason.clone()), "{reason}");
        }
    }
}
