//! The emergency: when a node cannot go on, nor stop in order.
//!
//! Who finds that says so through an [`EmergencyRef`]: a critical error counts towards a
//! threshold (the actor `emergency` counts), a trigger acts at once. The order goes to the
//! thread that runs the service, which waits for signals and for this: no actor and no
//! runtime is needed to hear it. What is done then is bounded and best effort: all
//! [`EmergencyProcedure`]s at the same time, each on a plain thread; a dump of the tree;
//! a crash report on disk. The waiting thread is the watchdog: when the time is over the
//! process ends, whatever still hangs. Nothing of this runs in the panic hook, which only
//! records.

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

/// The way to report what a service cannot live with. Cheap to clone; usable from any
/// thread, never waits.
#[derive(Debug, Clone)]
pub struct EmergencyRef(Wiring);

impl EmergencyRef {
    pub(crate) fn new(wiring: Wiring) -> Self {
        Self(wiring)
    }

    /// Counts a critical error; at the threshold within the window the service gives up
    /// with exit code 102.
    pub fn critical_error(&self, what: impl Into<String>) {
        let what = what.into();
        tracing::error!(what, "critical error");
        let sent = self.0.handles().map(|handles| handles.emergency.try_tell(CriticalError(what)));
        if !matches!(sent, Some(Ok(()))) {
            tracing::error!("the critical error could not be counted");
        }
    }

    /// Gives up at once, with the exit code of the reason.
    pub fn trigger(&self, reason: EmergencyReason) {
        self.0.emergency(reason);
    }
}
