//! How the kernel serves an actor with our context.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Waker};

use actix::{Actor, Handler, Message};
use ms_core::view::{ActorStatus, HandlingView, Mark, Tier};
use ms_core::{ExitReason, Incarnation};
use tokio::sync::oneshot;
use tokio::task::unconstrained;

use crate::cell::any::{Asked, Outcome, Retired, RoomWait};
use crate::cell::ending;
use crate::cell::hosted::{Accepts, AskTerms, Cell, KernelContext, Offered};
use crate::mail::line::{Ticket, WaitFor, Waiter};
use crate::mail::mailbox::{Gate, Mailbox, Refusal, count_end, ends_until, is_due};
use crate::mail::message::{Envelope, ErasedMessage};
use crate::mail::spec::{Overflow, WhileDown};
use crate::node::arbiter::ArbiterSlot;
use crate::panics;
use crate::run::context::Context;
use crate::run::delivery::Typed;
use crate::run::driver::state::Driver;
use crate::run::start::Launch;
use crate::run::turns::{self, Turns};
use crate::sync::{Mutex, MutexGuard, lock};

/// A handler that runs this long without giving its thread back is marked.
const UNRESPONSIVE_AFTER_NS: u64 = 500_000_000;
/// Waiting messages that are called a backlog, whatever the bound.
const BACKLOG: usize = 1_000;

impl<A: Actor<Context = Context<A>>> Turns for Mailbox<A> {
    fn exits(&self) -> u32 {
        self.exits
    }

    fn turn(&self) -> Option<u64> {
        (self.turn_since != 0).then_some(self.turns)
    }

    fn wait_for_turn_end(&mut self, waiter: &Waiter<'_>) -> (Ticket, Option<Waker>) {
        self.wait_in(WaitFor::TurnEnd, waiter)
    }
}

#[allow(private_interfaces, reason = "sealed: its methods are for the kernel alone")]
impl<A: Actor<Context = Self>> KernelContext<A> for Context<A> {
    type Mailbox = Mutex<Mailbox<A>>;
    const TIER: Tier = Tier::Kernel;

    fn mailbox() -> Self::Mailbox {
        Mutex::new(Mailbox::new())
    }

    fn launch(cell: Arc<Cell<A>>, slot: &Arc<ArbiterSlot>) -> Incarnation {
        let (incarnation, epoch) = Self::claim(&cell, slot.id);
        let launch = Launch::new(cell, slot, incarnation);
        // If the arbiter is gone, the launch is dropped there and says so.
        slot.run(move || launch.land(|cell, stay| Driver::begin(cell, incarnation, epoch, stay)));
        incarnation
    }

    fn describe(cell: &Cell<A>, status: &mut ActorStatus) {
        let now = cell.core.node.coarse();
        let mailbox = lock(&cell.mailbox);
        let since =
            if mailbox.turn_since != 0 { mailbox.turn_since } else { mailbox.waiting_since };
        let for_ns = now.saturating_sub(since);
        status.handling = mailbox
            .current
            .filter(|_| since != 0)
            .map(|message| HandlingView { message: message.to_owned(), for_us: for_ns / 1_000 });
        status.handled = mailbox.handled;
        status.busy_us = mailbox.busy_ns / 1_000;
        if mailbox.turn_since == 0 && since != 0 && for_ns > UNRESPONSIVE_AFTER_NS {
            status.marks.push(Mark::Stuck);
        }
        let blocked = mailbox.turn_since != 0 && for_ns > UNRESPONSIVE_AFTER_NS;
        if blocked && !status.marks.contains(&Mark::Unresponsive) {
            status.marks.push(Mark::Unresponsive);
        }
        let half = cell
            .core
            .mailbox_spec
            .capacity
            .map_or(BACKLOG, |bound| (bound / 2).max(1))
            .min(BACKLOG);
        if mailbox.depth() >= half {
            status.marks.push(Mark::Backlogged);
        }
        let view = &mut status.mailbox;
        view.depth = Some(mailbox.depth() as u64);
        view.overflowed = mailbox.overflowed;
        if let Some(waits) = &mailbox.waits {
            view.wait_p50_us = waits.quantile_us(0.5);
            view.wait_p99_us = waits.quantile_us(0.99);
            view.wait_max_us = Some(waits.max_us());
        }
    }

