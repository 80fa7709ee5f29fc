//! The content of an event, whatever its type: the value itself within the process, bytes where
//! it came over a wire.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

use ms_json::{EncodeError, to_vec};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::PayloadError;

/// The content of an event; a clone shares it.
#[derive(Clone)]
pub struct Payload(Form);

#[derive(Clone)]
enum Form {
    Value {
        value: Arc<dyn Any + Send + Sync>,
        encode: fn(&(dyn Any + Send + Sync)) -> Result<Vec<u8>, EncodeError>,
        name: &'static str,
    },
    Json(Arc<[u8]>),
}

impl Payload {
    /// Wraps a value of this process. It is encoded only when it leaves the process, or when a
    /// subscriber wants it as another type.
    pub fn of<T: Serialize + Send + Sync + 'static>(value: T) -> Self {
        // Made here, where `T` is known. The value itself is stored without its type.
        let encode = |value: &(dyn Any + Send + Sync)| match value.downcast_ref::<T>() {
            Some(value) => to_vec(value),
            // Unreachable: the value beside this function is the `T` it was made for.
            None => Ok(Vec::new()),
        };
        Self(Form::Value { value: Arc::new(value), encode, name: type_name::<T>() })
    }

    /// Wraps a value that came from another process as JSON.
    #[must_use]
    pub fn json(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(Form::Json(bytes.into()))
    }

    /// Returns the value as a `T`: the published value itself where it is a `T`, otherwise one
    /// decoded from its JSON.
    ///
    /// # Errors
    /// [`PayloadError::Decode`] when the value is not a `T` and its JSON does not decode as one.
    pub fn read<T: DeserializeOwned + Send + Sync + 'static>(
        &self,
    ) -> Result<Arc<T>, PayloadError> {
        if let Form::Value { value, .. } = &self.0
            && let Ok(value) = Arc::clone(value).downcast::<T>()
        {
            return Ok(value);
        }
        let bytes = self.encode()?;
        let value = serde_json::from_slice(&bytes);
        value.map(Arc::new).map_err(|source| PayloadError::Decode {
            wanted: type_name::<T>(),
            found: self.type_name(),
            source,
        })
    }

    /// Returns the value as JSON, to leave the process.
    ///
    /// # Errors
    /// [`PayloadError::Encode`] when its `Serialize` fails, or when it contains a number that
    /// JSON cannot represent.
    pub fn encode(&self) -> Result<Arc<[u8]>, PayloadError> {
        match &self.0 {
            Form::Json(bytes) => Ok(Arc::clone(bytes)),
            Form::Value { value, encode, name } => {
                let bytes = encode(value.as_ref());
                bytes.map(Arc::from).map_err(|source| PayloadError::Encode { name, source })
            }
        }
    }

    /// Returns the name of the value's type; `JSON` when it came from another process.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match &self.0 {
            Form::Value { name, .. } => name,
            Form::Json(_) => "JSON",
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({})", self.type_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shared_and_another_type_is_read_out_of_its_json() {
        let payload = Payload::of(vec![1_u32, 2]);
        let (one, two) = (payload.read::<Vec<u32>>().unwrap(), payload.read::<Vec<u32>>().unwrap());
        assert!(Arc::ptr_eq(&one, &two));
        assert_eq!(*payload.read::<[u8; 2]>().unwrap(), [1, 2]);
        let error = payload.read::<String>().unwrap_err().to_string();
        assert!(error.contains("alloc::vec::Vec<u32>") && error.contains("String"), "{error}");
        let wired = Payload::json(payload.encode().unwrap());
        assert_eq!(*wired.read::<Vec<u32>>().unwrap(), [1, 2]);
        assert!(wired.read::<bool>().is_err());
    }
}
