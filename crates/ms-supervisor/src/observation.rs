//! Watching what supervisors do, in the order they do it.

use std::fmt;
use std::sync::Arc;

use ms_actor::AnyRef;
use ms_core::{ActorPath, ExitReason, Incarnation};
use ms_policy::{ReportContext, ReportReason, SupervisorReport};

/// One thing a supervisor did or learnt.
#[derive(Debug, Clone)]
pub enum Observation {
    /// The supervisor runs, and is about to start its children.
    Booting,
    /// It is about to start a child.
    Starting {
        /// The child.
        path: ActorPath,
    },
    /// A child has started.
    Started {
        /// The child.
        path: ActorPath,
        /// Which start of it.
        incarnation: Incarnation,
    },
    /// A child's init asked not to be started.
    Ignored {
        /// The child.
        path: ActorPath,
    },
    /// A child did not start.
    StartFailed {
        /// The child.
        path: ActorPath,
        /// Why.
        reason: ExitReason,
    },
    /// A child ended. Reported when the supervisor takes the event out of its mailbox.
    Exited {
        /// The child.
        path: ActorPath,
        /// Which start of it.
        incarnation: Incarnation,
        /// Why.
        reason: ExitReason,
    },
    /// OTP's supervisor report.
    Report {
        /// The child it is about, where it is about one.
        child: Option<ActorPath>,
        /// The report; children are numbered as their references number them.
        report: SupervisorReport,
    },
    /// It begins to stop for good: it was asked to, gives up, or its boot has failed.
    /// What it lets go of from here on comes back with its next life (X6).
    Stopping,
    /// The supervisor itself has ended. So have its children, unless it was killed:
    /// then they are about to be stopped.
    SupervisorExited {
        /// Why.
        reason: ExitReason,
    },
}

/// Watches what a supervisor does, on its thread, at that very moment. Must not block.
pub trait Observer: Send + Sync + 'static {
    /// Takes one observation of this life of a supervisor.
    fn observe(&self, supervisor: &AnyRef, incarnation: Incarnation, observation: &Observation);
}

/// Who watches one supervisor, if anybody does.
pub(crate) struct Observing {
    observer: Option<Arc<dyn Observer>>,
}

impl Observing {
    pub(crate) fn new(observer: Option<&Arc<dyn Observer>>) -> Self {
        Self { observer: observer.cloned() }
    }

    /// Hands an observation of the present life of `supervisor` to the observer. The reference
    /// is made only where there is one.
    pub(crate) fn report(
        &self,
        supervisor: impl FnOnce() -> Option<AnyRef>,
        incarnation: Incarnation,
        observation: &Observation,
    ) {
        if let Some(observer) = &self.observer
            && let Some(supervisor) = supervisor()
        {
            observer.observe(&supervisor, incarnation, observation);
        }
    }
}

/// Logs one of OTP's reports, whether anybody observes the supervisor or not.
pub(crate) fn log_report(path: &ActorPath, child: Option<&ActorPath>, report: &SupervisorReport) {
    // Put into words only where somebody reads them.
    let reason: &dyn fmt::Display = match &report.reason {
        ReportReason::Exit(reason) => reason,
        ReportReason::ReachedMaxRestartIntensity => &"reached_max_restart_intensity",
    };
    let child = child.map_or(report.id.as_str(), ActorPath::as_str);
    match report.context {
        ReportContext::Shutdown => {
            tracing::error!(supervisor = %path, child, %reason, "supervisor gives up");
        }
        context => {
            tracing::warn!(supervisor = %path, child, %reason, %context, "supervisor report")
        }
    }
}
