//! What agents leave, as JSON, and what they are given out of it.

use ms_core::task::TaskFailure;
use ms_json::{from_value, to_value};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Encodes what an agent leaves; what cannot be read back as it was fails the task for good, with
/// the place.
pub(crate) fn encode<T: Serialize>(what: &str, value: &T) -> Result<Value, TaskFailure> {
    to_value(value).map_err(|error| {
        TaskFailure::permanent(format!("{what} cannot be kept")).caused_by(error.to_string())
    })
}

/// Reads what an earlier attempt left, as strictly as what comes from outside.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, value: &Value) -> Result<T, TaskFailure> {
    from_value(value.clone()).map_err(|error| {
        TaskFailure::permanent(format!("{what} of an earlier attempt is not what is read: {error}"))
    })
}
