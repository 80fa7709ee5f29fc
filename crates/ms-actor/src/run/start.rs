//! How a life begins: on its way to its arbiter, made there, or never begun.

use std::sync::{Arc, Weak};

use ms_core::{ExitReason, Incarnation};

use crate::cell::any::AnyCell;
use crate::cell::ending::{begin_end, finish_failed_start, finish_ignored};
use crate::cell::hosted::{Cell, Hosted};
use crate::error::StartError;
use crate::node::arbiter::{ArbiterSlot, Stay};
use crate::node::residents::Resident;
use crate::panics;

/// A start on its way to its arbiter. One that never lands is a failed start.
pub(crate) struct Launch<A: Hosted> {
    cell: Option<Arc<Cell<A>>>,
    stay: Stay,
    incarnation: Incarnation,
}

impl<A: Hosted> Launch<A> {
    /// Settles a life on its arbiter, which answers for it from here on.
    pub(crate) fn new(
        cell: Arc<Cell<A>>,
        slot: &Arc<ArbiterSlot>,
        incarnation: Incarnation,
    ) -> Self {
        let resident = Arc::downgrade(&cell) as Weak<dyn Resident>;
        let stay = slot.settle(resident, incarnation);
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
            cell.core.node.leave(&self.stay, &*cell, self.incarnation);
        }
    }
}

/// Makes the actor on this very thread and has it served; where there is none, says so.
pub(crate) fn make<A: Hosted>(
    cell: Arc<Cell<A>>,
    incarnation: Incarnation,
    stay: Stay,
    serve: impl FnOnce(Arc<Cell<A>>, Arc<dyn AnyCell>, Stay, A),
) {
    let quiet = cell.core.node.config().quiet_panics;
    let me: Arc<dyn AnyCell> = Arc::clone(&cell) as Arc<dyn AnyCell>;
    let made = panics::with_quiet(quiet, || panics::catch(|| (cell.factory)(&cell)));
    let outcome = match made {
        Ok(Ok(actor)) => return serve(cell, me, stay, actor),
        Ok(Err(StartError::Ignore)) => None,
        Ok(Err(StartError::Failed(reason))) => Some(reason),
        Err(raw) => Some(ExitReason::Panicked(Arc::new(raw.into_record("factory", None)))),
    };
    refuse_start(&*me, incarnation, outcome);
    me.core().node.leave(&stay, &*me, incarnation);
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

/// Returns the reason of an end before the init was acknowledged: a panic is the init's failure.
pub(crate) fn init_failure(reason: ExitReason) -> ExitReason {
    match reason {
        ExitReason::Panicked(_) => ExitReason::InitFailed(Arc::new(reason)),
        other => other,
    }
}
