//! References: what callers hold.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use actix::{Actor, Handler, Message};
use ms_core::{ActorPath, ExitReason};
use tokio::time::Sleep;

use crate::cell::core::AnyCell;
use crate::cell::hosted::{Accepts, Cell, Hosted};
use crate::error::{AskError, SendError};
use crate::mail::line::Spot;
use crate::mail::mailbox::Refusal;
use crate::mail::spec::Overflow;
use crate::refs::any::AnyRef;
use crate::refs::ask::{Ask, wait_for_room};
use crate::run::context::{Context, DEFAULT_WITHIN};
use crate::run::envelope::{Envelope, Typed};
use crate::sync::lock;

/// A reference to an actor: cheap to clone, typed, and valid over its restarts.
///
/// [`try_tell`](Self::try_tell) never waits, [`tell`](Self::tell) waits for room in
/// the mailbox, [`ask`](Self::ask) waits for the answer. Every wait has a deadline,
/// every error says why the actor ended and hands an unsent message back.
///
/// Messages of one sender to one actor arrive in the order they were sent. What is
/// sent through a plain actix `Addr` of the same actor is ordered among itself.
pub struct Ref<A: Hosted>(Arc<Cell<A>>);

impl<A: Hosted> Ref<A> {
    pub(crate) fn new(cell: Arc<Cell<A>>) -> Self {
        cell.core.handles.fetch_add(1, Ordering::Relaxed);
        Self(cell)
    }

    /// Where the actor lives.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        &self.0.core.path
    }

    /// The same reference without the actor's type.
    #[must_use]
    pub fn any(&self) -> AnyRef {
        AnyRef::new(Arc::clone(&self.0) as Arc<dyn AnyCell>)
    }

    /// A reference that does not keep the actor alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakRef<A> {
        WeakRef(Arc::downgrade(&self.0))
    }

    /// Whether an incarnation is live right now.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.any().is_alive()
    }

    /// Sends without waiting.
    ///
    /// # Errors
    /// [`SendError::Full`] at the bound when the mailbox blocks or rejects, and while the places
    /// that are free belong to senders that wait for them;
    /// [`SendError::Closed`] when the actor takes no messages. Both hand the message back.
    #[inline]
    pub fn try_tell<M: Message>(&self, message: M) -> Result<(), SendError<M>>
    where
        A::Context: Accepts<A, M>,
    {
        <A::Context as Accepts<A, M>>::offer(&self.0, message, None)
            .map_err(|(message, refusal)| self.refused(message, refusal))
    }

    /// Sends, waiting for room in a mailbox that [blocks](Overflow::Block); at most
    /// five seconds unless [`Tell::within`] says otherwise.
    ///
    /// # Errors
    /// As [`Ref::try_tell`], and [`SendError::TimedOut`].
    ///
    /// # Cancel safety
    /// Dropped before it is done, the message was not sent. A future that waits for room has a
    /// place in line: kept without being polled or dropped, it holds that place up to its
    /// deadline.
    pub fn tell<M: Message>(&self, message: M) -> Tell<A, M>
    where
        A::Context: Accepts<A, M>,
    {
        Tell {
            cell: Arc::clone(&self.0),
            message: Some(message),
            within: DEFAULT_WITHIN,
            sleep: None,
            spot: None,
        }
    }

    /// Sends and waits for the answer; at most five seconds unless [`Ask::within`] says otherwise.
    ///
    /// # Errors
    /// [`AskError`]: not sent (with the message), the actor ended first (with its
    /// reason), no answer in time, dropped without an answer, or a deadlock.
    ///
    /// # Cancel safety
    /// Dropped before it is done, the message may have been handled; an actor that
    /// has not begun with it yet skips it.
    pub fn ask<M: Message>(&self, message: M) -> Ask<A, M>
    where
        A::Context: Accepts<A, M>,
    {
        Ask::new(Arc::clone(&self.0), message, DEFAULT_WITHIN)
    }

    /// A handle for one message type, whatever the actor's type.
    #[must_use]
    pub fn port<M: Message + Send + 'static>(&self) -> Port<M>
    where
        A::Context: Accepts<A, M>,
        M::Result: Send,
    {
        Port(Arc::new(PortOf(self.clone())))
    }

    fn refused<M>(&self, message: M, refusal: Refusal) -> SendError<M> {
        refused(&self.0, message, refusal)
    }
}

