//! Turning decisions of the policy into causal records.

use std::sync::Arc;
use std::time::Duration;

use ms_actor::unix_ms;
use ms_core::ExitReason;
use ms_core::view::{EventKind, WhyRecord};
use ms_policy::{Decision, Verdict};

use super::SupervisorActor;
use crate::logic::starts::StartNumber;
use crate::logic::why::{decision_of, is_noteworthy};
use crate::state::child::Child;

impl SupervisorActor {
    /// Turns a decision of the policy into the record people read, and publishes it.
    pub(super) fn record(&mut self, decision: Decision) {
        let Some(record) = self.why_record(&decision) else { return };
        let Some(node) = &self.node else { return };
        let record = Arc::new(record);
        if is_noteworthy(&record.reason, decision.verdict) {
            node.publish(EventKind::Decided { why: Arc::clone(&record) });
        }
        if decision.verdict == Verdict::GiveUp {
            let (path, reason) = (self.path.clone(), record.reason.clone());
            node.publish(EventKind::Escalated { path, reason });
            self.kept.why().note_giving_up();
        }
        self.kept.why().push(record);
    }

    fn why_record(&mut self, decision: &Decision) -> Option<WhyRecord> {
        let at_ms = self.node.as_ref()?.now().as_millis();
        let siblings = decision.taken_along.iter();
        let siblings = siblings.filter_map(|&key| self.children.get(key)?.id()).collect();
        let child = self.children.get_mut(decision.key)?;
        // Taken, not read: a retry of a failed start must not show the facts of the end before it.
        let end = child.take_last_end();
        let last_exit = || Child::last_exit(child);
        let reason = decision.reason.clone().or_else(last_exit).unwrap_or(ExitReason::Normal);
        Some(WhyRecord {
            path: child.path().clone(),
            incarnation: child
                .starts()
                .incarnation_of(StartNumber::of_policy(decision.incarnation)),
            at_ms,
            unix_ms: unix_ms(),
            reason,
            uptime_ms: end.as_ref().map_or(0, |end| millis(end.uptime)),
            mailbox_depth: end.as_ref().and_then(|end| end.mailbox_depth),
            dropped: end.as_ref().map_or(0, |end| end.dropped),
            ask_chain: end.as_ref().map(|end| end.waiting_on.clone()).unwrap_or_default(),
            supervisor: Some(self.path.clone()),
            strategy: Some(decision.strategy),
            decision: decision_of(decision, self.policy.template().is_some()),
            siblings,
            budget_used: u32::try_from(decision.used).unwrap_or(u32::MAX),
            budget: Some(self.policy.flags().intensity),
            next_delay_ms: decision.delay.map(millis),
            injected: end.is_some_and(|end| end.injected),
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
