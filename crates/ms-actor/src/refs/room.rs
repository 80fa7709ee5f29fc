//! Standing in line for room in a mailbox, and why there is none.

use std::sync::Arc;
use std::task::Context as Task;

use tokio::time::Instant;

use crate::cell::any::AnyCell;
use crate::cell::hosted::{Cell, Hosted};
use crate::error::SendError;
use crate::mail::line::{Ticket, WaitFor, Waiter};
use crate::mail::mailbox::Refusal;
use crate::mail::spec::Overflow;

/// A ticket in its holder's hands: taken back when dropped.
pub(crate) struct Spot {
    cell: Arc<dyn AnyCell>,
    line: WaitFor,
    ticket: Option<Ticket>,
}

impl Spot {
    pub(crate) fn new(cell: Arc<dyn AnyCell>, line: WaitFor, ticket: Ticket) -> Self {
        Self { cell, line, ticket: Some(ticket) }
    }

    pub(crate) fn ticket(&self) -> Option<Ticket> {
        self.ticket
    }

    /// Notes that its place was taken in the mailbox, so there is no ticket to take back.
    pub(crate) fn used(mut self) {
        self.ticket = None;
    }
}

impl Drop for Spot {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.cell.leave_line(self.line, ticket);
        }
    }
}

/// Returns whether a refused send is worth waiting.
pub(super) fn has_to_wait<A: Hosted>(cell: &Cell<A>, refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Full) && cell.core.mailbox_spec.overflow == Overflow::Block
}

pub(super) fn refused<A: Hosted, M>(cell: &Cell<A>, message: M, refusal: Refusal) -> SendError<M> {
    let path = cell.core.path.clone();
    match refusal {
        Refusal::Full => {
            let capacity = cell.core.mailbox_spec.capacity.unwrap_or(0);
            SendError::Full { message, path, capacity }
        }
        Refusal::Closed(reason) => SendError::Closed { message, path, reason },
    }
}

/// Stands in line for room in the mailbox of `cell`. True when it is to be tried again now.
pub(super) fn wait_for_room<A: Hosted>(
    cell: &Arc<Cell<A>>,
    spot: &mut Option<Spot>,
    until: Instant,
    task: &Task<'_>,
) -> bool {
    let ticket = spot.as_ref().and_then(Spot::ticket);
    let wait = cell.wait_for_room(&Waiter { ticket, until, waker: task.waker() });
    if let Some(ticket) = wait.ticket {
        keep_spot(spot, cell, WaitFor::Room, ticket);
    }
    wait.again
}

/// Keeps a ticket, in place of an earlier one.
pub(super) fn keep_spot<A: Hosted>(
    spot: &mut Option<Spot>,
    cell: &Arc<Cell<A>>,
    line: WaitFor,
    ticket: Ticket,
) {
    if spot.as_ref().and_then(Spot::ticket) != Some(ticket) {
        *spot = Some(Spot::new(Arc::clone(cell) as Arc<dyn AnyCell>, line, ticket));
    }
}
