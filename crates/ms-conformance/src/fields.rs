//! Reads the fields of scenarios, and names the place of one that is malformed.

use serde_json::Value;

/// Says where a scenario is malformed, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

/// Returns a field that is a string, or the default where it is missing.
pub(crate) fn text<'a>(value: &'a Value, field: &str, default: &'a str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or(default)
}
