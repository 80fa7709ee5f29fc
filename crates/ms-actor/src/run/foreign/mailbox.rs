//! The mailbox of an unchanged actix actor: actix's own, with what is known of it.

use std::sync::Arc;
use std::task::Waker;

use actix::dev::channel::{AddressSender, channel};
use actix::dev::{SendError as ActixSendError, ToEnvelope};
use actix::{Actor, Handler, Message};
use ms_core::view::{ActorStatus, Mark, Tier};
use ms_core::{ExitReason, Incarnation};
use tokio::time::Instant;

use crate::cell::any::{Asked, Outcome, Retired, RoomWait};
use crate::cell::ending;
use crate::cell::hosted::{Accepts, AskTerms, Cell, KernelContext, Offered};
use crate::mail::line::{Line, Ticket, WaitFor, Waiter};
use crate::mail::mailbox::{Refusal, count_end, ends_until, is_due};
use crate::mail::spec::WhileDown;
use crate::node::arbiter::ArbiterSlot;
use crate::run::foreign::driver::ForeignDriver;
use crate::run::start::Launch;
use crate::run::turns::{self, Turns};
use crate::sync::{Mutex, MutexGuard, lock};

type Actix<A> = actix::Context<A>;

/// The way into a tier 2 actor, and what is known of its life.
pub struct ForeignMailbox<A: Actor<Context = Actix<A>>> {
    pub(super) sender: Option<AddressSender<A>>,
    closed: Option<ExitReason>,
    /// It stays down for now: why.
    refusing: Option<ExitReason>,
    pub(super) exits: u32,
    pub(super) turn_since: u64,
    turns: u64,
    pub(super) busy_ns: u64,
    /// Senders that wait for room, or for the next life.
    room: Line,
    /// Askers that wait for a turn to end, to learn what became of their ask.
    turn_end: Line,
}

impl<A: Actor<Context = Actix<A>>> std::fmt::Debug for ForeignMailbox<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForeignMailbox").field("exits", &self.exits).finish_non_exhaustive()
    }
}

impl<A: Actor<Context = Actix<A>>> ForeignMailbox<A> {
    pub(super) fn end_turn(&mut self) {
        self.turn_since = 0;
        self.turns = self.turns.wrapping_add(1);
        self.turn_end.dismiss();
        // How many places are free actix does not say: whoever wakes first is first.
        self.room.wake_all();
    }

    fn line(&mut self, line: WaitFor) -> &mut Line {
        match line {
            WaitFor::Room => &mut self.room,
            WaitFor::TurnEnd => &mut self.turn_end,
        }
    }

    /// Whether a sender may try: one that does not wait must not pass over one that does.
    fn may_try(&mut self, ticket: Option<Ticket>) -> bool {
        ticket.is_some() || self.room.is_empty() || self.room.entitles(None, 1, Instant::now)
    }
}

impl<A: Actor<Context = Actix<A>>> Turns for ForeignMailbox<A> {
    fn exits(&self) -> u32 {
        self.exits
    }

    fn turn(&self) -> Option<u64> {
        (self.turn_since != 0).then_some(self.turns)
    }

    fn wait_for_turn_end(&mut self, waiter: &Waiter<'_>) -> (Ticket, Option<Waker>) {
        self.turn_end.wait(waiter)
    }
}

#[allow(private_interfaces, reason = "sealed: its methods are for the kernel alone")]
impl<A: Actor<Context = Self>> KernelContext<A> for Actix<A> {
    type Mailbox = Mutex<ForeignMailbox<A>>;
    const TIER: Tier = Tier::Actix;

    fn mailbox() -> Self::Mailbox {
        Mutex::new(ForeignMailbox {
            sender: None,
            closed: None,
            refusing: None,
            exits: 0,
            turn_since: 0,
            turns: 0,
            busy_ns: 0,
            room: Line::default(),
            turn_end: Line::default(),
        })
    }

    fn launch(cell: Arc<Cell<A>>, slot: &Arc<ArbiterSlot>) -> Incarnation {
        // To actix zero is no bound.
        let capacity = cell.core.mailbox_spec.capacity.unwrap_or(0);
        let (sender, receiver) = channel(capacity);
        // As in `Context::claim`.
        let last = cell.core.life(|life| life.last);
        let mut mailbox = lock(&cell.mailbox);
        if is_due(mailbox.exits, last) {
            drop(mailbox);
            ending::retire(&*cell, last, &cell.core.last_exit());
            mailbox = lock(&cell.mailbox);
        }
        let epoch = ends_until(last);
        mailbox.exits = epoch;
        mailbox.sender = Some(sender);
        mailbox.refusing = None;
        mailbox.busy_ns = 0;
        drop(mailbox);
        let incarnation = cell.core.begin_life(slot.id);
        let launch = Launch::new(cell, slot, incarnation);
        // If the arbiter is gone, the launch is dropped there and says so.
        slot.run(move || {
            launch.land(|cell, stay| {
                ForeignDriver::begin(cell, incarnation, epoch, stay, Self::with_receiver(receiver));
            });
        });
        incarnation
    }

    fn describe(cell: &Cell<A>, status: &mut ActorStatus) {
        let mailbox = lock(&cell.mailbox);
        status.busy_us = mailbox.busy_ns / 1_000;
        let for_ns = cell.core.node.coarse().saturating_sub(mailbox.turn_since);
        let blocked = mailbox.turn_since != 0 && for_ns > 500_000_000;
        if blocked && !status.marks.contains(&Mark::Unresponsive) {
            status.marks.push(Mark::Unresponsive);
        }
    }

