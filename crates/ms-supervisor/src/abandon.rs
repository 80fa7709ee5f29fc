//! Giving up a child whose thread does not come back, for those who are not its supervisor.

use actix::{Handler, Message};
use ms_core::{ChildId, ExitReason, Incarnation};

use crate::actor::{Ctx, SupervisorActor};
use crate::error::SupervisorError;
use crate::handle::SupervisorRef;

/// Asks the supervisor to give up one incarnation of a child.
#[derive(Debug)]
struct AbandonChild {
    id: ChildId,
    incarnation: Incarnation,
}

impl Message for AbandonChild {
    type Result = bool;
}

impl SupervisorRef {
    /// Has a child given up that was killed and whose thread does not come back: its incarnation
    /// counts as ended, and an arbiter that stands still is given up with it.
    ///
    /// False when that incarnation had ended already, or there is no such child.
    ///
    /// # Errors
    /// Only when the supervisor does not answer.
    pub async fn abandon_child(
        &self,
        id: &ChildId,
        incarnation: Incarnation,
    ) -> Result<bool, SupervisorError> {
        self.call(AbandonChild { id: id.clone(), incarnation }).await
    }
}

impl Handler<AbandonChild> for SupervisorActor {
    type Result = bool;

    fn handle(&mut self, AbandonChild { id, incarnation }: AbandonChild, _: &mut Ctx) -> bool {
        let cell = self.child_named(&id).and_then(|child| child.cell.clone());
        cell.is_some_and(|cell| cell.abandon(incarnation, ExitReason::Killed))
    }
}
