//! The blast radius of an end, before it happens.

use std::time::Duration;

use ms_core::exit::ExitReason;
use ms_core::spec::Strategy;
use ms_core::time::Tick;

use super::child::{ChildKey, ChildState};
use super::machine::{Op, Policy};
use super::report::Verdict;
use super::table::{NIL, Slot};

/// What the end of one child would lead to, if every child started again and stopped
/// as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// What would be decided; `None` when the child does not run.
    pub verdict: Option<Verdict>,
    /// Siblings that would be stopped, in order (under `simple_one_for_one`: at once).
    pub stopped: Vec<ChildKey>,
    /// Children that would be started, in order, the child itself included. Under a
    /// group strategy also those that are down now (C2).
    pub restarted: Vec<ChildKey>,
    /// Specs that would be gone, the supervisor living on.
    pub dropped: Vec<ChildKey>,
    /// How long the starts would wait, jitter included.
    pub delay: Option<Duration>,
    /// The supervisor would end with this reason; ask its parent's policy what then.
    pub supervisor_exits: Option<ExitReason>,
    /// It would end because its budget is used up.
    pub escalates: bool,
    /// Restarts in the window before this one, and how many are granted.
    pub budget: (u64, u32),
    /// Nothing is under way or waits. If not, what happens before may change the outcome.
    pub settled: bool,
}

impl Policy {
    /// Returns what would happen if this child ended so at `now`. Changes nothing. O(group).
    #[must_use]
    pub fn preview_exit(&self, now: Tick, key: ChildKey, reason: &ExitReason) -> Preview {
        let running = |&slot: &Slot| self.table.state(slot) == ChildState::Running;
        let mut preview = Preview {
            verdict: None,
            stopped: Vec::new(),
            restarted: Vec::new(),
            dropped: Vec::new(),
            delay: None,
            supervisor_exits: None,
            escalates: false,
            budget: (self.window.used(now), self.flags.intensity.max_restarts),
            settled: matches!(self.op, Op::Idle) && self.inbox.len() == 0,
        };
        let Some(slot) = self.table.find(key).filter(running) else { return preview };
        let verdict = self.judge(now, slot, reason);
        preview.verdict = Some(verdict);
        preview.escalates = verdict == Verdict::GiveUp;
        match verdict {
            Verdict::LetGo if self.table.is_dropped_when_stopped(slot) => preview.dropped.push(key),
            Verdict::LetGo => {}
            Verdict::AutoShutdown | Verdict::GiveUp => self.preview_end(slot, &mut preview),
            Verdict::Restart | Verdict::Evacuate => self.preview_restart(now, slot, &mut preview),
        }
        preview
    }

    fn preview_end(&self, slot: Slot, preview: &mut Preview) {
        preview.supervisor_exits = Some(ExitReason::Shutdown);
        let others = |at: &Slot| *at != slot && self.table.state(*at) == ChildState::Running;
        let key = |at: Slot| self.table.key(at);
        if self.is_simple() {
            let all = self.table.forward(self.table.head());
            preview.stopped.extend(all.filter(others).map(key));
        } else {
            let all = self.table.backward(self.table.tail());
            preview.stopped.extend(all.filter(others).map(key));
        }
    }

    fn preview_restart(&self, now: Tick, slot: Slot, preview: &mut Preview) {
        for at in self.taken_along(slot) {
            preview.stopped.push(self.table.key(at));
            if self.table.is_dropped_when_stopped(at) {
                preview.dropped.push(self.table.key(at));
            }
        }
        match self.flags.strategy {
            Strategy::OneForOne | Strategy::SimpleOneForOne => {
                preview.restarted.push(self.table.key(slot));
            }
            Strategy::OneForAll | Strategy::RestForOne => {
                let floor = self.floor(slot);
                let first = if floor == NIL { self.table.head() } else { floor };
                let kept = |at: &Slot| !self.table.is_dropped_when_stopped(*at);
                let group = self.table.forward(first).filter(kept);
                preview.restarted.extend(group.map(|at| self.table.key(at)));
            }
        }
        let until = self.merged(slot, now + self.delay_if_failed(now, slot));
        preview.delay = (until > now).then(|| until.since(now));
    }
}
