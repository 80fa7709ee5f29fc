//! What an event says, whatever its type: as the value itself within the process, as bytes
//! where it came over a wire.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use actix::Message;
use ms_json::{EncodeError, to_vec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::error::PayloadError;
use crate::event::{Delivery, Event, Header};

/// A payload; a clone shares it.
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
    /// A value of this process.
    pub fn of<T: Serialize + Send + Sync + 'static>(value: T) -> Self {
        let encode = |value: &(dyn Any + Send + Sync)| match value.downcast_ref::<T>() {
            Some(value) => to_vec(value),
            // Made of a `T` on this very line.
            None => Ok(Vec::new()),
        };
        Self(Form::Value { value: Arc::new(value), encode, name: type_name::<T>() })
    }

    /// A value as JSON, from another process.
    #[must_use]
    pub fn json(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(Form::Json(bytes.into()))
    }

    /// The value as a `T`: the very one that was published where it is one, or read out of its
    /// JSON.
    ///
    /// # Errors
    /// It is no `T`, and reads as none.
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

    /// The value as JSON, to leave the process.
    ///
    /// # Errors
    /// Its `Serialize` fails, or there is a number in it that JSON cannot say.
    pub fn encode(&self) -> Result<Arc<[u8]>, PayloadError> {
        match &self.0 {
            Form::Json(bytes) => Ok(Arc::clone(bytes)),
            Form::Value { value, encode, name } => {
                let bytes = encode(value.as_ref());
                bytes.map(Arc::from).map_err(|source| PayloadError::Encode { name, source })
            }
        }
    }

    /// The type of the value, where it is known.
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

/// Where the answer to an event goes: to who waits in this process, or, made by a
/// [`Carrier`](crate::Carrier), to another one.
pub trait Replies: Send + Sync + fmt::Debug + 'static {
    /// Passes an answer on; false when nobody wants it any more.
    fn reply(&self, answer: Payload) -> bool;

    /// Whether an answer is still wanted, as far as is known here.
    fn is_awaited(&self) -> bool;
}

/// The first answer goes to who waits in this process.
#[derive(Debug)]
pub(crate) struct FirstReply(Mutex<Option<oneshot::Sender<Payload>>>);

impl FirstReply {
    pub(crate) fn new() -> (Arc<Self>, oneshot::Receiver<Payload>) {
        let (tell, told) = oneshot::channel();
        (Arc::new(Self(Mutex::new(Some(tell)))), told)
    }
}

impl Replies for FirstReply {
    fn reply(&self, answer: Payload) -> bool {
        let tell = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        tell.is_some_and(|tell| tell.send(answer).is_ok())
    }

    fn is_awaited(&self) -> bool {
        let tell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tell.as_ref().is_some_and(|tell| !tell.is_closed())
    }
}

/// An event of any type: what the bus carries, and what a subscriber to all types is given.
#[derive(Debug, Clone)]
pub struct AnyEvent {
    /// What is known of it.
    pub header: Arc<Header>,
    /// What it says.
    pub payload: Payload,
    /// Where an answer goes, if one is waited for.
    pub replies: Option<Arc<dyn Replies>>,
}

impl Message for AnyEvent {
    type Result = ();
}

impl AnyEvent {
    /// As its type is given it.
    ///
    /// # Errors
    /// It is of another type, and does not read as this one.
    pub fn typed<E: Event>(self) -> Result<Delivery<E>, PayloadError> {
        let event = self.payload.read::<E>()?;
        Ok(Delivery { header: self.header, event, replies: self.replies })
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

    #[test]
    fn the_first_answer_counts() {
        let (first, mut told) = FirstReply::new();
        assert!(first.is_awaited());
        assert!(first.reply(Payload::of(1)) && !first.reply(Payload::of(2)));
        assert_eq!(*told.try_recv().unwrap().read::<i32>().unwrap(), 1);
        let (nobody, told) = FirstReply::new();
        drop(told);
        assert!(!nobody.is_awaited() && !nobody.reply(Payload::of(1)));
    }
}
