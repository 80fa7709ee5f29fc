//! What went wrong in the tree, as the endpoint says it.

use ms_actor::DebugError;
use ms_control::ControlError;
use ms_core::ActorPath;
use ms_policy::CommandError;
use ms_supervisor::SupervisorError;

/// Translates the answer of a supervisor that was asked about `path`.
pub(super) fn of_supervisor(path: &ActorPath, error: &SupervisorError) -> ControlError {
    match error {
        SupervisorError::NotFound { path } => ControlError::not_found(path),
        SupervisorError::Command(CommandError::NotFound) => ControlError::not_found(path),
        SupervisorError::NoAnswer { path, why } => {
            ControlError::timed_out(format!("the supervisor {path} did not answer")).why(why)
        }
        SupervisorError::Refused { .. } => ControlError::refused(error.to_string()),
        SupervisorError::Command(command) => {
            ControlError::refused(format!("the supervisor of {path} said no"))
                .why(command.to_string())
        }
        SupervisorError::Id(_) => ControlError::bad_request(error.to_string()),
        SupervisorError::WrongType { .. } => ControlError::internal(error.to_string()),
    }
}

/// Translates the answer, or the silence, of an actor.
pub(super) fn of_actor(error: &DebugError) -> ControlError {
    match error {
        DebugError::NotRunning { path, reason } => not_running(path, &reason.to_string()),
        DebugError::Unresponsive { path, .. } => ControlError::timed_out(error.to_string())
            .next(format!("`msctl inspect {path}` shows what it handles and for how long")),
    }
}

/// The actor is known but has no live incarnation.
pub(super) fn not_running(path: &ActorPath, why: &str) -> ControlError {
    ControlError::refused(format!("{path} does not run"))
        .why(why)
        .next(format!("`msctl why {path}` tells why it ended, `msctl restart {path}` starts it"))
}
