//! Probes: actors that record the messages they get.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Actor, Handler, Message};
use ms_actor::{AnyRef, Context, Node, Port, Ref, spawn};
use ms_core::time::later;
use ms_core::{IdError, Tick};
use tokio::sync::Notify;

use crate::ends::fail;

/// A message that a probe got, and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<M> {
    /// The message.
    pub message: M,
    /// Virtual time since the node booted.
    pub at: Tick,
}

struct Inbox<M> {
    waiting: Mutex<VecDeque<Envelope<M>>>,
    arrived: Notify,
}

/// An actor that takes messages of one type and keeps them for the test.
///
/// It answers each with what the closure of [`Probe::answering`] returns, or with the default of the
/// answer's type.
///
/// ```
/// use actix::Message;
/// use ms_testkit::{Probe, TestSystem};
///
/// #[derive(Debug, PartialEq, Message)]
/// #[rtype(result = "()")]
/// struct Ping(u32);
///
/// TestSystem::run(async |t| {
///     let probe = Probe::<Ping>::new(t.node(), "probe").unwrap();
///     probe.port().try_tell(Ping(1)).unwrap();
///     assert_eq!(probe.expect(t.soon()).await, Ping(1));
///     probe.expect_silence(t.soon()).await;
/// });
/// ```
#[doc(alias = "TestEventConsumer")]
pub struct Probe<M: Message + 'static> {
    actor: Ref<ProbeActor<M>>,
    inbox: Arc<Inbox<M>>,
}

/// The actor behind a [`Probe`].
pub struct ProbeActor<M: Message> {
    inbox: Arc<Inbox<M>>,
    answer: Answer<M>,
}

type Answer<M> = Box<dyn FnMut(&M) -> <M as Message>::Result + Send>;

impl<M> Probe<M>
where
    M: Message + Send + 'static,
    M::Result: Send + Default + actix::dev::MessageResponse<ProbeActor<M>, M>,
{
    /// Starts a probe at `/local/NAME` that answers with the default of the answer's type.
    ///
    /// # Errors
    /// [`IdError`] if the name is not an actor id.
    pub fn new(node: &Node, name: &str) -> Result<Self, IdError> {
        Self::answering(node, name, |_| M::Result::default())
    }
}

impl<M> Probe<M>
where
    M: Message + Send + 'static,
    M::Result: Send + actix::dev::MessageResponse<ProbeActor<M>, M>,
{
    /// Starts a probe at `/local/NAME` that answers with what `answer` returns.
    ///
    /// # Errors
    /// [`IdError`] if the name is not an actor id.
    pub fn answering(
        node: &Node,
        name: &str,
        answer: impl FnMut(&M) -> M::Result + Send + 'static,
    ) -> Result<Self, IdError> {
        let waiting = Mutex::new(VecDeque::new());
        let inbox = Arc::new(Inbox { waiting, arrived: Notify::new() });
        let actor = ProbeActor { inbox: Arc::clone(&inbox), answer: Box::new(answer) };
        Ok(Self { actor: spawn(node, name, actor)?, inbox })
    }

    /// Returns the port to send messages to.
    #[must_use]
    pub fn port(&self) -> Port<M> {
        self.actor.port()
    }

    /// Returns the untyped reference to the probe.
    #[must_use]
    pub fn any(&self) -> AnyRef {
        self.actor.any()
    }

    /// Waits for the next message, in the order of arrival.
    ///
    /// # Panics
    /// If none comes `within` that virtual time.
    #[track_caller]
    pub fn expect(&self, within: Duration) -> impl Future<Output = M> + use<'_, M> {
        let place = Location::caller();
        async move {
            match self.next(within).await {
                Some(envelope) => envelope.message,
                None => fail(place, &format!("{} gets no message within {within:?}", self.name())),
            }
        }
    }

    /// Waits for the next `count` messages, in the order of arrival.
    ///
    /// # Panics
    /// If fewer come `within` that virtual time.
    #[track_caller]
    pub fn expect_many(
        &self,
        count: usize,
        within: Duration,
    ) -> impl Future<Output = Vec<M>> + use<'_, M> {
        let place = Location::caller();
        async move {
            let until = later(tokio::time::Instant::now(), within);
            let mut got = Vec::with_capacity(count);
            while got.len() < count {
                let left = until.saturating_duration_since(tokio::time::Instant::now());
                match self.next(left).await {
                    Some(envelope) => got.push(envelope.message),
                    None => {
                        let name = self.name();
                        fail(place, &format!("{name} gets {} of {count} messages", got.len()))
                    }
                }
            }
            got
        }
    }

    /// Lets that virtual time pass, and makes sure that no message comes.
    ///
    /// # Panics
    /// If one comes.
    #[track_caller]
    pub fn expect_silence(&self, during: Duration) -> impl Future<Output = ()> + use<'_, M>
    where
        M: fmt::Debug,
    {
        let place = Location::caller();
        async move {
            if let Some(envelope) = self.next(during).await {
                let (name, message, at) = (self.name(), envelope.message, envelope.at);
                fail(place, &format!("{name} gets {message:?} after {} ms", at.as_millis()));
            }
        }
    }

    /// Waits for the next message and returns it with its time; `None` if none comes `within` that
    /// virtual time.
    pub async fn next(&self, within: Duration) -> Option<Envelope<M>> {
        let until = later(tokio::time::Instant::now(), within);
        loop {
            // Registered before the look into the inbox, so that a message between the two is not
            // missed.
            let arrived = self.inbox.arrived.notified();
            if let Some(first) = self.inbox.pop() {
                return Some(first);
            }
            if tokio::time::timeout_at(until, arrived).await.is_err() {
                return self.inbox.pop();
            }
        }
    }

    fn name(&self) -> String {
        self.actor.path().to_string()
    }
}

impl<M> Inbox<M> {
    fn pop(&self) -> Option<Envelope<M>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

// The messages are moved in and out, never pinned.
impl<M: Message> Unpin for ProbeActor<M> {}

impl<M: Message + 'static> Actor for ProbeActor<M> {
    type Context = Context<Self>;
}

impl<M> Handler<M> for ProbeActor<M>
where
    M: Message + 'static,
    M::Result: actix::dev::MessageResponse<Self, M>,
{
    type Result = M::Result;

    fn handle(&mut self, message: M, ctx: &mut Self::Context) -> M::Result {
        let answer = (self.answer)(&message);
        let envelope = Envelope { message, at: ctx.node().now() };
        self.inbox.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(envelope);
        self.inbox.arrived.notify_one();
        answer
    }
}

impl<M: Message + 'static> fmt::Debug for Probe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Probe").field(&self.actor).finish()
    }
}

impl<M: Message> fmt::Debug for ProbeActor<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeActor").finish_non_exhaustive()
    }
}
