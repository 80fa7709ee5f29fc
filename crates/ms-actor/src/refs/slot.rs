//! References that are filled later: a handle is made before its actor starts, and outlives each
//! of its lives.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::cell::hosted::Hosted;
use crate::refs::handle::{Ref, WeakRef};

/// The place of a reference to an actor that starts later. Clones share it.
///
/// A handle that is made before its actor keeps one, and so does the factory of the actor, which
/// fills it at each start: a supervisor that makes the actor anew makes another cell, which a
/// plain [`Ref`] would miss.
///
/// # Lifetime
/// A slot keeps no actor alive, whoever holds it: it has a [`WeakRef`]. A supervised actor lives
/// until its supervisor ends it. An actor outside of any tree lives as long as a [`Ref`] to it, so
/// whoever starts one keeps that `Ref` beside the slot.
///
/// ```
/// use actix::prelude::*;
/// use ms_actor::{Blueprint, Context, Node, NodeConfig, Placement, Ref, Slot};
///
/// struct Clerk;
/// impl Actor for Clerk {
///     type Context = Context<Self>;
/// }
///
/// # actix::System::new().block_on(async {
/// # let node = Node::boot(NodeConfig::single_arbiter())?;
/// let clerk = Slot::new();
/// let filled = clerk.clone();
/// let blueprint = Blueprint::fallible(move |me: &Ref<Clerk>| {
///     filled.fill(me);
///     Ok(Clerk)
/// });
/// assert_eq!(clerk.get(), None, "it has not started");
///
/// let cell = blueprint.cell(&node, ms_core::ActorPath::new("/local/clerk")?, None);
/// let kept = cell.typed::<Clerk>();
/// cell.launch(Placement::WithParent);
/// assert!(clerk.late().filled().await);
/// assert_eq!(clerk.get(), kept);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Slot<A: Hosted>(Arc<watch::Sender<Option<WeakRef<A>>>>);

impl<A: Hosted> Slot<A> {
    /// Returns an empty slot.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }

    /// Returns a slot that is filled with `actor`.
    #[must_use]
    pub fn of(actor: &Ref<A>) -> Self {
        let slot = Self::new();
        slot.fill(actor);
        slot
    }

    /// Puts `actor` in, in place of an earlier one.
    pub fn fill(&self, actor: &Ref<A>) {
        self.0.send_replace(Some(actor.downgrade()));
    }

    /// Returns the actor: `None` before its first start, and when nothing of it is left.
    ///
    /// An actor that is down is there, and its reference says why it ended; one that has ended for
    /// good is there as long as anything else refers to it.
    #[must_use]
    pub fn get(&self) -> Option<Ref<A>> {
        upgrade(self.0.borrow())
    }

    /// Returns a reader of this slot, for callers that may have to wait for the first start.
    #[must_use]
    pub fn late(&self) -> LateRef<A> {
        LateRef(self.0.subscribe())
    }
}

/// A [`Slot`] as those see it who may only read it.
///
/// Unlike a clone of the slot it does not count as one that may fill it. So its holder learns that
/// an actor will never start, because whatever could have started it is gone.
pub struct LateRef<A: Hosted>(watch::Receiver<Option<WeakRef<A>>>);

impl<A: Hosted> LateRef<A> {
    /// Returns the actor, as [`Slot::get`] does.
    #[must_use]
    pub fn get(&self) -> Option<Ref<A>> {
        upgrade(self.0.borrow())
    }

    /// Waits until the slot was filled once. Returns false when it never was, and all slots that
    /// could fill it are gone.
    ///
    /// # Cancel safety
    /// Dropped early, nothing is lost.
    pub async fn filled(&self) -> bool {
        self.0.borrow().is_some() || self.0.clone().wait_for(Option::is_some).await.is_ok()
    }
}

/// The reference is made under the slot's lock, which is held for a few instructions; it is
/// dropped by the caller, after it.
fn upgrade<A: Hosted>(held: watch::Ref<'_, Option<WeakRef<A>>>) -> Option<Ref<A>> {
    held.as_ref().and_then(WeakRef::upgrade)
}

impl<A: Hosted> Clone for Slot<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Hosted> Clone for LateRef<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Hosted> Default for Slot<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Hosted> fmt::Debug for Slot<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.get()).finish()
    }
}

impl<A: Hosted> fmt::Debug for LateRef<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LateRef").field(&self.get()).finish()
    }
}
