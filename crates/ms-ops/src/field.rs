//! Fields of operations, each of which is bounded by its type or names its bound.
//!
//! The compiler checks it: [`operation!`](crate::operation!) takes a field without a bound only if
//! its type is [`Bounded`], and neither texts nor lists are.

use ms_core::stream::EventFilter;
use ms_core::task::{MAX_BATCH, MAX_PAGE, NewTask, TaskChange, TaskFilter, TaskId, TaskState};
use ms_core::{ActorPath, Incarnation, NodeLife};
use serde_json::{Value, json};

use crate::error::OpError;
use crate::request_id::{MAX as MAX_REQUEST_ID, RequestId};

/// A type whose every value is small.
pub trait Bounded {
    /// Whether a field of this type may be left out.
    const OPTIONAL: bool = false;

    /// Returns its JSON schema.
    fn schema() -> Value;
}

/// A type whose values may be large, so that a field of it names its bound.
pub trait Measured {
    /// Whether a field of this type may be left out.
    const OPTIONAL: bool = false;

    /// Returns the measure that the bound applies to.
    fn measure(&self) -> Option<u64>;

    /// Returns its JSON schema, with a bound.
    fn schema(max: u64) -> Value;
}

impl<T: Bounded> Bounded for Option<T> {
    const OPTIONAL: bool = true;

    fn schema() -> Value {
        T::schema()
    }
}

impl<T: Measured> Measured for Option<T> {
    const OPTIONAL: bool = true;

    fn measure(&self) -> Option<u64> {
        self.as_ref().and_then(T::measure)
    }

    fn schema(max: u64) -> Value {
        T::schema(max)
    }
}

impl<T: Bounded> Bounded for Box<T> {
    const OPTIONAL: bool = T::OPTIONAL;

    fn schema() -> Value {
        T::schema()
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Bounded for $number {
            fn schema() -> Value {
                json!({ "type": "integer", "minimum": 0 })
            }
        }

        impl Measured for $number {
            fn measure(&self) -> Option<u64> {
                u64::try_from(*self).ok()
            }

            fn schema(max: u64) -> Value {
                json!({ "type": "integer", "minimum": 0, "maximum": max })
            }
        }
    )*};
}

numbers! { u32 u64 usize }

impl Bounded for bool {
    fn schema() -> Value {
        json!({ "type": "boolean" })
    }
}

/// Measured in characters, as JSON Schema does.
impl Measured for String {
    fn measure(&self) -> Option<u64> {
        u64::try_from(self.chars().count()).ok()
    }

    fn schema(max: u64) -> Value {
        json!({ "type": "string", "maxLength": max })
    }
}

impl Bounded for ActorPath {
    fn schema() -> Value {
        let pattern = "^(/[a-z0-9][a-z0-9_-]{0,63}){1,64}$";
        json!({ "type": "string", "pattern": pattern, "maxLength": 1024 })
    }
}

impl Bounded for Incarnation {
    fn schema() -> Value {
        json!({ "type": "integer", "minimum": 0 })
    }
}

impl Bounded for RequestId {
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[!-~]{1,128}$", "maxLength": MAX_REQUEST_ID })
    }
}

impl Bounded for NodeLife {
    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[0-9a-f]{15}[1-9a-f]$" })
    }
}

impl Bounded for TaskId {
    fn schema() -> Value {
        json!({ "type": "string", "format": "uuid" })
    }
}

/// Its parts are bounded by its own check.
impl Bounded for NewTask {
    fn schema() -> Value {
        json!({ "$ref": "#/components/schemas/NewTask" })
    }
}

/// Measured in tasks.
impl Measured for Vec<NewTask> {
    fn measure(&self) -> Option<u64> {
        u64::try_from(self.len()).ok()
    }

    fn schema(max: u64) -> Value {
        // A larger bound would promise more than `SubmitBatch` takes.
        debug_assert!(max <= MAX_BATCH as u64);
        json!({ "type": "array", "maxItems": max, "items": NewTask::schema() })
    }
}

/// Returns the schema of the name of a queue or of a kind of agent.
fn task_name() -> Value {
    json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$" })
}

/// The size of a page is checked where it is used.
impl Bounded for TaskFilter {
    fn schema() -> Value {
        let properties = json!({
            "queue": task_name(),
            "kind": task_name(),
            "state": { "type": "string", "enum": TaskState::ALL.map(TaskState::label) },
            "after": TaskId::schema(),
            "limit": { "type": "integer", "minimum": 0, "maximum": MAX_PAGE },
        });
        json!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

impl Bounded for EventFilter {
    fn schema() -> Value {
        let properties = json!({
            "about": { "type": "string", "enum": ["node", "tasks", "all"] },
            "task": TaskId::schema(),
            "change": { "type": "string", "enum": TaskChange::ALL.map(TaskChange::label) },
        });
        json!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

/// Adds a least value to a schema: of a number, or of the items of a list.
#[must_use]
pub fn from(mut schema: Value, least: u64) -> Value {
    if let Value::Object(object) = &mut schema {
        let list = object.get("type").is_some_and(|of| of == "array");
        // JSON Schema has a word of its own for each; texts are never given a least length.
        object.insert(if list { "minItems" } else { "minimum" }.to_owned(), least.into());
    }
    schema
}

/// Checks one field against its bound.
///
/// # Errors
/// A `BAD_REQUEST` that names it.
pub fn at_most(field: &str, name: &str, value: Option<u64>, max: u64) -> Result<(), OpError> {
    match value {
        Some(value) if value > max => {
            let what = format!("the {name} is {value}, and at most {max} is allowed");
            Err(OpError::bad_request(what.clone()).at(field, what))
        }
        _ => Ok(()),
    }
}