    fn retire(
        cell: &Cell<A>,
        ended: Incarnation,
        reason: &ExitReason,
        keep_queue: bool,
    ) -> Retired {
        let mut mailbox = lock(&cell.mailbox);
        if !count_end(&mut mailbox.exits, ended) {
            return Retired::default();
        }
        let depth = mailbox.depth();
        let dropped = if keep_queue { VecDeque::new() } else { mailbox.take_queue() };
        // Holding begins anew where a drain had refused.
        mailbox.set_gate(match cell.core.mailbox_spec.while_down {
            WhileDown::Hold => Gate::Open,
            WhileDown::Refuse => Gate::Refusing(Box::new(reason.clone())),
        });
        let waker = mailbox.end_life();
        drop(mailbox);
        let count = dropped.len() as u64;
        dead_letter(cell, dropped, "its actor ended");
        Retired { depth: Some(depth as u64), dropped: count, waker }
    }

    fn shut(cell: &Cell<A>, reason: &ExitReason, for_good: bool) {
        let mut mailbox = lock(&cell.mailbox);
        let gate = if for_good { Gate::Closed } else { Gate::Refusing };
        mailbox.set_gate(gate(Box::new(reason.clone())));
        let dropped = mailbox.take_queue();
        let waker = if for_good { mailbox.end_lives() } else { None };
        drop(mailbox);
        drop(waker);
        dead_letter(cell, dropped, "its actor stays down");
    }

    fn depth(cell: &Cell<A>) -> Option<u64> {
        Some(lock(&cell.mailbox).depth() as u64)
    }

    fn in_turn(cell: &Cell<A>) -> bool {
        turns::in_turn(&cell.mailbox)
    }

    fn busy_since(cell: &Cell<A>) -> Option<u64> {
        let mailbox = lock(&cell.mailbox);
        [mailbox.turn_since, mailbox.waiting_since].into_iter().filter(|&since| since != 0).min()
    }

    fn outcome(cell: &Cell<A>, exits: u32, turn: &mut Option<u64>, waiter: &Waiter<'_>) -> Outcome {
        turns::outcome(&cell.core, &cell.mailbox, exits, turn, waiter)
    }

    fn owes(cell: &Cell<A>, asked: Asked) -> bool {
        let mailbox = lock(&cell.mailbox);
        match asked {
            Asked::NotYet => mailbox.is_open(),
            Asked::When { exits } if exits == mailbox.exits => true,
            // Of what an ended life was asked, the next one answers what was kept for it.
            Asked::When { .. } => {
                drop(mailbox);
                ending::keeps_mail(&cell.core, &cell.core.last_exit())
            }
        }
    }

    fn wait_for_room(cell: &Cell<A>, waiter: &Waiter<'_>) -> RoomWait {
        let mut mailbox = lock(&cell.mailbox);
        if !matches!(mailbox.admits(&cell.core.mailbox_spec, waiter.ticket), Err(Refusal::Full)) {
            return RoomWait { ticket: waiter.ticket, again: true };
        }
        let (ticket, earlier) = mailbox.wait_in(WaitFor::Room, waiter);
        drop(mailbox);
        drop(earlier);
        RoomWait { ticket: Some(ticket), again: false }
    }

    fn leave_line(cell: &Cell<A>, line: WaitFor, ticket: Ticket) {
        let mut mailbox = lock(&cell.mailbox);
        let unused = mailbox.leave_line(&cell.core.mailbox_spec, line, ticket);
        drop(mailbox);
        drop(unused);
    }
}

/// Drops messages nobody will handle, each where a panic in its `Drop` does no harm.
fn dead_letter<A: Actor<Context = Context<A>>>(
    cell: &Cell<A>,
    envelopes: impl IntoIterator<Item = Envelope<A>>,
    why: &'static str,
) {
    for envelope in envelopes {
        cell.core.node.dead_letter(&cell.core.path, envelope.message.message_type(), why);
        if let Err(raw) = panics::drop_caught(envelope) {
            tracing::warn!(path = %cell.core.path, panic = %raw.message, "a message panicked when dropped");
        }
    }
}

