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
use crate::queue::{Buffer, Seat};
use crate::sink::Sink;
use crate::subject::{Filter, Subject};

/// How long a subscriber may take for one event unless the subscription says otherwise.
const HANDLED_WITHIN: Duration = Duration::from_secs(60);

/// A subscription to be; await it. See [`BusClient::subscribe`].
///
/// # Cancel safety
/// Given up while it waits, no subscription is left behind; one that the same actor held
/// before stays.
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

    /// How many events may wait, at least one, and what happens to one more.
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

    // Dropped while it waits, the answer is dropped with it, and ends what it offers.
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
        let offer = asked.map_err(|error| SubscribeError::from_ask(bus.within, &error))??;
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

/// The answer to who subscribes. Dropped before it is taken, because who asked has given up,
/// it ends the subscription, unless a handle holds that already.
pub(crate) struct Offer {
    shared: Arc<Shared>,
    seat: Arc<Seat>,
    taken: bool,
}

impl Offer {
    /// `None` when the subscription has ended.
    pub(crate) fn of(shared: &Arc<Shared>, seat: &Arc<Seat>) -> Option<Self> {
        let offered = seat.tenure.offer();
        let (shared, seat) = (Arc::clone(shared), Arc::clone(seat));
        offered.then(|| Self { shared, seat, taken: false })
    }

    fn take(mut self) -> Subscription {
        self.taken = true;
        let handle = self.seat.tenure.take();
        let (shared, seat) = (Arc::clone(&self.shared), Arc::clone(&self.seat));
        Subscription { shared, seat, handle, kept: false }
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        if !self.taken && self.seat.tenure.give_up() {
            ended(&self.shared, &self.seat);
        }
    }
}

/// Has the bus clear up what is left of a subscription that has ended. Publishers see the end
/// at once; a bus that is too busy to hear of it clears up with its next change.
fn ended(shared: &Shared, seat: &Seat) {
    if let Some(actor) = shared.actor() {
        drop(actor.try_tell(Unsubscribe(seat.id)));
    }
}

/// A subscription. It ends when this is dropped, when its subscriber is gone for good, and by
/// [`Subscription::end`]; [`Subscription::keep`] leaves the first out.
///
/// It follows restarts of its subscriber. When the same actor subscribes again with the same
/// filter, group and type, it gets the subscription there is, and the newest handle holds it.
pub struct Subscription {
    shared: Arc<Shared>,
    seat: Arc<Seat>,
    handle: u64,
    kept: bool,
}

impl Subscription {
    /// Its number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.seat.id
    }

    /// What it wants.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.seat.filter
    }

    /// Whether events may still come.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.seat.tenure.is_ended()
    }

    /// Lets it live as long as its subscriber. Its number comes back.
    pub fn keep(mut self) -> u64 {
        self.kept = true;
        self.seat.id
    }

    /// Ends it: no event is given from now on; those that wait are discarded and counted.
    pub fn end(self) {}
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if !self.kept && self.seat.tenure.let_go(self.handle) {
            ended(&self.shared, &self.seat);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.seat.id)
            .field("filter", &self.seat.filter)
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}
