//! Feeding the policy, and carrying out what it wants.

use ms_policy::{ChildState, Effect, Event, Offender, Phase, SupervisorReport};

use super::{Ctx, SupervisorActor};
use crate::logic::starts::StartNumber;
use crate::observation::{Observation, log_report};
use crate::state::timers::Due;

impl SupervisorActor {
    pub(super) fn feed(&mut self, ctx: &mut Ctx, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next {
            let before = self.stops();
            self.policy.handle(ctx.node().now(), event);
            // Reported before its effects: whoever watches learns why children are about to stop.
            if self.stops() && !before {
                self.observe(&Observation::Stopping);
            }
            while let Some(effect) = self.policy.poll_effect() {
                self.carry_out(ctx, effect);
            }
            next = self.at_once.pop_front();
        }
        // While it is suspended nothing is decided: who stays down is not known yet.
        if self.policy.phase() == Phase::Idle && !self.suspended {
            self.refuse_mail_of_the_down();
        }
    }

    /// Refuses mail of children that stay down, however they came to it, until they are started
    /// again.
    fn refuse_mail_of_the_down(&mut self) {
        for key in self.children.take_maybe_down() {
            let down = self.policy.child(key).is_some_and(|c| c.state == ChildState::Stopped);
            if let Some(child) = self.children.get(key).filter(|_| down) {
                child.refuse_mail();
            }
        }
    }

    fn carry_out(&mut self, ctx: &mut Ctx, effect: Effect) {
        match effect {
            Effect::Start { key, incarnation, cause, .. } => {
                self.start(ctx, key, StartNumber::of_policy(incarnation), cause);
            }
            Effect::Stop { key, shutdown, .. } => self.stop(ctx, key, shutdown),
            Effect::StopMany { shutdown, .. } => self.stop_many(ctx, shutdown),
            Effect::RetryLater { key } => self.retry_later(key),
            Effect::ArmBackoff { key, incarnation, delay, .. } => {
                if let Some(child) = self.children.get(key) {
                    child.mark_restarting();
                }
                let start = StartNumber::of_policy(incarnation);
                self.after(ctx, delay, Due::Backoff { key, start });
            }
            Effect::Report(report) => self.report(*report),
            Effect::Decision(decision) => self.record(*decision),
            Effect::Reply { ticket, result } => {
                self.administration.close(ticket, &self.children, result);
            }
            Effect::Booted => ctx.init_done(),
            // `Exit` follows when the others are stopped, and has the reason.
            Effect::BootFailed { .. } => {}
            Effect::Dropped { key } => self.drop_child(key),
            Effect::Exit { reason } => self.exit(ctx, reason),
        }
    }

    fn report(&mut self, mut report: SupervisorReport) {
        let mut path = None;
        if let Offender::Child { key, pid } = &mut report.offender
            && let Some(child) = self.children.get(*key)
        {
            // Readers compare it with the numbers that references show.
            *pid = child.starts().pid(*pid);
            path = Some(child.path().clone());
        }
        log_report(&self.path, path.as_ref(), &report);
        self.observe(&Observation::Report { child: path, report });
    }

    /// Returns whether it stops for good, or has.
    pub(super) fn stops(&self) -> bool {
        matches!(self.policy.phase(), Phase::Stopping | Phase::Stopped)
    }
}
