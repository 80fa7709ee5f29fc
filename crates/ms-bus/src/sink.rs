//! Where a subscription's events go: to a port, or into a feed.

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
use crate::event::{Delivery, Event};
use crate::meters::Outcome;
use crate::payload::AnyEvent;

/// First pause before a subscriber that refuses mail is tried again; each is twice the last.
const PAUSE: Duration = Duration::from_millis(1);
/// Longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// What a subscriber can be given an event as.
pub(crate) trait Given: Message<Result = ()> + Send + 'static {
    fn given(event: AnyEvent) -> Result<Self, PayloadError>
    where
        Self: Sized;
}

impl<E: Event> Given for Delivery<E> {
    fn given(event: AnyEvent) -> Result<Self, PayloadError> {
        event.typed()
    }
}

impl Given for AnyEvent {
    fn given(event: AnyEvent) -> Result<Self, PayloadError> {
        Ok(event)
    }
}

pub(crate) type Delivering = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Takes one event at a time.
pub(crate) trait Sink: Send + Sync + 'static {
    /// Done when the subscriber is done with it.
    fn deliver(&self, event: AnyEvent, within: Duration) -> Delivering;

    /// The subscriber, where it is an actor.
    fn actor(&self) -> Option<AnyRef>;

    /// The type it takes events as.
    fn takes(&self) -> &'static str;
}

/// An actor: asked, so that an event counts as handled when it is.
pub(crate) struct PortSink<M: Message>(pub(crate) Port<M>);

impl<M: Given> Sink for PortSink<M> {
    fn deliver(&self, event: AnyEvent, within: Duration) -> Delivering {
        match M::given(event) {
            Ok(message) => Box::pin(handled(self.0.clone(), message, within)),
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

async fn handled<M: Given>(port: Port<M>, mut message: M, within: Duration) -> Outcome {
    let until = later(Instant::now(), within);
    let mut pause = PAUSE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match port.ask(message, left).await {
            Ok(()) => return Outcome::Handled,
            // Its mailbox refuses instead of having us wait: then we wait ourselves.
            Err(AskError::NotSent(SendError::Full { message: back, .. })) if !left.is_zero() => {
                message = back;
            }
            Err(_) => return Outcome::Lost,
        }
        sleep(pause.min(left)).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// A feed: an event counts as handled when the feed has room for it.
pub(crate) struct FeedSink<M> {
    pub(crate) into: mpsc::Sender<M>,
    pub(crate) takes: PhantomData<fn(M)>,
}

impl<M: Given> Sink for FeedSink<M> {
    fn deliver(&self, event: AnyEvent, within: Duration) -> Delivering {
        let into = self.into.clone();
        match M::given(event) {
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
    // Counted; a line for each would be a flood.
    tracing::debug!(%error, source, "an event was not delivered");
    Box::pin(std::future::ready(Outcome::Unreadable))
}
