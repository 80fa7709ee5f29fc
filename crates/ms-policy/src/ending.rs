//! The supervisor's own end (F4, F6, D4, H3).

use ms_core::exit::ExitReason;
use ms_core::spec::StopOrder;

use super::child::ChildState;
use super::command::CommandError;
use super::effect::Effect;
use super::machine::{Op, Policy};
use super::report::{
    Offender, ReportContext, ReportReason, SupervisorReport, Tally, is_expected_end,
};
use super::table::{NIL, Slot};

impl Policy {
    /// Stops all children and exits with this reason.
    pub(super) fn end(&mut self, reason: ExitReason) {
        self.give_notice();
        match self.flags.stop_order {
            // Dynamic children are stopped at once whatever the flag says, as in OTP (F6).
            _ if self.is_simple() => self.stop_dynamic(reason),
            StopOrder::Together => self.stop_together(reason),
            StopOrder::Reverse => self.stop_all(reason, self.table.tail()),
        }
    }

    /// Refuses every command that waits.
    pub(super) fn give_notice(&mut self) {
        for ticket in self.inbox.keep_exits() {
            self.reply(ticket, Err(CommandError::Stopping));
        }
    }

    /// Stops the children one at a time, latest start first (F4).
    pub(super) fn stop_all(&mut self, reason: ExitReason, at: Slot) {
        match self.stop_down(at) {
            Some(next) => self.op = Op::StopAll { reason, next },
            None => self.finish(reason),
        }
    }

    /// Stops the children at once, each with its own time to stop (F7). The latest start is asked
    /// first: keeping that order costs nothing.
    fn stop_together(&mut self, reason: ExitReason) {
        let mut left = 0;
        let mut at = self.table.tail();
        while at != NIL {
            let next = self.table.prev(at);
            // `begin_stop` may drop the child, so the next one was read before.
            left += usize::from(self.begin_stop(at));
            at = next;
        }
        self.stop_rest(reason, left);
    }

    /// Waits for the children that have not ended yet, or ends.
    pub(super) fn stop_rest(&mut self, reason: ExitReason, left: usize) {
        if left > 0 {
            self.op = Op::StopTogether { reason, left };
        } else {
            self.finish(reason);
        }
    }

    /// Stops all dynamic children at once (F6).
    fn stop_dynamic(&mut self, reason: ExitReason) {
        let mut tally = Tally::default();
        let mut left = 0;
        let mut at = self.table.head();
        while at != NIL {
            let next = self.table.next(at);
            let key = self.table.key(at);
            let incarnation = self.table.get(at).incarnation;
            if self.table.state(at) != ChildState::Running {
                self.discard(at);
            } else if let Some(end) = self.inbox.take_exit(key, incarnation) {
                self.tally_stop(at, end, &mut tally);
            } else {
                self.table.set_state(at, ChildState::Stopping);
                left += 1;
            }
            at = next;
        }
        // One effect for all, as OTP has one timer for all: a million effects would flood the
        // actor.
        if let Some(template) = self.table.template().filter(|_| left > 0) {
            let shutdown = template.policy.shutdown;
            self.effects.push_back(Effect::StopMany { shutdown, count: left });
        }
        self.stop_many(reason, left, tally);
    }

    pub(super) fn tally_stop(&mut self, slot: Slot, reason: ExitReason, tally: &mut Tally) {
        let policy = self.table.policy(slot);
        if !is_expected_end(&reason, policy.restart, policy.shutdown) {
            tally.add(reason);
        }
        self.discard(slot);
    }

    /// Waits for the rest, or reports what there is to report and ends.
    pub(super) fn stop_many(&mut self, reason: ExitReason, left: usize, tally: Tally) {
        if left > 0 {
            self.op = Op::StopMany { reason, left, tally };
            return;
        }
        if let Some(id) = self.table.template().map(|template| template.id.clone()) {
            for (why, count) in tally.into_sorted() {
                let report = SupervisorReport {
                    context: ReportContext::ShutdownError,
                    id: id.clone(),
                    offender: Offender::Many { count },
                    reason: ReportReason::Exit(why),
                };
                self.effects.push_back(Effect::Report(Box::new(report)));
            }
        }
        self.finish(reason);
    }

    pub(super) fn finish(&mut self, reason: ExitReason) {
        self.inbox.clear();
        self.op = Op::Stopped;
        self.effects.push_back(Effect::Exit { reason });
    }
}
