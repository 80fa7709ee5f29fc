//! Cuts a failing scenario down: fewer steps, fewer children, fewer settings.

use serde_json::Value;

/// Most scenarios that are tried.
const MAX_TRIES: usize = 2_000;

/// Returns the smallest scenario found that still `fails`. The given one is known to fail.
pub fn shrink(scenario: &Value, mut fails: impl FnMut(&Value) -> bool) -> Value {
    let (mut smallest, mut tries) = (scenario.clone(), 0);
    'again: loop {
        for candidate in smaller(&smallest) {
            tries += 1;
            if tries > MAX_TRIES {
                return smallest;
            }
            if fails(&candidate) {
                // All cuts are tried again after each success: a cut that failed before may succeed now.
                smallest = candidate;
                continue 'again;
            }
        }
        return smallest;
    }
}

/// Returns all scenarios that are one cut smaller, the largest cuts first.
fn smaller(scenario: &Value) -> Vec<Value> {
    let mut cuts = Vec::new();
    let steps = scenario["steps"].as_array().map_or(0, Vec::len);
    for keep in [steps / 2, steps.saturating_sub(1)] {
        if keep < steps {
            let mut cut = scenario.clone();
            if let Some(steps) = cut["steps"].as_array_mut() {
                steps.truncate(keep);
            }
            cuts.push(cut);
        }
    }
    cut_items(scenario, "/steps", &mut cuts);
    cut_items(scenario, "/processes", &mut cuts);
    cut_tree(scenario, "/tree", &mut cuts);
    for at in 0..steps {
        cut_items(scenario, &format!("/steps/{at}/children"), &mut cuts);
        cut_child(scenario, &format!("/steps/{at}/child"), &mut cuts);
    }
    cuts
}

/// Adds a scenario for each item of a list, without that item.
fn cut_items(scenario: &Value, list: &str, cuts: &mut Vec<Value>) {
    let count = scenario.pointer(list).and_then(Value::as_array).map_or(0, Vec::len);
    for at in (0..count).rev() {
        let mut cut = scenario.clone();
        if let Some(items) = cut.pointer_mut(list).and_then(Value::as_array_mut) {
            items.remove(at);
        }
        cuts.push(cut);
    }
}

/// Adds a scenario for each of these fields, without that field.
fn cut_fields(scenario: &Value, object: &str, fields: &[&str], cuts: &mut Vec<Value>) {
    for field in fields {
        let mut cut = scenario.clone();
        let object = cut.pointer_mut(object).and_then(Value::as_object_mut);
        if object.and_then(|fields| fields.remove(*field)).is_some() {
            cuts.push(cut);
        }
    }
}

fn cut_tree(scenario: &Value, tree: &str, cuts: &mut Vec<Value>) {
    let children = format!("{tree}/children");
    let count = scenario.pointer(&children).and_then(Value::as_array).map_or(0, Vec::len);
    let dynamic = scenario.pointer(&format!("{tree}/strategy"));
    // A dynamic supervisor has exactly one child in its spec, which is the template of all.
    if dynamic.is_none_or(|strategy| strategy != "simple_one_for_one") {
        cut_items(scenario, &children, cuts);
        cut_fields(scenario, tree, &["strategy"], cuts);
    }
    cut_fields(scenario, tree, &["auto_shutdown"], cuts);
    for at in 0..count {
        cut_child(scenario, &format!("{children}/{at}"), cuts);
    }
}

fn cut_child(scenario: &Value, child: &str, cuts: &mut Vec<Value>) {
    let Some(found) = scenario.pointer(child) else { return };
    if found.get("supervisor").is_some() {
        let mut cut = scenario.clone();
        if let Some(child) = cut.pointer_mut(child).and_then(Value::as_object_mut) {
            child.remove("supervisor");
            child.remove("type");
        }
        cuts.push(cut);
        cut_tree(scenario, &format!("{child}/supervisor"), cuts);
    }
    let settings = ["start", "stop", "trap_exit", "significant", "restart"];
    cut_fields(scenario, child, &settings, cuts);
    // With OTP's default, a child that hangs would be waited for during five of the eight seconds
    // of a step.
    if found.get("stop").is_none_or(|stop| stop != "hang") {
        cut_fields(scenario, child, &["shutdown"], cuts);
    }
    let script = found["start"].as_array().map_or(0, Vec::len);
    if script > 1 {
        cut_items(scenario, &format!("{child}/start"), cuts);
    }
    for at in 0..script {
        cut_items(scenario, &format!("{child}/start/{at}/calls"), cuts);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_matter_is_cut_away() {
        let scenario = json!({"name": "x", "tree": {"strategy": "one_for_all", "children": [
            {"id": "a", "restart": "transient", "stop": "normal"},
            {"id": "s", "type": "supervisor", "supervisor": {"children": [{"id": "b"}, {"id": "c"}]}},
        ]}, "steps": [{"op": "which_children"}, {"op": "crash", "path": "root/a"}, {"op": "sleep"}]});
        let crashes_a_transient = |scenario: &Value| {
            let text = scenario.to_string();
            text.contains("crash") && text.contains("transient")
        };
        let small = shrink(&scenario, crashes_a_transient);
        let want = json!({"name": "x", "tree": {"children": [{"id": "a", "restart": "transient"}]},
            "steps": [{"op": "crash", "path": "root/a"}]});
        assert_eq!(small, want);
    }
}