pub(crate) fn refused<A: Hosted, M>(cell: &Cell<A>, message: M, refusal: Refusal) -> SendError<M> {
    let path = cell.core.path.clone();
    match refusal {
        Refusal::Full => {
            let capacity = cell.core.mailbox.capacity.unwrap_or(0);
            SendError::Full { message, path, capacity }
        }
        Refusal::Closed(reason) => SendError::Closed { message, path, reason },
    }
}

impl<A: Actor<Context = Context<A>>> Ref<A> {
    /// Says, on the actor's behalf, that a handler which takes long is not hung.
    pub fn heartbeat(&self) {
        let now = self.0.core.node.coarse();
        lock(&self.0.lane).heartbeat(now);
    }
}

impl<A: Hosted> Clone for Ref<A> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.0))
    }
}

impl<A: Hosted> Drop for Ref<A> {
    fn drop(&mut self) {
        let core = &self.0.core;
        if core.handles.fetch_sub(1, Ordering::AcqRel) == 1 && !core.is_supervised() {
            // Perhaps nobody wants it any more: the run loop looks.
            core.bell.ring();
        }
    }
}

impl<A: Hosted> fmt::Debug for Ref<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ref<{}>({})", type_name::<A>(), self.path())
    }
}

impl<A: Hosted> PartialEq for Ref<A> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<A: Hosted> Eq for Ref<A> {}

impl<A: Hosted> Hash for Ref<A> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.core.uid.hash(state);
    }
}

/// A [`Ref`] that does not keep the actor alive.
pub struct WeakRef<A: Hosted>(Weak<Cell<A>>);

impl<A: Hosted> WeakRef<A> {
    /// The reference, while the actor's cell is still there.
    #[must_use]
    pub fn upgrade(&self) -> Option<Ref<A>> {
        self.0.upgrade().map(Ref::new)
    }
}

/// Delivers a notice of the kernel past the mailbox's bound: such notices are
/// bounded by what asked for them.
pub(crate) fn notify_unbounded<A, M>(cell: &Cell<A>, message: M)
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    let typed = Box::new(Typed { message, reply: None, deadline: None });
    let mut inbox = lock(&cell.lane);
    if inbox.is_closed() {
        return;
    }
    let wake = inbox.push(Envelope { letter: typed, stamp: 0 }, &cell.core.arbiter, || 0);
    drop(inbox);
    if let Some(elsewhere) = wake {
        elsewhere.wake();
    }
}

impl<A: Hosted> Clone for WeakRef<A> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0))
    }
}

impl<A: Hosted> fmt::Debug for WeakRef<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeakRef<{}>", type_name::<A>())
    }
}

/// A send that waits for room; see [`Ref::tell`].
#[must_use = "a tell sends only when it is awaited"]
pub struct Tell<A: Hosted, M> {
    cell: Arc<Cell<A>>,
    message: Option<M>,
    within: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    spot: Option<Spot>,
}

// The message is moved in and out, never pinned.
impl<A: Hosted, M> Unpin for Tell<A, M> {}

impl<A: Hosted, M> Tell<A, M> {
    /// Waits at most this long for room.
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }
}

