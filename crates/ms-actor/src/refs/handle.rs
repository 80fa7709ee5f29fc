//! References: what callers hold.

use std::any::type_name;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix::Message;
use ms_core::ActorPath;

use crate::cell::any::AnyCell;
use crate::cell::hosted::{Accepts, Cell, Hosted};
use crate::error::SendError;
use crate::refs::any::AnyRef;
use crate::refs::ask::Ask;
use crate::refs::room::refused;
use crate::refs::tell::Tell;

/// Longest a tell or an ask waits that does not say how long.
// As long as OTP's `gen_server:call` waits.
const DEFAULT_WITHIN: Duration = Duration::from_secs(5);

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

    pub(crate) fn cell(&self) -> &Arc<Cell<A>> {
        &self.0
    }

    /// Returns where the actor lives.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        &self.0.core.path
    }

    /// Returns the same reference without the actor's type.
    #[must_use]
    pub fn any(&self) -> AnyRef {
        AnyRef::new(Arc::clone(&self.0) as Arc<dyn AnyCell>)
    }

    /// Makes a reference that does not keep the actor alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakRef<A> {
        WeakRef(Arc::downgrade(&self.0))
    }

    /// Returns whether an incarnation is live right now.
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
            .map_err(|(message, refusal)| refused(&self.0, message, refusal))
    }

    /// Sends, waiting for room in a mailbox that [blocks](crate::Overflow::Block); at most
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
        Tell::new(Arc::clone(&self.0), message, DEFAULT_WITHIN)
    }

    /// Sends and waits for the answer; at most five seconds unless [`Ask::within`] says otherwise.
    ///
    /// # Errors
    /// [`AskError`](crate::AskError): not sent (with the message), the actor ended first (with its
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
    /// Returns the reference, while the actor's cell is still there.
    #[must_use]
    pub fn upgrade(&self) -> Option<Ref<A>> {
        self.0.upgrade().map(Ref::new)
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

impl AnyRef {
    /// Returns the typed reference, if it is an `A`.
    #[must_use]
    pub fn typed<A: Hosted>(&self) -> Option<Ref<A>> {
        Arc::clone(self.cell()).into_any().downcast::<Cell<A>>().ok().map(Ref::new)
    }
}
