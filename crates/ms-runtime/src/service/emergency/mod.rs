//! Emergencies: the node can neither go on nor stop in order.
//!
//! Any part of the program reports one through an [`EmergencyRef`]. A critical error counts towards
//! a threshold (the actor `emergency` counts); a trigger acts at once. The report goes to the
//! thread that runs the main loop, so no actor and no runtime of the node is needed to hear it.
//! What is done then is bounded and best effort: all [`EmergencyProcedure`]s at the same time, each
//! on a plain thread; a dump of the tree; a crash report on disk. The main loop is the watchdog:
//! when the time is over the process ends, whatever still hangs. None of this runs in the panic
//! hook, which only records.

mod actor;
mod memory;
mod messages;
mod procedures;
mod report;

pub(crate) use actor::{EmergencyActor, EmergencyArgs};
pub(crate) use messages::CriticalError;
pub use procedures::{EmergencyProcedure, EmergencySummary};
pub(crate) use procedures::{Plan, carry_out};
pub use report::{CrashReport, EmergencyError, ProcedureOutcome};

use crate::service::Wiring;
use crate::service::logic::emergency::EmergencyReason;

/// Reports emergencies of a service. Cheap to clone; usable from any thread. Never waits.
#[derive(Debug, Clone)]
pub struct EmergencyRef(Wiring);

impl EmergencyRef {
    pub(crate) fn new(wiring: Wiring) -> Self {
        Self(wiring)
    }

    /// Counts a critical error. At the threshold within the window the service gives up with exit
    /// code 102.
    pub fn critical_error(&self, what: impl Into<String>) {
        let what = what.into();
        tracing::error!(what, "critical error");
        let sent = self.0.handles().map(|handles| handles.emergency.try_tell(CriticalError(what)));
        if !matches!(sent, Some(Ok(()))) {
            tracing::error!("the critical error could not be counted");
        }
    }

    /// Ends the service at once, with the exit code of the reason.
    pub fn trigger(&self, reason: EmergencyReason) {
        self.0.emergency(reason);
    }
}
