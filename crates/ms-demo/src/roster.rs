//! References to the parts: each enters itself when it starts, before the parts that need it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ms_actor::Port;

use crate::messages::{Finish, Listed, Measured, WalkOver};

/// Longest wait of one part for another. What was not answered is sent again.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The parts of the demo. References stay valid over restarts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster(Arc<Mutex<Parts>>);

/// One port for each message, so that a part is known by what it takes and not by its type.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) measured: Option<Port<Measured>>,
    pub(crate) finish: Option<Port<Finish>>,
    pub(crate) listed: Option<Port<Listed>>,
    pub(crate) walk_over: Option<Port<WalkOver>>,
}

impl Roster {
    pub(crate) fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, enter: impl FnOnce(&mut Parts)) {
        enter(&mut self.parts());
    }
}
