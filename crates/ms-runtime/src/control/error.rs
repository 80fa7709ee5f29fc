//! Translates the errors of the tree into those of the desk.

use ms_actor::DebugError;
use ms_core::{ActorPath, ErrorChain};
use ms_ops::{OpError, codes};
use ms_policy::CommandError;
use ms_supervisor::SupervisorError;

/// Translates the answer of a supervisor that was asked about `path`.
pub(super) fn of_supervisor(path: &ActorPath, error: &SupervisorError) -> OpError {
    match error {
        SupervisorError::NotFound { path } => OpError::not_found(path).detail(error.to_string()),
        SupervisorError::Command(CommandError::NotFound) => OpError::not_found(path),
        SupervisorError::NoAnswer { failure, .. } => {
            let silent = OpError::new(&codes::NO_ANSWER, error.to_string())
                .why(failure.to_string())
                .detail(format!("{error}: {failure}"));
            if failure.is_unsent() { silent.not_done() } else { silent }
        }
        SupervisorError::NoTree { source, .. } => {
            OpError::new(&codes::NO_ANSWER, error.to_string())
                .why(source.to_string())
                .detail(format!("{error}: {source}"))
        }
        SupervisorError::AnotherIncarnation { path, meant, lives } => {
            OpError::another_incarnation(path, *meant, *lives)
        }
        SupervisorError::Refused { .. } => OpError::refused(error.to_string()),
        SupervisorError::Command(command) => {
            OpError::refused(format!("the supervisor of {path} refused"))
                .why(ErrorChain::from_error(command).to_string())
        }
        SupervisorError::Id(source) => OpError::bad_request(format!("{error}: {source}")),
        _ => OpError::internal(error.to_string()),
    }
}

/// Translates the answer, or the silence, of an actor.
pub(super) fn of_actor(error: &DebugError) -> OpError {
    match error {
        DebugError::NotRunning { path, reason } => not_running(path, &reason.to_string()),
        DebugError::Unresponsive { path, .. } => OpError::timed_out(error.to_string())
            .next(format!("`msctl inspect {path}` shows what it handles and for how long")),
        _ => OpError::internal(error.to_string()),
    }
}

/// Returns the error for an actor that is known but has no live incarnation.
pub(super) fn not_running(path: &ActorPath, why: &str) -> OpError {
    OpError::refused(format!("{path} is not running"))
        .why(why)
        .next(format!("`msctl why {path}` explains why it ended, `msctl restart {path}` starts it"))
}
