//! Events for code that is no actor.

use std::fmt;

use ms_actor::Overflow;
use tokio::sync::mpsc;

use crate::error::SubscribeError;
use crate::subscribe::{Subscribe, Subscription};

/// Events to be taken one after the other; see [`BusClient::feed`](crate::BusClient::feed).
///
/// One event waits here, the others in the buffer of the subscription.
#[must_use = "a feed subscribes when it is opened"]
pub struct Feed<M> {
    subscribe: Subscribe,
    out: mpsc::Receiver<M>,
}

impl<M> Feed<M> {
    pub(crate) const fn new(subscribe: Subscribe, out: mpsc::Receiver<M>) -> Self {
        Self { subscribe, out }
    }

    /// As [`Subscribe::to`].
    pub fn to(mut self, filter: impl Into<String>) -> Self {
        self.subscribe = self.subscribe.to(filter);
        self
    }

    /// As [`Subscribe::group`].
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.subscribe = self.subscribe.group(name);
        self
    }

    /// As [`Subscribe::buffer`].
    pub fn buffer(mut self, events: usize, overflow: Overflow) -> Self {
        self.subscribe = self.subscribe.buffer(events, overflow);
        self
    }

    /// Subscribes.
    ///
    /// # Errors
    /// See [`SubscribeError`].
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

/// An open [`Feed`]; its subscription ends when it is dropped.
pub struct OpenFeed<M> {
    out: mpsc::Receiver<M>,
    subscription: Subscription,
}

impl<M> OpenFeed<M> {
    /// The next event; `None` when the bus is gone with all its handles.
    ///
    /// # Cancel safety
    /// Dropped before it is done, no event is lost.
    pub async fn next(&mut self) -> Option<M> {
        self.out.recv().await
    }

    /// The subscription behind it.
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
