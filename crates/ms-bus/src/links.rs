//! The references to the actors of the bus.

use std::fmt;

use arc_swap::ArcSwapOption;
use ms_actor::Slot;
use ms_supervisor::{SupervisorActor, SupervisorRef};

type Unsubscribe = Box<dyn Fn(u64) + Send + Sync>;

/// References to the actors of the bus, set anew at each of their starts.
///
/// Handles outlive the tree and its restarts, so none of them keeps a reference of its own: each
/// looks here whenever it needs one.
#[derive(Default)]
pub(crate) struct Links {
    /// A closure and not a reference: the bus actor owns what is reached through this link, and
    /// naming its type here would tie all modules of the crate into one circle.
    unsubscribe: ArcSwapOption<Unsubscribe>,
    outlets: Slot<SupervisorActor>,
}

impl Links {
    /// Sets how the bus actor is notified of the end of a subscription.
    pub(crate) fn set_unsubscribe(&self, unsubscribe: impl Fn(u64) + Send + Sync + 'static) {
        let unsubscribe: Unsubscribe = Box::new(unsubscribe);
        self.unsubscribe.store(Some(unsubscribe.into()));
    }

    /// Notifies the bus actor of the end of a subscription, without waiting. A bus that is down or
    /// too busy misses this, and cleans up with its next change.
    pub(crate) fn unsubscribe(&self, id: u64) {
        if let Some(unsubscribe) = &*self.unsubscribe.load() {
            unsubscribe(id);
        }
    }

    /// Sets the supervisor of the outlets.
    pub(crate) fn set_outlets(&self, supervisor: &SupervisorRef) {
        if let Some(actor) = supervisor.any().typed() {
            self.outlets.fill(&actor);
        }
    }

    /// Returns the supervisor of the outlets, once it has started.
    pub(crate) fn outlets(&self) -> Option<SupervisorRef> {
        SupervisorRef::of(&self.outlets.get()?.any())
    }

    /// Returns whether there is a supervisor that can start an outlet.
    pub(crate) fn can_start_outlets(&self) -> bool {
        self.outlets().is_some_and(|outlets| !outlets.any().is_closed())
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("outlets", &self.outlets).finish_non_exhaustive()
    }
}
