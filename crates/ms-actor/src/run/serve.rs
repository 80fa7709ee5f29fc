//! How the kernel serves an actor with our context.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context as Task;

use actix::{Actor, Handler, Message};
use ms_core::view::{ActorStatus, HandlingView, Mark, Tier};
use ms_core::{ExitReason, Incarnation};
use tokio::sync::oneshot;
use tokio::task::unconstrained;

use crate::cell::any::{Asked, Fate, Retired, RoomWait};
use crate::cell::ending;
use crate::cell::hosted::{Accepts, AskTerms, Cell, KernelContext, Offered};
use crate::mail::line::{Ticket, WaitFor, Waiter};
use crate::mail::mailbox::{Gate, Inbox, Refusal, count_end, ends_until, is_due};
use crate::mail::message::{Envelope, Letter};
use crate::mail::spec::{Overflow, WhileDown};
use crate::node::arbiter::ArbiterSlot;
use crate::panics;
use crate::run::context::Context;
use crate::run::driver::state::Driver;
use crate::run::envelope::Typed;
use crate::run::start::Launch;
use crate::sync::{Mutex, lock};

/// A handler that runs this long without giving its thread back is marked.
const UNRESPONSIVE_AFTER_NS: u64 = 500_000_000;
/// Waiting messages that are called a backlog, whatever the bound.
const BACKLOG: usize = 1_000;

#[allow(private_interfaces, reason = "sealed: its methods are for the kernel alone")]
impl<A: Actor<Context = Self>> KernelContext<A> for Context<A> {
    type Lane = Mutex<Inbox<A>>;
    const TIER: Tier = Tier::Kernel;

    fn lane() -> Self::Lane {
        Mutex::new(Inbox::new())
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
        let inbox = lock(&cell.lane);
        let since = if inbox.turn_since != 0 { inbox.turn_since } else { inbox.waiting_since };
        let for_ns = now.saturating_sub(since);
        status.handling = inbox
            .current
            .filter(|_| since != 0)
            .map(|message| HandlingView { message: message.to_owned(), for_us: for_ns / 1_000 });
        status.handled = inbox.handled;
        status.busy_us = inbox.busy_ns / 1_000;
        if inbox.turn_since == 0 && since != 0 && for_ns > UNRESPONSIVE_AFTER_NS {
            status.marks.push(Mark::Stuck);
        }
        let blocked = inbox.turn_since != 0 && for_ns > UNRESPONSIVE_AFTER_NS;
        if blocked && !status.marks.contains(&Mark::Unresponsive) {
            status.marks.push(Mark::Unresponsive);
        }
        let half =
            cell.core.mailbox.capacity.map_or(BACKLOG, |bound| (bound / 2).max(1)).min(BACKLOG);
        if inbox.depth() >= half {
            status.marks.push(Mark::Backlogged);
        }
        let mailbox = &mut status.mailbox;
        mailbox.depth = Some(inbox.depth() as u64);
        mailbox.overflowed = inbox.overflowed;
        if let Some(waits) = &inbox.waits {
            mailbox.wait_p50_us = waits.quantile_us(0.5);
            mailbox.wait_p99_us = waits.quantile_us(0.99);
            mailbox.wait_max_us = Some(waits.max_us());
        }
    }

    fn retire(
        cell: &Cell<A>,
        ended: Incarnation,
        reason: &ExitReason,
        keep_queue: bool,
    ) -> Retired {
        let mut inbox = lock(&cell.lane);
        if !count_end(&mut inbox.exits, ended) {
            return Retired::default();
        }
        let depth = inbox.depth();
        let dropped = if keep_queue { VecDeque::new() } else { inbox.take_queue() };
        // Holding begins anew where a drain had refused.
        inbox.set_gate(match cell.core.mailbox.while_down {
            WhileDown::Hold => Gate::Open,
            WhileDown::Refuse => Gate::Refusing(Box::new(reason.clone())),
        });
        let waker = inbox.end_life();
        drop(inbox);
        let count = dropped.len() as u64;
        bury(cell, dropped, "its actor ended");
        Retired { depth: Some(depth as u64), dropped: count, waker }
    }

    fn shut(cell: &Cell<A>, reason: &ExitReason, for_good: bool) {
        let mut inbox = lock(&cell.lane);
        let gate = if for_good { Gate::Closed } else { Gate::Refusing };
        inbox.set_gate(gate(Box::new(reason.clone())));
        let dropped = inbox.take_queue();
        let waker = if for_good { inbox.end_lives() } else { None };
        drop(inbox);
        drop(waker);
        bury(cell, dropped, "its actor stays down");
    }

    fn depth(cell: &Cell<A>) -> Option<u64> {
        Some(lock(&cell.lane).depth() as u64)
    }

    fn in_turn(cell: &Cell<A>) -> bool {
        lock(&cell.lane).turn_since != 0
    }

