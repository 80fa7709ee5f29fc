//! Converts reasons and errors into the terms that OTP prints, and back.

use std::time::Duration;

use ms_core::{ErrorChain, ExitReason, Restart, Shutdown};
use ms_policy::{ChildSpecError, CommandError, FlagError, SpecError};
use ms_supervisor::{StartRootError, SupervisorError};
use serde_json::Value;

use crate::ids::original;

pub(crate) fn reason(text: &str) -> ExitReason {
    let orderly = text.strip_prefix("{shutdown,").and_then(|rest| rest.strip_suffix('}'));
    match (text, orderly) {
        (_, Some(why)) => ExitReason::shutdown_with(why),
        ("normal", _) => ExitReason::Normal,
        ("shutdown", _) => ExitReason::Shutdown,
        ("kill" | "killed", _) => ExitReason::Killed,
        _ => ExitReason::failed(text),
    }
}

/// Parses a reason that is sent as an exit signal. In Erlang, `kill` and `killed` are words like any
/// other in the signal of a process that ends with them, and can be trapped.
pub(crate) fn signal(text: &str) -> ExitReason {
    match text {
        "kill" | "killed" => ExitReason::failed(text),
        other => reason(other),
    }
}

pub(crate) fn reason_text(reason: &ExitReason) -> String {
    match reason {
        ExitReason::ShutdownWith(why) => format!("{{shutdown,{why}}}"),
        ExitReason::ChildStartFailed { child, reason } => {
            let child = original(child.as_str());
            format!("{{shutdown,{{failed_to_start_child,{child},{}}}}}", reason_text(reason))
        }
        ExitReason::Failed(chain) => chain.to_string(),
        // Nothing in a scenario panics. If something does, this text makes the traces differ.
        ExitReason::Panicked(_) | ExitReason::InitFailed(_) => reason.to_string(),
        other => other.label().to_owned(),
    }
}

/// Returns OTP's term for a tree that did not start.
pub(crate) fn start_error(error: &StartRootError) -> String {
    match error {
        StartRootError::Spec(error) => spec_error(error),
        StartRootError::Failed(reason) => reason_text(reason),
        other => ErrorChain::from_error(other).to_string(),
    }
}

fn spec_error(error: &SpecError) -> String {
    match error {
        SpecError::SupervisorData(FlagError::InvalidPeriod(period)) => {
            format!("{{supervisor_data,{{invalid_period,{}}}}}", period.as_secs())
        }
        SpecError::SupervisorData(other) => format!("{{supervisor_data,{other}}}"),
        SpecError::StartSpec(error) => format!("{{start_spec,{}}}", child_spec_error(error)),
        SpecError::BadStartSpec(ids) => {
            let ids: Vec<String> =
                ids.iter().map(|id| format!("{{child,{}}}", original(id.as_str()))).collect();
            format!("{{bad_start_spec,[{}]}}", ids.join(","))
        }
        other => other.to_string(),
    }
}

fn child_spec_error(error: &ChildSpecError) -> String {
    match error {
        ChildSpecError::DuplicateChildName(id) => {
            format!("{{duplicate_child_name,{}}}", original(id.as_str()))
        }
        ChildSpecError::SignificantNeedsAutoShutdown(_) => {
            "{bad_combination,[{auto_shutdown,never},{significant,true}]}".to_owned()
        }
        ChildSpecError::SignificantPermanent(_) => {
            "{bad_combination,[{restart,permanent},{significant,true}]}".to_owned()
        }
        other => other.to_string(),
    }
}

/// Returns the result of a call that failed. `record` is the child whose record OTP puts into the
/// term; `started` returns the name of a child that runs already.
pub(crate) fn call_error(
    error: &SupervisorError,
    record: Option<&str>,
    started: impl FnOnce(u64) -> String,
) -> String {
    let term = match error {
        SupervisorError::NoAnswer { .. } | SupervisorError::Command(CommandError::Stopping) => {
            return "noproc".to_owned();
        }
        SupervisorError::Command(error) => match error {
            CommandError::AlreadyStarted { incarnation, .. } => {
                format!("{{already_started,{}}}", started(incarnation.0))
            }
            CommandError::AlreadyPresent => "already_present".to_owned(),
            CommandError::NotFound => "not_found".to_owned(),
            CommandError::Running => "running".to_owned(),
            CommandError::Restarting => "restarting".to_owned(),
            CommandError::SimpleOneForOne => "simple_one_for_one".to_owned(),
            CommandError::StartFailed { reason } => match record {
                Some(id) => format!("{{{},{{child,{id}}}}}", reason_text(reason)),
                None => reason_text(reason),
            },
            CommandError::InvalidSpec(error) => child_spec_error(error),
            other => other.to_string(),
        },
        other => ErrorChain::from_error(other).to_string(),
    };
    format!("{{error,{term}}}")
}

pub(crate) fn restart_text(restart: Restart) -> &'static str {
    match restart {
        Restart::Permanent => "permanent",
        Restart::Transient => "transient",
        Restart::Temporary => "temporary",
    }
}

pub(crate) fn shutdown_text(shutdown: Shutdown) -> String {
    match shutdown {
        Shutdown::BrutalKill => "brutal_kill".to_owned(),
        Shutdown::Infinity => "infinity".to_owned(),
        Shutdown::Timeout(time) => time.as_millis().to_string(),
    }
}

/// Returns how a child is stopped; `None` for the default of its type. The error is OTP's term.
pub(crate) fn shutdown(spec: &Value) -> Result<Option<Shutdown>, String> {
    match spec.get("shutdown") {
        None => Ok(None),
        Some(Value::String(text)) if text == "infinity" => Ok(Some(Shutdown::Infinity)),
        Some(Value::String(text)) if text == "brutal_kill" => Ok(Some(Shutdown::BrutalKill)),
        Some(other) => match other.as_u64() {
            Some(ms) => Ok(Some(Shutdown::Timeout(Duration::from_millis(ms)))),
            None => Err(format!(
                "{{invalid_shutdown,{}}}",
                other.as_str().map_or(other.to_string(), str::to_owned)
            )),
        },
    }
}
