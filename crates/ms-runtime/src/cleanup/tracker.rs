//! The list of open resources.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::Message;

use crate::service::Wiring;

/// A resource was opened, or closed.
#[derive(Debug)]
pub(crate) enum Track {
    Open(u64, String),
    Close(u64),
}

impl Message for Track {
    type Result = ();
}

/// Most resources listed at a time; more are not listed, and a warning says so.
pub(crate) const MAX_TRACKED: usize = 10_000;

/// What is open.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    open: BTreeMap<u64, String>,
}

impl Tracker {
    pub(crate) fn take(&mut self, change: Track) {
        match change {
            Track::Open(..) if self.open.len() >= MAX_TRACKED => {
                tracing::warn!("more than 10000 open resources: the rest is not listed");
            }
            Track::Open(number, resource) => drop(self.open.insert(number, resource)),
            Track::Close(number) => drop(self.open.remove(&number)),
        }
    }

    pub(crate) fn list(&self) -> Vec<String> {
        self.open.values().cloned().collect()
    }
}

/// Keeps a resource on the list of what is open until it is dropped.
#[derive(Debug)]
#[must_use = "the resource counts as closed when this is dropped"]
pub struct TrackedResource {
    number: u64,
    wiring: Wiring,
}

impl TrackedResource {
    pub(crate) fn open(wiring: &Wiring, resource: String) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let tracked = Self { number, wiring: wiring.clone() };
        tracked.tell(Track::Open(number, resource));
        tracked
    }

    fn tell(&self, change: Track) {
        let Some(handles) = self.wiring.handles() else { return };
        // A list that is full of mail, or gone, is not worth holding up a component for.
        if handles.cleanup.try_tell(change).is_err() {
            tracing::debug!("a resource could not be put on the list, or taken off it");
        }
    }
}

impl Drop for TrackedResource {
    fn drop(&mut self) {
        self.tell(Track::Close(self.number));
    }
}
