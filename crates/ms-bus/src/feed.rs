//! Events for code that is not an actor.

use std::fmt;

use ms_actor::Overflow;
use tokio::sync::mpsc;

use crate::error::SubscribeError;
use crate::subscribe::Subscribe;
use crate::subscription::Subscription;

/// A feed that is being made; open it. See [`BusClient::feed`](crate::BusClient::feed).
#[must_use = "a feed subscribes when it is opened"]
pub struct Feed<M> {
    subscribe: Subscribe,
    out: mpsc::Receiver<M>,
}

impl<M> Feed<M> {
    pub(crate) const fn new(subscribe: Subscribe, out: mpsc::Receiver<M>) -> Self {
        Self { subscribe, out }
    }

    /// Narrows the subjects, as [`Subscribe::to`] does.
    pub fn to(mut self, filter: impl Into<String>) -> Self {
        self.subscribe = self.subscribe.to(filter);
        self
    }

    /// Makes the feed a member of a queue group, as [`Subscribe::group`] does.
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.subscribe = self.subscribe.group(name);
        self
    }

    /// Sets how many events may wait, as [`Subscribe::buffer`] does.
    pub fn buffer(mut self, events: usize, overflow: Overflow) -> Self {
        self.subscribe = self.subscribe.buffer(events, overflow);
        self
    }

    /// Subscribes and opens the feed.
    ///
    /// # Errors
    /// [`SubscribeError`] when the subscription is not made.
    pub async fn open(self) -> Result<OpenFeed<M>, SubscribeError> {
        let subscription = self.subscribe.await?;
        Ok(OpenFeed { out: self.out, subscription })
    }
}

impl<M> fmt::Debug for Feed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Feed").field(&self.subscribe).finish()
    }
}

/// An open [`Feed`]. Its subscription ends when it is dropped.
///
/// One event waits in the feed itself, all others in the buffer of the subscription.
pub struct OpenFeed<M> {
    out: mpsc::Receiver<M>,
    subscription: Subscription,
}

impl<M> OpenFeed<M> {
    /// Waits for the next event. Returns `None` when the bus and all its handles are gone.
    ///
    /// # Cancel safety
    /// Dropped while it waits, no event is lost.
    pub async fn next(&mut self) -> Option<M> {
        self.out.recv().await
    }

    /// Returns the subscription of the feed.
    #[must_use]
    pub const fn subscription(&self) -> &Subscription {
        &self.subscription
    }
}

impl<M> fmt::Debug for OpenFeed<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpenFeed").field(&self.subscription).finish()
    }
}
