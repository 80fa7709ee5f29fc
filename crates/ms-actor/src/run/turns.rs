//! What both kinds of mailbox know of turns, and what an ask makes of it.

use std::task::Waker;

use crate::cell::any::Outcome;
use crate::cell::core::Core;
use crate::mail::line::{Ticket, Waiter};
use crate::sync::{Mutex, lock};

/// A mailbox as its counts of turns and ends show it.
pub(super) trait Turns {
    /// Ends that were counted so far.
    fn exits(&self) -> u32;

    /// The number of the turn that is on.
    fn turn(&self) -> Option<u64>;

    /// Waits in the line for the end of that turn. Returns the place, and the waker that was there
    /// before.
    fn wait_for_turn_end(&mut self, waiter: &Waiter<'_>) -> (Ticket, Option<Waker>);
}

/// Returns whether a turn is on.
pub(super) fn in_turn<T: Turns>(mailbox: &Mutex<T>) -> bool {
    lock(mailbox).turn().is_some()
}

/// Looks up what became of an ask whose reply is lost, as
/// [`AnyCell::outcome`](crate::cell::any::AnyCell::outcome) says.
pub(super) fn outcome<T: Turns>(
    core: &Core,
    mailbox: &Mutex<T>,
    exits: u32,
    turn: &mut Option<u64>,
    waiter: &Waiter<'_>,
) -> Outcome {
    let mut mailbox = lock(mailbox);
    if mailbox.exits() != exits {
        drop(mailbox);
        return Outcome::Exited(core.last_exit());
    }
    let Some(present) = mailbox.turn() else { return Outcome::NoReply };
    if *turn.get_or_insert(present) != present {
        return Outcome::NoReply;
    }
    let (ticket, earlier) = mailbox.wait_for_turn_end(waiter);
    // A waker runs foreign code when it is dropped: not under the lock.
    drop(mailbox);
    drop(earlier);
    Outcome::NotYet(ticket)
}