impl<A: Hosted, M: Message> Future for Tell<A, M>
where
    A::Context: Accepts<A, M>,
{
    type Output = Result<(), SendError<M>>;

    /// # Panics
    /// When polled again after it was done.
    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            #[allow(
                clippy::expect_used,
                reason = "polling a finished future is the caller's bug, as everywhere"
            )]
            let message = this.message.take().expect("Tell polled after it was done");
            let ticket = this.spot.as_ref().and_then(Spot::ticket);
            let offered = <A::Context as Accepts<A, M>>::offer(&this.cell, message, ticket);
            let Err((message, refusal)) = offered else {
                this.spot.take().into_iter().for_each(Spot::used);
                return Poll::Ready(Ok(()));
            };
            if !has_to_wait(&this.cell, &refusal) {
                this.spot = None;
                return Poll::Ready(Err(refused(&this.cell, message, refusal)));
            }
            this.message = Some(message);
            let within = this.within;
            let sleep = this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
            if wait_for_room(&this.cell, &mut this.spot, sleep.deadline(), task) {
                continue;
            }
            if sleep.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
            let Some(message) = this.message.take() else { continue };
            this.spot = None;
            let path = this.cell.core.path.clone();
            return Poll::Ready(Err(SendError::TimedOut { message, path, within }));
        }
    }
}

/// Whether a refused send is worth waiting.
pub(crate) fn has_to_wait<A: Hosted>(cell: &Cell<A>, refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Full) && cell.core.mailbox.overflow == Overflow::Block
}

impl<A: Hosted, M> fmt::Debug for Tell<A, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tell({})", self.cell.core.path)
    }
}

/// A future of an answer, boxed: what a [`Port`] gives.
pub type PortFuture<M> =
    Pin<Box<dyn Future<Output = Result<<M as Message>::Result, AskError<M>>> + Send>>;

/// A handle for one message type: what actix calls a recipient, but valid over restarts.
pub struct Port<M: Message>(Arc<dyn AnyPort<M>>);

impl<M: Message + Send + 'static> Port<M>
where
    M::Result: Send,
{
    /// As [`Ref::try_tell`].
    ///
    /// # Errors
    /// As there.
    pub fn try_tell(&self, message: M) -> Result<(), SendError<M>> {
        self.0.try_tell(message)
    }

    /// As [`Ref::tell`], waiting at most `within`.
    ///
    /// # Errors
    /// As there.
    pub async fn tell(&self, message: M, within: Duration) -> Result<(), SendError<M>> {
        self.0.tell(message, within).await
    }

    /// As [`Ref::ask`], waiting at most `within`.
    pub fn ask(&self, message: M, within: Duration) -> PortFuture<M> {
        self.0.ask(message, within)
    }
}

impl<M: Message> Port<M> {
    /// The actor behind it.
    #[must_use]
    pub fn any(&self) -> AnyRef {
        self.0.any()
    }

    /// Where the actor lives.
    #[must_use]
    pub fn path(&self) -> ActorPath {
        self.any().path().clone()
    }

    /// Messages waiting for the actor; `None` where that is not knowable.
    #[must_use]
    pub fn depth(&self) -> Option<u64> {
        self.any().depth()
    }

    /// Why its last incarnation ended, if it is down.
    #[must_use]
    pub fn down(&self) -> Option<ExitReason> {
        let any = self.any();
        (!any.is_alive()).then(|| any.last_exit().unwrap_or(ExitReason::NoProc))
    }
}

impl<M: Message> Clone for Port<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Message> fmt::Debug for Port<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Port<{}>({})", type_name::<M>(), self.path())
    }
}

type TellFuture<M> = Pin<Box<dyn Future<Output = Result<(), SendError<M>>> + Send>>;

trait AnyPort<M: Message>: Send + Sync {
    fn try_tell(&self, message: M) -> Result<(), SendError<M>>;
    fn tell(&self, message: M, within: Duration) -> TellFuture<M>;
    fn ask(&self, message: M, within: Duration) -> PortFuture<M>;
    fn any(&self) -> AnyRef;
}

struct PortOf<A: Hosted>(Ref<A>);

impl<A, M> AnyPort<M> for PortOf<A>
where
    A: Hosted,
    A::Context: Accepts<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn try_tell(&self, message: M) -> Result<(), SendError<M>> {
        self.0.try_tell(message)
    }

    fn tell(&self, message: M, within: Duration) -> TellFuture<M> {
        Box::pin(self.0.tell(message).within(within))
    }

    fn ask(&self, message: M, within: Duration) -> PortFuture<M> {
        Box::pin(self.0.ask(message).within(within))
    }

    fn any(&self) -> AnyRef {
        self.0.any()
    }
}
