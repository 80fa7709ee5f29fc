//! Subscribing: the request, built step by step and then awaited.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ms_actor::Overflow;

use crate::error::SubscribeError;
use crate::messages::NewSubscription;
use crate::parts::Parts;
use crate::queue::Buffer;
use crate::sink::Sink;
use crate::subject::{Filter, Subject};
use crate::subscription::Subscription;

/// Longest time a subscriber may take for one event, unless the subscription sets another.
const DEFAULT_HANDLING_LIMIT: Duration = Duration::from_secs(60);

/// A subscription that is being made; await it. See [`BusClient::subscribe`](crate::BusClient::subscribe).
///
/// # Cancel safety
/// Dropped while it waits, it leaves no subscription behind. A subscription that the same actor
/// held before stays.
#[must_use = "a subscription is made when it is awaited"]
pub struct Subscribe {
    parts: Arc<Parts>,
    within: Duration,
    filter: String,
    group: Option<String>,
    sink: Arc<dyn Sink>,
    buffer: Buffer,
}

impl Subscribe {
    pub(crate) fn new(
        parts: Arc<Parts>,
        within: Duration,
        filter: &str,
        sink: Arc<dyn Sink>,
    ) -> Self {
        let buffer = Buffer {
            capacity: parts.shared.buffer.load(Relaxed),
            overflow: parts.shared.config.overflow,
            within: DEFAULT_HANDLING_LIMIT,
        };
        Self { parts, within, filter: filter.to_owned(), group: None, sink, buffer }
    }

    /// Narrows the subjects to those that match `filter`, which may have wildcards.
    pub fn to(mut self, filter: impl Into<String>) -> Self {
        self.filter = filter.into();
        self
    }

    /// Makes the subscriber a member of a queue group, in which each event goes to one member:
    /// an event with a key to the owner of its partition, any other to the members in turn,
    /// skipping those whose buffer is full.
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// Sets how many events may wait (at least one), and what happens to one more.
    pub const fn buffer(mut self, events: usize, overflow: Overflow) -> Self {
        (self.buffer.capacity, self.buffer.overflow) = (events, overflow);
        self
    }

    /// Sets how long the subscriber may take for one event; one minute by default. After that
    /// the event counts as lost, and the next one is delivered.
    pub const fn handled_within(mut self, limit: Duration) -> Self {
        self.buffer.within = limit;
        self
    }

    async fn make(self) -> Result<Subscription, SubscribeError> {
        let Self { parts, within, filter, group, sink, buffer } = self;
        let group = group.map(|name| match Subject::new(&name) {
            Ok(token) if token.tokens().count() == 1 => Ok(Arc::from(name)),
            _ => Err(SubscribeError::Group(name)),
        });
        let wanted = NewSubscription {
            filter: Filter::new(&filter)?,
            group: group.transpose()?,
            sink,
            buffer,
        };
        let actor = parts.actor.get().ok_or(SubscribeError::NotStarted)?;
        // Dropped during this await, the answer is dropped too, and an offer that nobody takes
        // ends its subscription. That is all the cancel safety there is; no message is needed.
        let asked = actor.ask(wanted).within(within).await;
        let offer = asked.map_err(|error| SubscribeError::from_ask(within, &error))??;
        Ok(offer.take())
    }
}

impl IntoFuture for Subscribe {
    type Output = Result<Subscription, SubscribeError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("filter", &self.filter)
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}
