//! Scenario files of the OTP oracle: how flags, specs and reasons are written there.
#![allow(clippy::expect_used, reason = "tests")]

use std::time::Duration;

use ms_core::{
    AutoShutdown, ChildId, ChildPolicy, ChildType, ExitReason, Intensity, Restart, Shutdown,
    Strategy, SupervisorFlags,
};
use ms_policy::{ChildEntry, ChildSpecError, FlagError, SpecError};
use serde_json::Value;

pub fn text<'a>(value: &'a Value, field: &str, default: &'a str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or(default)
}

pub fn id(text: &str) -> ChildId {
    ChildId::new(text).expect("scenario ids are valid")
}

/// Flags, or OTP's error term.
pub fn flags(tree: &Value) -> Result<SupervisorFlags, String> {
    let strategy = match text(tree, "strategy", "one_for_one") {
        "one_for_one" => Strategy::OneForOne,
        "one_for_all" => Strategy::OneForAll,
        "rest_for_one" => Strategy::RestForOne,
        "simple_one_for_one" => Strategy::SimpleOneForOne,
        other => return Err(format!("{{supervisor_data,{{invalid_strategy,{other}}}}}")),
    };
    let number = |field: &str, default| tree.get(field).and_then(Value::as_i64).unwrap_or(default);
    let intensity = number("intensity", 1);
    let Ok(max_restarts) = u32::try_from(intensity) else {
        return Err(format!("{{supervisor_data,{{invalid_intensity,{intensity}}}}}"));
    };
    let period = Duration::from_secs(number("period", 5).unsigned_abs());
    let auto_shutdown = match text(tree, "auto_shutdown", "never") {
        "any_significant" => AutoShutdown::AnySignificant,
        "all_significant" => AutoShutdown::AllSignificant,
        _ => AutoShutdown::Never,
    };
    let intensity = Intensity { max_restarts, period };
    Ok(SupervisorFlags {
        strategy,
        intensity,
        auto_shutdown,
        max_children: None,
        ..SupervisorFlags::default()
    })
}

/// One child spec, or OTP's error term.
pub fn child(spec: &Value) -> Result<ChildEntry, String> {
    let restart = match text(spec, "restart", "permanent") {
        "permanent" => Restart::Permanent,
        "transient" => Restart::Transient,
        "temporary" => Restart::Temporary,
        other => return Err(format!("{{invalid_restart_type,{other}}}")),
    };
    let kind = match text(spec, "type", "worker") {
        "worker" => ChildType::Worker,
        "supervisor" => ChildType::Supervisor,
        other => return Err(format!("{{invalid_child_type,{other}}}")),
    };
    let shutdown = match spec.get("shutdown") {
        None if kind == ChildType::Worker => Shutdown::WORKER,
        None => Shutdown::Infinity,
        Some(Value::Number(n)) => match n.as_u64() {
            Some(ms) => Shutdown::Timeout(Duration::from_millis(ms)),
            None => return Err(format!("{{invalid_shutdown,{n}}}")),
        },
        Some(Value::String(s)) if s == "infinity" => Shutdown::Infinity,
        Some(Value::String(s)) if s == "brutal_kill" => Shutdown::BrutalKill,
        Some(other) => {
            return Err(format!("{{invalid_shutdown,{}}}", other.as_str().unwrap_or("?")));
        }
    };
    let significant = spec.get("significant").and_then(Value::as_bool).unwrap_or(false);
    let policy = ChildPolicy { restart, shutdown, kind, significant, backoff: None };
    Ok(ChildEntry { id: id(text(spec, "id", "")), policy })
}

pub fn child_spec_error(error: &ChildSpecError) -> String {
    match error {
        ChildSpecError::DuplicateChildName(id) => format!("{{duplicate_child_name,{id}}}"),
        ChildSpecError::SignificantNeedsAutoShutdown(_) => {
            "{bad_combination,[{auto_shutdown,never},{significant,true}]}".into()
        }
        ChildSpecError::SignificantPermanent(_) => {
            "{bad_combination,[{restart,permanent},{significant,true}]}".into()
        }
        ChildSpecError::InvalidBackoff(_)
        | ChildSpecError::InvalidHeartbeat(_)
        | ChildSpecError::InvalidMailbox(_) => unreachable!("scenarios have none of these"),
    }
}

pub fn spec_error(error: &SpecError) -> String {
    match error {
        SpecError::SupervisorData(FlagError::InvalidPeriod(period)) => {
            format!("{{supervisor_data,{{invalid_period,{}}}}}", period.as_secs())
        }
        SpecError::SupervisorData(_) => unreachable!("scenarios have no max_children"),
        SpecError::StartSpec(error) => format!("{{start_spec,{}}}", child_spec_error(error)),
        SpecError::BadStartSpec(ids) => {
            let ids: Vec<String> = ids.iter().map(|id| format!("{{child,{id}}}")).collect();
            format!("{{bad_start_spec,[{}]}}", ids.join(","))
        }
    }
}

pub fn reason(text: &str) -> ExitReason {
    let orderly = text.strip_prefix("{shutdown,").and_then(|rest| rest.strip_suffix('}'));
    match (text, orderly) {
        (_, Some(why)) => ExitReason::shutdown_with(why),
        ("normal", _) => ExitReason::Normal,
        ("shutdown", _) => ExitReason::Shutdown,
        ("killed", _) => ExitReason::Killed,
        _ => ExitReason::failed(text),
    }
}

pub fn reason_text(reason: &ExitReason) -> String {
    match reason {
        ExitReason::ShutdownWith(why) => format!("{{shutdown,{why}}}"),
        ExitReason::ChildStartFailed { child, reason } => {
            format!("{{shutdown,{{failed_to_start_child,{child},{}}}}}", reason_text(reason))
        }
        ExitReason::Failed(chain) => chain.to_string(),
        other => other.label().into(),
    }
}
