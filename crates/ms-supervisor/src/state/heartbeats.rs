//! When a supervisor looks at its children's heartbeats.

use std::time::Duration;

use actix::SpawnHandle;

/// The timers of a supervisor that looks after its children's heartbeats.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats {
    // One for all children, as often as the shortest heartbeat asks for: reading them is cheap.
    regular: Option<(Duration, SpawnHandle)>,
    /// A look between two regular ones, for a child whose time is up before the next.
    between: Option<SpawnHandle>,
    looks: u64,
}

impl Heartbeats {
    /// Returns the time between two regular looks, if there are any.
    pub(crate) fn every(&self) -> Option<Duration> {
        self.regular.map(|(every, _)| every)
    }

    /// Returns whether the regular looks are at least that frequent.
    pub(crate) fn are_watched(&self, every: Duration) -> bool {
        self.every().is_some_and(|present| present <= every)
    }

    /// Takes out the handle of the regular looks, to be cancelled.
    pub(crate) fn take_regular(&mut self) -> Option<SpawnHandle> {
        self.regular.take().map(|(_, handle)| handle)
    }

    pub(crate) fn set_regular(&mut self, every: Duration, handle: SpawnHandle) {
        self.regular = Some((every, handle));
    }

    /// Takes out the handle of the look in between, to be cancelled or because it is done.
    pub(crate) fn take_between(&mut self) -> Option<SpawnHandle> {
        self.between.take()
    }

    pub(crate) fn set_between(&mut self, handle: SpawnHandle) {
        self.between = Some(handle);
    }

    pub(crate) fn count_look(&mut self) {
        self.looks += 1;
    }

    /// Returns how many regular looks there were.
    pub(crate) fn looks(&self) -> u64 {
        self.looks
    }
}