    fn retire(cell: &Cell<A>, ended: Incarnation, _: &ExitReason, _: bool) -> Retired {
        let mut mailbox = lock(&cell.mailbox);
        if !count_end(&mut mailbox.exits, ended) {
            return Retired::default();
        }
        let sender = mailbox.sender.take();
        mailbox.end_turn();
        drop(mailbox);
        drop(sender);
        Retired::default()
    }

    fn shut(cell: &Cell<A>, reason: &ExitReason, for_good: bool) {
        let mut mailbox = lock(&cell.mailbox);
        if for_good {
            mailbox.closed = Some(reason.clone());
        } else {
            mailbox.refusing = Some(reason.clone());
        }
        // Senders that wait for room, or for the next life, wait no longer.
        mailbox.room.wake_all();
        mailbox.turn_end.dismiss();
    }

    fn in_turn(cell: &Cell<A>) -> bool {
        turns::in_turn(&cell.mailbox)
    }

    fn busy_since(cell: &Cell<A>) -> Option<u64> {
        Some(lock(&cell.mailbox).turn_since).filter(|&since| since != 0)
    }

    fn outcome(cell: &Cell<A>, exits: u32, turn: &mut Option<u64>, waiter: &Waiter<'_>) -> Outcome {
        turns::outcome(&cell.core, &cell.mailbox, exits, turn, waiter)
    }

    fn owes(cell: &Cell<A>, asked: Asked) -> bool {
        let mailbox = lock(&cell.mailbox);
        match asked {
            Asked::NotYet => {
                mailbox.sender.is_some() || matches!(down(cell, &mailbox), Refusal::Full)
            }
            // Its mailbox goes with each of its lives.
            Asked::When { exits } => exits == mailbox.exits,
        }
    }

    fn wait_for_room(cell: &Cell<A>, waiter: &Waiter<'_>) -> RoomWait {
        // actix registers no waker for a full mailbox (fact 7), but each of its turns
        // empties it, and so does the first turn of a new incarnation. The turn may end
        // between the refusal and this: whoever is new here tries once more.
        let mut mailbox = lock(&cell.mailbox);
        let (ticket, earlier) = mailbox.room.wait(waiter);
        drop(mailbox);
        drop(earlier);
        RoomWait { ticket: Some(ticket), again: waiter.ticket != Some(ticket) }
    }

    fn leave_line(cell: &Cell<A>, line: WaitFor, ticket: Ticket) {
        let mut mailbox = lock(&cell.mailbox);
        let unused = mailbox.line(line).leave(ticket);
        drop(mailbox);
        drop(unused);
    }
}

#[allow(private_interfaces, reason = "sealed: its methods are for the kernel alone")]
impl<A, M> Accepts<A, M> for Actix<A>
where
    A: Actor<Context = Self> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
    Self: ToEnvelope<A, M>,
{
    fn offer(cell: &Cell<A>, message: M, ticket: Option<Ticket>) -> Result<(), (M, Refusal)> {
        let mut mailbox = lock(&cell.mailbox);
        if mailbox.sender.is_some() && !mailbox.may_try(ticket) {
            return Err((message, Refusal::Full));
        }
        let Some(sender) = &mailbox.sender else { return Err((message, down(cell, &mailbox))) };
        sender.try_send(message, true).map_err(|refused| refusal(cell, refused))?;
        leave(mailbox, ticket);
        Ok(())
    }

    // An actor with actix's own context awaits nothing that would make a circle of it: there is
    // no need to watch for its answer.
    fn offer_ask(cell: &Cell<A>, message: M, terms: AskTerms<'_>) -> Offered<M> {
        let mut mailbox = lock(&cell.mailbox);
        if mailbox.sender.is_some() && !mailbox.may_try(terms.ticket) {
            return Err((message, Refusal::Full));
        }
        let Some(sender) = &mailbox.sender else { return Err((message, down(cell, &mailbox))) };
        let answer = sender.send(message).map_err(|refused| refusal(cell, refused))?;
        let exits = mailbox.exits;
        leave(mailbox, terms.ticket);
        Ok((answer, exits))
    }
}

/// Takes a ticket that was used out of the line.
fn leave<A: Actor<Context = Actix<A>>>(
    mut mailbox: MutexGuard<'_, ForeignMailbox<A>>,
    ticket: Option<Ticket>,
) {
    let unused = ticket.and_then(|ticket| mailbox.room.leave(ticket));
    drop(mailbox);
    drop(unused);
}

fn refusal<A, M>(cell: &Cell<A>, refused: ActixSendError<M>) -> (M, Refusal)
where
    A: Actor<Context = Actix<A>>,
{
    match refused {
        ActixSendError::Full(message) => (message, Refusal::Full),
        ActixSendError::Closed(message) => (message, Refusal::Closed(cell.core.last_exit())),
    }
}

/// Between two incarnations a message waits as if the mailbox were full, if the spec says so.
fn down<A: Actor<Context = Actix<A>>>(cell: &Cell<A>, mailbox: &ForeignMailbox<A>) -> Refusal {
    match mailbox.closed.as_ref().or(mailbox.refusing.as_ref()) {
        Some(reason) => Refusal::Closed(reason.clone()),
        None if cell.core.mailbox_spec.while_down == WhileDown::Hold => Refusal::Full,
        None => Refusal::Closed(cell.core.last_exit()),
    }
}
