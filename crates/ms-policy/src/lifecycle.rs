//! Starting and stopping: the boot, and one child at a time.

use ms_core::exit::ExitReason;

use super::child::ChildState;
use super::command::{CommandError, Reply, Ticket};
use super::effect::{Effect, StartCause};
use super::machine::{Op, Outcome, Policy};
use super::report::{
    Offender, PidRef, ReportContext, ReportReason, SupervisorReport, is_expected_end,
};
use super::table::{NIL, Slot};

impl Policy {
    pub(super) fn boot(&mut self) {
        if matches!(self.op, Op::Fresh) {
            self.boot_from(self.table.head());
        }
    }

    /// Starts the child at `at`, or says that all are (A1).
    fn boot_from(&mut self, at: Slot) {
        if at == NIL {
            self.op = Op::Idle;
            self.effects.push_back(Effect::Booted);
        } else {
            self.begin_start(at, StartCause::Boot);
            self.op = Op::Boot;
        }
    }

    pub(super) fn boot_answer(&mut self, slot: Slot, outcome: Outcome) {
        let next = self.table.next(slot);
        match outcome {
            Outcome::Started { .. } => self.boot_from(next),
            Outcome::Ignored => {
                // A4: the spec stays, unless the child is temporary.
                self.clear(slot);
                self.boot_from(next);
            }
            Outcome::Failed(reason) => {
                self.report_start_error(slot, PidRef::Undefined, reason.clone());
                let child = self.id(slot);
                let reason = ExitReason::ChildStartFailed { child, reason: reason.into() };
                self.give_notice();
                self.rollback(reason, self.table.tail());
            }
        }
    }

    pub(super) fn rollback(&mut self, reason: ExitReason, at: Slot) {
        match self.stop_down(at) {
            Some(next) => self.op = Op::Rollback { reason, next },
            None => {
                self.effects.push_back(Effect::BootFailed { reason: reason.clone() });
                self.finish(reason);
            }
        }
    }

    pub(super) fn begin_start(&mut self, slot: Slot, cause: StartCause) {
        let id = self.id(slot);
        let key = self.table.key(slot);
        self.table.set_state(slot, ChildState::Starting);
        let child = self.table.get_mut(slot);
        // Counted for each attempt: the answer to an abandoned attempt is recognised by its number.
        child.incarnation = child.incarnation.next();
        let incarnation = child.incarnation;
        self.effects.push_back(Effect::Start { key, id, incarnation, cause });
    }

    /// Stops children from `at` down to the first one that has to be waited for; gives
    /// the place to go on from then, or `None` when all are stopped.
    pub(super) fn stop_down(&mut self, mut at: Slot) -> Option<Slot> {
        while at != NIL {
            let next = self.table.prev(at);
            if self.begin_stop(at) {
                return Some(next);
            }
            at = next;
        }
        None
    }

    /// Stops one child; `true` when its end has to be waited for. An exit that waits
    /// in the inbox is taken from there (C6, F3).
    pub(super) fn begin_stop(&mut self, slot: Slot) -> bool {
        if self.table.state(slot) != ChildState::Running {
            // This also cancels a restart that is due (E3).
            self.clear(slot);
            return false;
        }
        let key = self.table.key(slot);
        let incarnation = self.table.get(slot).incarnation;
        if let Some(reason) = self.inbox.take_exit(key, incarnation) {
            self.conclude_stop(slot, reason);
            return false;
        }
        let shutdown = self.table.policy(slot).shutdown;
        self.table.set_state(slot, ChildState::Stopping);
        self.effects.push_back(Effect::Stop { key, incarnation, shutdown });
        true
    }

    pub(super) fn conclude_stop(&mut self, slot: Slot, reason: ExitReason) {
        let policy = self.table.policy(slot);
        if !is_expected_end(&reason, policy.restart, policy.shutdown) {
            let pid = PidRef::Incarnation(self.table.get(slot).incarnation);
            let reason = ReportReason::Exit(reason);
            self.report(slot, ReportContext::ShutdownError, pid, reason);
        }
        self.clear(slot);
    }

    /// OTP's `del_child`: drops a temporary or dynamic child, else keeps the spec.
    pub(super) fn clear(&mut self, slot: Slot) {
        if self.table.is_dropped_when_stopped(slot) {
            self.discard(slot);
        } else {
            self.table.set_state(slot, ChildState::Stopped);
        }
    }

    pub(super) fn discard(&mut self, slot: Slot) {
        let key = self.table.remove(slot);
        self.effects.push_back(Effect::Dropped { key });
    }

    pub(super) fn report_start_error(&mut self, slot: Slot, pid: PidRef, reason: ExitReason) {
        self.report(slot, ReportContext::StartError, pid, ReportReason::Exit(reason));
    }

    pub(super) fn report(
        &mut self,
        slot: Slot,
        context: ReportContext,
        pid: PidRef,
        reason: ReportReason,
    ) {
        let offender = Offender::Child { key: self.table.key(slot), pid };
        let report = SupervisorReport { context, id: self.id(slot), offender, reason };
        self.effects.push_back(Effect::Report(Box::new(report)));
    }

    pub(super) fn reply(&mut self, ticket: Ticket, result: Result<Reply, CommandError>) {
        self.effects.push_back(Effect::Reply { ticket, result });
    }
}
