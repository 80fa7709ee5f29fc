//! Results and checkpoints of agents as JSON, and back.

use ms_core::task::TaskFailure;
use ms_json::{from_value, to_value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Encodes a result or checkpoint of an agent. A value that would not read back as it was fails
/// the task for good, with its place.
pub(crate) fn encode<T: Serialize>(what: &str, value: &T) -> Result<Value, TaskFailure> {
    to_value(value).map_err(|error| {
        TaskFailure::permanent(format!("{what} cannot be kept")).caused_by(error.to_string())
    })
}

/// Reads a value that an earlier attempt left, as strictly as input from outside.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, value: &Value) -> Result<T, TaskFailure> {
    from_value(value.clone()).map_err(|error| {
        TaskFailure::permanent(format!(
            "{what} of an earlier attempt is not of the type that is read: {error}"
        ))
    })
}
