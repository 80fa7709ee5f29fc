//! What a component writes to have its state kept.

use ms_json::{EncodeError, to_vec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::RestoreError;

/// Brings a state from one schema to the next.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// From this schema to the one after it.
    pub from: u32,
    /// How. The error says what did not fit.
    pub up: fn(Value) -> Result<Value, String>,
}

/// A component whose state outlives the process.
///
/// ```
/// use ms_snapshot::{Migration, Persist, decode, encode};
/// use serde_json::json;
///
/// struct Counter { seen: u64 }
///
/// impl Persist for Counter {
///     const SCHEMA: u32 = 2;
///     // Schema 1 called it `n`.
///     const MIGRATIONS: &'static [Migration] =
///         &[Migration { from: 1, up: |old| Ok(json!({ "seen": old["n"] })) }];
///     type State = std::collections::BTreeMap<String, u64>;
///
///     fn extract(&self) -> Self::State {
///         [("seen".to_owned(), self.seen)].into()
///     }
/// }
///
/// let state = decode::<Counter>(1, br#"{"n":7}"#)?;
/// assert_eq!(state["seen"], 7);
/// # assert_eq!(encode(&Counter { seen: 7 })?, br#"{"seen":7}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Persist {
    /// The number of the present form of [`Persist::State`]; raise it with every change.
    const SCHEMA: u32;
    /// From older schemas, one step each.
    const MIGRATIONS: &'static [Migration] = &[];
    /// What is kept.
    type State: Serialize + DeserializeOwned;

    /// The state to keep, as of now.
    fn extract(&self) -> Self::State;
}

/// A component's state as bytes.
///
/// # Errors
/// Its `Serialize` refused, or there is a number in it that JSON cannot say.
pub fn encode<P: Persist>(component: &P) -> Result<Vec<u8>, EncodeError> {
    to_vec(&component.extract())
}

/// A state out of bytes of any schema the component knows.
///
/// # Errors
/// [`RestoreError`]: too new, no migration, or the bytes do not fit.
pub fn decode<P: Persist>(schema: u32, bytes: &[u8]) -> Result<P::State, RestoreError> {
    if schema > P::SCHEMA {
        return Err(RestoreError::Newer { found: schema, ours: P::SCHEMA });
    }
    let mut value: Value = serde_json::from_slice(bytes)?;
    for from in schema..P::SCHEMA {
        let step = P::MIGRATIONS.iter().find(|step| step.from == from);
        let step = step.ok_or(RestoreError::NoMigration { from })?;
        value = (step.up)(value).map_err(|why| RestoreError::Migration { from, why })?;
    }
    Ok(serde_json::from_value(value)?)
}
