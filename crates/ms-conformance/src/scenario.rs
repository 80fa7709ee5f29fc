//! Checks the form of a scenario before anything is played.

use serde_json::Value;

use crate::fields::{Malformed, text};
use crate::ids::child_id;

type Checked = Result<(), Malformed>;

/// Returns the scenario in a file: the bare object, or that of a golden file.
pub(crate) fn of_file(file: &Value) -> &Value {
    file.get("scenario").unwrap_or(file)
}

fn bad<T>(at: &str, what: impl AsRef<str>) -> Result<T, Malformed> {
    Err(Malformed(format!("{at}: {}", what.as_ref())))
}

fn string<'a>(value: &'a Value, field: &str, at: &str) -> Result<&'a str, Malformed> {
    match value.get(field) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => bad(at, format!("`{field}` is {other}, want a string")),
        None => bad(at, format!("`{field}` is missing")),
    }
}

fn optional(
    value: &Value,
    field: &str,
    at: &str,
    want: &str,
    is: impl Fn(&Value) -> bool,
) -> Checked {
    match value.get(field) {
        Some(found) if !is(found) => bad(at, format!("`{field}` is {found}, want {want}")),
        _ => Ok(()),
    }
}

fn list<'a>(value: &'a Value, field: &str, at: &str) -> Result<&'a [Value], Malformed> {
    match value.get(field) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => bad(at, format!("`{field}` is {other}, want a list")),
    }
}

/// Checks the form of a scenario. Values that OTP itself refuses are permitted: the refusal is what
/// such a scenario tests.
pub(crate) fn check(scenario: &Value) -> Checked {
    if !scenario.is_object() {
        return bad("scenario", format!("is {scenario}, want an object"));
    }
    if crate::processes::is_one(scenario) {
        return crate::processes::check(scenario);
    }
    let Some(tree) = scenario.get("tree") else { return bad("scenario", "`tree` is missing") };
    check_supervisor(tree, "tree")?;
    for (at, step) in list(scenario, "steps", "scenario")?.iter().enumerate() {
        check_step(step, &format!("step {}", at + 1), false)?;
    }
    Ok(())
}

fn check_supervisor(tree: &Value, at: &str) -> Checked {
    if !tree.is_object() {
        return bad(at, format!("is {tree}, want an object"));
    }
    optional(tree, "strategy", at, "a string", Value::is_string)?;
    optional(tree, "auto_shutdown", at, "a string", Value::is_string)?;
    optional(tree, "intensity", at, "an integer", Value::is_i64)?;
    optional(tree, "period", at, "an integer", Value::is_i64)?;
    list(tree, "children", at)?.iter().try_for_each(|child| check_child(child, at))
}

fn check_child(child: &Value, below: &str) -> Checked {
    let id = string(child, "id", below)?;
    let at = format!("{below}/{id}");
    if let Err(error) = child_id(id) {
        return bad(&at, format!("`id`: {error}"));
    }
    for field in ["type", "restart", "stop"] {
        optional(child, field, &at, "a string", Value::is_string)?;
    }
    optional(child, "significant", &at, "true or false", Value::is_boolean)?;
    optional(child, "trap_exit", &at, "true or false", Value::is_boolean)?;
    optional(child, "shutdown", &at, "a number or a string", |v| v.is_i64() || v.is_string())?;
    let stop = text(child, "stop", "shutdown");
    if !["shutdown", "normal", "error", "hang"].contains(&stop) {
        return bad(&at, format!("`stop` is {stop:?}, want shutdown, normal, error or hang"));
    }
    let script = list(child, "start", &at)?;
    if child.get("start").is_some() && script.is_empty() {
        return bad(&at, "`start` is empty, want at least one outcome");
    }
    for entry in script {
        let outcome = entry.as_str().map_or_else(|| string(entry, "outcome", &at), Ok)?;
        if !["ok", "ok_info", "error", "throw", "ignore"].contains(&outcome) {
            return bad(
                &at,
                format!("`start` has {outcome:?}, want ok, ok_info, error, throw or ignore"),
            );
        }
        list(entry, "calls", &at)?
            .iter()
            .try_for_each(|call| check_step(call, &format!("{at}: a call"), true))?;
    }
    match (text(child, "type", "worker"), child.get("supervisor")) {
        ("supervisor", Some(tree)) => check_supervisor(tree, &at),
        ("supervisor", None) => bad(&at, "is a supervisor: `supervisor` is missing"),
        _ => Ok(()),
    }
}

fn check_step(step: &Value, at: &str, call: bool) -> Checked {
    let op = string(step, "op", at)?;
    let at = &format!("{at} ({op})");
    let api = |fields: &[&str]| -> Checked {
        if !call {
            string(step, "sup", at)?;
        }
        fields.iter().try_for_each(|field| string(step, field, at).map(drop))
    };
    match op {
        "start_child" => match step.get("child") {
            Some(child) => api(&[]).and_then(|()| check_child(child, at)),
            None => {
                let args = string(step, "args", at)?;
                child_id(args)
                    .map_or_else(|error| bad(at, format!("`args`: {error}")), |_| api(&[]))
            }
        },
        "terminate_child" if step.get("pid").is_some() => api(&["pid"]),
        "terminate_child" | "restart_child" | "delete_child" | "get_childspec" => api(&["id"]),
        "which_children" | "count_children" => api(&[]),
        _ if call => bad(at, "is not a call to a supervisor"),
        "crash" | "exit_signal" => {
            string(step, "path", at)?;
            string(step, "reason", at).map(drop)
        }
        "crash_burst" => {
            string(step, "sup", at)?;
            string(step, "reason", at)?;
            let children = list(step, "children", at)?;
            match children.iter().find(|child| !child.is_string()) {
                Some(child) => bad(at, format!("`children` has {child}, want paths")),
                None => Ok(()),
            }
        }
        "stop_tree" | "parent_exit" => optional(step, "reason", at, "a string", Value::is_string),
        "sleep" => match step.get("ms").and_then(Value::as_u64) {
            Some(ms) if ms <= 86_400_000 => Ok(()),
            _ => bad(at, "`ms` is not a number of milliseconds up to a day"),
        },
        _ => bad(at, "no such op"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn what_is_wrong_is_said_where_it_is() {
        let cases = [
            (json!([]), "scenario: is [], want an object"),
            (json!({}), "scenario: `tree` is missing"),
            (json!({"tree": {"children": [{}]}}), "tree: `id` is missing"),
            (json!({"tree": {"children": [{"id": "a/b"}]}}), "tree/a/b: `id`: "),
            (
                json!({"tree": {"children": [{"id": "a", "stop": "no"}]}}),
                "tree/a: `stop` is \"no\", want",
            ),
            (json!({"tree": {"intensity": "x"}}), "tree: `intensity` is \"x\", want an integer"),
            (json!({"tree": {}, "steps": [{"op": "fly"}]}), "step 1 (fly): no such op"),
            (
                json!({"tree": {}, "steps": [{"op": "crash", "path": "root"}]}),
                "step 1 (crash): `reason` is missing",
            ),
        ];
        for (scenario, want) in cases {
            let got = super::check(&scenario).expect_err("malformed").0;
            assert!(got.starts_with(want), "{got}");
        }
    }
}
