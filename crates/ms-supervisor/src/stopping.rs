//! Stopping children: told, timed, killed, and given up at last.

use std::time::Duration;

use ms_actor::AnyRef;
use ms_core::{ExitReason, Incarnation, Shutdown};
use ms_policy::{ChildKey, Event};

use crate::actor::{Ctx, SupervisorActor};
use crate::kids::Kid;
use crate::timers::Due;

/// How long a killed child's thread may take to let go of it before it is given up.
const KILL_GRACE: Duration = Duration::from_secs(2);

/// Kills a child that a killed supervisor left behind, when it has not ended in the time its
/// spec gives it (X18): nobody else is there to do it.
pub(crate) fn bring_to_an_end(cell: &AnyRef, life: Incarnation, how: Shutdown) {
    let limit = match how {
        Shutdown::Infinity => return,
        Shutdown::BrutalKill => Duration::ZERO,
        Shutdown::Timeout(limit) => limit,
    };
    // No longer than it lives itself: its time may be hours.
    let (ended, cell) = (cell.monitor(), cell.clone());
    if cell.incarnation() != life {
        return;
    }
    // Where the runtime is gone, so are the actors on it.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            if tokio::time::timeout(limit, ended).await.is_err() {
                cell.kill_of(life);
            }
        });
    }
}

impl SupervisorActor {
    /// A deadline has passed.
    pub(crate) fn overdue(&mut self, ctx: &mut Ctx, due: Due) {
        match due {
            Due::StartOverdue { key, attempt, after } => {
                let overdue =
                    |kid: &&mut Kid| kid.attempt == attempt && !kid.acknowledged && kid.is_alive();
                if self.kids.get_mut(key).filter(overdue).is_some() {
                    self.kill_for(ctx, key, ExitReason::InitTimeout { after });
                }
            }
            Due::StopOverdue { key, life } => {
                if self.kids.get(key).is_some_and(|kid| kid.life == life && kid.is_alive()) {
                    self.kill(ctx, key);
                }
            }
            Due::StopManyOverdue => {
                let rest: Vec<ChildKey> = self.policy.stopping().map(|(key, _)| key).collect();
                rest.into_iter().for_each(|key| self.kill(ctx, key));
            }
            Due::Fence { cell, life, reason } => drop(cell.abandon(life, reason)),
            Due::Backoff { key, incarnation } => {
                self.feed(ctx, Event::BackoffElapsed { key, incarnation });
            }
        }
    }

    /// Kills the child; if its thread does not let go of it, gives both up.
    pub(crate) fn kill(&mut self, ctx: &mut Ctx, key: ChildKey) {
        self.kill_for(ctx, key, ExitReason::Killed);
    }

    /// As [`Self::kill`]; this is the reason everybody gets to see.
    pub(crate) fn kill_for(&mut self, ctx: &mut Ctx, key: ChildKey, reason: ExitReason) {
        let Some(kid) = self.kids.get(key) else { return };
        let (Some(cell), life) = (kid.cell.clone(), kid.life) else { return };
        cell.kill_for(reason.clone());
        self.set_timer(ctx, key, KILL_GRACE, Due::Fence { cell, life, reason });
    }

    /// Sets the one deadline a child has; an earlier one is cancelled.
    pub(crate) fn set_timer(&mut self, ctx: &mut Ctx, key: ChildKey, delay: Duration, due: Due) {
        self.clear_timer(key);
        let timer = self.after(ctx, delay, due);
        if let Some(kid) = self.kids.get_mut(key) {
            kid.timer = Some(timer);
        }
    }

    pub(crate) fn clear_timer(&mut self, key: ChildKey) {
        if let Some(timer) = self.kids.get_mut(key).and_then(|kid| kid.timer.take()) {
            self.cancel(timer);
        }
    }

    pub(crate) fn stop(&mut self, ctx: &mut Ctx, key: ChildKey, how: Shutdown) {
        let Some(kid) = self.kids.get(key) else { return };
        let (Some(cell), life) = (kid.cell.clone(), kid.life) else { return };
        match how {
            Shutdown::BrutalKill => self.kill(ctx, key),
            Shutdown::Infinity => cell.stop(ExitReason::Shutdown),
            Shutdown::Timeout(limit) => {
                cell.stop(ExitReason::Shutdown);
                self.set_timer(ctx, key, limit, Due::StopOverdue { key, life });
            }
        }
    }

    /// All at once, with one common timer (F6).
    pub(crate) fn stop_many(&mut self, ctx: &mut Ctx, how: Shutdown) {
        let stopping: Vec<ChildKey> = self.policy.stopping().map(|(key, _)| key).collect();
        if how == Shutdown::BrutalKill {
            stopping.into_iter().for_each(|key| self.kill(ctx, key));
            return;
        }
        for cell in stopping.iter().filter_map(|&key| self.kids.get(key)?.cell.as_ref()) {
            cell.stop(ExitReason::Shutdown);
        }
        if let Shutdown::Timeout(limit) = how {
            self.after(ctx, limit, Due::StopManyOverdue);
        }
    }
}
