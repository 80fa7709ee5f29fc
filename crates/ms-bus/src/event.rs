//! Events: what a program publishes, the header of each, and what a subscriber receives.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use actix::Message;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::error::PayloadError;
use crate::logic::partition::{Partition, mix};
use crate::payload::Payload;
use crate::reply::Replies;
use crate::subject::Subject;

/// A type whose values are published.
///
/// ```
/// use std::borrow::Cow;
/// use ms_bus::Event;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct OrderPlaced { region: String, customer: String }
///
/// impl Event for OrderPlaced {
///     const SUBJECT: &'static str = "orders.*.placed";
///
///     fn subject(&self) -> Cow<'static, str> {
///         format!("orders.{}.placed", self.region).into()
///     }
///
///     fn key(&self) -> Option<Cow<'_, str>> {
///         Some(self.customer.as_str().into())
///     }
/// }
/// ```
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The subject of all events of this type, with wildcards where [`Event::subject`] fills in
    /// tokens. A subscriber to the type receives whatever matches it.
    const SUBJECT: &'static str;

    /// Returns the subject of this event, which must match [`Event::SUBJECT`]. The default is
    /// [`Event::SUBJECT`] itself.
    fn subject(&self) -> Cow<'static, str> {
        Cow::Borrowed(Self::SUBJECT)
    }

    /// Returns the key of this event. Events with the same key belong to the same partition, and
    /// go to the same member of a queue group as long as its members stay. The default is none.
    fn key(&self) -> Option<Cow<'_, str>> {
        None
    }
}

/// An event that expects an answer.
pub trait Request: Event {
    /// The type of the answer.
    type Reply: Serialize + DeserializeOwned + Send + Sync + 'static;
}

/// The id of one event: a UUID of version 7, so ids sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// Derives the id of event `sequence` of the producer with this seed, published at `unix_ms`.
    ///
    /// Pure: two ids can only collide as far as the seeds of two producers do.
    pub(crate) fn of(unix_ms: u64, seed: u128, sequence: u64) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "both halves are used")]
        let (high, low) = ((seed >> 64) as u64, seed as u64);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&mix(low ^ mix(sequence)).to_be_bytes());
        random[8..].copy_from_slice(&mix(high.wrapping_add(sequence)).to_be_bytes()[..2]);
        Self(Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    /// Returns the id as a UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The facts about an event beside its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The id of the event.
    pub id: EventId,
    /// The subject it was published under.
    pub subject: Subject,
    /// The name of its producer.
    pub producer: Arc<str>,
    /// The [`Producer`](crate::Producer) of that name: a new one after each restart.
    pub life: Uuid,
    /// Its number among the events of that producer, from 1.
    pub sequence: u64,
    /// The time of publishing, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The event that caused this one, where the producer named it.
    pub cause: Option<EventId>,
    /// The key it is partitioned by.
    pub key: Option<Arc<str>>,
    /// The partition of its key.
    pub partition: Option<Partition>,
}

/// An event as a subscriber to its type receives it.
#[derive(Debug)]
pub struct Delivery<E> {
    /// The facts about the event.
    pub header: Arc<Header>,
    /// The event, shared with the other subscribers.
    pub event: Arc<E>,
    replies: Option<Arc<dyn Replies>>,
}

// By hand: a derived one would ask for `E: Clone`, though the event is shared.
impl<E> Clone for Delivery<E> {
    fn clone(&self) -> Self {
        let Self { header, event, replies } = self;
        Self { header: Arc::clone(header), event: Arc::clone(event), replies: replies.clone() }
    }
}

impl<E: 'static> Message for Delivery<E> {
    type Result = ();
}

impl<E: Request> Delivery<E> {
    /// Answers a request. Returns false when another answer came first, when nobody waits any
    /// more, and for an event that was published without waiting for an answer.
    pub fn reply(&self, answer: E::Reply) -> bool {
        self.replies.as_ref().is_some_and(|replies| replies.reply(Payload::of(answer)))
    }

    /// Returns whether an answer is awaited, as far as this process knows.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.replies.as_ref().is_some_and(|replies| replies.is_awaited())
    }
}

/// An event of any type: what the bus moves, and what a subscriber to all types receives.
#[derive(Debug, Clone)]
pub struct AnyEvent {
    /// The facts about the event.
    pub header: Arc<Header>,
    /// The event itself.
    pub payload: Payload,
    /// The way back for an answer, if one is awaited.
    pub replies: Option<Arc<dyn Replies>>,
}

impl Message for AnyEvent {
    type Result = ();
}

impl AnyEvent {
    /// Converts to the form in which a subscriber to `E` receives it.
    ///
    /// # Errors
    /// [`PayloadError`] when the event is of another type and does not decode as an `E`.
    pub fn typed<E: Event>(self) -> Result<Delivery<E>, PayloadError> {
        let event = self.payload.read::<E>()?;
        Ok(Delivery { header: self.header, event, replies: self.replies })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_of_version_7_in_the_order_of_time_and_all_different() {
        let ids: Vec<EventId> = (0..10_000).map(|n| EventId::of(1_700_000 + n, 7, n)).collect();
        assert!(ids.iter().all(|id| id.uuid().get_version_num() == 7));
        assert!(ids.is_sorted());
        let same_time = (0..100).flat_map(|seed| (0..100).map(move |n| EventId::of(5, seed, n)));
        assert_eq!(same_time.collect::<HashSet<_>>().len(), 10_000);
    }
}
