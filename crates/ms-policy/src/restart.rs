//! The decision when a child ended, and the restarts that follow (B, C, D, E).

use std::time::Duration;

use ms_core::exit::{ChildExit, ExitReason};
use ms_core::id::{ChildId, Incarnation};
use ms_core::spec::{AutoShutdown, Restart, Strategy, WhenExhausted};
use ms_core::time::Tick;

use super::child::{ChildKey, ChildState};
use super::effect::{Effect, StartCause};
use super::event::Event;
use super::machine::{Group, Op, Outcome, Policy, Why, restarts};
use super::report::{Decision, PidRef, ReportContext, ReportReason, Verdict};
use super::table::{NIL, Slot};

impl Policy {
    /// Decides what becomes of a running child that ends by itself. Changes nothing: the preview
    /// asks too.
    pub(super) fn judge(&self, now: Tick, slot: Slot, reason: &ExitReason) -> Verdict {
        match restarts(self.table.policy(slot).restart, reason) {
            false if self.ends_with(slot) => Verdict::AutoShutdown,
            false => Verdict::LetGo,
            true if self.window.grants(now) || self.pause() > Duration::ZERO => Verdict::Restart,
            true => Verdict::GiveUp,
        }
    }

    /// Returns whether the supervisor ends when this child has ended for good (H1, H2).
    fn ends_with(&self, slot: Slot) -> bool {
        if !self.table.policy(slot).significant {
            return false;
        }
        match self.flags.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            // The child that ended is still in the table.
            AutoShutdown::AllSignificant if self.is_simple() => self.table.len() == 1,
            AutoShutdown::AllSignificant => self.table.significant_present() == 1,
        }
    }

    /// Handles the end of a child that nobody awaited (B1 to B3).
    pub(super) fn on_exit(&mut self, now: Tick, end: Event) {
        let Some((key, life)) = end.ended() else { return };
        let Some(slot) = self.table.find(key) else { return };
        let child = self.table.get(slot);
        if child.incarnation != life || self.table.state(slot) != ChildState::Running {
            return;
        }
        let restart = self.table.policy(slot).restart;
        let (exit, verdict) = match end {
            // Ours. A neighbour blocked the thread: counting the end would punish the wrong child.
            Event::Evacuated { exit, .. } if restart != Restart::Temporary => {
                (exit, Verdict::Evacuate)
            }
            Event::Exited { exit, .. } | Event::Evacuated { exit, .. } => {
                let verdict = self.judge(now, slot, exit.reason());
                (exit, verdict)
            }
            // Its init chose not to run, after its start had been answered. The same as an ignored
            // start that was awaited (A4, E5).
            _ => return self.clear(slot),
        };
        // OTP keeps the old pid in its record of a restarting child, and prints it in reports.
        self.table.get_mut(slot).old = life;
        let pid = PidRef::Incarnation(life);
        // As OTP: the `normal` of a permanent child is reported, that of a transient one is not (B3).
        if restart == Restart::Permanent || !exit.reason().is_clean() {
            let reason = ReportReason::Exit(exit.reason().clone());
            self.report(slot, ReportContext::ChildTerminated, pid, reason);
        }
        match verdict {
            Verdict::LetGo | Verdict::AutoShutdown => {
                self.decide(now, slot, Some(exit), verdict, None);
                self.clear(slot);
                if verdict == Verdict::AutoShutdown {
                    self.end(ExitReason::Shutdown);
                }
            }
            Verdict::Evacuate => {
                self.decide(now, slot, Some(exit), verdict, None);
                self.start_again(slot, pid);
            }
            Verdict::Restart | Verdict::GiveUp => {
                self.note_failure(now, slot);
                self.restart(now, slot, Some(exit), pid);
            }
        }
    }

    /// Repeats a restart that failed (E1). Stale requests are ignored (E3).
    pub(super) fn on_try_again(&mut self, now: Tick, key: ChildKey) {
        let Some(slot) = self.table.find(key) else { return };
        if self.table.state(slot) == ChildState::Restarting && !self.table.get(slot).held {
            self.restart(now, slot, None, self.restarting(slot));
        }
    }

    /// Starts a child whose backoff is over, unless it was cancelled.
    pub(super) fn on_backoff(&mut self, now: Tick, key: ChildKey, incarnation: Incarnation) {
        let Some(slot) = self.table.find(key) else { return };
        let child = self.table.get(slot);
        if !child.held || child.incarnation != incarnation {
            return;
        }
        let counted = child.counted;
        let pid = self.restarting(slot);
        self.table.get_mut(slot).held = false;
        // A start that failed waits uncounted and counts when it is tried again, like OTP's retries
        // (D3).
        if counted {
            self.carry_out(now, slot, pid, now);
        } else {
            self.restart(now, slot, None, pid);
        }
    }

    /// Counts a restart and then tries it (D2).
    fn restart(&mut self, now: Tick, slot: Slot, exit: Option<ChildExit>, pid: PidRef) {
        // A retry has waited already; the end of a child has not.
        let mut delay = if exit.is_some() { self.next_delay(slot) } else { Duration::ZERO };
        // Added first, as OTP does: the restart that is refused counts as well (D2).
        let granted = self.window.add(now);
        if !granted {
            delay = delay.max(self.pause());
        }
        if granted || self.pause() > Duration::ZERO {
            let not_before = now + delay;
            self.decide(now, slot, exit, Verdict::Restart, Some(not_before));
            self.carry_out(now, slot, pid, not_before);
            return;
        }
        self.decide(now, slot, exit, Verdict::GiveUp, None);
        let why = ReportReason::ReachedMaxRestartIntensity;
        self.report(slot, ReportContext::Shutdown, pid, why);
        self.clear(slot);
        self.end(ExitReason::Shutdown);
    }

    /// Returns how long a restart over the budget waits; zero means giving up.
    fn pause(&self) -> Duration {
        match self.flags.when_exhausted {
            WhenExhausted::GiveUp => Duration::ZERO,
            WhenExhausted::Pause(pause) => pause,
        }
    }

    /// Restarts a child and its group, not before the given time.
    fn carry_out(&mut self, now: Tick, slot: Slot, pid: PidRef, not_before: Tick) {
        match self.flags.strategy {
            Strategy::OneForOne | Strategy::SimpleOneForOne if not_before > now => {
                self.hold(now, slot, not_before, true);
            }
            Strategy::OneForOne | Strategy::SimpleOneForOne => self.start_again(slot, pid),
            Strategy::OneForAll | Strategy::RestForOne => {
                // The trigger is down already: it is no longer to be stopped.
                self.table.set_state(slot, ChildState::Stopped);
                let next = self.table.tail();
                self.group_stop(
                    now,
                    Group { trigger: slot, floor: self.floor(slot), next, not_before },
                );
            }
        }
    }

    fn start_again(&mut self, slot: Slot, pid: PidRef) {
        self.begin_start(slot, StartCause::Restart);
        self.op = Op::Start(Why::Restart { pid });
    }

    /// Settles the restart of one child.
    pub(super) fn restarted(&mut self, now: Tick, slot: Slot, pid: PidRef, outcome: Outcome) {
        match outcome {
            Outcome::Started { .. } => {}
            // E5; a dynamic child is dropped (Q1).
            Outcome::Ignored => self.clear(slot),
            Outcome::Failed(reason) => {
                self.report_start_error(slot, pid, reason);
                self.try_later(now, slot);
            }
        }
    }

    /// Returns the first child of the group of `slot`, `NIL` for all (C1 to C3).
    pub(super) fn floor(&self, slot: Slot) -> Slot {
        if self.flags.strategy == Strategy::OneForAll { NIL } else { slot }
    }

    /// Stops the group from `group.next` down, then starts it.
    pub(super) fn group_stop(&mut self, now: Tick, mut group: Group) {
        while group.next != NIL {
            let at = group.next;
            group.next = if at == group.floor { NIL } else { self.table.prev(at) };
            let child = self.table.get(at);
            if child.held {
                // Delays within a group are merged: the longest holds for all.
                group.not_before = group.not_before.max(child.since);
            }
            if self.begin_stop(at) {
                self.op = Op::GroupStop(group);
                return;
            }
        }
        self.op = Op::Idle;
        if group.not_before > now {
            self.hold(now, group.trigger, group.not_before, true);
        } else {
            let first = if group.floor == NIL { self.table.head() } else { group.floor };
            self.group_start(group, first);
        }
    }

    fn group_start(&mut self, group: Group, at: Slot) {
        if at != NIL {
            self.begin_start(at, StartCause::Restart);
            self.op = Op::GroupStart(group);
        }
    }

    /// Settles the start of one of the group.
    pub(super) fn group_answer(&mut self, now: Tick, slot: Slot, group: Group, outcome: Outcome) {
        let next = self.table.next(slot);
        match outcome {
            Outcome::Started { .. } => self.group_start(group, next),
            Outcome::Ignored => {
                self.clear(slot);
                self.group_start(group, next);
            }
            Outcome::Failed(reason) => {
                // E4: the rest of the group stays down until the retry.
                self.report_start_error(slot, PidRef::Undefined, reason);
                // Only the trigger crashed. For the others OTP's record says `{restarting,
                // undefined}`.
                if slot != group.trigger {
                    self.table.get_mut(slot).old = Incarnation::NONE;
                }
                self.try_later(now, slot);
            }
        }
    }

    /// Marks a child whose restart failed as restarting, and has it tried again behind what waits
    /// (E1) or after its backoff.
    fn try_later(&mut self, now: Tick, slot: Slot) {
        self.count_failure(slot);
        let delay = self.next_delay(slot);
        if delay.is_zero() {
            self.table.set_state(slot, ChildState::Restarting);
            // To the back of the mailbox: a child that never starts must not starve the commands
            // (E1).
            self.effects.push_back(Effect::RetryLater { key: self.table.key(slot) });
        } else {
            self.hold(now, slot, now + delay, false);
        }
    }

    /// Delays the restart of a child until then.
    fn hold(&mut self, now: Tick, slot: Slot, until: Tick, counted: bool) {
        self.table.set_state(slot, ChildState::Restarting);
        let key = self.table.key(slot);
        let child = self.table.get_mut(slot);
        child.held = true;
        child.counted = counted;
        child.since = until;
        let (incarnation, failures) = (child.incarnation, child.failures);
        let delay = until.since(now);
        self.effects.push_back(Effect::ArmBackoff { key, incarnation, failures, delay });
    }

    /// Counts the end of a running child.
    fn note_failure(&mut self, now: Tick, slot: Slot) {
        self.table.get_mut(slot).failures = self.failures_after(now, slot);
    }

    /// Returns the failures in a row if the running child ended now: the first, when it ran long.
    fn failures_after(&self, now: Tick, slot: Slot) -> u32 {
        let Some(backoff) = self.table.policy(slot).backoff else { return 0 };
        let child = self.table.get(slot);
        let calm = now.since(child.since) >= backoff.reset_after;
        if calm { 1 } else { child.failures.saturating_add(1) }
    }

    fn count_failure(&mut self, slot: Slot) {
        if self.table.policy(slot).backoff.is_some() {
            let child = self.table.get_mut(slot);
            child.failures = child.failures.saturating_add(1);
        }
    }

    fn next_delay(&mut self, slot: Slot) -> Duration {
        let Some(backoff) = self.table.policy(slot).backoff else { return Duration::ZERO };
        backoff.delay(self.table.get(slot).failures, self.jitter.next_unit())
    }

    /// Returns the delay the running child would have if it ended now.
    pub(super) fn delay_if_failed(&self, now: Tick, slot: Slot) -> Duration {
        let pause = if self.window.grants(now) { Duration::ZERO } else { self.pause() };
        let Some(backoff) = self.table.policy(slot).backoff else { return pause };
        // A clone: a preview must not use up the number that the real restart draws.
        pause.max(backoff.delay(self.failures_after(now, slot), self.jitter.clone().next_unit()))
    }

    /// Returns the pid that OTP's record of a restarting child holds.
    pub(super) fn restarting(&self, slot: Slot) -> PidRef {
        let old = self.table.get(slot).old;
        PidRef::Restarting((old != Incarnation::NONE).then_some(old))
    }

    pub(super) fn id(&self, slot: Slot) -> ChildId {
        self.table.spec(slot).id.clone()
    }

    /// Returns the running siblings that the strategy takes along, in the order they are stopped.
    pub(super) fn taken_along(&self, slot: Slot) -> impl Iterator<Item = Slot> + '_ {
        let group = matches!(self.flags.strategy, Strategy::OneForAll | Strategy::RestForOne);
        let floor = self.floor(slot);
        let mut above = group;
        self.table
            .backward(if group { self.table.tail() } else { NIL })
            .take_while(move |&at| std::mem::replace(&mut above, at != floor))
            .filter(move |&at| at != slot && self.table.state(at) == ChildState::Running)
    }

    fn decide(
        &mut self,
        now: Tick,
        slot: Slot,
        exit: Option<ChildExit>,
        verdict: Verdict,
        not_before: Option<Tick>,
    ) {
        let mut taken_along = Vec::new();
        if verdict == Verdict::Restart {
            taken_along.extend(self.taken_along(slot).map(|at| self.table.key(at)));
        }
        let not_before = not_before.map(|at| self.merged(slot, at)).filter(|&at| at > now);
        let child = self.table.get(slot);
        let decision = Decision {
            key: self.table.key(slot),
            id: self.id(slot),
            incarnation: child.incarnation,
            exit,
            restart: self.table.policy(slot).restart,
            strategy: self.flags.strategy,
            verdict,
            taken_along,
            used: self.window.used(now),
            limit: self.flags.intensity.max_restarts,
            failures: child.failures,
            delay: not_before.map(|at| at.since(now)),
        };
        self.effects.push_back(Effect::Decision(Box::new(decision)));
    }

    /// Returns the time from which the group of `slot` may start, given its own.
    pub(super) fn merged(&self, slot: Slot, own: Tick) -> Tick {
        let group = matches!(self.flags.strategy, Strategy::OneForAll | Strategy::RestForOne);
        if !group || self.table.in_state(ChildState::Restarting) == 0 {
            return own;
        }
        let floor = self.floor(slot);
        let first = if floor == NIL { self.table.head() } else { floor };
        let held = self.table.forward(first).filter(|&at| self.table.get(at).held);
        held.map(|at| self.table.get(at).since).max().map_or(own, |until| own.max(until))
    }
}
