//! What becomes of the children of a supervisor that was killed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ms_actor::host::{ChildCell, ChildEvent, ChildSink, Parent};
use ms_core::{ExitReason, Incarnation, Shutdown};

use crate::state::kept_cells::KeptCells;

/// Waits for the end of a child whose supervisor was killed, to say that no other life comes:
/// neither of it, nor of what is below it.
pub(crate) struct OrphanCloser(Mutex<Option<(ChildCell, Option<KeptCells>)>>);

impl OrphanCloser {
    pub(crate) fn adopt(cell: &ChildCell, below: Option<KeptCells>) {
        let closer = Arc::new(Self(Mutex::new(Some((cell.clone(), below)))));
        cell.adopt(Parent { sink: Arc::clone(&closer) as Arc<dyn ChildSink>, key: 0 });
        // It may have ended before it was adopted: then no event comes.
        if !cell.is_alive() {
            closer.close();
        }
    }

    fn close(&self) {
        // Taken out: the cell holds the closer.
        let orphan = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((cell, below)) = orphan {
            let reason = cell.last_exit().unwrap_or(ExitReason::Killed);
            cell.close_at_end(&reason);
            below.iter().for_each(|below| below.close_after(Some(&cell), &reason));
        }
    }
}

impl ChildSink for OrphanCloser {
    fn child_event(&self, _: u64, event: ChildEvent) {
        if !matches!(event, ChildEvent::Started(_)) {
            self.close();
        }
    }
}

/// Kills a child that a killed supervisor left behind, when it has not ended in the time its
/// spec gives it (X18): nobody else is there to do it.
pub(crate) fn end_in_time(cell: &ChildCell, incarnation: Incarnation, shutdown: Shutdown) {
    let limit = match shutdown {
        Shutdown::Infinity => return,
        Shutdown::BrutalKill => Duration::ZERO,
        Shutdown::Timeout(limit) => limit,
    };
    // No longer than it lives itself: its time may be hours.
    let (ended, cell) = (cell.monitor(), cell.clone());
    if cell.incarnation() != incarnation {
        return;
    }
    // Where the runtime is gone, so are the actors on it.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            if tokio::time::timeout(limit, ended).await.is_err() {
                cell.kill_of(incarnation);
            }
        });
    }
}
