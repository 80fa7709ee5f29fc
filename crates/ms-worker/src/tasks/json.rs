//! What agents leave, as JSON.

use ms_core::json::to_value;
use ms_core::task::TaskFailure;
use serde::Serialize;
use serde_json::Value;

/// Encodes what an agent leaves; what cannot be read back as it was fails the task for good, with
/// the place.
pub(crate) fn encode<T: Serialize>(what: &str, value: &T) -> Result<Value, TaskFailure> {
    to_value(value).map_err(|error| {
        TaskFailure::permanent(format!("{what} cannot be kept")).caused_by(error.to_string())
    })
}
