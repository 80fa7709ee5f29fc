//! How a life ends, in the run loop's part, and how one ends that never began.

use std::sync::Arc;

use actix::{Actor, ActorState};
use ms_core::{ExitReason, Incarnation};

use super::{Driver, During, Run, Turn};
use crate::cell::core::AnyCell;
use crate::cell::ending::{begin_end, finish_end, finish_failed_start, finish_ignored};
use crate::cell::hosted::{Cell, Hosted};
use crate::node::arbiter::{ArbiterSlot, Stay};
use crate::panics::{self, RawPanic};
use crate::run::context::{Context, Init};

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
        self.run.stay.end(&*cell, self.run.ctx.incarnation);
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
        keep(panics::drop_caught(self.run.ctx.lane.take()));
        keep(panics::drop_caught(self.actor.take()));
        first
    }
}

impl<A: Actor<Context = Context<A>>> Run<A> {
    /// `ctx.terminate()`, `fail`, `exit_with`: no `stopping()`; `stopped()` as in actix,
    /// unless the actor failed.
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

/// An end before the init was acknowledged is the init's failure.
pub(crate) fn init_failure(reason: ExitReason) -> ExitReason {
    match reason {
        ExitReason::Panicked(_) => ExitReason::InitFailed(Arc::new(reason)),
        other => other,
    }
}

/// A start on its way to its arbiter. One that never lands is a failed start.
pub(crate) struct Launch<A: Hosted> {
    cell: Option<Arc<Cell<A>>>,
    stay: Stay,
    incarnation: Incarnation,
}

impl<A: Hosted> Launch<A> {
    /// From here on the arbiter answers for it.
    pub(crate) fn new(
        cell: Arc<Cell<A>>,
        slot: &Arc<ArbiterSlot>,
        incarnation: Incarnation,
    ) -> Self {
        let me: Arc<dyn AnyCell> = Arc::clone(&cell) as Arc<dyn AnyCell>;
        let stay = slot.settle(&me, incarnation);
        Self { cell: Some(cell), stay, incarnation }
    }

    pub(crate) fn land(mut self, begin: impl FnOnce(Arc<Cell<A>>, Stay)) {
        if let Some(cell) = self.cell.take() {
            begin(cell, self.stay.clone());
        }
    }
}

impl<A: Hosted> Drop for Launch<A> {
    fn drop(&mut self) {
        if let Some(cell) = self.cell.take() {
            refuse_start(&*cell, self.incarnation, Some(ExitReason::ArbiterLost));
            self.stay.end(&*cell, self.incarnation);
        }
    }
}

/// Ends a life whose factory made no actor.
pub(crate) fn refuse_start(
    cell: &dyn AnyCell,
    incarnation: Incarnation,
    failed: Option<ExitReason>,
) {
    let reason = failed.clone().map_or(ExitReason::Normal, init_failure);
    let Some(end) = begin_end(cell, incarnation, &reason) else { return };
    match failed {
        None => finish_ignored(cell, end, &reason),
        Some(_) => finish_failed_start(cell, end, reason),
    }
}
