//! The parts of a bus that its handles hold.

use std::sync::Arc;

use ms_actor::Slot;

use crate::actor::EventBusActor;
use crate::state::Shared;
use crate::transport::Transport;

/// The parts of a bus that its handles reach.
pub(crate) struct Parts {
    pub(crate) shared: Arc<Shared>,
    pub(crate) transport: Arc<dyn Transport>,
    /// Filled at each start of the bus actor.
    pub(crate) actor: Slot<EventBusActor>,
}

impl Parts {
    pub(crate) fn new(shared: Shared, transport: Arc<dyn Transport>) -> Self {
        Self { shared: Arc::new(shared), transport, actor: Slot::new() }
    }
}
