//! The causal records a supervisor keeps: why its children ended, and what it did.

use std::collections::VecDeque;
use std::sync::Arc;

use ms_actor::unix_ms;
use ms_core::view::{Decision, EventKind, WhyRecord};
use ms_core::{ActorPath, ChildId, ExitReason, Restart};
use ms_policy::{Decision as PolicyDecision, Verdict};

use crate::actor::SupervisorActor;

/// Records kept of one supervisor's children together.
const KEPT: usize = 512;

/// The last records, oldest first.
#[derive(Debug, Default)]
pub(crate) struct WhyLog(VecDeque<Arc<WhyRecord>>);

impl WhyLog {
    pub(crate) fn push(&mut self, record: Arc<WhyRecord>) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(record);
    }

    /// Records of one child, or of all, newest first.
    pub(crate) fn newest(&self, path: Option<&ActorPath>, limit: usize) -> Vec<WhyRecord> {
        let records = self.0.iter().rev().map(AsRef::as_ref);
        let of_it = |record: &&WhyRecord| path.is_none_or(|path| record.path == *path);
        records.filter(of_it).take(limit).cloned().collect()
    }
}

impl SupervisorActor {
    /// Turns a decision of the policy into the record people read, and publishes it.
    pub(crate) fn record(&mut self, decision: PolicyDecision) {
        let Some(record) = self.why_record(&decision) else { return };
        let Some(node) = &self.node else { return };
        let record = Arc::new(record);
        let noteworthy = !record.reason.is_clean() || decision.verdict != Verdict::LetGo;
        if noteworthy {
            node.publish(EventKind::Decided { why: Arc::clone(&record) });
        }
        if decision.verdict == Verdict::GiveUp {
            let (path, reason) = (self.path.clone(), record.reason.clone());
            node.publish(EventKind::Escalated { path, reason });
            self.bank.note_giving_up();
        }
        self.bank.why(|log| log.push(record));
    }

    fn why_record(&mut self, decision: &PolicyDecision) -> Option<WhyRecord> {
        let at_ms = self.node.as_ref()?.now().as_millis();
        let siblings = decision.taken_along.iter().filter_map(|&key| self.child_id(key)).collect();
        let kid = self.kids.get_mut(decision.key)?;
        let end = kid.rare.as_mut().and_then(|rare| rare.last_end.take());
        let last_exit = || kid.cell.as_ref().and_then(ms_actor::AnyRef::last_exit);
        let reason = decision.reason.clone().or_else(last_exit).unwrap_or(ExitReason::Normal);
        Some(WhyRecord {
            path: kid.path.clone(),
            incarnation: kid.life_of(decision.incarnation),
            at_ms,
            unix_ms: unix_ms(),
            reason,
            uptime_ms: end
                .as_ref()
                .map_or(0, |end| u64::try_from(end.uptime.as_millis()).unwrap_or(u64::MAX)),
            mailbox_depth: end.as_ref().and_then(|end| end.mailbox_depth),
            dropped: end.as_ref().map_or(0, |end| end.dropped),
            ask_chain: end.as_ref().map(|end| end.waiting_on.clone()).unwrap_or_default(),
            supervisor: Some(self.path.clone()),
            strategy: Some(decision.strategy),
            decision: outcome(decision, self.policy.template().is_some()),
            siblings,
            budget_used: u32::try_from(decision.used).unwrap_or(u32::MAX),
            budget: Some(self.policy.flags().intensity),
            next_delay_ms: decision
                .delay
                .map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
            injected: end.is_some_and(|end| end.injected),
        })
    }

    pub(crate) fn child_id(&self, key: ms_policy::ChildKey) -> Option<ChildId> {
        ChildId::new(self.kids.get(key)?.path.name()).ok()
    }
}

fn outcome(decision: &PolicyDecision, dynamic: bool) -> Decision {
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
