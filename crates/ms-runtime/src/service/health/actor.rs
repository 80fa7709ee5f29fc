//! The actor `health`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::ActorFutureExt;
use actix::{Actor, AsyncContext, Handler, ResponseFuture, StreamHandler, WrapFuture};
use ms_actor::{Context, Ref, StateValue, unix_ms};
use ms_core::health::{FEATURES_OFF, FEATURES_ON, HealthResult, HealthStatus};
use ms_core::view::{EventKind, NodeEvent};
use ms_core::{ActorPath, Tick};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::messages::{Arm, GetHealth, HealthPorts, Readiness, RunChecks};
use super::paths::{PathHealth, ReadinessPath};
use super::round::{CheckSpec, Look, Looked, ask_all};
use super::view;
use crate::node::events_of;
use crate::service::interactions::{Calls, Fact, HealthFacts};
use crate::service::logic::health::{
    HEALTH_CHANGED, HealthState, Probe, RoundTime, SystemHealthReport,
};
use crate::service::logic::interactions::CallOutcome;
use crate::service::settings::HealthSettings;
use crate::service::{ServiceStage, Wiring};

/// What the actor is made of.
#[derive(Clone)]
pub(crate) struct HealthArgs {
    /// The paths that the readiness probe walks.
    pub(crate) paths: Vec<Arc<dyn ReadinessPath>>,
    pub(crate) wiring: Wiring,
    pub(crate) checks: Vec<CheckSpec>,
    /// Counts the facts that the actor `integration` had no room for.
    pub(crate) calls: Calls,
}

/// Checks the components, and keeps the health of the service.
pub(crate) struct HealthActor {
    pub(super) settings: HealthSettings,
    pub(super) wiring: Wiring,
    pub(super) checks: Vec<CheckSpec>,
    pub(super) paths: Vec<Arc<dyn ReadinessPath>>,
    calls: Calls,
    pub(super) state: HealthState,
    pub(super) startup: Probe,
    /// Number of bad looks of the startup probe.
    pub(super) overdue: u32,
    pub(super) liveness: Probe,
    /// Readiness by the answers of critical components.
    pub(super) readiness: Probe,
    /// The moment from which on a round counts for readiness.
    pub(super) counts_from: Option<Instant>,
    /// Readiness by the paths.
    pub(super) paths_open: Probe,
    /// The result of the last walk by path: why it was not open, if it was not.
    pub(super) walked: BTreeMap<String, Option<String>>,
    pub(super) walking: bool,
    armed: bool,
    /// Those who wait for the round in progress; `None` if there is none.
    round: Option<Vec<oneshot::Sender<SystemHealthReport>>>,
    /// The status of each component that was last logged.
    last_reported: Vec<(String, HealthStatus)>,
}

impl HealthActor {
    pub(crate) fn new(args: HealthArgs) -> Self {
        let HealthArgs { wiring, checks, paths, calls } = args;
        let settings = *wiring.health_settings();
        // Go on with the verdicts of the last incarnation: a crash of this actor says nothing about
        // the components.
        let before = wiring.verdicts();
        let mut state = HealthState::new(settings.readiness.failure_threshold);
        for check in &checks {
            if let Err(error) = state.add(check.id.as_str(), check.criticality) {
                // Cannot happen: the plan of the boot has no duplicates, and no more components
                // than fit.
                tracing::error!(%error, "the health of a component cannot be watched");
            }
        }
        Self {
            settings,
            wiring,
            checks,
            paths,
            calls,
            state,
            startup: Probe::new(settings.startup, before.started),
            overdue: 0,
            liveness: Probe::new(settings.liveness, before.live.is_none_or(|(live, _)| live)),
            readiness: Probe::new(settings.readiness, before.components),
            counts_from: None,
            paths_open: Probe::new(settings.readiness, before.paths),
            walked: BTreeMap::new(),
            walking: false,
            armed: false,
            round: None,
            last_reported: Vec::new(),
        }
    }

    pub(crate) fn view(&self) -> StateValue {
        let report = self.state.report();
        let components = report.components.iter();
        StateValue::map([
            ("overall", StateValue::from(report.overall_status.name())),
            ("armed", self.armed.into()),
            ("ready", self.is_ready().into()),
            ("live", self.liveness.passes().into()),
            ("started", self.startup.passes().into()),
            ("paths_open", self.paths_open.passes().into()),
            ("probes", view::probes(&self.settings)),
            (
                "components",
                StateValue::map(
                    components.map(|one| (one.name.clone(), StateValue::from(one.status.name()))),
                ),
            ),
        ])
    }

    pub(super) fn is_ready(&self) -> bool {
        self.wiring.stage() == ServiceStage::Running
            && !self.state.critical_down()
            && self.readiness.passes()
            && self.paths_open.passes()
    }

