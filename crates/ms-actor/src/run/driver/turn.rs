//! One turn: what is polled and served, and in which order.

use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context as Task, Poll};
use std::time::Instant;

use actix::{Actor, ActorContext, ActorState, AsyncContext, Running, SpawnHandle};
use futures_core::Stream;
use ms_core::ExitReason;
use ms_core::view::Lifecycle;

use crate::cell::starting::announce_start;
use crate::current;
use crate::mail::mailbox::Mailbox;
use crate::mail::message::Envelope;
use crate::mail::spec::MailboxSpec;
use crate::run::context::{Context, Init, Item};
use crate::run::delivery::AddrMessage;
use crate::run::driver::state::{During, Run, Turn};
use crate::sync::lock;
use crate::time::nanos;

/// Messages of one actor in one turn, and future steps.
// actix drains a mailbox to the end: an actor that kept sending to itself held its thread for three
// million messages (fact 8).
pub(super) const BUDGET: u32 = 256;

/// A message taken from the mailbox, with its type unless nobody wants it handled any more.
pub(super) type Taken<A> = (Envelope<A>, Option<&'static str>);

/// What a turn begins with.
pub(super) type First<A> = Option<Taken<A>>;

/// Takes the oldest message and notes it as the one being handled.
#[inline(always)]
pub(super) fn take_next<A: Actor<Context = Context<A>>>(
    mailbox: &mut Mailbox<A>,
    spec: &MailboxSpec,
) -> First<A> {
    let envelope = mailbox.pop(spec)?;
    let wanted = envelope.message.wanted();
    if wanted.is_some() {
        mailbox.handled += 1;
        mailbox.current = wanted;
    }
    Some((envelope, wanted))
}

/// How the mail was served.
enum Served {
    Rest,
    Control,
    Fenced,
}

impl<A: Actor<Context = Context<A>>> Run<A> {
    pub(super) fn turn(&mut self, actor: &mut A, task: &mut Task<'_>, first: First<A>) -> Turn {
        if !self.started {
            if let Some(reason) = self.cell.core.killed_early() {
                return Turn::End(reason);
            }
            self.started = true;
            self.during = During::Started;
            actor.started(&mut self.ctx);
            if self.merge() {
                self.clean_cancelled();
            }
        }
        let (mut budget, mut steps) = (BUDGET, BUDGET);
        if let Some(taken) = first {
            budget -= 1;
            self.handle(actor, taken);
        }
        loop {
            if let Some(end) = self.serve_control(actor) {
                return end;
            }
            if self.suspended {
                return Turn::Sleep;
            }
            if !self.poll_waits(actor, task, &mut steps) {
                return if steps == 0 { Turn::Yield } else { Turn::Sleep };
            }
            if let Some(end) = self.acknowledge_init() {
                return end;
            }
            match self.serve_mail(actor, task, &mut budget) {
                // Its mail ran out and there is nothing else: most turns end here.
                Served::Rest if self.settled && self.is_wanted() => return Turn::Sleep,
                Served::Rest => {}
                Served::Control => continue,
                Served::Fenced => return Turn::Fenced,
            }
            if !self.waits.is_empty() && !self.stopping() {
                continue;
            }
            if self.poll_items(actor, task, &mut steps) {
                continue;
            }
            self.ctx.running = SpawnHandle::default();
            if self.merge() && !self.stopping() {
                if self.items.is_empty() {
                    self.ctx.cancelled.clear();
                }
                if budget > 0 && steps > 0 {
                    continue;
                }
            }
            // A deferred init may have ended in this round.
            if let Some(end) = self.acknowledge_init() {
                return end;
            }
            if let Some(turn) = self.check_state(actor) {
                return turn;
            }
            return if budget == 0 || steps == 0 { Turn::Yield } else { Turn::Sleep };
        }
    }

    /// Polls what the actor waits for, the newest first. False while there is something left.
    fn poll_waits(&mut self, actor: &mut A, task: &mut Task<'_>, steps: &mut u32) -> bool {
        while !self.waits.is_empty() && !self.stopping() {
            if *steps == 0 {
                return false;
            }
            let at = self.waits.len() - 1;
            let item = &mut self.waits[at];
            self.during = During::Future;
            self.ctx.handling = item.origin;
            let ctx = &mut self.ctx;
            let (polled, asks) = current::blocking(|| item.future.as_mut().poll(actor, ctx, task));
            self.asks |= asks;
            if polled.is_pending() && self.ctx.state.alive() {
                return false;
            }
            *steps -= 1;
            let done = self.waits.remove(at);
            drop(done);
            self.merge();
        }
        if self.asks {
            // It serves again: an ask that was kept for later keeps nobody waiting.
            self.asks = false;
            self.cell.core.end_waits(self.ctx.incarnation);
        }
        true
    }

    /// Tells the supervisor that the init is over, once it is.
    fn acknowledge_init(&mut self) -> Option<Turn> {
        if self.acknowledged || !self.ctx.new_waits.is_empty() {
            return None;
        }
        match self.ctx.init {
            Init::Deferred if !self.ctx.has_failed() => None,
            // Told to stop while its init still waits: then the init was never done.
            Init::Automatic if !self.waits.is_empty() => None,
            Init::Ignored => {
                self.ctx.init = Init::Done;
                Some(Turn::End(ExitReason::Normal))
            }
            _ if self.ctx.has_failed() => None,
            _ => {
                self.ctx.init = Init::Done;
                self.acknowledged = true;
                announce_start(&*self.cell, self.ctx.incarnation);
                None
            }
        }
    }

    fn serve_mail(&mut self, actor: &mut A, task: &mut Task<'_>, budget: &mut u32) -> Served {
        self.pump_addr_channel(task);
        while !self.ctx.waiting() && *budget > 0 {
            if self.cell.core.flag.load(Ordering::Acquire) {
                return Served::Control;
            }
            let taken = {
                let mut mailbox = lock(&self.cell.mailbox);
                if mailbox.exits != self.epoch {
                    return Served::Fenced;
                }
                let Some(taken) = take_next(&mut mailbox, &self.cell.core.mailbox_spec) else {
                    if self.has_nothing_but_mail() {
                        // The turn is over: say so now, and save the lock at its end.
                        self.settled = true;
                        mailbox.busy_ns += self.clock.busy(&self.cell.core.node);
                        mailbox.end_turn(false);
                        mailbox.park();
                    }
                    break;
                };
                taken
            };
            *budget -= u32::from(taken.1.is_some());
            self.handle(actor, taken);
        }
        if self.draining && !self.ctx.waiting() && *budget > 0 {
            // All that waited is handled: now the stop proper.
            self.draining = false;
            self.ctx.stop();
        }
        Served::Rest
    }

    /// Returns whether the turn ends with the mail: nothing of the user's runs after it.
    pub(super) fn has_nothing_but_mail(&self) -> bool {
        self.acknowledged
            && !self.draining
            && self.ctx.state == ActorState::Running
            && self.waits.is_empty()
            && self.items.is_empty()
            && self.ctx.new_items.is_empty()
            && self.ctx.new_waits.is_empty()
            && self.ctx.cancelled.is_empty()
    }

    #[inline]
    fn handle(&mut self, actor: &mut A, (envelope, wanted): Taken<A>) {
        let Some(message) = wanted else {
            // The asker is gone: nobody wants the work done.
            return drop(envelope);
        };
        self.during = During::Handle;
        let waited = (envelope.stamp != 0).then(|| {
            let waited = self.cell.core.node.now().as_nanos().saturating_sub(envelope.stamp);
            lock(&self.cell.mailbox).record_wait(waited);
            waited
        });
        self.types.count(message);
        if self.trace.is_none() {
            envelope.message.deliver(actor, &mut self.ctx);
            return;
        }
        let began = Instant::now();
        envelope.message.deliver(actor, &mut self.ctx);
        let took = (self.ctx.new_waits.is_empty()).then(|| nanos(began.elapsed()) / 1_000);
        self.trace_line(message, waited, took);
    }

    /// Moves what came through plain addresses into the one queue, as far as there is room.
    fn pump_addr_channel(&mut self, task: &mut Task<'_>) {
        let Some(channel) = self.ctx.addr_channel.get_mut() else { return };
        loop {
            if !lock(&self.cell.mailbox).admits_from_addr(&self.cell.core.mailbox_spec) {
                // No room now: look again when this turn's messages are handled.
                task.waker().wake_by_ref();
                return;
            }
            let Poll::Ready(Some(envelope)) = Pin::new(&mut channel.messages).poll_next(task)
            else {
                return;
            };
            let message = Box::new(AddrMessage(envelope));
            let node = &self.cell.core.node;
            let arbiter = &self.cell.core.arbiter;
            let wake =
                lock(&self.cell.mailbox)
                    .push(Envelope { message, stamp: 0 }, arbiter, || node.now().as_nanos());
            debug_assert!(wake.is_none(), "the run loop is awake");
        }
    }

    /// Polls the actor's futures. True when something asks for a new round.
    ///
    /// Its steps are not the mailbox's budget: a flood of mail must not keep an
    /// actor from its own timers.
    fn poll_items(&mut self, actor: &mut A, task: &mut Task<'_>, steps: &mut u32) -> bool {
        let mut at = 0;
        while at < self.items.len() && !self.stopping() {
            if *steps == 0 {
                return false;
            }
            self.ctx.running = self.items[at].handle;
            self.during = During::Future;
            self.ctx.handling = self.items[at].origin;
            let polled = self.items[at].future.as_mut().poll(actor, &mut self.ctx, task);
            if polled.is_ready() {
                *steps -= 1;
                let done = self.items.swap_remove(at);
                drop(done);
            }
            if self.ctx.waiting() {
                self.merge();
            }
            if polled.is_pending() && !self.ctx.cancelled.is_empty() {
                *steps -= 1;
                self.clean_cancelled();
                return true;
            }
            if !self.waits.is_empty() && !self.stopping() {
                // A future that waits again and again must not keep the others from their turn.
                if polled.is_pending() {
                    *steps -= 1;
                    let last = self.items.len() - 1;
                    self.items.swap(at, last);
                }
                return true;
            }
            if polled.is_pending() {
                at += 1;
            }
        }
        false
    }

    fn check_state(&mut self, actor: &mut A) -> Option<Turn> {
        match self.ctx.state {
            ActorState::Stopped => Some(self.terminated(actor)),
            ActorState::Stopping => {
                self.during = During::Stopping;
                self.cell.core.set_lifecycle(Lifecycle::Stopping);
                if actor.stopping(&mut self.ctx) == Running::Stop {
                    return Some(self.stopped(actor));
                }
                if self.ctx.state == ActorState::Stopped {
                    // Its hook ended it at once, with a reason perhaps.
                    return Some(self.terminated(actor));
                }
                // Asked for more time: it goes on until it stops by itself, or is killed.
                self.ctx.state = ActorState::Running;
                self.merge();
                Some(Turn::Yield)
            }
            _ if self.alive() => None,
            _ => {
                self.during = During::Stopping;
                (actor.stopping(&mut self.ctx) == Running::Stop).then(|| self.stopped(actor))
            }
        }
    }

    fn stopping(&self) -> bool {
        !self.ctx.state.alive()
    }

    /// Returns whether anybody could still want something of it.
    fn alive(&self) -> bool {
        self.is_wanted()
            || self.ctx.addr_channel.get().is_some_and(|channel| channel.messages.connected())
            || !self.items.is_empty()
            || !self.waits.is_empty()
            || lock(&self.cell.mailbox).depth() > 0
    }

    /// Returns whether somebody keeps it or holds a reference.
    fn is_wanted(&self) -> bool {
        self.supervised || self.cell.core.handles.load(Ordering::Acquire) > 0
    }

    pub(super) fn merge(&mut self) -> bool {
        let new = !self.ctx.new_waits.is_empty()
            || !self.ctx.new_items.is_empty()
            || !self.ctx.cancelled.is_empty();
        self.waits.append(&mut self.ctx.new_waits);
        self.items.append(&mut self.ctx.new_items);
        new
    }

    fn clean_cancelled(&mut self) {
        while let Some(handle) = self.ctx.cancelled.pop() {
            let of_it = |item: &Item<A>| item.handle == handle;
            if let Some(at) = self.items.iter().position(of_it) {
                self.items.swap_remove(at);
            } else if let Some(at) = self.ctx.new_items.iter().position(of_it) {
                self.ctx.new_items.swap_remove(at);
            }
        }
    }
}
