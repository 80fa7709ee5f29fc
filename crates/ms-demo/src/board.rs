//! What the parts of the demo tell each other beside messages: counters and who
//! works on what, for views. Nothing here decides anything.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ms_actor::AnyRef;
use ms_core::Incarnation;
use ms_supervisor::{Observation, Observer};

/// A counter that is read while it is written.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

/// The counters of one run.
#[derive(Debug, Default)]
pub(crate) struct Board {
    /// Files and unreadable places listed so far.
    pub(crate) input: Counter,
    /// Whether the walk is over.
    pub(crate) walked: AtomicBool,
    pub(crate) done: Counter,
    pub(crate) quarantined: Counter,
    /// Lines with the word `unsafe` so far.
    pub(crate) unsafe_lines: Counter,
    pub(crate) redelivered: Counter,
    /// Files that wait for an auditor.
    pub(crate) queue: Counter,
    /// Starts of actors after their first.
    pub(crate) restarts: Counter,
    /// Outcomes per second, in thousandths.
    pub(crate) rate_milli: Counter,
    work: Mutex<BTreeMap<String, Arc<str>>>,
    last_crash: Mutex<String>,
    origins: Mutex<Origins>,
}

/// Where finished files come from. A set each: files are divided anew, and may be
/// saved twice, when a part of the pipeline dies.
#[derive(Debug, Default)]
struct Origins {
    this_run: HashSet<Arc<str>>,
    earlier_run: HashSet<Arc<str>>,
}

impl Board {
    pub(crate) fn is_walked(&self) -> bool {
        self.walked.load(Ordering::Acquire)
    }

    /// Settled: done or set aside.
    pub(crate) fn settled(&self) -> u64 {
        self.done.get() + self.quarantined.get()
    }

    pub(crate) fn begin_work(&self, auditor: &str, label: &Arc<str>) {
        self.work().insert(auditor.to_owned(), Arc::clone(label));
    }

    pub(crate) fn end_work(&self, auditor: &str) {
        self.work().remove(auditor);
    }

    /// The file an auditor has.
    pub(crate) fn work_of(&self, auditor: &str) -> Option<Arc<str>> {
        self.work().get(auditor).cloned()
    }

    /// Who crashed last, and why.
    pub(crate) fn last_crash(&self) -> String {
        self.last_crash.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Files were saved.
    pub(crate) fn saved<'a>(&self, labels: impl Iterator<Item = &'a Arc<str>>) {
        self.origins().this_run.extend(labels.cloned());
    }

    /// Files were found to be finished.
    pub(crate) fn found_finished<'a>(&self, labels: impl Iterator<Item = &'a Arc<str>>) {
        let Origins { this_run, earlier_run } = &mut *self.origins();
        earlier_run.extend(labels.filter(|label| !this_run.contains(*label)).cloned());
    }

    /// Files taken over from an earlier run.
    pub(crate) fn resumed(&self) -> u64 {
        self.origins().earlier_run.len() as u64
    }

    fn origins(&self) -> MutexGuard<'_, Origins> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> MutexGuard<'_, BTreeMap<String, Arc<str>>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Board {
    fn observe(&self, _: &AnyRef, _: Incarnation, observation: &Observation) {
        match observation {
            Observation::Started { incarnation, .. } if incarnation.0 > 1 => self.restarts.add(1),
            Observation::Exited { path, reason, .. }
            | Observation::StartFailed { path, reason }
                if !reason.is_clean() =>
            {
                *self.last_crash.lock().unwrap_or_else(PoisonError::into_inner) =
                    format!("{path}: {reason}");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_an_earlier_run_count_as_resumed() {
        let board = Board::default();
        let [old, new]: [Arc<str>; 2] = ["old".into(), "new".into()];
        board.found_finished([&old].into_iter());
        board.saved([&new].into_iter());
        // The pipeline was built anew: both are finished now.
        board.found_finished([&old, &new].into_iter());
        assert_eq!(board.resumed(), 1);
    }
}
