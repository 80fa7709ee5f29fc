//! The deadlines of one supervisor: any number of them, one armed timer.

use std::collections::BTreeMap;
use std::time::Duration;

use actix::{AsyncContext, SpawnHandle};
use ms_actor::AnyRef;
use ms_core::{ExitReason, Incarnation, Tick};
use ms_policy::ChildKey;

use crate::actor::{Ctx, SupervisorActor};

/// What is to be done when a deadline passes.
#[derive(Debug)]
pub(crate) enum Due {
    /// The child's init has taken too long.
    StartOverdue { key: ChildKey, attempt: Incarnation, after: Duration },
    /// The child has not stopped in its time.
    StopOverdue { key: ChildKey, life: Incarnation },
    /// The dynamic children have not stopped in their common time.
    StopManyOverdue,
    /// A killed child's thread has not let go of it.
    Fence { cell: AnyRef, life: Incarnation, reason: ExitReason },
    /// A backoff is over.
    Backoff { key: ChildKey, incarnation: Incarnation },
}

/// Names one deadline.
pub(crate) type TimerId = (Tick, u64);

#[derive(Debug, Default)]
pub(crate) struct Timers {
    due: BTreeMap<TimerId, Due>,
    next: u64,
    armed: Option<(Tick, SpawnHandle)>,
}

impl SupervisorActor {
    pub(crate) fn after(&mut self, ctx: &mut Ctx, delay: Duration, due: Due) -> TimerId {
        let id = (ctx.node().now() + delay, self.timers.next);
        self.timers.next += 1;
        self.timers.due.insert(id, due);
        self.arm(ctx);
        id
    }

    pub(crate) fn cancel(&mut self, id: TimerId) {
        self.timers.due.remove(&id);
    }

    /// Arms the one timer for the earliest deadline. A timer that comes too early,
    /// since its deadline was cancelled, only arms the next.
    fn arm(&mut self, ctx: &mut Ctx) {
        let Some((&(at, _), _)) = self.timers.due.first_key_value() else { return };
        match self.timers.armed {
            Some((armed, _)) if armed <= at => return,
            Some((_, handle)) => drop(ctx.cancel_future(handle)),
            None => {}
        }
        let delay = at.since(ctx.node().now());
        let handle = ctx.run_later(delay, |this, ctx| this.fire(ctx));
        self.timers.armed = Some((at, handle));
    }

    fn fire(&mut self, ctx: &mut Ctx) {
        self.timers.armed = None;
        let now = ctx.node().now();
        while let Some(first) = self.timers.due.first_entry().filter(|first| first.key().0 <= now) {
            let due = first.remove();
            self.overdue(ctx, due);
        }
        self.arm(ctx);
    }
}
