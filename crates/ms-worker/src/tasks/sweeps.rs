//! What a dispatcher does by the clock: sweeps of the store, the pulse, and its own end.

use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{ActorContext, AsyncContext, SpawnHandle, WrapFuture};
use ms_actor::Context;
use ms_core::Tick;
use ms_core::task::StoreError;
use ms_task::{Swept, TaskCommand};

use super::dispatcher::{Dispatcher, STORE_FAILS};
use super::outcome::PAUSE;
use super::perform::Orders;
use super::system::{IDLE_SWEEP, SWEEP_EVERY};
use super::vigil::Vigil;

/// How long a dispatcher that ends waits for what is in hand: an agent that comes to no await is
/// left to its supervisor, and its task is taken back at the next start.
const HAND_BACK_WITHIN: Duration = Duration::from_secs(4);

/// When the store is swept next.
#[derive(Debug, Default)]
pub(super) struct Sweeps {
    alarm: Option<(Tick, SpawnHandle)>,
    /// A sweep is under way; something came up meanwhile.
    under_way: bool,
    soon: bool,
    /// How much time had been lost at the last one.
    lost: Duration,
    pub(super) done: u64,
}

impl Dispatcher {
    /// Something happened that may have to be swept, which the store has not told of: a lease was
    /// given, a deadline set.
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
    /// agents' signs of life. Whoever is really silent is found out by the next sweep but one.
    /// Leases of tasks whose outcome the store refused are renewed in any case: their agents have
    /// gone on to other work, and the pauses between two tries are longer than a lease may be. An
    /// outcome that is on its way for the first time is with the store before this sweep.
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
            // The rest at once, for as long as there is one that sweeps can deal with. What ended
            // long ago is no hurry, and a store removes it at its own pace.
            Ok(Swept { expired, next: Some(Duration::ZERO), .. }) if expired > 0 => Duration::ZERO,
            Ok(Swept { next, .. }) => next.unwrap_or(IDLE_SWEEP).clamp(SWEEP_EVERY, IDLE_SWEEP),
            Err(error) => {
                self.doubt();
                if let Some(left_out) = STORE_FAILS.admit() {
                    tracing::warn!(%error, left_out, "overdue tasks could not be swept");
                }
                PAUSE.max(SWEEP_EVERY)
            }
        };
        self.sweep_after(soon.map_or(next, |soon| soon.min(next)), ctx);
        // In any case: what was given back by a sweep may start, and a wake may have been lost.
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

    /// Hands back what is in hand, and claims no more.
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
            tracing::warn!(left, "tasks in hand are taken back at the next start");
            this.running.clear();
            this.reports = 0;
            this.gave_up = true;
            ctx.stop();
        });
    }

    /// Whether nothing is in hand or about to be, and nothing left to be written.
    pub(super) fn is_settled(&self) -> bool {
        self.running.is_empty() && self.reports == 0 && (!self.claims.is_asked() || self.gave_up)
    }

    pub(super) fn end_if_settled(&self, ctx: &mut Context<Self>) {
        if self.ending && self.is_settled() {
            ctx.stop();
        }
    }
}
