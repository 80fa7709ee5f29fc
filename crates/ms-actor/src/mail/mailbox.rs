//! The mailbox of one actor: a bounded queue that outlives incarnations.
//!
//! It belongs to the actor's cell, not to an incarnation, so references stay
//! valid over restarts and a queue can be kept, or moved to another arbiter.
//! One mutex guards it and is held for a few instructions only; because every
//! message passes under it, depth, counts and "what is being handled" are exact
//! and cost nothing beside.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::task::Waker;

use actix::Actor;
use ms_core::{ExitReason, Incarnation};
use tokio::time::Instant;

use crate::mail::histogram::WaitHistogram;
use crate::mail::line::{Line, Ticket, WaitFor, Waiter};
use crate::mail::message::Envelope;
use crate::mail::spec::MailboxSpec;
use crate::node::here;
use crate::sync::AtomicU32;

/// Whether the mailbox takes messages.
#[derive(Debug, Clone)]
pub(crate) enum Gate {
    Open,
    /// Between two incarnations, or on the way to a stop.
    Refusing(Box<ExitReason>),
    /// The actor has ended for good.
    Closed(Box<ExitReason>),
}

/// Lines that are seldom there: boxed, so that an idle actor stays small.
#[derive(Default)]
struct Lines {
    /// Senders that wait for room.
    room: Line,
    /// Askers that wait for a turn to end, to learn what became of their ask.
    turn_end: Line,
}

/// One message in this many is timed on its way through the mailbox.
const SAMPLE_EVERY: u64 = 64;

/// The queue and the accounts of one actor with our context.
///
/// Public only in name: it is the mailbox of a sealed trait. In this order in memory: what
/// every message touches comes first, so that it lies in as few cache lines as can be.
#[repr(C)]
pub struct Mailbox<A: Actor> {
    /// Ends so far, see [`count_end`]: an asker whose number differs knows that its actor ended.
    pub(crate) exits: u32,
    parked: bool,
    /// The sleeping run loop was woken from another thread.
    pub(crate) from_elsewhere: bool,
    queue: VecDeque<Envelope<A>>,
    lines: Option<Box<Lines>>,
    accepted: u64,
    /// Wakes the run loop of the present life.
    waker: Option<Waker>,
    /// Messages handled by the running incarnation.
    pub(crate) handled: u64,
    /// Type of the message handled last, or now.
    pub(crate) current: Option<&'static str>,
    /// Coarse time the running turn began, zero outside a turn.
    pub(crate) turn_since: u64,
    /// Turns that ended so far.
    pub(crate) turns: u64,
    /// Coarse time since when an async handler keeps the actor from its mail, or zero.
    pub(crate) waiting_since: u64,
    pub(crate) busy_ns: u64,
    gate: Gate,
    pub(crate) overflowed: u64,
    pub(crate) waits: Option<Box<WaitHistogram>>,
}

