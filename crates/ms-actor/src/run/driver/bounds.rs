//! How a turn begins and ends: what is noted under the lock of the mailbox.

use std::sync::atomic::Ordering;
use std::task::Context as Task;
use std::time::Instant;

use actix::Actor;

use crate::node::spin;
use crate::run::context::Context;
use crate::run::driver::clock::{TIME_EVERY, TurnClock};
use crate::run::driver::state::{Run, Turn};
use crate::run::driver::turn::{First, take_next};
use crate::sync::lock;

impl<A: Actor<Context = Context<A>>> Run<A> {
    /// Notes that a turn is on. `None` when this life was ended from outside.
    ///
    /// A turn that begins with mail takes the first message along: it was woken for it,
    /// and the lock is held.
    pub(super) fn begin_turn(&mut self, task: &Task<'_>) -> Option<First<A>> {
        let core = &self.cell.core;
        let coarse = core.node.coarse();
        let mut mailbox = lock(&self.cell.mailbox);
        if mailbox.exits != self.epoch {
            return None;
        }
        let earlier = mailbox.keep_waker(task.waker());
        if earlier.is_some() {
            // Under the lock: a late life must not put its waker over its successor's.
            core.bell.set(task.waker());
        }
        mailbox.turn_since = coarse;
        let from_elsewhere = std::mem::take(&mut mailbox.from_elsewhere);
        let begins_with_mail = self.has_nothing_but_mail()
            && !self.suspended
            && self.ctx.addr_channel.get().is_none()
            && !core.flag.load(Ordering::Acquire);
        let first =
            if begins_with_mail { take_next(&mut mailbox, &core.mailbox_spec) } else { None };
        drop(mailbox);
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
        let mut mailbox = lock(&self.cell.mailbox);
        if mailbox.exits != self.epoch {
            return turn;
        }
        mailbox.busy_ns += busy;
        if matches!(turn, Turn::End(_) | Turn::Fenced) {
            return turn;
        }
        mailbox.end_turn(!self.waits.is_empty());
        let kept_from_mail = self.suspended || !self.waits.is_empty();
        let sleeps =
            matches!(turn, Turn::Sleep) && (mailbox.park() || kept_from_mail) && !flagged();
        if sleeps { Turn::Sleep } else { Turn::Yield }
    }
}
