//! A cell as seen by those who do not know its actor's type.

use std::any::Any;
use std::sync::Arc;
use std::task::Waker;

use ms_core::view::ActorStatus;
use ms_core::{ExitReason, Incarnation};

use crate::cell::core::Core;
use crate::mail::line::{Ticket, WaitFor, Waiter};
use crate::node::arbiter::ArbiterSlot;
use crate::node::residents::Resident;

/// A cell whose actor type is not known to the holder.
pub(crate) trait AnyCell: Resident {
    fn core(&self) -> &Core;

    /// Starts the next incarnation on `slot`; the outcome goes to the parent.
    fn launch(self: Arc<Self>, slot: &Arc<ArbiterSlot>) -> Incarnation;

    /// Returns what can be said without asking the actor.
    fn snapshot(&self) -> ActorStatus;

    /// Ends the mailbox's part of a life, once, and never that of a later one. Returns
    /// messages that waited and messages dropped.
    fn retire(&self, ended: Incarnation, reason: &ExitReason, keep_queue: bool) -> Retired;

    /// Refuses mail from now on, and drops what waits unless it is to be drained.
    fn shut(&self, reason: &ExitReason, for_good: bool);

    /// Returns how many messages wait; `None` where that is not knowable.
    fn depth(&self) -> Option<u64>;

    /// Returns the coarse time since when it is at one message, on its thread or in an async
    /// handler.
    fn busy_since(&self) -> Option<u64>;

    /// Looks up what became of an ask made when `exits` ends had been counted. `turn` keeps
    /// the turn that was on when it was looked up first: one answer per turn is enough.
    fn outcome(&self, exits: u32, turn: &mut Option<u64>, waiter: &Waiter<'_>) -> Outcome;

    /// Returns whether an ask has anything to wait for here.
    fn owes(&self, asked: Asked) -> bool;

    /// Waits in the line for room in the mailbox, unless there is some already.
    fn wait_for_room(&self, waiter: &Waiter<'_>) -> RoomWait;

    /// Takes a ticket back; one that is not known any more is no matter.
    fn leave_line(&self, line: WaitFor, ticket: Ticket);

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// What a mailbox held when its actor ended.
#[derive(Debug, Default)]
pub(crate) struct Retired {
    pub(crate) depth: Option<u64>,
    pub(crate) dropped: u64,
    /// What woke the run loop, where the mailbox knew it.
    pub(crate) waker: Option<Waker>,
}

/// What became of an ask whose reply sender is gone.
pub(crate) enum Outcome {
    Exited(ExitReason),
    NoReply,
    /// The turn is not over: the waiter stands in line for its end.
    NotYet(Ticket),
}

/// How far an ask is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    /// It waits for room.
    NotYet,
    /// It was taken when so many ends had been counted.
    When { exits: u32 },
}

/// What became of the wish to wait for room.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoomWait {
    pub(crate) ticket: Option<Ticket>,
    /// Whether there may be room now: then the message is to be offered again.
    pub(crate) again: bool,
}
