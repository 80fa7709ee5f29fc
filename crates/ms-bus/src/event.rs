//! Events: what is published, what is known of each, and what a subscriber is given.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use actix::Message;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::partition::{Partition, mix};
use crate::payload::{Payload, Replies};
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
    /// The subject of all events of this type; with wildcards where [`Event::subject`] says
    /// more. Who subscribes to the type gets what matches it.
    const SUBJECT: &'static str;

    /// The subject of this very event; must match [`Event::SUBJECT`], which it is unless told
    /// otherwise.
    fn subject(&self) -> Cow<'static, str> {
        Cow::Borrowed(Self::SUBJECT)
    }

    /// Events with the same key belong to the same partition, and go to the same member of a
    /// queue group as long as its members stay. None unless told otherwise.
    fn key(&self) -> Option<Cow<'_, str>> {
        None
    }
}

/// An event that is answered.
pub trait Request: Event {
    /// The answer.
    type Reply: Serialize + DeserializeOwned + Send + Sync + 'static;
}

/// The id of one event: a UUID of version 7, in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// The id of event `sequence` of a producer with this seed, at a time.
    ///
    /// Pure: the chance of two alike is that of two producers with like seeds.
    pub(crate) fn of(unix_ms: u64, seed: u128, sequence: u64) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "both halves are used")]
        let (high, low) = ((seed >> 64) as u64, seed as u64);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&mix(low ^ mix(sequence)).to_be_bytes());
        random[8..].copy_from_slice(&mix(high.wrapping_add(sequence)).to_be_bytes()[..2]);
        Self(Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    /// The id as a UUID.
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

/// What is known of an event beside what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its id.
    pub id: EventId,
    /// What it is about.
    pub subject: Subject,
    /// Who published it.
    pub producer: Arc<str>,
    /// Which [`Producer`](crate::Producer) of that name; another one after a restart.
    pub life: Uuid,
    /// Its number among all events of that producer, from 1.
    pub sequence: u64,
    /// When it was published, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The event that led to this one, where its producer said so.
    pub cause: Option<EventId>,
    /// What it is partitioned by.
    pub key: Option<Arc<str>>,
    /// The partition of its key.
    pub partition: Option<Partition>,
}

/// An event as a subscriber to its type is given it.
#[derive(Debug)]
pub struct Delivery<E> {
    /// What is known of it.
    pub header: Arc<Header>,
    /// What it says; shared with the other subscribers.
    pub event: Arc<E>,
    pub(crate) replies: Option<Arc<dyn Replies>>,
}

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
    /// Answers. The first answer counts; false when another came before, when nobody waits any
    /// more, and for an event that was published and not asked.
    pub fn reply(&self, answer: E::Reply) -> bool {
        self.replies.as_ref().is_some_and(|replies| replies.reply(Payload::of(answer)))
    }

    /// Whether somebody waits for an answer, as far as is known here.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.replies.as_ref().is_some_and(|replies| replies.is_awaited())
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
