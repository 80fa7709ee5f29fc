//! What a supervisor keeps over its own restarts: the cells of its static
//! children, and why its children ended.
//!
//! A reference to a child stays valid when the child restarts, and because of
//! this also when its supervisor does: the next incarnation of the supervisor
//! starts the child of the same id in the same cell. The bank belongs to the
//! supervisor's blueprint; only its live incarnation touches it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ms_actor::host::ChildCell;
use ms_core::{ChildId, ExitReason};

use crate::why::WhyLog;

#[derive(Clone, Default)]
pub(crate) struct Bank(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// In order, so that what is done to all is done in the same order in every run.
    cells: BTreeMap<ChildId, ChildCell>,
    /// Banks of children that are supervisors themselves.
    below: BTreeMap<ChildId, Bank>,
    /// What children that were dropped left behind, by their names.
    left: BTreeMap<ChildId, Vec<Left>>,
    /// Why children ended: whoever asks after an escalation finds it here.
    why: WhyLog,
    gave_up: bool,
    /// Nobody will start the supervisor again, but it runs still.
    close_at_end: Option<ExitReason>,
}

/// Actors below a child that was dropped, which have not ended in its place: it was killed, and
/// each of them has the time its spec gives it.
struct Left {
    cells: Vec<ChildCell>,
    /// Where a supervisor among them keeps what it starts yet.
    bank: Option<Bank>,
}

impl Left {
    /// Those that run, supervisors before what is below them.
    fn running(&self) -> Vec<ChildCell> {
        let mut running: Vec<_> =
            self.cells.iter().filter(|cell| cell.is_alive()).cloned().collect();
        self.bank.iter().for_each(|bank| bank.running(&mut running));
        running
    }
}

impl Bank {
    /// The cell of a child, and its own bank where it is a supervisor.
    pub(crate) fn get(&self, id: &ChildId) -> Option<(ChildCell, Option<Self>)> {
        self.with(|inner| Some((inner.cells.get(id)?.clone(), inner.below.get(id).cloned())))
    }

    pub(crate) fn keep(&self, id: ChildId, cell: ChildCell, below: Option<Bank>) {
        self.with(|inner| {
            if let Some(below) = below {
                inner.below.insert(id.clone(), below);
            }
            inner.cells.insert(id, cell);
        });
    }

    /// Notes what a child that is dropped leaves behind, if anything of it runs still.
    pub(crate) fn leave(&self, id: &str, cell: Option<&ChildCell>, bank: Option<&Self>) {
        let mut cells: Vec<_> = cell.filter(|cell| cell.is_alive()).cloned().into_iter().collect();
        bank.iter().for_each(|bank| bank.running(&mut cells));
        let Some(id) = ChildId::new(id).ok().filter(|_| !cells.is_empty()) else { return };
        let left = Left { cells, bank: bank.cloned() };
        self.with(|inner| {
            // What has ended meanwhile is nobody's concern, also where the name never comes back.
            inner.left.retain(|_, all| {
                all.retain(|left| !left.running().is_empty());
                !all.is_empty()
            });
            inner.left.entry(id).or_default().push(left);
        });
    }

    /// Ends what earlier children of this name left behind: there are no two at one path.
    pub(crate) fn fence_left(&self, id: &ChildId) {
        let left = self.with(|inner| inner.left.remove(id));
        for cell in left.iter().flatten().flat_map(Left::running) {
            cell.fence(cell.incarnation(), ExitReason::Killed);
        }
    }

    /// All actors of this bank that run, and of those below it.
    fn running(&self, running: &mut Vec<ChildCell>) {
        let below = self.with(|inner| {
            running.extend(inner.cells.values().filter(|cell| cell.is_alive()).cloned());
            for left in inner.left.values().flatten() {
                running.extend(left.running());
            }
            inner.below.values().cloned().collect::<Vec<_>>()
        });
        below.iter().for_each(|below| below.running(running));
    }

    pub(crate) fn why<R>(&self, with: impl FnOnce(&mut WhyLog) -> R) -> R {
        self.with(|inner| with(&mut inner.why))
    }

    /// Notes that the supervisor went over its restart intensity.
    pub(crate) fn note_giving_up(&self) {
        self.with(|inner| inner.gave_up = true);
    }

    pub(crate) fn gave_up(&self) -> bool {
        self.with(|inner| inner.gave_up)
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

    /// The supervisor ends: does what was put off until then.
    pub(crate) fn owner_ended(&self) {
        if let Some(reason) = self.with(|inner| inner.close_at_end.take()) {
            self.close(&reason);
        }
    }

    /// Has all cells refuse mail: the supervisor stays down for now.
    pub(crate) fn refuse(&self, reason: &ExitReason) {
        let (cells, below): (Vec<ChildCell>, Vec<Self>) = self.with(|inner| {
            (inner.cells.values().cloned().collect(), inner.below.values().cloned().collect())
        });
        cells.iter().for_each(|cell| cell.refuse(reason));
        below.iter().for_each(|below| below.refuse(reason));
    }

    /// Closes all cells: the supervisor will not be started again.
    pub(crate) fn close(&self, reason: &ExitReason) {
        let ids: Vec<ChildId> = self.with(|inner| inner.cells.keys().cloned().collect());
        ids.iter().for_each(|id| self.forget(id.as_str(), reason));
    }

    fn with<R>(&self, code: impl FnOnce(&mut Inner) -> R) -> R {
        code(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl std::fmt::Debug for Bank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bank").finish_non_exhaustive()
    }
}
