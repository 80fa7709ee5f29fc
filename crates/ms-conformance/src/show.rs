//! Prints a difference side by side: OTP on the left, ours on the right.

use serde_json::Value;

use crate::golden::Difference;
use crate::json::encode;

/// Columns of the left side. Longer texts continue on the next line.
const WIDTH: usize = 76;

/// Returns the differing line of two traces as rows, and marks the rows that differ.
#[must_use]
pub fn side_by_side(difference: &Difference) -> String {
    let place = difference.expected.as_ref().or(difference.got.as_ref());
    let place = place.map_or_else(String::new, |line| match line.get("op") {
        Some(op) => format!("step {} ({})", line["step"], op.as_str().unwrap_or("?")),
        None => format!("step {}", line["step"].as_str().unwrap_or("?")),
    });
    let mut text = format!("  first difference: {place}\n  {:<WIDTH$} | ours\n", "OTP");
    let (left, right) = (rows(&difference.expected), rows(&difference.got));
    for at in 0..left.len().max(right.len()) {
        let (left, right) = (left.get(at), right.get(at));
        let mark = if left == right { ' ' } else { '!' };
        put_row(&mut text, mark, left.map_or("", String::as_str), right.map_or("", String::as_str));
    }
    text
}

/// Splits a line into rows: the result, each event, and everything else.
fn rows(line: &Option<Value>) -> Vec<String> {
    let Some(line) = line else { return vec!["(the trace has ended)".to_owned()] };
    let Some(fields) = line.as_object() else { return vec![encode(line)] };
    let mut rows = Vec::new();
    let first = ["result", "events"].iter().filter_map(|key| fields.get_key_value(*key));
    let others = fields
        .iter()
        .filter(|(key, _)| !["step", "op", "result", "events"].contains(&key.as_str()));
    for (key, value) in first.chain(others) {
        match value.as_array() {
            Some(items) => rows.extend(items.iter().map(|item| format!("{key} {}", encode(item)))),
            None => rows.push(format!("{key} {}", encode(value))),
        }
    }
    rows
}

fn put_row(text: &mut String, mark: char, left: &str, right: &str) {
    let chunks = |side: &str| -> Vec<String> {
        side.chars().collect::<Vec<_>>().chunks(WIDTH).map(|chunk| chunk.iter().collect()).collect()
    };
    let (left, right) = (chunks(left), chunks(right));
    for at in 0..left.len().max(right.len()).max(1) {
        let cell = |side: &[String]| side.get(at).cloned().unwrap_or_default();
        let row = format!("{mark} {:<WIDTH$} | {}", cell(&left), cell(&right));
        text.push_str(row.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_that_differ_are_marked() {
        let expected = Some(json!({"step": 3, "op": "crash", "result": "ok", "events": [1, 2]}));
        let got = Some(json!({"step": 3, "op": "crash", "result": "ok", "events": [1, 3]}));
        let text = side_by_side(&Difference { expected, got });
        let rows: Vec<String> =
            text.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            rows,
            [
                "first difference: step 3 (crash)",
                "OTP | ours",
                "result \"ok\" | result \"ok\"",
                "events 1 | events 1",
                "! events 2 | events 3",
            ]
        );
    }
}
