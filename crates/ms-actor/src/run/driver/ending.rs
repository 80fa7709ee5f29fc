//! How a life ends, in the run loop's part.

use std::sync::Arc;

use actix::{Actor, ActorState};
use ms_core::ExitReason;

use crate::cell::ending::{begin_end, finish_end, finish_failed_start, finish_ignored};
use crate::panics::{self, RawPanic};
use crate::run::context::{Context, Init};
use crate::run::driver::state::{Driver, During, Run, Turn};
use crate::run::start::init_failure;

impl<A: Actor<Context = Context<A>>> Driver<A> {
    /// Records the end, drops the instance where a panic in its `Drop` does no harm,
    /// and then tells the others: no successor starts before the instance is gone.
    pub(super) fn finish(&mut self, reason: ExitReason) {
        self.run.done = true;
        let cell = Arc::clone(&self.run.cell);
        let ignored = !self.run.acknowledged && self.run.ctx.init == Init::Done;
        let mut reason =
            if self.run.acknowledged || ignored { reason } else { init_failure(reason) };
        let end = begin_end(&*cell, self.run.ctx.incarnation, &reason);
        if let Some(raw) = self.drop_instance()
            && reason.is_clean()
        {
            // Only a clean reason is replaced by a panic in a `Drop`: an actor that crashed keeps the
            // first cause.
            reason = ExitReason::Panicked(Arc::new(raw.into_record("drop", None)));
        }
        if let Some(end) = end {
            if ignored {
                finish_ignored(&*cell, end, &reason);
            } else if self.run.acknowledged {
                finish_end(&*cell, end, reason, self.run.ctx.injected);
            } else {
                finish_failed_start(&*cell, end, reason);
            }
        }
        cell.core.node.leave(&self.run.stay, &*cell, self.run.ctx.incarnation);
    }

    /// Drops all that is the user's, one by one. The first panic comes back.
    pub(super) fn drop_instance(&mut self) -> Option<RawPanic> {
        let mut first = None;
        let mut keep = |dropped: Result<(), RawPanic>| {
            if let Err(raw) = dropped {
                first.get_or_insert(raw);
            }
        };
        let lists = [
            &mut self.run.items,
            &mut self.run.waits,
            &mut self.run.ctx.new_items,
            &mut self.run.ctx.new_waits,
        ];
        for list in lists {
            list.drain().for_each(|item| keep(panics::drop_caught(item)));
        }
        let trap = self.run.ctx.rare_if_any().and_then(|rare| rare.trap.take());
        keep(panics::drop_caught(trap));
        keep(panics::drop_caught(self.run.ctx.addr_channel.take()));
        keep(panics::drop_caught(self.actor.take()));
        first
    }
}

impl<A: Actor<Context = Context<A>>> Run<A> {
    /// Ends the actor after `ctx.terminate()`, `fail` or `exit_with`: without `stopping()`, and
    /// with `stopped()`, as in actix, unless the actor failed.
    pub(super) fn terminated(&mut self, actor: &mut A) -> Turn {
        if let Some(raw) = self.ctx.rare_if_any().and_then(|rare| rare.crashed.take()) {
            let record = raw.into_record("detached response", self.ctx.handling);
            return Turn::End(ExitReason::Panicked(Arc::new(record)));
        }
        match self.ctx.rare_if_any().and_then(|rare| rare.exit.take()) {
            Some(reason) => Turn::End(reason),
            None => self.stopped(actor),
        }
    }

    pub(super) fn stopped(&mut self, actor: &mut A) -> Turn {
        self.during = During::Stopped;
        self.ctx.state = ActorState::Stopped;
        actor.stopped(&mut self.ctx);
        let given =
            self.ctx.rare_if_any().and_then(|rare| rare.exit.take().or(rare.stop_reason.take()));
        Turn::End(given.unwrap_or(ExitReason::Normal))
    }

    pub(super) fn panicked(&self, raw: RawPanic) -> ExitReason {
        let handling = match self.during {
            During::Future | During::Handle | During::Injected => self.ctx.handling,
            _ => None,
        };
        ExitReason::Panicked(Arc::new(raw.into_record(self.during.name(), handling)))
    }
}
