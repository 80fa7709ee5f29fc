//! Shared state for the views: counters, and the file of each auditor. Nothing here decides
//! anything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ms_actor::AnyRef;
use ms_core::task::{TaskState, TaskTime, TaskView};
use ms_core::{ActorPath, ChildExit, Incarnation};
use ms_supervisor::Observer;

/// A counter that is read while it is written.
#[derive(Debug, Default)]
// Relaxed throughout: each counter stands for itself, and the views only show it.
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
    last_crash: Mutex<Crash>,
    started: Mutex<HashSet<ActorPath>>,
    found: OnceLock<Found>,
    /// Files that an earlier run finished, and whether they were audited. Kept by name: they are
    /// listed again when the walker dies.
    resumed: Mutex<HashMap<Arc<str>, bool>>,
}

/// The last crash.
#[derive(Debug, Default)]
struct Crash {
    /// It was a child of the root that has not been started again.
    of_root: bool,
    text: String,
}

/// The state that an earlier run left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// Whether there were tasks of the same input.
    pub(crate) is_resumed: bool,
    /// Files that were being worked on when it ended.
    pub(crate) in_doubt: u64,
    /// When this run began, by the store's clock, which never goes back.
    pub(crate) began: TaskTime,
}

/// Marks a file as in the hands of an auditor until it is dropped.
#[derive(Debug)]
pub(crate) struct AtWork {
    board: Arc<Board>,
    auditor: String,
    label: Arc<str>,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        let mut work = self.board.work();
        // Its next life may have begun before the last one was dropped.
        if work.get(&self.auditor) == Some(&self.label) {
            work.remove(&self.auditor);
        }
    }
}

impl Board {
    pub(crate) fn is_walked(&self) -> bool {
        self.walked.load(Ordering::Acquire)
    }

    /// Counts the settled files: done or set aside.
    pub(crate) fn settled(&self) -> u64 {
        self.done.get() + self.quarantined.get()
    }

    /// Returns how many files are settled, and how many are known. A walker that was restarted, or
    /// that runs in a later run, lists settled files again, so its count is behind for a while.
    pub(crate) fn progress(&self) -> (u64, u64) {
        let settled = self.settled();
        (settled, self.input.get().max(settled))
    }

    /// Shows that an auditor has a file.
    pub(crate) fn at_work(self: &Arc<Self>, auditor: &str, label: &Arc<str>) -> AtWork {
        let (auditor, label) = (auditor.to_owned(), Arc::clone(label));
        self.work().insert(auditor.clone(), Arc::clone(&label));
        AtWork { board: Arc::clone(self), auditor, label }
    }

    /// Returns what an earlier run left; `None` until that is known.
    pub(crate) fn found(&self) -> Option<Found> {
        self.found.get().copied()
    }

    /// Sets what an earlier run left; only the first call counts.
    pub(crate) fn set_found(&self, found: Found) {
        let _ = self.found.set(found);
    }

    /// Returns the file that an auditor has.
    pub(crate) fn work_of(&self, auditor: &str) -> Option<Arc<str>> {
        self.work().get(auditor).cloned()
    }

    /// Returns the last crash and its reason. Crashes below a child that the root lost are not its
    /// cause, and are left out.
    pub(crate) fn last_crash(&self) -> String {
        self.crash().text.clone()
    }

    fn crash(&self) -> MutexGuard<'_, Crash> {
        self.last_crash.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether an earlier run ended this task.
    pub(crate) fn is_of_earlier_run(&self, view: &TaskView) -> bool {
        let began = self.found().map(|found| found.began);
        view.timings.ended.zip(began).is_some_and(|(ended, began)| ended < began)
    }

    /// Notes that a file was listed, with its task.
    pub(crate) fn listed(&self, label: &Arc<str>, view: &TaskView) {
        if self.is_of_earlier_run(view) {
            let is_done = view.state == TaskState::Completed;
            self.earlier().insert(Arc::clone(label), is_done);
        }
    }

    /// Counts the files of an earlier run: those audited, and those set aside.
    pub(crate) fn resumed(&self) -> (u64, u64) {
        let earlier = self.earlier();
        let done = earlier.values().filter(|&&is_done| is_done).count() as u64;
        (done, earlier.len() as u64 - done)
    }

    fn earlier(&self) -> MutexGuard<'_, HashMap<Arc<str>, bool>> {
        self.resumed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> MutexGuard<'_, BTreeMap<String, Arc<str>>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_crash(&self, supervisor: &AnyRef, exit: &ChildExit) {
        if exit.reason().is_clean() {
            return;
        }
        let by_root = is_root(supervisor);
        let mut last = self.crash();
        if by_root || !last.of_root {
            let text = format!("{}: {}", exit.path(), exit.reason());
            *last = Crash { of_root: by_root, text };
        }
    }
}

impl Observer for Board {
    fn child_started(
        &self,
        supervisor: &AnyRef,
        _: Incarnation,
        child: &ActorPath,
        _: Incarnation,
    ) {
        // By name, because a restarted branch numbers its actors from one again.
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if !started.insert(child.clone()) {
            self.restarts.add(1);
        }
        if is_root(supervisor) {
            self.crash().of_root = false;
        }
    }

    fn child_start_failed(&self, supervisor: &AnyRef, _: Incarnation, exit: &ChildExit) {
        self.note_crash(supervisor, exit);
    }

    fn child_exited(&self, supervisor: &AnyRef, _: Incarnation, exit: &ChildExit) {
        self.note_crash(supervisor, exit);
    }
}

fn is_root(supervisor: &AnyRef) -> bool {
    supervisor.path().parent().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_never_has_more_done_than_found() {
        let board = Board::default();
        board.input.set(512);
        board.done.set(900);
        board.quarantined.set(67);
        assert_eq!(board.progress(), (967, 967));
        let line = crate::view::text::progress(&board);
        assert!(line.starts_with("967/967+ files"), "{line}");
        board.input.set(2_000);
        assert_eq!(board.progress(), (967, 2_000));
    }

    #[test]
    fn an_auditor_is_listed_with_its_present_file() {
        let board = Arc::new(Board::default());
        let [old, new]: [Arc<str>; 2] = ["old".into(), "new".into()];
        let before = board.at_work("auditor-1", &old);
        let now = board.at_work("auditor-1", &new);
        drop(before);
        assert_eq!(board.work_of("auditor-1"), Some(new));
        drop(now);
        assert_eq!(board.work_of("auditor-1"), None);
    }
}
