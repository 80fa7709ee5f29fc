//! The reports of a supervisor, as OTP prints them, and the record of a decision.

use std::fmt;
use std::time::Duration;

use ms_core::exit::ExitReason;
use ms_core::id::{ChildId, Incarnation};
use ms_core::spec::{Restart, Shutdown, Strategy};

use super::child::ChildKey;

/// What OTP prints as a child's pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PidRef {
    /// No process.
    Undefined,
    /// This life of it.
    Incarnation(Incarnation),
    /// `{restarting, OldPid}`; `None` is `{restarting, undefined}`.
    Restarting(Option<Incarnation>),
}

/// A supervisor report (B3, D4, E1, F2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupervisorReport {
    /// What it is about.
    pub context: ReportContext,
    /// The offender's id; the template's for a dynamic child.
    pub id: ChildId,
    /// The offender, or how many there were.
    pub offender: Offender,
    /// Why.
    pub reason: ReportReason,
}

/// OTP's error contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportContext {
    /// A child ended by itself.
    ChildTerminated,
    /// A child did not start, at boot or at an automatic restart.
    StartError,
    /// The supervisor gives up.
    Shutdown,
    /// A child that was asked to stop ended otherwise.
    ShutdownError,
}

impl fmt::Display for ReportContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChildTerminated => "child_terminated",
            Self::StartError => "start_error",
            Self::Shutdown => "shutdown",
            Self::ShutdownError => "shutdown_error",
        })
    }
}

/// The child or children that a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offender {
    /// One child.
    Child {
        /// It.
        key: ChildKey,
        /// What stood in OTP's pid field at that moment.
        pid: PidRef,
    },
    /// That many dynamic children, for one reason (F6).
    Many {
        /// `nb_children`.
        count: usize,
    },
}

/// Why, in a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportReason {
    /// A child's exit reason or start error.
    Exit(ExitReason),
    /// `reached_max_restart_intensity`.
    ReachedMaxRestartIntensity,
}

/// Why a supervisor did what it did when a child ended or a retry came due.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The child it is about.
    pub key: ChildKey,
    /// Its id.
    pub id: ChildId,
    /// The life that ended, or the attempt that failed.
    pub incarnation: Incarnation,
    /// How it ended; `None` for a retry of a failed start.
    pub reason: Option<ExitReason>,
    /// Its restart type.
    pub restart: Restart,
    /// The supervisor's strategy.
    pub strategy: Strategy,
    /// What was decided.
    pub verdict: Verdict,
    /// Running siblings taken along by the strategy, in the order they are stopped.
    /// Empty when the supervisor ends: then it is all of them.
    pub taken_along: Vec<ChildKey>,
    /// Restarts in the window, this one included when it counts.
    pub used: u64,
    /// Restarts granted in the window.
    pub limit: u32,
    /// Failures in a row, for a child with a backoff.
    pub failures: u32,
    /// How long the restart waits, when it does.
    pub delay: Option<Duration>,
}

/// What becomes of a child that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays stopped with its spec kept, or is dropped; nobody else is touched (B2).
    LetGo,
    /// As `LetGo`, and it was significant: the supervisor ends (H2, H3).
    AutoShutdown,
    /// It is started again, with its group (C1 to C3).
    Restart,
    /// It is started again alone and uncounted, having lost its thread (ours).
    Evacuate,
    /// The window is exhausted: the supervisor ends (D4).
    GiveUp,
}

/// Returns whether a child that was asked to stop ended acceptably (F2).
pub(super) fn is_expected_end(reason: &ExitReason, restart: Restart, shutdown: Shutdown) -> bool {
    match (reason, shutdown) {
        (ExitReason::Killed, Shutdown::BrutalKill) => true,
        (ExitReason::Shutdown, Shutdown::Timeout(_) | Shutdown::Infinity) => true,
        // OTP reports a permanent child that was told to stop and ended with `normal` (Q3); so do
        // we, for the sake of equal traces.
        _ => restart != Restart::Permanent && reason.is_clean(),
    }
}

/// Distinct reasons kept apart when a dynamic supervisor stops. A reason holds text of the user, so
/// a million children may end with a million reasons.
const MAX_REASONS: usize = 64;

/// Unexpected ends of dynamic children, by reason (F6). Beyond 64 different reasons
/// further ones are counted with the first of the same label.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Vec<(ExitReason, usize)>);

impl Tally {
    pub(super) fn add(&mut self, reason: ExitReason) {
        let full = self.0.len() >= MAX_REASONS;
        let same = |seen: &ExitReason| *seen == reason;
        let alike = |seen: &ExitReason| full && seen.label() == reason.label();
        let at = self.0.iter().position(|(seen, _)| same(seen));
        match at.or_else(|| self.0.iter().position(|(seen, _)| alike(seen))) {
            Some(at) => self.0[at].1 += 1,
            None => self.0.push((reason, 1)),
        }
    }

    /// Returns the reasons in a fixed order.
    pub(super) fn into_sorted(mut self) -> Vec<(ExitReason, usize)> {
        // Sorted, because the order of ends is chance and reports are compared with those of OTP.
        self.0.sort_by_cached_key(|(reason, _)| reason.to_string());
        self.0
    }
}