impl<A: Actor> Mailbox<A> {
    pub(crate) fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            gate: Gate::Open,
            exits: 0,
            accepted: 0,
            handled: 0,
            overflowed: 0,
            current: None,
            turn_since: 0,
            turns: 0,
            waiting_since: 0,
            busy_ns: 0,
            waits: None,
            lines: None,
            parked: false,
            waker: None,
            from_elsewhere: false,
        }
    }

    pub(crate) fn depth(&self) -> usize {
        self.queue.len()
    }

    /// Says, without taking it, whether a message would get in: of a newcomer, or of whoever
    /// has waited for room with `ticket`.
    #[inline]
    pub(crate) fn admits(
        &mut self,
        spec: &MailboxSpec,
        ticket: Option<Ticket>,
    ) -> Result<(), Refusal> {
        let has_room = spec.capacity.is_none_or(|capacity| self.queue.len() < capacity);
        match has_room && self.lines.is_none() && self.is_open() {
            true => Ok(()),
            false => self.admits_now(spec, ticket),
        }
    }

    /// Says the same where somebody waits in line, or it is full or closed.
    fn admits_now(&mut self, spec: &MailboxSpec, ticket: Option<Ticket>) -> Result<(), Refusal> {
        match &self.gate {
            Gate::Open => {}
            Gate::Refusing(reason) | Gate::Closed(reason) => {
                return Err(Refusal::Closed((**reason).clone()));
            }
        }
        let Some(capacity) = spec.capacity else { return Ok(()) };
        let free = capacity.saturating_sub(self.queue.len());
        let has_room = match &mut self.lines {
            Some(lines) if free > 0 && !lines.room.is_empty() => {
                lines.room.entitles(ticket, free, Instant::now)
            }
            _ => free > 0,
        };
        if has_room { Ok(()) } else { Err(Refusal::Full) }
    }

    /// Returns whether one more message of those sent through an `Addr` gets in. They do not stand
    /// in line. One gets in whenever nothing waits, so that claims nobody redeems cannot keep them
    /// out for ever.
    pub(crate) fn admits_from_addr(&mut self, spec: &MailboxSpec) -> bool {
        self.admits(spec, None).is_ok() || (self.is_open() && self.queue.is_empty())
    }

    /// Returns whether it takes mail at all, room or not.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.gate, Gate::Open)
    }

    /// Appends a message that was admitted, and wakes the run loop if it sleeps. One on
    /// another thread comes back, to be woken when the mailbox is free for it.
    #[inline]
    #[must_use]
    pub(crate) fn push(
        &mut self,
        mut envelope: Envelope<A>,
        arbiter: &AtomicU32,
        now: impl FnOnce() -> u64,
    ) -> Option<Waker> {
        self.accepted += 1;
        if self.accepted.is_multiple_of(SAMPLE_EVERY) {
            envelope.stamp = now();
        }
        self.queue.push_back(envelope);
        if !std::mem::take(&mut self.parked) {
            return None;
        }
        let waker = self.waker.as_ref()?;
        self.from_elsewhere = here::is_elsewhere(arbiter.load(Ordering::Relaxed));
        if self.from_elsewhere {
            return Some(waker.clone());
        }
        waker.wake_by_ref();
        None
    }

    /// Notes who is to be woken for mail. `None` when that is known already; otherwise an
    /// earlier waker comes back, to be dropped where nothing is locked.
    #[inline]
    pub(crate) fn keep_waker(&mut self, waker: &Waker) -> Option<Option<Waker>> {
        let known = self.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        (!known).then(|| self.waker.replace(waker.clone()))
    }

    /// Takes the oldest message; room gained wakes senders when half the bound is free.
    #[inline]
    pub(crate) fn pop(&mut self, spec: &MailboxSpec) -> Option<Envelope<A>> {
        let envelope = self.queue.pop_front()?;
        if self.lines.is_some() {
            let bound = spec.capacity.unwrap_or(0);
            // In batches: otherwise each message taken from a full mailbox would wake a sender.
            if self.queue.len() <= bound / 2 {
                self.room_is_free(bound);
            }
        }
        Some(envelope)
    }

    /// Wakes, of those who wait for room, as many as there is room for.
    #[cold]
    fn room_is_free(&mut self, bound: usize) {
        let free = bound.saturating_sub(self.queue.len());
        if let Some(lines) = &mut self.lines {
            lines.room.wake_first(free);
        }
    }

    pub(crate) fn evict_oldest(&mut self) -> Option<Envelope<A>> {
        self.overflowed += 1;
        self.queue.pop_front()
    }

    /// Notes that the run loop goes to sleep, unless there is work.
    #[inline]
    pub(crate) fn park(&mut self) -> bool {
        self.parked = self.queue.is_empty();
        self.parked
    }

    pub(crate) fn record_wait(&mut self, nanos: u64) {
        self.waits.get_or_insert_default().record(nanos);
    }

    pub(crate) fn set_gate(&mut self, gate: Gate) {
        // A closed mailbox stays closed: its cell is never used again.
        if !matches!(self.gate, Gate::Closed(_)) {
            self.gate = gate;
            self.wake_room();
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.gate, Gate::Closed(_))
    }

    pub(crate) fn take_queue(&mut self) -> VecDeque<Envelope<A>> {
        std::mem::take(&mut self.queue)
    }

    fn line(&mut self, line: WaitFor) -> &mut Line {
        let lines = self.lines.get_or_insert_default();
        match line {
            WaitFor::Room => &mut lines.room,
            WaitFor::TurnEnd => &mut lines.turn_end,
        }
    }

    #[cfg(all(test, not(feature = "model")))]
    pub(crate) fn in_line(&self, line: WaitFor) -> usize {
        self.lines.as_ref().map_or(0, |lines| match line {
            WaitFor::Room => lines.room.len(),
            WaitFor::TurnEnd => lines.turn_end.len(),
        })
    }

    /// Waits in a line, as [`Line::wait`] does.
    pub(crate) fn wait_in(
        &mut self,
        line: WaitFor,
        waiter: &Waiter<'_>,
    ) -> (Ticket, Option<Waker>) {
        self.line(line).wait(waiter)
    }

    /// Leaves a line, as [`Line::leave`] does. The room that it had claimed goes to those behind
    /// it.
    pub(crate) fn leave_line(
        &mut self,
        spec: &MailboxSpec,
        line: WaitFor,
        ticket: Ticket,
    ) -> Option<Waker> {
        let waker = self.line(line).leave(ticket);
        if line == WaitFor::Room {
            self.room_is_free(spec.capacity.unwrap_or(0));
        }
        waker
    }

    /// Takes a ticket that was used out of the line; see [`Line::leave`].
    pub(crate) fn use_ticket(&mut self, ticket: Ticket) -> Option<Waker> {
        self.lines.as_mut()?.room.leave(ticket)
    }

    /// Ends a turn: whoever waits to learn the outcome of an ask is woken.
    #[inline]
    pub(crate) fn end_turn(&mut self, still_waiting: bool) {
        self.waiting_since = match still_waiting {
            true if self.waiting_since == 0 => self.turn_since,
            true => self.waiting_since,
            false => 0,
        };
        self.turn_since = 0;
        self.turns = self.turns.wrapping_add(1);
        if let Some(lines) = &mut self.lines {
            lines.turn_end.dismiss();
        }
    }

    /// Counts what is being handled as just begun.
    pub(crate) fn heartbeat(&mut self, now: u64) {
        for since in [&mut self.waiting_since, &mut self.turn_since] {
            if *since != 0 {
                *since = now;
            }
        }
    }

    /// Cuts off the present life, if there is one: no other will come.
    #[must_use]
    pub(crate) fn end_lives(&mut self) -> Option<Waker> {
        self.exits = self.exits.wrapping_add(1);
        self.end_life()
    }

    /// Ends a life whose end is counted: what comes later belongs to the next.
    /// Whom to wake for mail comes back, to be dropped where nothing is locked.
    #[must_use]
    pub(crate) fn end_life(&mut self) -> Option<Waker> {
        self.parked = false;
        self.end_turn(false);
        self.waker.take()
    }

    /// Clears the accounts for a new life. `last` is the one before it, which has ended.
    pub(crate) fn begin_life(&mut self, last: Incarnation) {
        self.exits = ends_until(last);
        self.handled = 0;
        self.busy_ns = 0;
        self.current = None;
        self.waits = None;
        self.set_gate(Gate::Open);
    }

    fn wake_room(&mut self) {
        if let Some(lines) = &mut self.lines {
            lines.room.wake_all();
        }
    }
}

/// Returns how many ends there were when `last` had ended: as many as its number says, for each
/// life is counted before the next one begins. The lower half of the number tells them apart.
#[allow(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
pub(crate) const fn ends_until(last: Incarnation) -> u32 {
    last.0 as u32
}

/// Counts the end of `ended`. False when it is counted already, which is what a late word of
/// an earlier life finds: it must not fence off its successor.
pub(crate) fn count_end(exits: &mut u32, ended: Incarnation) -> bool {
    let due = is_due(*exits, ended);
    if due {
        *exits = ends_until(ended);
    }
    due
}

/// Returns whether the end of `ended` is not counted yet.
pub(crate) fn is_due(exits: u32, ended: Incarnation) -> bool {
    // By their distance: the lower half of a life's number begins anew after 2^32 lives.
    ends_until(ended).wrapping_sub(exits).cast_signed() > 0
}

/// Why a message does not get in.
pub(crate) enum Refusal {
    Full,
    Closed(ExitReason),
}
