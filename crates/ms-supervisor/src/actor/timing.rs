//! The one timer of a supervisor's deadlines.

use std::time::Duration;

use actix::AsyncContext;
use ms_policy::ChildKey;

use super::{Ctx, SupervisorActor};
use crate::state::timers::{Due, TimerId};

impl SupervisorActor {
    pub(super) fn after(&mut self, ctx: &mut Ctx, delay: Duration, due: Due) -> TimerId {
        let id = self.timers.add(ctx.node().now() + delay, due);
        self.arm(ctx);
        id
    }

    /// Sets the one deadline a child has; an earlier one is cancelled.
    pub(super) fn set_timer(&mut self, ctx: &mut Ctx, key: ChildKey, delay: Duration, due: Due) {
        self.clear_timer(key);
        let timer = self.after(ctx, delay, due);
        if let Some(child) = self.children.get_mut(key) {
            child.set_timer(timer);
        }
    }

    pub(super) fn clear_timer(&mut self, key: ChildKey) {
        if let Some(timer) = self.children.get_mut(key).and_then(|child| child.take_timer()) {
            self.timers.cancel(timer);
        }
    }

    fn arm(&mut self, ctx: &mut Ctx) {
        let Some((at, armed)) = self.timers.rearm() else { return };
        if let Some(armed) = armed {
            ctx.cancel_future(armed);
        }
        let delay = at.since(ctx.node().now());
        self.timers.armed(ctx.run_later(delay, |this, ctx| this.fire(ctx)));
    }

    fn fire(&mut self, ctx: &mut Ctx) {
        self.timers.expired();
        let now = ctx.node().now();
        while let Some(due) = self.timers.pop_passed(now) {
            self.overdue(ctx, due);
        }
        self.arm(ctx);
    }
}
