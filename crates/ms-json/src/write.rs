//! JSON that gives back what went in.
//!
//! An encoder that alters a value in silence is found out much later, by somebody else: `NaN`
//! becomes `null`. Here it is refused, with its place.

use serde::Serialize;
use serde_json::Value;

use super::finite;

/// Why a value cannot be written as JSON that gives it back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// JSON has no word for it.
    #[error("{at} is {value}, which JSON cannot say; use an Option, or a text")]
    NotFinite {
        /// Where it is, such as `$.mean[3]`.
        at: String,
        /// `NaN`, `inf` or `-inf`.
        value: String,
    },
    /// The value itself refuses, has odd keys, or a whole number of more than 64 bits.
    #[error(transparent)]
    Refused(#[from] serde_json::Error),
}

/// Encodes a value.
///
/// # Errors
/// [`EncodeError`]: the value would not come back as it was.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, EncodeError> {
    finite::check(value)?;
    Ok(serde_json::to_value(value)?)
}

/// Encodes a value as text.
///
/// # Errors
/// As [`to_value`].
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    finite::check(value)?;
    Ok(serde_json::to_vec(value)?)
}
