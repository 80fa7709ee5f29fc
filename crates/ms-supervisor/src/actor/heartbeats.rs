//! Looking at the heartbeats of children, and replacing those that are hung.

use actix::AsyncContext;
use ms_core::ExitReason;
use ms_policy::{ChildKey, ChildState};

use super::{Ctx, SupervisorActor};
use crate::heartbeat::Heartbeat;
use crate::logic::heartbeat::{interval, judge};
use crate::state::child::Child;

impl SupervisorActor {
    /// Makes the supervisor look often enough for a child with this heartbeat.
    pub(super) fn watch_heartbeats(&mut self, ctx: &mut Ctx, heartbeat: Heartbeat) {
        let every = interval(&heartbeat);
        if self.heartbeats.are_watched(every) {
            return;
        }
        if let Some(regular) = self.heartbeats.take_regular() {
            ctx.cancel_future(regular);
        }
        self.heartbeats.set_regular(every, ctx.run_interval(every, Self::look_regularly));
    }

    fn look_regularly(&mut self, ctx: &mut Ctx) {
        self.heartbeats.count_look();
        self.look(ctx);
    }

    /// Kills the children that are hung, and looks again when the time of the next one is up.
    fn look(&mut self, ctx: &mut Ctx) {
        let silent = self.children.iter().filter_map(Child::silence);
        let findings = judge(self.heartbeats.every(), silent);
        self.replace_hung(ctx, findings.hung);
        if let Some(between) = self.heartbeats.take_between() {
            ctx.cancel_future(between);
        }
        if let Some(after) = findings.look_after {
            let between = ctx.run_later(after, |this, ctx| {
                this.heartbeats.take_between();
                this.look(ctx);
            });
            self.heartbeats.set_between(between);
        }
    }

    fn replace_hung(&mut self, ctx: &mut Ctx, hung: Vec<(ChildKey, u32)>) {
        for (key, missed) in hung {
            // One that is being stopped has its deadline already, and a child has but one timer.
            let running =
                self.policy.child(key).is_some_and(|child| child.state == ChildState::Running);
            if let Some(child) = self.children.get_mut(key).filter(|_| running) {
                child.mark_hung();
                self.kill_for(ctx, key, ExitReason::HeartbeatLost { missed });
            }
        }
    }
}
