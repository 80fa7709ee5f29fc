//! Turning decisions of the policy into causal records.

use std::sync::Arc;
use std::time::Duration;

use ms_actor::unix_ms;
use ms_core::view::{EventKind, WhyRecord};
use ms_core::{ChildExit, ExitReason};
use ms_policy::{Decision, Verdict};

use super::SupervisorActor;
use crate::logic::starts::StartNumber;
use crate::logic::why::{decision_of, is_noteworthy};

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

    fn why_record(&self, decision: &Decision) -> Option<WhyRecord> {
        let at_ms = self.node.as_ref()?.now().as_millis();
        let siblings = decision.taken_along.iter();
        let siblings = siblings.filter_map(|&key| self.children.get(key)?.id()).collect();
        let child = self.children.get(decision.key)?;
        // A retry of a failed start comes with no exit, and shows no facts of the end before it.
        let exit = decision.exit.as_ref();
        let facts = exit.and_then(ChildExit::facts);
        let reason = exit.map(|exit| exit.reason().clone()).or_else(|| child.last_exit());
        Some(WhyRecord {
            path: child.path().clone(),
            incarnation: exit.map_or_else(
                || child.starts().incarnation_of(StartNumber::of_policy(decision.incarnation)),
                ChildExit::incarnation,
            ),
            at_ms,
            unix_ms: unix_ms(),
            reason: reason.unwrap_or(ExitReason::Normal),
            uptime_ms: facts.map_or(0, |facts| millis(facts.uptime)),
            mailbox_depth: facts.and_then(|facts| facts.mailbox_depth),
            dropped: facts.map_or(0, |facts| facts.dropped),
            ask_chain: facts.map(|facts| facts.waiting_on.clone()).unwrap_or_default(),
            supervisor: Some(self.path.clone()),
            strategy: Some(decision.strategy),
            decision: decision_of(decision, self.policy.template().is_some()),
            siblings,
            budget_used: u32::try_from(decision.used).unwrap_or(u32::MAX),
            budget: Some(self.policy.flags().intensity),
            next_delay_ms: decision.delay.map(millis),
            injected: facts.is_some_and(|facts| facts.injected),
        })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