impl<A> Context<A>
where
    A: Actor<Context = Self>,
{
    /// Claims the next life: its number, and the ends counted before it.
    pub(crate) fn claim(cell: &Cell<A>, arbiter: u32) -> (Incarnation, u32) {
        let last = cell.core.life(|life| life.last);
        let mut mailbox = lock(&cell.mailbox);
        if is_due(mailbox.exits, last) {
            // Whoever ended it has not come to this yet, and would fence off this life with it.
            drop(mailbox);
            ending::retire(cell, last, &cell.core.last_exit());
            mailbox = lock(&cell.mailbox);
        }
        mailbox.begin_life(last);
        drop(mailbox);
        (cell.core.begin_life(arbiter), ends_until(last))
    }

    /// Puts a message into the mailbox as its policy says, of a newcomer or of whoever has waited
    /// with `ticket`. `admitted` is called before the actor can see it. The number of ends comes
    /// back.
    // Always: a call would cost every hop from actor to actor thirty instructions.
    #[inline(always)]
    pub(crate) fn enqueue<M>(
        cell: &Cell<A>,
        typed: Box<Typed<M>>,
        ticket: Option<Ticket>,
        admitted: impl FnOnce(),
    ) -> Result<u32, (M, Refusal)>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let core = &cell.core;
        let mut mailbox = lock(&cell.mailbox);
        let evicted = match mailbox.admits(&core.mailbox_spec, ticket) {
            Ok(()) => None,
            Err(Refusal::Full) if core.mailbox_spec.overflow == Overflow::DropOldest => {
                mailbox.evict_oldest()
            }
            Err(refusal) => return Self::not_admitted(cell, mailbox, typed, refusal),
        };
        let exits = mailbox.exits;
        let unused = ticket.and_then(|ticket| mailbox.use_ticket(ticket));
        admitted();
        let envelope = Envelope { message: typed, stamp: 0 };
        let wake = mailbox.push(envelope, &core.arbiter, || core.node.now().as_nanos());
        drop(mailbox);
        drop(unused);
        if let Some(elsewhere) = wake {
            elsewhere.wake();
        }
        if let Some(evicted) = evicted {
            dead_letter(cell, [evicted], "mailbox full");
        }
        Ok(exits)
    }

    /// Deals with a message that finds no room, or whose actor takes none.
    // Apart from `enqueue`, which becomes part of all its callers and is to be small.
    #[cold]
    fn not_admitted<M>(
        cell: &Cell<A>,
        mut mailbox: MutexGuard<'_, Mailbox<A>>,
        typed: Box<Typed<M>>,
        refusal: Refusal,
    ) -> Result<u32, (M, Refusal)>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let core = &cell.core;
        let overflow = core.mailbox_spec.overflow;
        let full = matches!(refusal, Refusal::Full);
        if full && matches!(overflow, Overflow::Reject | Overflow::DropNewest) {
            mailbox.overflowed += 1;
        }
        let exits = mailbox.exits;
        drop(mailbox);
        if full && overflow == Overflow::DropNewest {
            let message: Box<dyn ErasedMessage<A>> = typed;
            dead_letter(cell, [Envelope { message, stamp: 0 }], "mailbox full");
            return Ok(exits);
        }
        if !full {
            let what = std::any::type_name::<M>();
            core.node.dead_letter(&core.path, what, "its actor takes no messages");
        }
        Err((typed.message, refusal))
    }
}

#[allow(private_interfaces, reason = "sealed: its methods are for the kernel alone")]
impl<A, M> Accepts<A, M> for Context<A>
where
    A: Actor<Context = Self> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    #[inline]
    fn offer(cell: &Cell<A>, message: M, ticket: Option<Ticket>) -> Result<(), (M, Refusal)> {
        let typed = Box::new(Typed { message, reply: None, deadline: None });
        Self::enqueue(cell, typed, ticket, || ()).map(drop)
    }

    #[inline]
    fn offer_ask(cell: &Cell<A>, message: M, terms: AskTerms<'_>) -> Offered<M> {
        let (reply, mut answer) = oneshot::channel();
        let typed = Box::new(Typed { message, reply: Some(reply), deadline: Some(terms.deadline) });
        let watch = || {
            if let Some(watch) = terms.watch {
                // There is no answer yet; a budget that is used up must not keep the waker out.
                let first =
                    Pin::new(&mut unconstrained(&mut answer)).poll(&mut Task::from_waker(watch));
                debug_assert!(first.is_pending(), "the reply's sender is in our hands");
            }
        };
        Self::enqueue(cell, typed, terms.ticket, watch).map(|exits| (answer, exits))
    }
}
