//! The handle for publishers and subscribers.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ms_actor::Port;
use tokio::sync::mpsc;

use crate::event::{AnyEvent, Delivery, Event};
use crate::feed::Feed;
use crate::meters::BusStats;
use crate::parts::Parts;
use crate::producer::Producer;
use crate::sink::{FeedSink, PortSink};
use crate::subscribe::Subscribe;

/// Deadline of subscribing and of publishing with a wait, unless the caller sets another.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

/// A handle to an event bus. It is cheap to clone and usable from any thread, also before the
/// bus runs: nobody subscribes then, so nothing that is published is delivered.
#[derive(Clone)]
pub struct BusClient {
    parts: Arc<Parts>,
    within: Duration,
}

impl BusClient {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        Self { parts, within: DEFAULT_DEADLINE }
    }

    /// Returns the same handle with another deadline for subscribing and for
    /// [`Producer::publish_waiting`]. The default is five seconds.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { within: limit, ..self.clone() }
    }

    /// Returns the name of the transport: `memory` within one process.
    #[must_use]
    pub fn transport(&self) -> &'static str {
        self.parts.transport.name()
    }

    /// Returns a producer of this name: that of the component, or the path of the actor.
    pub fn producer(&self, name: impl Into<Arc<str>>) -> Producer {
        Producer::new(Arc::clone(&self.parts), self.within, name.into())
    }

    /// Subscribes an actor that handles `Delivery<E>` to events of type `E`: to all of them,
    /// unless [`Subscribe::to`] narrows the subjects.
    pub fn subscribe<E: Event>(&self, port: Port<Delivery<E>>) -> Subscribe {
        let parts = Arc::clone(&self.parts);
        Subscribe::new(parts, self.within, E::SUBJECT, Arc::new(PortSink(port)))
    }

    /// Subscribes an actor that handles [`AnyEvent`] to events of all types: to all of them,
    /// unless [`Subscribe::to`] narrows the subjects.
    pub fn subscribe_any(&self, port: Port<AnyEvent>) -> Subscribe {
        Subscribe::new(Arc::clone(&self.parts), self.within, ">", Arc::new(PortSink(port)))
    }

    /// Prepares a feed of events of type `E`, for code that is not an actor. The subscription
    /// ends when the feed is dropped.
    pub fn feed<E: Event>(&self) -> Feed<Delivery<E>> {
        // One place: the buffer of the subscription is where events wait, and are counted.
        let (into, out) = mpsc::channel(1);
        let sink = Arc::new(FeedSink { into, takes: PhantomData });
        Feed::new(Subscribe::new(Arc::clone(&self.parts), self.within, E::SUBJECT, sink), out)
    }

    /// Returns the counts of the bus and of each subscription.
    #[must_use]
    pub fn stats(&self) -> BusStats {
        let totals = &self.parts.shared.totals;
        let (counts, subscriptions) = self.parts.shared.table().stats();
        BusStats {
            published: totals.published.load(Relaxed),
            unmatched: totals.unmatched.load(Relaxed),
            counts,
            subscriptions,
        }
    }
}

impl fmt::Debug for BusClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusClient")
            .field("transport", &self.transport())
            .field("subscriptions", &self.parts.shared.table().len())
            .finish_non_exhaustive()
    }
}