    fn paths_now(&self) -> Vec<PathHealth> {
        let walked = self.walked.iter();
        walked.map(|(name, why)| PathHealth { name: name.clone(), why: why.clone() }).collect()
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        if self.armed || !self.settings.enabled {
            return;
        }
        self.armed = true;
        ctx.run_interval(self.settings.interval, |this, ctx| this.begin_round(ctx, None));
        self.begin_readiness(ctx);
    }

    /// Begins a round. If one is in progress, the caller waits for that one instead.
    // One round at a time: callers that ask together must not multiply the checks.
    pub(super) fn begin_round(
        &mut self,
        ctx: &mut Context<Self>,
        waits: Option<oneshot::Sender<SystemHealthReport>>,
    ) {
        if let Some(waiting) = &mut self.round {
            return waiting.extend(waits);
        }
        self.round = Some(waits.into_iter().collect());
        let began = ctx.node().now();
        let limit = self.settings.readiness.timeout;
        let ask = ask_all(self.wiring.clone(), self.checks.clone(), limit).into_actor(self);
        ctx.spawn(ask.map(move |looks, this, ctx| {
            let now = ctx.node().now();
            this.end_round(looks, now, now.since(began), ctx);
        }));
    }

    fn end_round(&mut self, looks: Vec<Looked>, now: Tick, took: Duration, ctx: &Context<Self>) {
        self.count_round(&looks);
        let (mut asked, mut facts) = (Vec::new(), Vec::new());
        for Looked { name, look, took } in looks {
            if let Some(outcome) = answered(&look) {
                facts.push(Fact::Checked { component: name.clone(), took, outcome });
                asked.push(name.clone());
            }
            match look {
                Look::NotUp => {}
                Look::Down(why) => self.state.down(&name, &why),
                Look::Said(result) => {
                    self.state.up(&name);
                    self.state.record(&name, result);
                }
                Look::Tree(lost) => {
                    self.state.up(&name);
                    self.state.record(&name, HealthResult::Healthy);
                    self.state.lost_are(&name, lost);
                }
            }
        }
        self.state.round_done(RoundTime { took, unix_ms: unix_ms() });
        self.tell_changes(ctx);
        let report = self.state.report();
        facts.extend(report.components.iter().map(|one| match asked.contains(&one.name) {
            true => Fact::Looked(one.name.clone(), one.status),
            false => Fact::Is(one.name.clone(), one.status),
        }));
        self.pass_on(now, facts);
        for waits in self.round.take().into_iter().flatten() {
            // A caller may have given up waiting.
            drop(waits.send(report.clone()));
        }
    }

    /// Logs the components whose status has changed, and returns the changes as facts.
    fn tell_changes(&mut self, ctx: &Context<Self>) -> Vec<Fact> {
        let mut changes = Vec::new();
        let report = self.state.report();
        let now: Vec<_> =
            report.components.iter().map(|one| (one.name.clone(), one.status)).collect();
        for one in &report.components {
            let before = self.last_reported.iter().find(|(name, _)| *name == one.name);
            let before = before.map_or(HealthStatus::Unknown, |(_, status)| *status);
            if before != one.status {
                let (component, now, why) = (&one.name, one.status, one.message.as_deref());
                tracing::info!(component, %before, %now, why, "component health changed");
                changes.push(Fact::Looked(component.clone(), one.status));
                // Every component becomes healthy once after its start: an event for each of them
                // would hide those that matter.
                if before != HealthStatus::Unknown || now != HealthStatus::Healthy {
                    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
                    ctx.node().publish(EventKind::Noted {
                        path: ctx.path().clone(),
                        topic: HEALTH_CHANGED.to_owned(),
                        text: format!("{component} was {before} and is {now}{why}"),
                    });
                }
            }
        }
        self.last_reported = now;
        changes
    }

    /// Sends facts to the actor `integration`.
    fn pass_on(&self, at: Tick, facts: Vec<Fact>) {
        if facts.is_empty() {
            return;
        }
        let facts = HealthFacts { at, facts };
        let sent = self.wiring.handles().map(|handles| handles.interactions.facts.try_tell(facts));
        if !matches!(sent, Some(Ok(()))) {
            // Not retried: the next round sends the status of all components again.
            self.calls.lose();
        }
    }

    /// Takes an event about features that a fallback switched off, or that came back.
    fn noted(&mut self, path: &ActorPath, topic: &str, text: &str) {
        let Some((name, _)) = self.owner(path) else { return };
        match topic {
            FEATURES_OFF => self.state.features_off(&name, path.as_str(), text),
            FEATURES_ON => self.state.features_on(&name, path.as_str()),
            _ => {}
        }
    }