    fn busy_since(cell: &Cell<A>) -> Option<u64> {
        let inbox = lock(&cell.lane);
        [inbox.turn_since, inbox.waiting_since].into_iter().filter(|&since| since != 0).min()
    }

    fn fate(cell: &Cell<A>, exits: u32, turn: &mut Option<u64>, waiter: &Waiter<'_>) -> Fate {
        let mut inbox = lock(&cell.lane);
        if inbox.exits != exits {
            drop(inbox);
            return Fate::Exited(cell.core.last_exit());
        }
        if inbox.turn_since == 0 || *turn.get_or_insert(inbox.turns) != inbox.turns {
            return Fate::NoReply;
        }
        let (ticket, earlier) = inbox.wait_in(WaitFor::TurnEnd, waiter);
        drop(inbox);
        drop(earlier);
        Fate::NotYet(ticket)
    }

    fn owes(cell: &Cell<A>, asked: Asked) -> bool {
        let inbox = lock(&cell.lane);
        match asked {
            Asked::NotYet => inbox.is_open(),
            Asked::When { exits } if exits == inbox.exits => true,
            // Of what an ended life was asked, the next one answers what was kept for it.
            Asked::When { .. } => {
                drop(inbox);
                ending::keeps_mail(&cell.core, &cell.core.last_exit())
            }
        }
    }

    fn wait_for_room(cell: &Cell<A>, waiter: &Waiter<'_>) -> RoomWait {
        let mut inbox = lock(&cell.lane);
        if !matches!(inbox.admits(&cell.core.mailbox, waiter.ticket), Err(Refusal::Full)) {
            return RoomWait { ticket: waiter.ticket, again: true };
        }
        let (ticket, earlier) = inbox.wait_in(WaitFor::Room, waiter);
        drop(inbox);
        drop(earlier);
        RoomWait { ticket: Some(ticket), again: false }
    }

    fn leave_line(cell: &Cell<A>, line: WaitFor, ticket: Ticket) {
        let mut inbox = lock(&cell.lane);
        let unused = inbox.leave_line(&cell.core.mailbox, line, ticket);
        drop(inbox);
        drop(unused);
    }
}

/// Drops messages nobody will handle, each where a panic in its `Drop` does no harm.
fn bury<A: Actor<Context = Context<A>>>(
    cell: &Cell<A>,
    letters: impl IntoIterator<Item = Envelope<A>>,
    why: &'static str,
) {
    for envelope in letters {
        cell.core.node.bury(&cell.core.path, envelope.letter.message_type(), why);
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
        let mut inbox = lock(&cell.lane);
        if is_due(inbox.exits, last) {
            // Whoever ended it has not come to this yet, and would fence off this life with it.
            drop(inbox);
            ending::retire(cell, last, &cell.core.last_exit());
            inbox = lock(&cell.lane);
        }
        inbox.begin_life(last);
        drop(inbox);
        (cell.core.begin_life(arbiter), ends_until(last))
    }

    /// Puts a letter into the mailbox as its policy says, of a newcomer or of whoever has waited
    /// with `ticket`. `admitted` is called before the actor can see it. The number of ends comes
    /// back.
    #[inline]
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
        let mut inbox = lock(&cell.lane);
        let mut evicted = None;
        match inbox.admits(&core.mailbox, ticket) {
            Ok(()) => {}
            Err(Refusal::Full) => match core.mailbox.overflow {
                Overflow::Block | Overflow::Reject => {
                    if core.mailbox.overflow == Overflow::Reject {
                        inbox.overflowed += 1;
                    }
                    drop(inbox);
                    return Err((typed.message, Refusal::Full));
                }
                Overflow::DropNewest => {
                    inbox.overflowed += 1;
                    let exits = inbox.exits;
                    drop(inbox);
                    bury(
                        cell,
                        [Envelope { letter: typed as Box<dyn Letter<A>>, stamp: 0 }],
                        "mailbox full",
                    );
                    return Ok(exits);
                }
                Overflow::DropOldest => evicted = inbox.evict_oldest(),
            },
            Err(closed) => {
                drop(inbox);
                core.node.bury(
                    &core.path,
                    std::any::type_name::<M>(),
                    "its actor takes no messages",
                );
                return Err((typed.message, closed));
            }
        }
        let exits = inbox.exits;
        let unused = ticket.and_then(|ticket| inbox.use_ticket(ticket));
        admitted();
        let envelope = Envelope { letter: typed, stamp: 0 };
        let wake = inbox.push(envelope, &core.arbiter, || core.node.now().as_nanos());
        drop(inbox);
        drop(unused);
        if let Some(elsewhere) = wake {
            elsewhere.wake();
        }
        if let Some(evicted) = evicted {
            bury(cell, [evicted], "mailbox full");
        }
        Ok(exits)
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
