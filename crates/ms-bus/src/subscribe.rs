//! Subscribing: what is wanted, and the handle that ends it.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ms_actor::Overflow;

use crate::actor::{Unsubscribe, Wanted};
use crate::client::{BusClient, Shared};
use crate::error::SubscribeError;
use crate::outlet::{Buffer, Tenure};
use crate::sink::Sink;
use crate::subject::{Filter, Subject};

/// How long a subscriber may take for one event unless the subscription says otherwise.
const HANDLED_WITHIN: Duration = Duration::from_secs(60);

/// A subscription to be; await it. See [`BusClient::subscribe`].
#[must_use = "a subscription is made when it is awaited"]
pub struct Subscribe {
    bus: BusClient,
    filter: String,
    group: Option<String>,
    sink: Arc<dyn Sink>,
    buffer: Buffer,
}

impl Subscribe {
    pub(crate) fn new(bus: BusClient, filter: &str, sink: Arc<dyn Sink>) -> Self {
        let buffer = Buffer {
            capacity: bus.shared.buffer.load(Relaxed),
            overflow: bus.shared.config.overflow,
            within: HANDLED_WITHIN,
        };
        Self { bus, filter: filter.to_owned(), group: None, sink, buffer }
    }

    /// Which subjects, wildcards permitted.
    pub fn to(mut self, filter: impl Into<String>) -> Self {
        self.filter = filter.into();
        self
    }

    /// As a member of a queue group: each event goes to one of its members. One with a key to
    /// the owner of its partition, others in turn, to the first that has room.
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// How many events may wait, and what happens to one more.
    pub const fn buffer(mut self, events: usize, overflow: Overflow) -> Self {
        (self.buffer.capacity, self.buffer.overflow) = (events, overflow);
        self
    }

    /// How long the subscriber may take for one event (default one minute); then it counts as
    /// lost, and the next one is given.
    pub const fn handled_within(mut self, limit: Duration) -> Self {
        self.buffer.within = limit;
        self
    }

    async fn make(self) -> Result<Subscription, SubscribeError> {
        let Self { bus, filter, group, sink, buffer } = self;
        let group = group.map(|name| match Subject::new(&name) {
            Ok(token) if token.tokens().count() == 1 => Ok(Arc::from(name)),
            _ => Err(SubscribeError::Group(name)),
        });
        let wanted =
            Wanted { filter: Filter::new(&filter)?, group: group.transpose()?, sink, buffer };
        let actor = bus.shared.actor().ok_or(SubscribeError::NotStarted)?;
        let asked = actor.ask(wanted).within(bus.within).await;
        let held = asked.map_err(|error| SubscribeError::from_ask(bus.within, &error))??;
        Ok(Subscription { shared: Arc::clone(&bus.shared), held, kept: false })
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

/// What a subscriber holds of its subscription.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) id: u64,
    pub(crate) holder: u64,
    pub(crate) filter: Filter,
    pub(crate) tenure: Arc<Tenure>,
}

/// A subscription. It ends when this is dropped, when its subscriber is gone for good, and by
/// [`Subscription::end`]; [`Subscription::keep`] leaves the first out.
///
/// It follows restarts of its subscriber. When the same actor subscribes again with the same
/// filter, group and type, it gets the subscription there is, and the newest handle holds it.
pub struct Subscription {
    shared: Arc<Shared>,
    held: Held,
    kept: bool,
}

impl Subscription {
    /// Its number.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.held.id
    }

    /// What it wants.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.held.filter
    }

    /// Whether events may still come.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.held.tenure.is_ended()
    }

    /// Lets it live as long as its subscriber. Its number comes back.
    pub fn keep(mut self) -> u64 {
        self.kept = true;
        self.held.id
    }

    /// Ends it: no event is given from now on; those that wait are discarded and counted.
    pub fn end(self) {}
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let Held { id, holder, tenure, .. } = &self.held;
        if self.kept || !tenure.is_held_by(*holder) {
            return;
        }
        // Publishers see this at once; the bus clears up when it comes to it.
        tenure.end();
        if let Some(actor) = self.shared.actor() {
            // A bus that is too busy to hear of it clears up with the next change.
            drop(actor.try_tell(Unsubscribe(*id)));
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.held.id)
            .field("filter", &self.held.filter)
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}
