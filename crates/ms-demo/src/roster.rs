//! References to the parts: each enters itself when it starts, before the parts that need it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ms_worker::AgentRef;

use crate::metrics::Metrics;
use crate::reducer::ReducerAgent;
use crate::reporter::Reporter;

/// The parts of the demo. References stay valid over restarts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roster(Arc<Mutex<Parts>>);

#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) metrics: Option<AgentRef<Metrics>>,
    pub(crate) reporter: Option<AgentRef<Reporter>>,
    pub(crate) reducer: Option<AgentRef<ReducerAgent>>,
}

impl Roster {
    pub(crate) fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, enter: impl FnOnce(&mut Parts)) {
        enter(&mut self.parts());
    }
}
