//! Outcomes of attempts as commands for the store, and writing them.

use std::sync::Arc;
use std::time::Duration;

use ms_core::ExitReason;
use ms_core::task::{
    FailureKind, FencingToken, StoreError, TaskError, TaskFailure, TaskId, TaskView,
};
use ms_task::{TaskCommand, TaskOutcome, TaskStore};

/// Pause after the store first refused something.
pub(crate) const FIRST_RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause between two tries to write an outcome.
pub(crate) const LONGEST_RETRY_PAUSE: Duration = Duration::from_secs(2);

/// Makes the command for a task whose agent ended: a failed attempt if the task is to blame, an
/// interruption otherwise.
pub(crate) fn blame(id: TaskId, token: FencingToken, reason: &ExitReason) -> TaskCommand {
    let is_own = match reason {
        ExitReason::Panicked(_)
        | ExitReason::Failed(_)
        | ExitReason::InitFailed(_)
        | ExitReason::InitTimeout { .. }
        | ExitReason::HeartbeatLost { .. } => true,
        // An end that somebody ordered, or that came with the thread, is no attempt of the task's.
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
    let (mut next, mut pause) = (Some(command), FIRST_RETRY_PAUSE);
    while let Some(command) = next.take() {
        let refused = |error: &StoreError| {
            doubt();
            tracing::debug!(%error, "an outcome waits for the store");
        };
        match until_taken(&*store, &command, &mut pause, refused).await {
            Ok(answers) => {
                let refusal = answers.into_iter().find_map(Result::err);
                next = refusal.and_then(|error| second_try(command, error));
            }
            Err(error) => {
                // The lease ends, and with it the attempt.
                tracing::error!(%error, "the outcome of a task could not be written");
            }
        }
    }
}

/// Sends a command until the store takes it or fails for good; `refused` is called with each
/// failure that may pass. The pauses grow, up to [`LONGEST_RETRY_PAUSE`].
///
/// A client's retries (`client.rs`) are others: they end after a time, and only repeat what the
/// store did not see.
pub(crate) async fn until_taken(
    store: &dyn TaskStore,
    command: &TaskCommand,
    pause: &mut Duration,
    refused: impl Fn(&StoreError),
) -> Result<Vec<Result<TaskView, TaskError>>, StoreError> {
    loop {
        match store.execute(vec![command.clone()]).await {
            Err(error) if error.is_transient() => {
                refused(&error);
                tokio::time::sleep(*pause).await;
                *pause = pause.saturating_mul(2).min(LONGEST_RETRY_PAUSE);
            }
            answers => return answers,
        }
    }
}

/// Returns the command that follows when an outcome was refused, if any.
fn second_try(command: TaskCommand, error: TaskError) -> Option<TaskCommand> {
    match (&error, command) {
        (TaskError::TooLarge { .. }, TaskCommand::Finish(id, token, TaskOutcome::Completed(_))) => {
            let failure = TaskFailure::permanent(error.to_string());
            Some(TaskCommand::Finish(id, token, TaskOutcome::Failed(failure)))
        }
        // A superseded agent reported late: refused, as it should be.
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
            let command = blame(TaskId::new(uuid::Uuid::nil()), FencingToken(1), &reason);
            matches!(command, TaskCommand::Finish(_, _, TaskOutcome::Failed(_)))
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
