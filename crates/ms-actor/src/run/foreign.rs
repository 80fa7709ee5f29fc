//! How the kernel serves an unchanged actix actor (tier 2).
//!
//! The actor keeps `actix::Context` and its own mailbox; the kernel owns the
//! future actix made of both and polls it under `catch_unwind`. It gets exit
//! reasons, restarts, kill, stop and suspend. What cannot be known from outside,
//! such as the depth of its mailbox, is shown as unknown.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Instant as StdInstant;

use actix::dev::channel::{AddressSender, channel};
use actix::dev::{ContextFut, SendError as ActixSendError, ToEnvelope};
use actix::{Actor, ActorContext, Handler, Message};
use ms_core::view::{ActorStatus, Lifecycle, Mark, Tier};
use ms_core::{ExitReason, Incarnation};
use tokio::time::Instant;

use crate::cell::any::{AnyCell, Asked, Outcome, Retired, RoomWait};
use crate::cell::control::{Control, Fault};
use crate::cell::ending::{self, begin_end, finish_end, finish_failed_start};
use crate::cell::hosted::{Accepts, AskTerms, Cell, KernelContext, Offered};
use crate::cell::starting::announce_start;
use crate::current;
use crate::mail::line::{Line, Ticket, WaitFor, Waiter};
use crate::mail::mailbox::{Refusal, count_end, ends_until, is_due};
use crate::node::arbiter::{ArbiterSlot, Stay};
use crate::panics;
use crate::run::start::{Launch, init_failure, make};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::time::nanos;

type Actix<A> = actix::Context<A>;

/// The way into a tier 2 actor, and what is known of its life.
pub struct ForeignMailbox<A: Actor<Context = Actix<A>>> {
    sender: Option<AddressSender<A>>,
    closed: Option<ExitReason>,
    /// It stays down for now: why.
    refusing: Option<ExitReason>,
    exits: u32,
    turn_since: u64,
    turns: u64,
    busy_ns: u64,
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
    fn end_turn(&mut self) {
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
        lock(&cell.mailbox).turn_since != 0
    }

    fn busy_since(cell: &Cell<A>) -> Option<u64> {
        Some(lock(&cell.mailbox).turn_since).filter(|&since| since != 0)
    }

    fn outcome(cell: &Cell<A>, exits: u32, turn: &mut Option<u64>, waiter: &Waiter<'_>) -> Outcome {
        let mut mailbox = lock(&cell.mailbox);
        if mailbox.exits != exits {
            drop(mailbox);
            return Outcome::Exited(cell.core.last_exit());
        }
        if mailbox.turn_since == 0 || *turn.get_or_insert(mailbox.turns) != mailbox.turns {
            return Outcome::NoReply;
        }
        let (ticket, earlier) = mailbox.turn_end.wait(waiter);
        drop(mailbox);
        drop(earlier);
        Outcome::NotYet(ticket)
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
        None if cell.core.mailbox_spec.while_down == crate::mail::spec::WhileDown::Hold => {
            Refusal::Full
        }
        None => Refusal::Closed(cell.core.last_exit()),
    }
}

struct ForeignDriver<A: Actor<Context = Actix<A>>> {
    cell: Arc<Cell<A>>,
    me: Option<Arc<dyn AnyCell>>,
    stay: Stay,
    incarnation: Incarnation,
    epoch: u32,
    inner: Option<ContextFut<A, Actix<A>>>,
    stop_reason: Option<ExitReason>,
    started: bool,
    suspended: bool,
    hung: bool,
    injected: bool,
    done: bool,
}

enum Step {
    Pending,
    End(ExitReason),
    Fenced,
}

impl<A: Actor<Context = Actix<A>>> ForeignDriver<A> {
    fn begin(cell: Arc<Cell<A>>, incarnation: Incarnation, epoch: u32, stay: Stay, ctx: Actix<A>) {
        make(cell, incarnation, stay, |cell, me, stay, actor| {
            let inner = Some(ctx.into_future(actor));
            actix_rt::spawn(Self {
                cell,
                me: Some(me),
                stay,
                incarnation,
                epoch,
                inner,
                stop_reason: None,
                started: false,
                suspended: false,
                hung: false,
                injected: false,
                done: false,
            });
        });
    }

    fn step(&mut self, task: &mut Task<'_>) -> Step {
        {
            let mut mailbox = lock(&self.cell.mailbox);
            if mailbox.exits != self.epoch {
                return Step::Fenced;
            }
            // Under the lock: a late life must not put its waker over its successor's.
            self.cell.core.bell.set(task.waker());
            if self.forsaken() {
                // Nobody holds it and nobody supervises it: to actix, its address is gone.
                mailbox.sender = None;
            }
            mailbox.turn_since = self.cell.core.node.coarse();
        }
        let began = StdInstant::now();
        if let Some(me) = self.me.take() {
            current::enter(me, self.incarnation);
        }
        let turn = panics::catch(|| self.turn(task));
        self.me = current::leave();
        let step = turn.unwrap_or_else(|raw| {
            let during = if self.started { "actix future" } else { "started" };
            Step::End(ExitReason::Panicked(Arc::new(raw.into_record(during, None))))
        });
        let mut mailbox = lock(&self.cell.mailbox);
        if mailbox.exits == self.epoch {
            mailbox.busy_ns += nanos(began.elapsed());
            if !matches!(step, Step::End(_)) {
                mailbox.end_turn();
            }
        }
        step
    }

