//! A fingerprint of what a policy will do: for a search that must not visit one state twice.
//!
//! Every field is named here, so that a new one cannot be forgotten. Left out is what
//! only names things: numbers of lives become distances from a child's present one, times
//! distances from now, and places in the inbox their order.

use std::hash::{Hash, Hasher};

use ms_core::id::Incarnation;
use ms_core::time::Tick;

use super::child::ChildKey;
use super::event::Event;
use super::jitter::Jitter;
use super::machine::{Group, Op, Policy, Why};
use super::report::PidRef;
use super::table::{Slot, Table};

impl Policy {
    /// Feeds to `hasher` all that bears on what the policy does from `now` on.
    ///
    /// Two policies with the same flags that feed the same answer the same events alike,
    /// but for the numbers of lives. Effects that were not polled are not looked at.
    pub fn fingerprint(&self, now: Tick, hasher: &mut impl Hasher) {
        // Flags never change; effects are the caller's as soon as they are polled.
        let Self { flags: _, table, window, inbox, effects: _, op, jitter, suspended } = self;
        table.fingerprint(now, hasher);
        window.fingerprint(now, hasher);
        let Jitter(jitter) = jitter;
        (jitter, suspended).hash(hasher);
        inbox.len().hash(hasher);
        inbox.waiting().for_each(|waiting| self.hash_waiting(waiting, hasher));
        self.hash_op(op, now, hasher);
    }

    fn hash_waiting(&self, waiting: &Event, hasher: &mut impl Hasher) {
        std::mem::discriminant(waiting).hash(hasher);
        match waiting {
            // Of an end, what the cell says beside the reason decides nothing.
            Event::Exited { key, incarnation, exit }
            | Event::Evacuated { key, incarnation, exit } => {
                (self.distance(*key, *incarnation), key).hash(hasher);
                exit.reason().to_string().hash(hasher);
            }
            Event::Ignored { key, incarnation } | Event::BackoffElapsed { key, incarnation } => {
                (self.distance(*key, *incarnation), key).hash(hasher);
            }
            Event::TryAgain { key } => key.hash(hasher),
            Event::Command { ticket, command } => {
                ticket.hash(hasher);
                // A command holds floats, which have no hash; its debug form names every field.
                format!("{command:?}").hash(hasher);
            }
            Event::Shutdown { reason } => reason.to_string().hash(hasher),
            Event::Boot
            | Event::Started { .. }
            | Event::StartFailed { .. }
            | Event::Suspend
            | Event::Resume => debug_assert!(false, "{waiting:?} does not wait"),
        }
    }

    /// Returns how many lives ago this one was; `None` when its child is gone.
    fn distance(&self, key: ChildKey, life: Incarnation) -> Option<u64> {
        let slot = self.table.find(key)?;
        Some(self.table.get(slot).incarnation.0.wrapping_sub(life.0))
    }

    fn hash_op(&self, op: &Op, now: Tick, hasher: &mut impl Hasher) {
        std::mem::discriminant(op).hash(hasher);
        match op {
            Op::Fresh | Op::Idle | Op::Boot | Op::Stopped => {}
            Op::Rollback { reason, next } | Op::StopAll { reason, next } => {
                next.hash(hasher);
                reason.to_string().hash(hasher);
            }
            Op::Start(why) => {
                std::mem::discriminant(why).hash(hasher);
                match why {
                    Why::Added(ticket) | Why::Asked(ticket) => ticket.hash(hasher),
                    Why::Restart { pid } => hash_pid(*pid, hasher),
                }
            }
            Op::Terminate(ticket) => ticket.hash(hasher),
            Op::GroupStop(group) | Op::GroupStart(group) => {
                let Group { trigger, floor, next, not_before } = group;
                (trigger, floor, next, not_before.since(now)).hash(hasher);
            }
            Op::StopTogether { reason, left } => {
                left.hash(hasher);
                reason.to_string().hash(hasher);
            }
            Op::StopMany { reason, left, tally } => {
                left.hash(hasher);
                format!("{reason} {tally:?}").hash(hasher);
            }
        }
    }
}

/// Hashes what a report will say. The number of the life is left out: it only names one.
fn hash_pid(pid: PidRef, hasher: &mut impl Hasher) {
    std::mem::discriminant(&pid).hash(hasher);
    if let PidRef::Restarting(old) = pid {
        old.is_some().hash(hasher);
    }
}

impl Table {
    fn fingerprint(&self, now: Tick, hasher: &mut impl Hasher) {
        self.len().hash(hasher);
        for slot in self.forward(self.head()) {
            self.hash_child(slot, now, hasher);
        }
    }

    fn hash_child(&self, slot: Slot, now: Tick, hasher: &mut impl Hasher) {
        let (child, spec) = (self.get(slot), self.spec(slot));
        let past = child.incarnation.0.wrapping_sub(child.old.0);
        let old = (child.old != Incarnation::NONE).then_some(past);
        (self.key(slot), self.state(slot), old).hash(hasher);
        (child.failures, child.held, child.counted).hash(hasher);
        if spec.policy.backoff.is_some() {
            // Only a backoff looks at the clock.
            (child.since.since(now), now.since(child.since)).hash(hasher);
        }
        let policy = &spec.policy;
        (&spec.id, policy.restart, policy.shutdown, policy.kind, policy.significant).hash(hasher);
        if let Some(backoff) = &policy.backoff {
            (backoff.min, backoff.max, backoff.reset_after).hash(hasher);
            backoff.jitter.to_bits().hash(hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::hash_map::DefaultHasher;

    use crate::ChildEntry;
    use ms_core::exit::{ChildExit, ExitReason};
    use ms_core::id::{ActorPath, ChildId};
    use ms_core::spec::{ChildPolicy, SupervisorFlags};

    use super::*;

    fn of(policy: &Policy) -> u64 {
        let mut hasher = DefaultHasher::new();
        policy.fingerprint(Tick::ZERO, &mut hasher);
        hasher.finish()
    }

    fn feed(policy: &mut Policy, event: Event) {
        policy.handle(Tick::ZERO, event);
        while policy.poll_effect().is_some() {}
    }

    /// A terminated and restarted child is where it was, though its life has another number.
    #[test]
    fn numbers_of_lives_do_not_count_and_what_is_under_way_does() {
        let id = ChildId::new("a").unwrap();
        let entry = ChildEntry { id: id.clone(), policy: ChildPolicy::worker() };
        let mut policy = Policy::new(SupervisorFlags::default(), vec![entry]).unwrap();
        let key = policy.key_of(&id).unwrap();
        let fresh = of(&policy);
        feed(&mut policy, Event::Boot);
        let starting = of(&policy);
        let incarnation = Incarnation(1);
        feed(&mut policy, Event::Started { key, incarnation, info: false });
        let running = of(&policy);
        assert!(fresh != starting && starting != running);

        let ticket = crate::Ticket(1);
        let target = crate::Target::Id(id.clone());
        let command = crate::Command::TerminateChild(target);
        feed(&mut policy, Event::Command { ticket, command });
        let exit = ChildExit::new(ActorPath::root(&id), incarnation, ExitReason::Shutdown);
        feed(&mut policy, Event::Exited { key, incarnation, exit });
        assert_ne!(of(&policy), running);
        let command = crate::Command::RestartChild(id);
        feed(&mut policy, Event::Command { ticket, command });
        feed(&mut policy, Event::Started { key, incarnation: Incarnation(2), info: false });
        assert_eq!(of(&policy), running);
    }
}
