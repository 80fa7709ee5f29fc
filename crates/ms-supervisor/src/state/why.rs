//! The causal records a supervisor keeps: why its children ended, and what it did.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use ms_core::ActorPath;
use ms_core::view::WhyRecord;

/// Records kept of one supervisor's children together.
const KEPT: usize = 512;

/// The last records. They outlive the supervisor's own restarts: who asks after an escalation
/// finds here what led to it.
#[derive(Default)]
pub(crate) struct WhyRecords(Mutex<Records>);

#[derive(Default)]
struct Records {
    /// Oldest first.
    last: VecDeque<Arc<WhyRecord>>,
    gave_up: bool,
}

impl WhyRecords {
    pub(crate) fn push(&self, record: Arc<WhyRecord>) {
        self.with(|records| {
            if records.last.len() == KEPT {
                records.last.pop_front();
            }
            records.last.push_back(record);
        });
    }

    /// Records of one child, or of all, newest first.
    pub(crate) fn newest(&self, path: Option<&ActorPath>, limit: usize) -> Vec<WhyRecord> {
        self.with(|records| {
            let newest = records.last.iter().rev().map(AsRef::as_ref);
            let of_it = |record: &&WhyRecord| path.is_none_or(|path| record.path == *path);
            newest.filter(of_it).take(limit).cloned().collect()
        })
    }

    /// Notes that the supervisor went over its restart intensity.
    pub(crate) fn note_giving_up(&self) {
        self.with(|records| records.gave_up = true);
    }

    pub(crate) fn gave_up(&self) -> bool {
        self.with(|records| records.gave_up)
    }

    fn with<R>(&self, code: impl FnOnce(&mut Records) -> R) -> R {
        code(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
