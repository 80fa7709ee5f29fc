//! What is known of a turn from outside: how long it takes, what it handled, what is traced.

use std::sync::atomic::Ordering;
use std::task::Context as Task;
use std::time::Instant;

use actix::Actor;
use ms_core::view::{TraceLine, TypeCount};

use super::turn::{First, take_next};
use super::{Run, Turn};
use crate::few::Few;
use crate::node::handle::Node;
use crate::node::spin;
use crate::run::context::Context;
use crate::sync::lock;
use crate::time::nanos;

/// Every how manieth turn is timed precisely.
const TIME_EVERY: u8 = 16;

/// When a turn began: coarsely, and precisely for one in [`TIME_EVERY`].
#[derive(Default)]
pub(super) struct TurnClock {
    coarse: u64,
    precise: Option<Instant>,
}

impl TurnClock {
    /// How long the turn has kept its thread, in nanoseconds, as far as it is known.
    pub(super) fn busy(&self, node: &Node) -> u64 {
        match self.precise {
            Some(began) => nanos(began.elapsed()) * u64::from(TIME_EVERY),
            None => node.coarse().saturating_sub(self.coarse),
        }
    }
}

/// Messages handled, by type: most actors know one type or a few.
#[derive(Default)]
pub(super) struct Types {
    first: (&'static str, u64),
    others: Few<(&'static str, u64)>,
}

impl<A: Actor<Context = Context<A>>> Run<A> {
    /// Notes that a turn is on. `None` when this life was ended from outside.
    ///
    /// A turn that begins with mail takes the first message along: it was woken for it,
    /// and the lock is held.
    pub(super) fn begin_turn(&mut self, task: &Task<'_>) -> Option<First<A>> {
        let core = &self.cell.core;
        let coarse = core.node.coarse();
        let mut inbox = lock(&self.cell.lane);
        if inbox.exits != self.epoch {
            return None;
        }
        let earlier = inbox.keep_waker(task.waker());
        if earlier.is_some() {
            // Under the lock: a late life must not put its waker over its successor's.
            core.bell.set(task.waker());
        }
        inbox.turn_since = coarse;
        let from_elsewhere = std::mem::take(&mut inbox.from_elsewhere);
        let begins_with_mail = self.has_nothing_but_mail()
            && !self.suspended
            && self.ctx.lane.get().is_none()
            && !core.flag.load(Ordering::Acquire);
        let first = if begins_with_mail { take_next(&mut inbox, &core.mailbox) } else { None };
        drop(inbox);
        drop(earlier);
        if from_elsewhere {
            spin::exchanged();
        }
        self.turns = self.turns.wrapping_add(1);
        let precise = self.turns.is_multiple_of(TIME_EVERY).then(Instant::now);
        self.clock = TurnClock { coarse, precise };
        self.settled = false;
        Some(first)
    }

    /// Ends the turn for those who look at it. On an end, askers wait for its record.
    /// A turn that would sleep goes on if a message or control came in meanwhile.
    pub(super) fn end_turn(&self, turn: Turn) -> Turn {
        let flagged = || self.cell.core.flag.load(Ordering::Acquire);
        if self.settled && matches!(turn, Turn::Sleep) {
            return if flagged() { Turn::Yield } else { Turn::Sleep };
        }
        let busy = if self.settled { 0 } else { self.clock.busy(&self.cell.core.node) };
        let mut inbox = lock(&self.cell.lane);
        if inbox.exits != self.epoch {
            return turn;
        }
        inbox.busy_ns += busy;
        if matches!(turn, Turn::End(_) | Turn::Fenced) {
            return turn;
        }
        inbox.end_turn(!self.waits.is_empty());
        let kept_from_mail = self.suspended || !self.waits.is_empty();
        let sleeps = matches!(turn, Turn::Sleep) && (inbox.park() || kept_from_mail) && !flagged();
        if sleeps { Turn::Sleep } else { Turn::Yield }
    }

    /// Counts a message by type. Names of one type are one string: its address tells most.
    #[inline]
    pub(super) fn count(&mut self, message: &'static str) {
        let same = |known: &str| {
            std::ptr::eq(known.as_ptr(), message.as_ptr()) && known.len() == message.len()
        };
        let (first, count) = &mut self.types.first;
        if same(first) {
            *count += 1;
            return;
        }
        if *count == 0 {
            self.types.first = (message, 1);
            return;
        }
        let known = std::iter::once(&mut self.types.first).chain(&mut *self.types.others);
        for (name, count) in known {
            if same(name) || *name == message {
                *count += 1;
                return;
            }
        }
        self.types.others.push((message, 1));
    }

    pub(super) fn type_counts(&self) -> Vec<TypeCount> {
        let types = std::iter::once(&self.types.first).chain(&*self.types.others);
        let mut counts: Vec<_> = types
            .filter(|&&(_, count)| count > 0)
            .map(|&(name, count)| TypeCount { message: name.to_owned(), count })
            .collect();
        counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.message.cmp(&b.message)));
        counts
    }

    pub(super) fn trace_line(
        &mut self,
        message: &'static str,
        waited: Option<u64>,
        took_us: Option<u64>,
    ) {
        let core = &self.cell.core;
        let Some(order) = &mut self.trace else { return };
        let line = TraceLine {
            at_us: core.node.now().as_nanos() / 1_000,
            path: core.path.clone(),
            message: message.to_owned(),
            waited_us: waited.map(|nanos| nanos / 1_000),
            took_us,
        };
        order.left -= 1;
        let sent = order.lines.try_send(line).is_ok();
        if !sent || order.left == 0 || tokio::time::Instant::now() >= order.until {
            self.end_trace();
        }
    }

    pub(super) fn end_trace(&mut self) {
        self.trace = None;
        self.cell.core.traced.store(false, Ordering::Release);
    }
}
