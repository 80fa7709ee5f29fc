//! The policy's verdict in the words of causal records.

use ms_core::view::Decision;
use ms_core::{ExitReason, Restart};
use ms_policy::{Decision as PolicyDecision, Verdict};

/// Says what became of the child; under a dynamic supervisor one that is let go is dropped.
pub(crate) fn decision_of(decision: &PolicyDecision, dynamic: bool) -> Decision {
    match decision.verdict {
        Verdict::Restart if decision.delay.is_some() => Decision::Delayed,
        Verdict::Restart => Decision::Restarted,
        Verdict::Evacuate => Decision::Evacuated,
        Verdict::GiveUp => Decision::GaveUp,
        Verdict::AutoShutdown => Decision::AutoShutdown,
        Verdict::LetGo if dynamic || decision.restart == Restart::Temporary => Decision::Dropped,
        Verdict::LetGo => Decision::LeftDown,
    }
}

/// Returns whether the decision is published as an event too. An orderly end that nothing follows
/// from is not: a dynamic supervisor may see thousands of them per second.
pub(crate) fn is_noteworthy(reason: &ExitReason, verdict: Verdict) -> bool {
    !reason.is_clean() || verdict != Verdict::LetGo
}
