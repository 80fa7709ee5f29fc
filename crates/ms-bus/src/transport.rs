//! The way of events between producers and subscriptions: within the process, or by a server.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::event::AnyEvent;
use crate::interest::Interest;
use crate::local::{Local, Published};

/// Moves events from producers to the subscriptions of this and other processes.
///
/// A transport decides *where* a published event goes. Subscriptions, buffers, queue groups and
/// counts stay in this crate, behind [`Local`]. [`InProcess`] hands each event to [`Local`] at
/// once. A transport that uses a server encodes the event
/// ([`Payload::encode`](crate::Payload::encode); a [`Header`](crate::Header) is `Serialize`) and
/// passes it to an actor of its own, whose child spec is put beside the bus with
/// [`EventBus::beside`](crate::EventBus::beside). What that actor receives it delivers with
/// [`Local::deliver`]. Producers and subscribers notice no difference.
///
/// Both ways to send run in the publisher's own task and must not block.
pub trait Transport: Send + Sync + fmt::Debug + 'static {
    /// Returns the name of the transport, such as `memory`.
    fn name(&self) -> &'static str;

    /// Sends an event without waiting.
    fn send(&self, event: &AnyEvent, local: &Local) -> Published;

    /// Sends an event, and waits for room in buffers that block, for at most `within`.
    fn send_waiting<'a>(
        &'a self,
        event: &'a AnyEvent,
        local: &'a Local,
        within: Duration,
    ) -> Pin<Box<dyn Future<Output = Published> + Send + 'a>>;

    /// Takes note of the subscriptions of this process. The bus actor calls this after each
    /// change, in order. The default ignores it.
    fn interest(&self, _: &[Interest]) {}
}

/// The transport within one process: no server, no wire.
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
