//! JSON that reads back as the value that was written.
//!
//! An encoder that alters a value in silence is noticed much later, by another program: `NaN`
//! becomes `null`. Here such a value is refused, with its place.

use serde::Serialize;
use serde_json::Value;

use super::error::EncodeError;
use super::finite;

/// Encodes a value.
///
/// # Errors
/// [`EncodeError`]: the value would not come back as it was.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, EncodeError> {
    // Before writing: in what serde_json has written they are `null`.
    finite::check(value)?;
    Ok(serde_json::to_value(value)?)
}

/// Encodes a value as text.
///
/// # Errors
/// [`EncodeError`]: the value would not come back as it was.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    finite::check(value)?;
    Ok(serde_json::to_vec(value)?)
}
