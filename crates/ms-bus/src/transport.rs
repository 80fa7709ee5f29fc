//! The way events take: within the process, or by way of a server.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::local::{Local, Published};
use crate::payload::AnyEvent;
use crate::subject::Filter;

/// What carries events from producers to the subscriptions of this and other processes.
///
/// A transport decides *where* a published event goes; subscriptions, buffers, queue groups and
/// counts stay those of this crate, behind [`Local`]. [`InProcess`] hands each event to
/// [`Local`] at once. One that goes by a server encodes the event
/// ([`Payload::encode`](crate::Payload::encode); a [`Header`](crate::Header) is `Serialize`),
/// gives it to an actor of its own, whose child spec it puts beside the bus with
/// [`EventBus::beside`](crate::EventBus::beside), and has what that actor receives delivered by
/// [`Local::deliver`]. Producers and subscribers do not notice.
///
/// Both ways in run in the publisher and must not block.
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Its name: `memory`.
    fn name(&self) -> &'static str;

    /// Takes an event without waiting.
    fn send(&self, event: &AnyEvent, local: &Local) -> Published;

    /// Takes an event, waiting for room where a buffer says so, at most `within`.
    fn send_waiting<'a>(
        &'a self,
        event: &'a AnyEvent,
        local: &'a Local,
        within: Duration,
    ) -> Pin<Box<dyn Future<Output = Published> + Send + 'a>>;

    /// The subscriptions of this process are now these. Called by the bus actor, in order.
    fn interest(&self, _: &[Interest]) {}
}

/// What a subscription of this process wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Interest {
    /// Which subjects.
    pub filter: Filter,
    /// As a member of which queue group.
    pub group: Option<Arc<str>>,
}

/// The transport of one process: no server, no wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct InProcess;

impl Transport for InProcess {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn send(&self, event: &AnyEvent, local: &Local) -> Published {
        local.deliver(event)
    }

    fn send_waiting<'a>(
        &'a self,
        event: &'a AnyEvent,
        local: &'a Local,
        within: Duration,
    ) -> Pin<Box<dyn Future<Output = Published> + Send + 'a>> {
        Box::pin(local.deliver_waiting(event, within))
    }
}
