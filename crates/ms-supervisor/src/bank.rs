//! The cells of a supervisor's static children, kept over its own restarts.
//!
//! A reference to a child stays valid when the child restarts, and because of
//! this also when its supervisor does: the next incarnation of the supervisor
//! starts the child of the same id in the same cell. The bank belongs to the
//! supervisor's blueprint; only its live incarnation touches it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ms_actor::AnyRef;
use ms_core::{ChildId, ExitReason};

#[derive(Clone, Default)]
pub(crate) struct Bank(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    cells: HashMap<ChildId, AnyRef>,
    /// Banks of children that are supervisors themselves.
    below: HashMap<ChildId, Bank>,
}

impl Bank {
    pub(crate) fn get(&self, id: &ChildId) -> Option<AnyRef> {
        self.with(|inner| inner.cells.get(id).cloned())
    }

    pub(crate) fn keep(&self, id: ChildId, cell: AnyRef, below: Option<Bank>) {
        self.with(|inner| {
            if let Some(below) = below {
                inner.below.insert(id.clone(), below);
            }
            inner.cells.insert(id, cell);
        });
    }

    /// Closes the cell of a child whose spec is gone, and all below it.
    pub(crate) fn forget(&self, id: &ChildId, reason: &ExitReason) {
        let (cell, below) = self.with(|inner| (inner.cells.remove(id), inner.below.remove(id)));
        if let Some(cell) = cell {
            cell.close(reason);
        }
        if let Some(below) = below {
            below.close(reason);
        }
    }

    /// Closes all cells: the supervisor will not be started again.
    pub(crate) fn close(&self, reason: &ExitReason) {
        let ids: Vec<ChildId> = self.with(|inner| inner.cells.keys().cloned().collect());
        ids.iter().for_each(|id| self.forget(id, reason));
    }

    fn with<R>(&self, code: impl FnOnce(&mut Inner) -> R) -> R {
        code(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
