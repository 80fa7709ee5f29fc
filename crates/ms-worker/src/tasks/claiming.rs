//! The claims of a dispatcher: tasks for the agents that are free.

use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{AsyncContext, WrapFuture};
use ms_actor::Context;
use ms_core::Tick;
use ms_core::task::StoreError;
use ms_core::view::Lifecycle;
use ms_task::{Claimed, Held, NextAsk};
use tokio::time::Instant;

use super::dispatcher::{Dispatcher, MAX_REPORTS, STORE_FAILS};
use super::outcome::FIRST_RETRY_PAUSE;

impl Dispatcher {
    /// Claims what may start, unless a question is on its way, once nothing of an earlier
    /// claim is in doubt.
    pub(super) fn claim(&mut self, ctx: &mut Context<Self>) {
        // Results that the store does not take would pile up in memory while agents do new work.
        if self.ending || self.reports >= MAX_REPORTS {
            return;
        }
        self.looks += 1;
        match self.claims.next_ask() {
            NextAsk::Wait => return,
            NextAsk::Release(but) => return self.release(but, ctx),
            NextAsk::Claim => {}
        }
        let now = ctx.node().now();
        // A task given to an agent that is starting or suspended would wait while its lease runs.
        for (path, member) in &self.agents {
            if member.agent.any().lifecycle() != Lifecycle::Running {
                self.board.rest(&member.kind, path, now);
            }
        }
        let Some(wish) = self.board.wish(now, self.spec.lease) else {
            return self.set_alarm(None, ctx);
        };
        self.claims.asked();
        let asked = Instant::now();
        let claim = self.spec.store.claim(wish);
        ctx.spawn(claim.into_actor(self).map(move |claimed, this, ctx| {
            this.claimed(claimed, asked, ctx);
        }));
    }

    /// Asks the store to release the assignments that no agent ever heard of.
    fn release(&mut self, but: Held, ctx: &mut Context<Self>) {
        self.claims.asked();
        let release = self.spec.store.release_but(but);
        ctx.spawn(release.into_actor(self).map(|released, this, ctx| {
            this.claims.release_answered(released.is_ok());
            this.end_if_settled(ctx);
            match released {
                Ok(released) => {
                    tracing::info!(released, "tasks of a claim without an answer were released");
                    this.claim(ctx);
                }
                Err(error) => {
                    this.doubt();
                    if let Some(left_out) = STORE_FAILS.admit() {
                        let what = "tasks of a claim without an answer wait for the store";
                        tracing::warn!(%error, left_out, "{what}");
                    }
                    this.set_alarm(Some(FIRST_RETRY_PAUSE), ctx);
                }
            }
        }));
    }

    fn claimed(
        &mut self,
        claimed: Result<Claimed, StoreError>,
        asked: Instant,
        ctx: &mut Context<Self>,
    ) {
        let lost = matches!(claimed, Err(StoreError::Unknown(_)));
        let again = self.claims.claim_answered(lost);
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => {
                self.doubt();
                self.end_if_settled(ctx);
                if let Some(left_out) = STORE_FAILS.admit() {
                    tracing::warn!(%error, left_out, "no tasks could be claimed");
                }
                // It may have been carried out: before anything else is claimed, what it assigned
                // is released.
                if lost {
                    return self.claim(ctx);
                }
                return self.set_alarm(Some(FIRST_RETRY_PAUSE), ctx);
            }
        };
        let some = !claimed.assignments.is_empty();
        if some {
            // Each has a lease now that the planned sweep does not know of.
            self.sweep_soon(ctx);
        }
        for assignment in claimed.assignments {
            self.give(assignment, asked, ctx);
        }
        self.end_if_settled(ctx);
        if some || again {
            return self.claim(ctx);
        }
        self.set_alarm(claimed.next_due, ctx);
    }

    /// Looks again when a limit gives way by time alone, or after `at_most`.
    fn set_alarm(&mut self, at_most: Option<Duration>, ctx: &mut Context<Self>) {
        if let Some(alarm) = self.alarm.take() {
            ctx.cancel_future(alarm);
        }
        let now = ctx.node().now();
        let limit = self.board.alarm().map(|at: Tick| at.since(now));
        self.alarm = at_most.into_iter().chain(limit).min().map(|after| {
            // Rounded up to a millisecond: an alarm that is due at once would spin.
            ctx.run_later(after.max(Duration::from_millis(1)), |this, ctx| {
                this.alarm = None;
                this.claim(ctx);
            })
        });
    }
}
