//! The timers of a dispatcher: sweeps of the store, the pulse, and its own end.

use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{ActorContext, AsyncContext, WrapFuture};
use ms_actor::Context;
use ms_core::task::StoreError;
use ms_task::{Swept, TaskCommand};

use super::dispatcher::{Dispatcher, STORE_FAILS};
use super::outcome::FIRST_RETRY_PAUSE;
use super::perform::Orders;
use super::vigil::Vigil;

/// Shortest pause between two searches for overdue leases and deadlines.
pub const SWEEP_EVERY: Duration = Duration::from_millis(500);
/// Longest pause between two searches, when nothing happens and none is known.
pub const IDLE_SWEEP: Duration = Duration::from_secs(60);
/// Longest wait of a dispatcher that ends for the tasks in hand: an agent that never comes to an
/// `await` is left to its supervisor, and its task is taken back at the next start.
const HAND_BACK_WITHIN: Duration = Duration::from_secs(4);

impl Dispatcher {
    /// Plans a sweep for a lease or deadline that the last sweep did not know of.
    pub(super) fn sweep_soon(&mut self, ctx: &mut Context<Self>) {
        if self.sweeps.under_way {
            self.sweeps.soon = true;
        } else {
            self.sweep_after(SWEEP_EVERY, ctx);
        }
    }

    /// Sweeps after this time, or earlier if that was planned.
    fn sweep_after(&mut self, pause: Duration, ctx: &mut Context<Self>) {
        let at = ctx.node().now() + pause;
        match self.sweeps.alarm.take() {
            Some(earlier) if earlier.0 <= at => return self.sweeps.alarm = Some(earlier),
            Some((_, later)) => drop(ctx.cancel_future(later)),
            None => {}
        }
        let alarm = ctx.run_later(pause, |this, ctx| {
            this.sweeps.alarm = None;
            this.sweep(ctx);
        });
        self.sweeps.alarm = Some((at, alarm));
    }

    /// Applies expired leases and deadlines. Before that, every lease is renewed if it may be over
    /// through no fault of its agent: the process did not run, or the store did not take the
    /// renewals. An agent that is really silent is found by the next sweep but one. Leases of tasks
    /// whose outcome the store refused are renewed in any case: their agents have gone on to other
    /// work, and the pauses between two tries are longer than a lease may be. An outcome that is on
    /// its way for the first time is with the store before this sweep.
    pub(super) fn sweep(&mut self, ctx: &mut Context<Self>) {
        if self.ending || self.sweeps.under_way {
            return;
        }
        self.sweeps.under_way = true;
        let lost = self.vigil().map_or(Duration::ZERO, Vigil::lost);
        let is_gap = lost > std::mem::replace(&mut self.sweeps.lost, lost);
        let in_doubt = self.vigil().is_some_and(Vigil::take_doubt);
        let lease = self.spec.lease;
        let renew = |&(id, token): &_| TaskCommand::Renew(id, token, lease);
        let all = is_gap || in_doubt;
        let (held, refused) = (self.claims.held().iter(), self.refused.borrow());
        let renewals: Vec<_> =
            held.filter(|(id, _)| all || refused.contains(id)).map(renew).collect();
        drop(refused);
        let store = Arc::clone(&self.spec.store);
        let sweep = async move {
            if !renewals.is_empty() {
                store.execute(renewals).await?;
            }
            store.sweep().await
        };
        ctx.spawn(sweep.into_actor(self).map(|swept, this, ctx| this.swept(swept, ctx)));
    }

    fn swept(&mut self, swept: Result<Swept, StoreError>, ctx: &mut Context<Self>) {
        self.sweeps.under_way = false;
        self.sweeps.done += 1;
        let soon = std::mem::take(&mut self.sweeps.soon).then_some(SWEEP_EVERY);
        let next = match swept {
            // More leases are overdue than one sweep takes: the next follows at once. Removing
            // tasks that ended long ago is no hurry, and a store does it at its own pace.
            Ok(Swept { expired, next: Some(Duration::ZERO), .. }) if expired > 0 => Duration::ZERO,
            Ok(Swept { next, .. }) => next.unwrap_or(IDLE_SWEEP).clamp(SWEEP_EVERY, IDLE_SWEEP),
            Err(error) => {
                self.doubt();
                if let Some(left_out) = STORE_FAILS.admit() {
                    tracing::warn!(%error, left_out, "overdue tasks could not be swept");
                }
                FIRST_RETRY_PAUSE.max(SWEEP_EVERY)
            }
        };
        self.sweep_after(soon.map_or(next, |soon| soon.min(next)), ctx);
        // In any case: tasks that the sweep released may start, and a wake may have been lost.
        self.claim(ctx);
    }

    /// Beats the pulse for as long as tasks are in hand.
    pub(super) fn keep_pulse(&mut self, vigil: &Vigil, ctx: &mut Context<Self>) {
        if !vigil.is_beaten() {
            Self::beat(vigil.clone(), ctx);
        }
    }

    fn beat(vigil: Vigil, ctx: &mut Context<Self>) {
        let next = vigil.beat();
        ctx.run_later(next, move |this, ctx| match this.running.is_empty() {
            true => vigil.rest(),
            false => Self::beat(vigil, ctx),
        });
    }

    /// Hands back the tasks in hand, and claims no more.
    pub(super) fn end(&mut self, ctx: &mut Context<Self>) {
        self.ending = true;
        for (_, orders) in self.running.values() {
            // A task that was cancelled stays so.
            orders.send_if_modified(|orders| {
                let goes_on = *orders == Orders::GoOn;
                if goes_on {
                    *orders = Orders::HandBack;
                }
                goes_on
            });
        }
        ctx.run_later(HAND_BACK_WITHIN, |this, ctx| {
            let left = this.running.len() + this.reports;
            tracing::warn!(left, "tasks in progress will be requeued at the next start");
            this.running.clear();
            this.reports = 0;
            this.gave_up = true;
            ctx.stop();
        });
    }

    /// Returns whether no task is in hand or on its way, and no outcome left to write.
    pub(super) fn is_settled(&self) -> bool {
        self.running.is_empty() && self.reports == 0 && (!self.claims.is_asked() || self.gave_up)
    }

    pub(super) fn end_if_settled(&self, ctx: &mut Context<Self>) {
        if self.ending && self.is_settled() {
            ctx.stop();
        }
    }
}
