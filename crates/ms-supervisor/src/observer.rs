//! Watching what supervisors do, in the order they do it.

use std::fmt;
use std::sync::Arc;

use ms_actor::AnyRef;
use ms_core::{ActorPath, ChildExit, ExitReason, Incarnation};
use ms_policy::{ReportContext, ReportReason, SupervisorReport};

/// Watches what a supervisor does, on its thread, at that very moment. Must not block.
///
/// Each method is one moment in the life `life` of `supervisor`. An observer implements those it
/// wants; the others do nothing.
#[allow(unused_variables, reason = "what an observer does not implement does nothing")]
pub trait Observer: Send + Sync + 'static {
    /// Observes the supervisor when it runs and is about to start its children.
    fn booting(&self, supervisor: &AnyRef, life: Incarnation) {}

    /// Observes that it is about to start a child.
    fn child_starting(&self, supervisor: &AnyRef, life: Incarnation, child: &ActorPath) {}

    /// Observes that an incarnation of a child has started.
    fn child_started(
        &self,
        supervisor: &AnyRef,
        life: Incarnation,
        child: &ActorPath,
        incarnation: Incarnation,
    ) {
    }

    /// Observes that a child's init asked not to be started.
    fn child_ignored(&self, supervisor: &AnyRef, life: Incarnation, child: &ActorPath) {}

    /// Observes that a child did not start.
    fn child_start_failed(&self, supervisor: &AnyRef, life: Incarnation, exit: &ChildExit) {}

    /// Observes the end of a child, when the supervisor takes it out of its mailbox.
    fn child_exited(&self, supervisor: &AnyRef, life: Incarnation, exit: &ChildExit) {}

    /// Observes one of OTP's supervisor reports. `child` is the one it is about, if it is about
    /// one. Children have the incarnations that their references show.
    fn reported(
        &self,
        supervisor: &AnyRef,
        life: Incarnation,
        child: Option<&ActorPath>,
        report: &SupervisorReport,
    ) {
    }

    /// Observes that the supervisor begins to stop for good: it was asked to, gives up, or its
    /// boot has failed. The children it stops from now on come back with its next life (X6).
    fn stopping(&self, supervisor: &AnyRef, life: Incarnation) {}

    /// Observes the end of the supervisor itself. Its children have ended too, unless it was
    /// killed: then they are about to be stopped.
    fn exited(&self, supervisor: &AnyRef, life: Incarnation, reason: &ExitReason) {}
}

/// Who watches one supervisor, if anybody does.
pub(crate) struct Observing {
    observer: Option<Arc<dyn Observer>>,
}

impl Observing {
    pub(crate) fn new(observer: Option<&Arc<dyn Observer>>) -> Self {
        Self { observer: observer.cloned() }
    }

    /// Shows a moment in the life of `supervisor` to the observer. The reference is made only
    /// where there is one.
    pub(crate) fn show(
        &self,
        supervisor: impl FnOnce() -> Option<AnyRef>,
        moment: impl FnOnce(&dyn Observer, &AnyRef),
    ) {
        if let Some(observer) = &self.observer
            && let Some(supervisor) = supervisor()
        {
            moment(&**observer, &supervisor);
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
