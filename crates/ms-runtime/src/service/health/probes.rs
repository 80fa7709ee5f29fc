//! The three probes: when they look, and how they count.
//!
//! Each counts *checks*: an answer of a component or a walk of a path counts once. To read what is
//! known already counts for nothing, however often somebody asks.

use actix::fut::ActorFutureExt;
use actix::{AsyncContext, WrapFuture};
use ms_actor::{Context, unix_ms};
use ms_core::health::{Criticality, HealthResult};
use ms_core::time::later;
use ms_core::view::EventKind;
use tokio::time::Instant;

use super::actor::HealthActor;
use super::paths::walk_all;
use super::round::{Look, Looked};
use crate::service::ServiceStage;
use crate::service::boot::IsUp;
use crate::service::logic::health::{ProbeChange, public_message};

/// Topic of the event that a boot takes longer than the startup probe allows.
const STARTUP_OVERDUE: &str = "startup_overdue";

impl HealthActor {
    /// Starts the startup probe and the liveness probe.
    pub(super) fn begin_probes(&self, ctx: &mut Context<Self>) {
        let (startup, liveness) = (self.settings.startup, self.settings.liveness);
        ctx.run_later(startup.initial_delay, move |_, ctx| {
            ctx.run_interval(startup.period, Self::look_started);
        });
        // The end of the boot is a good look by itself: "started" must not wait for the next look
        // of the probe, which may be seconds away.
        let wiring = self.wiring.clone();
        let booted = async move { wiring.booted().await }.into_actor(self);
        ctx.spawn(booted.map(|(), this, _| this.count_started(true)));
        ctx.run_later(liveness.initial_delay, move |this, ctx| {
            this.look_live(ctx);
            ctx.run_interval(liveness.period, Self::look_live);
        });
    }

    /// Asks the lifecycle whether the boot is done.
    fn look_started(&mut self, ctx: &mut Context<Self>) {
        if self.startup.passes() || self.wiring.stage() > ServiceStage::Running {
            return;
        }
        let Some(handles) = self.wiring.handles() else { return };
        let limit = self.settings.startup.timeout;
        let ask = async move { handles.lifecycle.is_up.ask(IsUp, limit).await.unwrap_or(false) };
        ctx.spawn(ask.into_actor(self).map(|up, this, ctx| {
            this.count_started(up);
            if !up {
                this.count_overdue(ctx);
            }
        }));
    }

    fn count_started(&mut self, up: bool) {
        if self.startup.look(up) == Some(ProbeChange::Passes) {
            self.wiring.judge(|verdicts| verdicts.started = true);
        }
    }

    fn count_overdue(&mut self, ctx: &Context<Self>) {
        self.overdue = self.overdue.saturating_add(1);
        if self.overdue != self.settings.startup.failure_threshold.max(1) {
            return;
        }
        tracing::warn!("the start takes longer than the startup probe allows");
        self.wiring.judge(|verdicts| verdicts.overdue = true);
        ctx.node().publish(EventKind::Noted {
            path: ctx.path().clone(),
            topic: STARTUP_OVERDUE.to_owned(),
            text: format!("not started after {} checks", self.overdue),
        });
    }

    /// Looks whether the root supervisor answers.
    // As an inspection and not as a message: a start order that waits for a slow child would stand
    // before a message in the mailbox, and a slow start is no reason to restart the process.
    fn look_live(&mut self, ctx: &mut Context<Self>) {
        let Some(handles) = self.wiring.handles() else { return };
        let limit = self.settings.liveness.timeout;
        let look = async move { handles.is_live(limit).await }.into_actor(self);
        ctx.spawn(look.map(|good, this, _| {
            match this.liveness.look(good) {
                Some(ProbeChange::Fails) => tracing::error!("the root supervisor does not answer"),
                Some(ProbeChange::Passes) => tracing::info!("the root supervisor answers again"),
                None => {}
            }
            let passes = this.liveness.passes();
            this.wiring.judge(|verdicts| verdicts.live = Some((passes, Instant::now())));
        }));
    }

    /// Starts the readiness probe, after its `initial_delay`.
    pub(super) fn begin_readiness(&self, ctx: &mut Context<Self>) {
        let readiness = self.settings.readiness;
        let delayed = !readiness.initial_delay.is_zero();
        ctx.run_later(readiness.initial_delay, move |this, ctx| {
            this.counts_from = Some(Instant::now());
            if delayed {
                this.begin_round(ctx, None);
            }
            this.walk_paths(ctx);
            ctx.run_interval(readiness.period, Self::walk_paths);
        });
    }

    /// Walks the paths, unless a walk is in progress.
    fn walk_paths(&mut self, ctx: &mut Context<Self>) {
        if self.paths.is_empty() || self.walking || self.wiring.stage() != ServiceStage::Running {
            return;
        }
        self.walking = true;
        let walk = walk_all(self.paths.clone(), self.settings.readiness.timeout).into_actor(self);
        ctx.spawn(walk.map(|walked, this, _| {
            this.walking = false;
            let good = walked.values().all(Option::is_none);
            let public = |why: Option<String>| why.as_deref().map(public_message);
            this.walked = walked.into_iter().map(|(name, why)| (name, public(why))).collect();
            let change = this.paths_open.look(good);
            let passes = this.paths_open.passes();
            this.wiring.judge(|verdicts| verdicts.paths = passes);
            this.tell_readiness(change);
        }));
    }

    /// Counts a round of checks for the readiness probe, at most once per period of it. Only
    /// critical components count.
    // Rounds are also run on request. Without the limit an impatient client could push a service
    // over the failure threshold within a second.
    pub(super) fn count_round(&mut self, looks: &[Looked]) {
        let now = Instant::now();
        let due = self.counts_from.is_some_and(|from| from <= now);
        if !due || self.wiring.stage() != ServiceStage::Running {
            return;
        }
        self.counts_from = Some(later(now, self.settings.readiness.period));
        let critical = |name: &str| {
            let mut checks = self.checks.iter();
            checks.any(|c| c.id.as_str() == name && c.criticality == Criticality::Critical)
        };
        let good = looks.iter().all(|one| works(&one.look) || !critical(&one.name));
        let change = self.readiness.look(good);
        let passes = self.readiness.passes();
        self.wiring.judge(|verdicts| verdicts.components = passes);
        self.tell_readiness(change);
    }

    /// Logs a change of the readiness probe.
    fn tell_readiness(&self, change: Option<ProbeChange>) {
        let failures = self.state.report().critical_failures;
        let closed = self.walked.iter().filter(|(_, why)| why.is_some());
        let closed: Vec<_> = closed.map(|(name, _)| name.as_str()).collect();
        match change {
            Some(ProbeChange::Passes) => {
                tracing::info!(
                    ready = self.is_ready(),
                    at_ms = unix_ms(),
                    "a readiness check passes again"
                );
            }
            Some(ProbeChange::Fails) => tracing::error!(
                ?failures,
                ?closed,
                "no longer ready: a readiness check fails or the service is closed"
            ),
            None => {}
        }
    }
}

/// Returns whether a component works, as far as readiness is concerned.
fn works(look: &Look) -> bool {
    match look {
        // A tree with lost actors is degraded and not unready: its supervisor restarts them.
        Look::NotUp | Look::Tree(_) => true,
        Look::Down(_) => false,
        Look::Said(said) => {
            matches!(said, HealthResult::Healthy | HealthResult::Degraded(_))
        }
    }
}
