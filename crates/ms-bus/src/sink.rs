//! The end of a subscription: the port of an actor, or a feed.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::time::Duration;

use actix::Message;
use ms_actor::{AnyRef, AskError, Port, SendError};
use ms_core::time::later;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::error::PayloadError;
use crate::event::{AnyEvent, Delivery, Event};
use crate::meters::Outcome;

/// First delay before a subscriber whose mailbox was full is tried again; each is twice the last.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(1);
/// Longest such delay.
const MAX_RETRY_DELAY: Duration = Duration::from_millis(100);

/// A type of message that an event is delivered as.
pub(crate) trait FromEvent: Message<Result = ()> + Send + 'static {
    fn from_event(event: AnyEvent) -> Result<Self, PayloadError>
    where
        Self: Sized;
}

impl<E: Event> FromEvent for Delivery<E> {
    fn from_event(event: AnyEvent) -> Result<Self, PayloadError> {
        event.typed()
    }
}

impl FromEvent for AnyEvent {
    fn from_event(event: AnyEvent) -> Result<Self, PayloadError> {
        Ok(event)
    }
}

pub(crate) type Delivering = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The end of a subscription, which takes one event at a time.
pub(crate) trait Sink: Send + Sync + 'static {
    /// Delivers an event. The future ends when the subscriber has handled it.
    fn deliver(&self, event: AnyEvent, within: Duration) -> Delivering;

    /// Returns the subscriber, where it is an actor.
    fn actor(&self) -> Option<AnyRef>;

    /// Returns the name of the type it takes events as.
    fn takes(&self) -> &'static str;
}

/// The port of an actor. The actor is asked and not told, so that an event counts as handled
/// when its handler has returned, and a slow subscriber holds up its own queue.
pub(crate) struct PortSink<M: Message>(pub(crate) Port<M>);

impl<M: FromEvent> Sink for PortSink<M> {
    fn deliver(&self, event: AnyEvent, within: Duration) -> Delivering {
        match M::from_event(event) {
            Ok(message) => Box::pin(ask_until(self.0.clone(), message, within)),
            Err(error) => unreadable(error),
        }
    }

    fn actor(&self) -> Option<AnyRef> {
        Some(self.0.any())
    }

    fn takes(&self) -> &'static str {
        std::any::type_name::<M>()
    }
}

async fn ask_until<M: FromEvent>(port: Port<M>, mut message: M, within: Duration) -> Outcome {
    let until = later(Instant::now(), within);
    let mut delay = FIRST_RETRY_DELAY;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match port.ask(message, left).await {
            Ok(()) => return Outcome::Handled,
            // A mailbox that rejects gives the message back at once instead of making the asker
            // wait, so the wait is here.
            Err(AskError::NotSent(SendError::Full { message: back, .. })) if !left.is_zero() => {
                message = back;
            }
            Err(_) => return Outcome::Lost,
        }
        sleep(delay.min(left)).await;
        delay = delay.saturating_mul(2).min(MAX_RETRY_DELAY);
    }
}

/// A feed. An event counts as handled when the feed has taken it.
pub(crate) struct FeedSink<M> {
    pub(crate) into: mpsc::Sender<M>,
    // A function type, because a sink is `Sync` and a message need not be.
    pub(crate) takes: PhantomData<fn(M)>,
}

impl<M: FromEvent> Sink for FeedSink<M> {
    fn deliver(&self, event: AnyEvent, within: Duration) -> Delivering {
        let into = self.into.clone();
        match M::from_event(event) {
            Ok(message) => Box::pin(async move {
                match timeout(within, into.send(message)).await {
                    Ok(Ok(())) => Outcome::Handled,
                    Ok(Err(_)) | Err(_) => Outcome::Lost,
                }
            }),
            Err(error) => unreadable(error),
        }
    }

    fn actor(&self) -> Option<AnyRef> {
        None
    }

    fn takes(&self) -> &'static str {
        std::any::type_name::<M>()
    }
}

fn unreadable(error: PayloadError) -> Delivering {
    let source = std::error::Error::source(&error).map(ToString::to_string);
    // At `debug`: the outcome is counted, and a publisher of the wrong type would flood the log.
    tracing::debug!(%error, source, "an event was not delivered");
    Box::pin(std::future::ready(Outcome::Unreadable))
}