    fn turn(&mut self, task: &mut Task<'_>) -> Step {
        if self.cell.core.flag.load(std::sync::atomic::Ordering::Acquire) {
            let Some(messages) = self.cell.core.take_control_of(self.incarnation) else {
                return Step::Fenced;
            };
            for message in messages {
                if let Some(end) = self.serve(message) {
                    return end;
                }
            }
        }
        if self.suspended || self.hung {
            return Step::Pending;
        }
        let Some(inner) = &mut self.inner else { return Step::Fenced };
        let polled = Pin::new(inner).poll(task);
        if !self.started {
            self.started = true;
            announce_start(&*self.cell, self.incarnation);
        }
        match polled {
            Poll::Pending => Step::Pending,
            Poll::Ready(()) => Step::End(self.stop_reason.take().unwrap_or(ExitReason::Normal)),
        }
    }

    #[allow(clippy::panic, reason = "faults on demand are what this is for")]
    fn serve(&mut self, message: Control) -> Option<Step> {
        match message {
            Control::Kill(reason) => return Some(Step::End(reason)),
            Control::Stop(reason) | Control::ParentExit(reason) => {
                self.suspend(false);
                self.cell.core.set_lifecycle(Lifecycle::Stopping);
                self.stop_reason.get_or_insert(reason);
                if let Some(inner) = &mut self.inner {
                    inner.ctx().stop();
                }
            }
            Control::Suspend => self.suspend(true),
            Control::Resume => self.suspend(false),
            // The asker may have given up; its loss.
            Control::Status(reply) => drop(reply.send(self.cell.snapshot())),
            // Its state is inside actix's future.
            Control::State(reply) => drop(reply.send(None)),
            // Its messages cannot be seen: the trace ends at once, empty.
            Control::Trace(order) => drop(order),
            Control::TraceTimeout => {}
            Control::Exit { reason: ExitReason::Normal, .. } => {}
            Control::Exit { reason, .. } => return Some(Step::End(reason)),
            Control::Inject(Fault::Hang) => {
                self.injected = true;
                self.hung = true;
            }
            Control::Inject(Fault::Block(time)) => self.cell.core.block(time),
            Control::Inject(Fault::Panic | Fault::PanicAfterAwait) => {
                self.injected = true;
                panic!("injected fault");
            }
        }
        None
    }

    fn forsaken(&self) -> bool {
        let core = &self.cell.core;
        core.handles.load(std::sync::atomic::Ordering::Acquire) == 0 && !core.is_supervised()
    }

    fn suspend(&mut self, suspended: bool) {
        if self.suspended != suspended {
            self.suspended = suspended;
            self.cell.core.suspended.store(suspended, std::sync::atomic::Ordering::Release);
            self.cell.core.set_lifecycle(if suspended {
                Lifecycle::Suspended
            } else {
                Lifecycle::Running
            });
        }
    }

    /// actix calls `stopping` and `stopped` when its future is dropped alive, and a
    /// panic in them while unwinding would abort (fact 3): so it is marked ended first.
    fn drop_instance(&mut self) -> Option<panics::RawPanic> {
        let mut inner = self.inner.take()?;
        panics::drop_caught({
            inner.ctx().terminate();
            inner
        })
        .err()
    }

    fn finish(&mut self, reason: ExitReason) {
        self.done = true;
        let cell = Arc::clone(&self.cell);
        let mut reason = if self.started { reason } else { init_failure(reason) };
        let end = begin_end(&*cell, self.incarnation, &reason);
        if let Some(raw) = self.drop_instance()
            && reason.is_clean()
        {
            reason = ExitReason::Panicked(Arc::new(raw.into_record("drop", None)));
        }
        if let Some(end) = end {
            if self.started {
                finish_end(&*cell, end, reason, self.injected);
            } else {
                finish_failed_start(&*cell, end, reason);
            }
        }
        cell.core.node.leave(&self.stay, &*cell, self.incarnation);
    }
}

impl<A: Actor<Context = Actix<A>>> Future for ForeignDriver<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.done {
            return Poll::Ready(());
        }
        let quiet = this.cell.core.node.config().quiet_panics;
        match panics::with_quiet(quiet, || this.step(task)) {
            Step::Pending => Poll::Pending,
            Step::End(reason) => {
                panics::with_quiet(quiet, || this.finish(reason));
                Poll::Ready(())
            }
            Step::Fenced => {
                this.done = true;
                panics::with_quiet(quiet, || this.drop_instance());
                this.cell.core.node.leave(&this.stay, &*this.cell, this.incarnation);
                Poll::Ready(())
            }
        }
    }
}

impl<A: Actor<Context = Actix<A>>> Drop for ForeignDriver<A> {
    fn drop(&mut self) {
        if !self.done {
            self.finish(ExitReason::ArbiterLost);
        }
    }
}
