//! The totals of a store, and its error once its files are lost.

use std::sync::{Arc, Mutex, PoisonError};

use ms_core::Tick;
use ms_core::task::StoreError;

use crate::batch::Counts;
use crate::config::StoreConfig;
use crate::marks::Loss;

/// The writes so far, and whether writing goes well.
#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) commits: u64,
    /// Requests carried out in these commits.
    pub(crate) requests: u64,
    pub(crate) counts: Arc<Counts>,
    /// Why commits fail, if they do.
    pub(crate) trouble: Option<String>,
    /// The time at which the last one failed.
    pub(crate) failed: Option<Tick>,
    /// More tasks ended long ago than were removed.
    pub(crate) prune: bool,
    /// Why nothing may be written any more.
    pub(crate) lost: Option<Loss>,
}

/// The totals, shared before a caller is answered, so that it finds its own request counted.
#[derive(Debug, Clone)]
pub(crate) struct SharedTotals(Arc<Mutex<Totals>>);

impl SharedTotals {
    pub(crate) fn new(totals: Totals) -> Self {
        Self(Arc::new(Mutex::new(totals)))
    }

    pub(crate) fn now(&self) -> Totals {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, totals: &Totals) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(totals);
    }
}

/// Describes the damage that a connection found in its file.
pub(crate) fn malformed(what: &str) -> String {
    format!("what is in it is damaged ({what})")
}

/// Makes the error for callers after a loss, with the number of tasks it concerns.
pub(crate) fn lost_error(config: &StoreConfig, loss: &Loss, counts: &Counts) -> StoreError {
    let (unfinished, all) = counts.all();
    let what = format!("{loss}; it held {all} tasks, {unfinished} of them not finished");
    StoreError::Lost { path: config.path.display().to_string(), what }
}