    /// Restores what the last incarnation knew about features, from the events that the node keeps.
    // A fallback says once that a feature is off. No check would find that out again.
    fn recall(&mut self, ctx: &Context<Self>) {
        for event in ctx.node().events().kept() {
            match event.kind {
                EventKind::Noted { path, topic, text } => self.noted(&path, &topic, &text),
                EventKind::Started { path, .. } | EventKind::Exited { path, .. } => {
                    self.noted(&path, FEATURES_ON, "");
                }
                _ => {}
            }
        }
    }

    /// Returns the component that an actor belongs to, and whether it is the component's own actor;
    /// `None` for others, and for components that should not run.
    fn owner(&self, path: &ActorPath) -> Option<(String, bool)> {
        let handles = self.wiring.handles()?;
        let components = handles.components.path();
        let below = path.is_within(components).then(|| path.segments());
        let mut below = below?.skip(components.segments().count());
        let id = below.next()?;
        let published = self.wiring.published();
        let serving = published.stage < ServiceStage::Stopping;
        let up = published.up.iter().any(|up| up.as_str() == id);
        (serving && up).then(|| (id.to_owned(), below.next().is_none()))
    }
}

/// Returns whether a component answered the check as one that works; `None` if it was not asked.
fn answered(look: &Look) -> Option<CallOutcome> {
    match look {
        Look::NotUp => None,
        Look::Down(_) | Look::Said(HealthResult::Unhealthy(_) | HealthResult::Timeout) => {
            Some(CallOutcome::Failed)
        }
        Look::Said(HealthResult::Healthy | HealthResult::Degraded(_)) | Look::Tree(_) => {
            Some(CallOutcome::Done)
        }
    }
}

impl Actor for HealthActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.add_stream(events_of(ctx.node()));
        self.begin_probes(ctx);
        // After a crash nobody sends `Arm` again: the boot is over.
        if self.wiring.published().booted.is_some() {
            self.recall(ctx);
            self.arm(ctx);
            self.begin_round(ctx, None);
        }
    }
}

impl StreamHandler<NodeEvent> for HealthActor {
    fn handle(&mut self, event: NodeEvent, ctx: &mut Self::Context) {
        let mut facts = Vec::new();
        match event.kind {
            EventKind::Exited { path, reason, .. } => {
                let Some((name, own)) = self.owner(&path) else { return };
                self.state.features_on(&name, path.as_str());
                let why = reason.to_string();
                if !reason.is_clean() {
                    facts.push(Fact::Failed(name.clone()));
                }
                match (reason.is_clean(), own) {
                    (true, _) => {}
                    (false, true) => self.state.down(&name, &why),
                    (false, false) => self.state.lost(&name, path.as_str(), &why),
                }
            }
            EventKind::Started { path, .. } => {
                let Some((name, own)) = self.owner(&path) else { return };
                self.state.features_on(&name, path.as_str());
                match own {
                    true => self.state.up(&name),
                    false => self.state.found(&name, path.as_str()),
                }
            }
            EventKind::Noted { path, topic, text } => self.noted(&path, &topic, &text),
            _ => return,
        }
        facts.extend(self.tell_changes(ctx));
        self.pass_on(ctx.node().now(), facts);
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<Arm> for HealthActor {
    type Result = ();

    fn handle(&mut self, _: Arm, ctx: &mut Self::Context) {
        self.arm(ctx);
    }
}

impl Handler<RunChecks> for HealthActor {
    type Result = ResponseFuture<SystemHealthReport>;

    fn handle(&mut self, _: RunChecks, ctx: &mut Self::Context) -> Self::Result {
        let known = self.state.report();
        if !self.settings.enabled {
            return Box::pin(async { known });
        }
        let (answer, answered) = oneshot::channel();
        self.begin_round(ctx, Some(answer));
        // The sender is lost only when this actor ends: what is known is the best answer then.
        Box::pin(async { answered.await.unwrap_or(known) })
    }
}

impl Handler<GetHealth> for HealthActor {
    type Result = actix::MessageResult<GetHealth>;

    fn handle(&mut self, _: GetHealth, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(Readiness {
            ready: self.is_ready(),
            stage: self.wiring.stage(),
            report: self.state.report(),
            paths: self.paths_now(),
        })
    }
}

impl From<&Ref<HealthActor>> for HealthPorts {
    fn from(actor: &Ref<HealthActor>) -> Self {
        Self { arm: actor.port(), checks: actor.port(), readiness: actor.port() }
    }
}

impl fmt::Debug for HealthActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthActor").field("armed", &self.armed).finish_non_exhaustive()
    }
}
