//! Stopping children: asked to, timed, killed, and given up at last.

use std::time::Duration;

use ms_core::{ExitReason, Shutdown};
use ms_policy::{ChildKey, Event};

use super::{Ctx, SupervisorActor};
use crate::state::timers::Due;

/// How long a killed child's thread may take to let go of it before it is given up.
const KILL_GRACE: Duration = Duration::from_secs(2);

impl SupervisorActor {
    pub(super) fn stop(&mut self, ctx: &mut Ctx, key: ChildKey, shutdown: Shutdown) {
        let Some(child) = self.children.get(key) else { return };
        let (Some(cell), incarnation) = (child.cell().cloned(), child.incarnation()) else {
            return;
        };
        match shutdown {
            Shutdown::BrutalKill => self.kill(ctx, key),
            // No timer: a supervisor takes as long as its children, which have their own.
            Shutdown::Infinity => cell.stop(ExitReason::Shutdown),
            Shutdown::Timeout(limit) => {
                cell.stop(ExitReason::Shutdown);
                self.set_timer(ctx, key, limit, Due::StopOverdue { key, incarnation });
            }
        }
    }

    /// Stops all dynamic children at once, with one common timer (F6).
    pub(super) fn stop_many(&mut self, ctx: &mut Ctx, shutdown: Shutdown) {
        let stopping = self.stopping_children();
        if shutdown == Shutdown::BrutalKill {
            stopping.into_iter().for_each(|key| self.kill(ctx, key));
            return;
        }
        for cell in stopping.iter().filter_map(|&key| self.children.get(key)?.cell()) {
            cell.stop(ExitReason::Shutdown);
        }
        if let Shutdown::Timeout(limit) = shutdown {
            self.after(ctx, limit, Due::StopManyOverdue);
        }
    }

    fn stopping_children(&self) -> Vec<ChildKey> {
        self.policy.stopping().map(|(key, _)| key).collect()
    }

    /// Kills the child; if its thread does not let go of it, gives both up.
    pub(super) fn kill(&mut self, ctx: &mut Ctx, key: ChildKey) {
        self.kill_for(ctx, key, ExitReason::Killed);
    }

    /// Kills the child as [`Self::kill`] does, with the reason that everybody gets to see.
    pub(super) fn kill_for(&mut self, ctx: &mut Ctx, key: ChildKey, reason: ExitReason) {
        let Some(child) = self.children.get(key) else { return };
        let (Some(cell), incarnation) = (child.cell().cloned(), child.incarnation()) else {
            return;
        };
        cell.kill_for(reason.clone());
        self.set_timer(ctx, key, KILL_GRACE, Due::Fence { cell, incarnation, reason });
    }

    /// Does what is due when a deadline has passed.
    pub(super) fn overdue(&mut self, ctx: &mut Ctx, due: Due) {
        match due {
            Due::StartOverdue { key, start, after } => {
                if self.children.get(key).is_some_and(|child| child.is_starting(start)) {
                    self.kill_for(ctx, key, ExitReason::InitTimeout { after });
                }
            }
            Due::StopOverdue { key, incarnation } => {
                let child = self.children.get(key);
                if child.is_some_and(|it| it.incarnation() == incarnation && it.is_alive()) {
                    self.kill(ctx, key);
                }
            }
            Due::StopManyOverdue => {
                self.stopping_children().into_iter().for_each(|key| self.kill(ctx, key));
            }
            Due::Fence { cell, incarnation, reason } => drop(cell.abandon(incarnation, reason)),
            Due::Backoff { key, start } => {
                self.feed(ctx, Event::BackoffElapsed { key, incarnation: start.in_policy() });
            }
        }
    }
}
