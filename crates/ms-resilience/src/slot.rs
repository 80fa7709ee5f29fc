//! A reference to an actor that starts later.

use std::fmt;
use std::sync::Arc;

use ms_actor::{Hosted, Ref, WeakRef};
use tokio::sync::watch;

/// A reference that the factory of an actor fills at every start, because a component that is made
/// anew has another actor.
pub(crate) struct Slot<A: Hosted>(Arc<watch::Sender<Held<A>>>);

enum Held<A: Hosted> {
    Nothing,
    /// Given by the caller. It keeps an actor alive that is outside of any tree.
    Strong(Ref<A>),
    /// Set by the factory. A strong one would be a cycle: the factory belongs to the actor.
    Weak(WeakRef<A>),
}

impl<A: Hosted> Slot<A> {
    pub(crate) fn empty() -> Self {
        Self(Arc::new(watch::Sender::new(Held::Nothing)))
    }

    pub(crate) fn filled(with: Ref<A>) -> Self {
        Self(Arc::new(watch::Sender::new(Held::Strong(with))))
    }

    pub(crate) fn fill(&self, me: &Ref<A>) {
        self.0.send_replace(Held::Weak(me.downgrade()));
    }

    /// Returns the actor, once it has started.
    pub(crate) fn get(&self) -> Option<Ref<A>> {
        match &*self.0.borrow() {
            Held::Nothing => None,
            Held::Strong(actor) => Some(actor.clone()),
            Held::Weak(actor) => actor.upgrade(),
        }
    }
}

impl<A: Hosted> Clone for Slot<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Hosted> fmt::Debug for Slot<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.get().map(|actor| actor.path().clone())).finish()
    }
}
