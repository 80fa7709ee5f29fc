//! What a supervisor keeps over its own restarts: the cells of its static
//! children, and why its children ended.
//!
//! A reference to a child stays valid when the child restarts, and because of
//! this also when its supervisor does: the next incarnation of the supervisor
//! starts the child of the same id in the same cell. What is kept belongs to the
//! supervisor's blueprint; only its live incarnation touches it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ms_actor::host::ChildCell;
use ms_core::{ChildId, ExitReason};

use super::why::WhyRecords;

/// The cells a supervisor keeps, and its causal records.
#[derive(Clone, Default)]
pub(crate) struct KeptCells(Arc<Kept>);

#[derive(Default)]
struct Kept {
    cells: Mutex<Inner>,
    why: WhyRecords,
}

#[derive(Default)]
struct Inner {
    /// In order, so that what is done to all is done in the same order in every run.
    cells: BTreeMap<ChildId, ChildCell>,
    /// What children that are supervisors keep themselves.
    below: BTreeMap<ChildId, KeptCells>,
    /// What children that were dropped left behind, by their names.
    leftovers: BTreeMap<ChildId, Vec<Leftover>>,
    /// Nobody will start the supervisor again, but it runs still.
    close_at_end: Option<ExitReason>,
}

/// Actors below a child that was dropped, which have not ended in its place: it was killed, and
/// each of them has the time its spec gives it.
struct Leftover {
    cells: Vec<ChildCell>,
    /// What a supervisor among them keeps: it may still start children.
    below: Option<KeptCells>,
}

impl Leftover {
    /// Returns the actors that run, supervisors before what is below them.
    fn running(&self) -> Vec<ChildCell> {
        let mut running: Vec<_> =
            self.cells.iter().filter(|cell| cell.is_alive()).cloned().collect();
        self.below.iter().for_each(|below| below.running(&mut running));
        running
    }
}

impl KeptCells {
    /// Returns the cell of a child, and what it keeps itself where it is a supervisor.
    pub(crate) fn get(&self, id: &ChildId) -> Option<(ChildCell, Option<Self>)> {
        self.with(|inner| Some((inner.cells.get(id)?.clone(), inner.below.get(id).cloned())))
    }

    pub(crate) fn keep(&self, id: ChildId, cell: ChildCell, below: Option<Self>) {
        self.with(|inner| {
            if let Some(below) = below {
                inner.below.insert(id.clone(), below);
            }
            inner.cells.insert(id, cell);
        });
    }

    /// Notes what a child that is dropped leaves behind, if anything of it runs still.
    pub(crate) fn note_leftover(&self, id: &str, cell: Option<&ChildCell>, below: Option<&Self>) {
        let mut cells: Vec<_> = cell.filter(|cell| cell.is_alive()).cloned().into_iter().collect();
        below.iter().for_each(|below| below.running(&mut cells));
        let Some(id) = ChildId::new(id).ok().filter(|_| !cells.is_empty()) else { return };
        let leftover = Leftover { cells, below: below.cloned() };
        self.with(|inner| {
            // What has ended meanwhile is nobody's concern, also where the name never comes back.
            inner.leftovers.retain(|_, all| {
                all.retain(|leftover| !leftover.running().is_empty());
                !all.is_empty()
            });
            inner.leftovers.entry(id).or_default().push(leftover);
        });
    }

    /// Ends what earlier children of this name left behind: there are no two at one path.
    pub(crate) fn fence_leftovers(&self, id: &ChildId) {
        let leftovers = self.with(|inner| inner.leftovers.remove(id));
        for cell in leftovers.iter().flatten().flat_map(Leftover::running) {
            cell.fence(cell.incarnation(), ExitReason::Killed);
        }
    }

    /// Adds all kept actors that run, and those below them.
    fn running(&self, running: &mut Vec<ChildCell>) {
        let below = self.with(|inner| {
            running.extend(inner.cells.values().filter(|cell| cell.is_alive()).cloned());
            for leftover in inner.leftovers.values().flatten() {
                running.extend(leftover.running());
            }
            inner.below.values().cloned().collect::<Vec<_>>()
        });
        below.iter().for_each(|below| below.running(running));
    }

    /// Returns the records of why the supervisor's children ended.
    pub(crate) fn why(&self) -> &WhyRecords {
        &self.0.why
    }

    /// Closes the cell of a child whose spec is gone, and all below it.
    pub(crate) fn forget(&self, id: &str, reason: &ExitReason) {
        let (cell, below) = self.with(|inner| (inner.cells.remove(id), inner.below.remove(id)));
        if let Some(cell) = &cell {
            cell.close_at_end(reason);
        }
        if let Some(below) = below {
            below.close_after(cell.as_ref(), reason);
        }
    }

    /// Closes all cells when the supervisor they belong to has ended. One that still runs
    /// may start its children again before it hears that it is to stop.
    pub(crate) fn close_after(&self, owner: Option<&ChildCell>, reason: &ExitReason) {
        let runs = || owner.is_some_and(|owner| owner.is_alive());
        if runs() {
            self.with(|inner| inner.close_at_end = Some(reason.clone()));
        }
        // It may have ended meanwhile, without having seen this.
        if !runs() {
            self.close(reason);
        }
    }

    /// Does what was put off until the supervisor ends.
    pub(crate) fn owner_ended(&self) {
        if let Some(reason) = self.with(|inner| inner.close_at_end.take()) {
            self.close(&reason);
        }
    }

    /// Makes all cells refuse mail: the supervisor stays down for now.
    pub(crate) fn refuse(&self, reason: &ExitReason) {
        // Copies: refusing drops messages, whose own code is not to run under the lock.
        let (cells, below): (Vec<ChildCell>, Vec<Self>) = self.with(|inner| {
            (inner.cells.values().cloned().collect(), inner.below.values().cloned().collect())
        });
        cells.iter().for_each(|cell| cell.refuse(reason));
        below.iter().for_each(|below| below.refuse(reason));
    }

    /// Closes all cells: the supervisor will not be started again.
    pub(crate) fn close(&self, reason: &ExitReason) {
        // Ids first: `forget` takes the lock itself.
        let ids: Vec<ChildId> = self.with(|inner| inner.cells.keys().cloned().collect());
        ids.iter().for_each(|id| self.forget(id.as_str(), reason));
    }

    fn with<R>(&self, code: impl FnOnce(&mut Inner) -> R) -> R {
        code(&mut self.0.cells.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for KeptCells {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptCells").finish_non_exhaustive()
    }
}
