//! The parts of a bus that its handles hold.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use ms_actor::{Ref, WeakRef};

use crate::actor::EventBusActor;
use crate::state::Shared;
use crate::transport::Transport;

/// The parts of a bus that its handles reach.
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) transport: Arc<dyn Transport>,
    actor: ArcSwapOption<WeakRef<EventBusActor>>,
}

impl Parts {
    pub(crate) fn new(shared: Shared, transport: Arc<dyn Transport>) -> Self {
        Self { shared: Arc::new(shared), transport, actor: ArcSwapOption::empty() }
    }

    /// Sets the bus actor; called at each of its starts.
    pub(crate) fn set_actor(&self, actor: &Ref<EventBusActor>) {
        self.actor.store(Some(Arc::new(actor.downgrade())));
    }

    /// Returns the bus actor, once it has started.
    pub(crate) fn actor(&self) -> Option<Ref<EventBusActor>> {
        self.actor.load().as_ref().and_then(|weak| weak.upgrade())
    }
}
