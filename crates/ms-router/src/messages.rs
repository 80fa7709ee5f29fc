//! The changes of the routes, as messages to the router's actor.

use actix::Message;
use ms_actor::Port;

use crate::error::RouterError;
use crate::logic::balance::{FailOver, RouteStrategy};
use crate::table::{RouteId, Table};

/// One change of the table. What it returns is the answer to the caller.
pub(crate) trait Edit: Send + 'static {
    type Answer: Send + 'static;

    fn edit(self, table: &mut Table) -> Self::Answer;
}

/// Carries a change to the actor.
pub(crate) struct Do<E>(pub(crate) E);

impl<E: Edit> Message for Do<E> {
    type Result = E::Answer;
}

pub(crate) struct AddRoutes<M: Message> {
    pub(crate) ports: Vec<Port<M>>,
    pub(crate) max: usize,
}

impl<M: Message + Send + 'static> Edit for AddRoutes<M>
where
    M::Result: Send,
{
    type Answer = Result<Vec<RouteId>, RouterError>;

    fn edit(self, table: &mut Table) -> Self::Answer {
        table.add(self.ports, self.max)
    }
}

pub(crate) struct RemoveRoute(pub(crate) RouteId);

impl Edit for RemoveRoute {
    type Answer = Result<(), RouterError>;

    fn edit(self, table: &mut Table) -> Self::Answer {
        table.remove(self.0)
    }
}

pub(crate) struct SetBalance<M> {
    pub(crate) strategy: RouteStrategy<M>,
    pub(crate) fail_over: FailOver,
}

impl<M: Message + Send + 'static> Edit for SetBalance<M>
where
    M::Result: Send,
{
    type Answer = ();

    fn edit(self, table: &mut Table) {
        table.balance(self.strategy, self.fail_over);
    }
}
