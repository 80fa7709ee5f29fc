//! The trait of components whose state is kept, and the encoding of states.

use ms_json::{EncodeError, to_vec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::RestoreError;

/// A migration of a state from one schema to the next.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// The schema it migrates from, to the one after it.
    pub from: u32,
    /// The conversion. Its error says what does not fit.
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
    /// The number of the present schema of [`Persist::State`]. Raise it with every change.
    const SCHEMA: u32;
    /// The migrations from older schemas, one step each.
    const MIGRATIONS: &'static [Migration] = &[];
    /// The state that is kept.
    type State: Serialize + DeserializeOwned;

    /// Returns the present state.
    fn extract(&self) -> Self::State;
}

/// Encodes the state of a component.
///
/// # Errors
/// [`EncodeError`] when its `Serialize` fails, or when it contains a number that JSON cannot
/// represent.
pub fn encode<P: Persist>(component: &P) -> Result<Vec<u8>, EncodeError> {
    to_vec(&component.extract())
}

/// Decodes a state of any schema that the component knows, and migrates it to the present one.
///
/// # Errors
/// [`RestoreError`] when the schema is newer, a migration is missing or fails, or the bytes do not
/// fit the schema.
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
