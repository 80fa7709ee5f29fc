//! Drives the shutdown: feeds its machine and carries out the effects.

use std::sync::Arc;
use std::time::Duration;

use actix::{Handler, ResponseFuture};
use futures_util::future::join_all;
use ms_core::ErrorChain;
use ms_core::lifecycle::ComponentId;
use ms_core::time::part;
use ms_supervisor::SupervisorRef;
use ms_worker::GetAgent;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::actor::{Ctx, LifecycleActor};
use super::error::ShutdownError;
use super::messages::{Hurry, Shutdown, ShutdownReason, ShutdownSummary, Summary};
use super::state::{GoingDown, Member};
use super::stopping::{self, DROP_WITHIN};
use super::store::SnapshotStore;
use crate::service::cleanup::{CleanupOutcome, CleanupReport, RunCleanup};
use crate::service::components::{ComponentHost, QuiesceWork, StateSnapshot};
use crate::service::logic::shutdown::{
    ShutdownEffect, ShutdownEvent, ShutdownMachine, ShutdownPhase,
};
use crate::service::{ServiceStage, Wiring};

impl Handler<Shutdown> for LifecycleActor {
    type Result = ResponseFuture<Option<Summary>>;

    fn handle(&mut self, Shutdown(reason): Shutdown, ctx: &mut Self::Context) -> Self::Result {
        if let Some(over) = self.down.as_ref().and_then(|down| down.over.clone()) {
            return Box::pin(async { Some(over) });
        }
        let (answer, answered) = oneshot::channel();
        match &mut self.down {
            Some(down) => down.waits.push(answer),
            None => {
                tracing::info!(%reason, "shutting down");
                self.down = Some(self.going_down(reason, answer));
                // A boot under way is rolled back first. The end of the rollback begins the
                // shutdown, so that no component is started and stopped at the same time.
                if !self.cancel_boot(ctx) {
                    self.begin_shutdown(ctx);
                }
            }
        }
        Box::pin(async { answered.await.ok() })
    }
}

impl Handler<Hurry> for LifecycleActor {
    type Result = ();

    fn handle(&mut self, _: Hurry, ctx: &mut Self::Context) {
        self.feed_shutdown(ctx, ShutdownEvent::Hurry);
    }
}

impl LifecycleActor {
    fn going_down(&self, reason: ShutdownReason, waits: oneshot::Sender<Summary>) -> GoingDown {
        GoingDown {
            machine: ShutdownMachine::new(Vec::new(), self.args.shutdown.deadline),
            reason,
            waits: vec![waits],
            snapshots: Vec::new(),
            handed_over: Vec::new(),
            cleanup: None,
            members: Vec::new(),
            over: None,
        }
    }

    /// Begins a shutdown that was ordered, once it is known which components run.
    pub(super) fn begin_shutdown(&mut self, ctx: &mut Ctx) {
        let up = self.args.wiring.published().up;
        let members: Vec<_> =
            self.args.members.iter().filter(|member| up.contains(&member.id)).cloned().collect();
        let Some(down) = &mut self.down else { return };
        if down.machine.has_begun() {
            return;
        }
        let started =
            members.iter().map(|member| (member.id.clone(), member.stop_within)).collect();
        down.machine = ShutdownMachine::new(started, self.args.shutdown.deadline);
        down.members = members;
        self.feed_shutdown(ctx, ShutdownEvent::Begin);
    }

    pub(super) fn feed_shutdown(&mut self, ctx: &mut Ctx, event: ShutdownEvent<ShutdownError>) {
        let Some(down) = &mut self.down else { return };
        let effects = down.machine.handle(ctx.node().now(), event);
        effects.into_iter().for_each(|effect| self.carry_out_shutdown(ctx, effect));
        self.set_alarm(ctx);
    }

    pub(super) fn shutdown_elapsed(&mut self, ctx: &mut Ctx) {
        self.feed_shutdown(ctx, ShutdownEvent::Elapsed);
    }

    fn carry_out_shutdown(&mut self, ctx: &mut Ctx, effect: ShutdownEffect) {
        match effect {
            ShutdownEffect::Step(phase, until) => {
                tracing::info!(phase = phase.number(), name = phase.name(), "shutdown phase");
                let within = until.since(ctx.node().now());
                self.step(ctx, phase, within);
            }
            ShutdownEffect::Stop(id, until) => {
                let within = until.since(ctx.node().now());
                self.stop_member(ctx, id, within);
            }
            ShutdownEffect::Force(id) => self.force_member(ctx, id),
            ShutdownEffect::Finished => self.finished(),
            ShutdownEffect::Emergency => {
                tracing::warn!("second stop order: the shutdown is cut short");
                self.finished();
            }
        }
    }

    fn step(&mut self, ctx: &mut Ctx, phase: ShutdownPhase, within: Duration) {
        // A little less than the machine's own limit: a step that reports what it left undone is
        // worth more than one that is cut without a word.
        let within = within.saturating_sub(part(within, 10).min(Duration::from_millis(100)));
        let Some(down) = &mut self.down else { return };
        let (wiring, members) = (self.args.wiring.clone(), down.members.clone());
        let done = move |this: &mut Self, ctx: &mut Ctx, errors| {
            this.feed_shutdown(ctx, ShutdownEvent::StepDone(phase, errors));
        };
        match phase {
            ShutdownPhase::Signal => {
                wiring.publish(|published| published.stage = ServiceStage::Stopping);
                done(self, ctx, Vec::new());
            }
            ShutdownPhase::StopAccepting => {
                wiring.gate().close();
                self.run(ctx, quiesce(wiring, members, within), done);
            }
            ShutdownPhase::Drain => self.run(ctx, drain(wiring, within), done),
            // The machine orders components one by one.
            ShutdownPhase::StopComponents => {}
            ShutdownPhase::Persist => {
                let snapshots = std::mem::take(&mut down.snapshots);
                let store = self.args.store.clone();
                self.run(ctx, persist(store, snapshots, within), done);
            }
            ShutdownPhase::Release => self.run(ctx, release(wiring, members), done),
            ShutdownPhase::Cleanup => {
                let clean = async move {
                    let handles = wiring.handles()?;
                    // A little longer than the cleanup itself may take, or its report is lost.
                    let answer_within = within.saturating_add(Duration::from_millis(50));
                    handles.cleanup.ask(RunCleanup { within }).within(answer_within).await.ok()
                };
                self.run(ctx, clean, move |this, ctx, report| this.cleaned(ctx, report));
            }
        }
    }

    fn cleaned(&mut self, ctx: &mut Ctx, report: Option<CleanupReport>) {
        let errors = match &report {
            None => vec![ShutdownError::NoAnswer("the actor cleanup".to_owned())],
            Some(report) => report.leaked.iter().cloned().map(ShutdownError::Leak).collect(),
        };
        if let Some(report) = &report {
            for (handler, outcome) in &report.handlers {
                if !matches!(outcome, CleanupOutcome::Success(_)) {
                    tracing::error!(handler, ?outcome, "a cleanup handler did not succeed");
                }
            }
        }
        if let Some(down) = &mut self.down {
            down.cleanup = report;
        }
        self.feed_shutdown(ctx, ShutdownEvent::StepDone(ShutdownPhase::Cleanup, errors));
    }

    fn stop_member(&mut self, ctx: &mut Ctx, id: ComponentId, within: Duration) {
        // Before the stop: a component that crashes while it stops must not be restarted.
        self.want(&id, false);
        let handles = self.args.wiring.handles();
        let (Some(handles), Some(member)) = (handles, self.member(&id).cloned()) else {
            let error = ShutdownError::NoAnswer("its supervisor".to_owned());
            return self.feed_shutdown(ctx, ShutdownEvent::Stopped(id, Err(error)));
        };
        let components = handles.components.clone();
        // Longer than its time: the machine decides what is late, and the wait must not end first.
        let answer_within = within.saturating_add(Duration::from_secs(1));
        let stop = async move { stopping::stop(components, &member, answer_within).await };
        self.run(ctx, stop, |this, ctx, outcome| {
            let outcome = outcome.map(|snapshot| {
                let Some(down) = &mut this.down else { return };
                down.handed_over.extend(snapshot.iter().map(|one| one.component.clone()));
                down.snapshots.extend(snapshot);
            });
            tracing::info!(component = %id, ?outcome, "stopped");
            this.feed_shutdown(ctx, ShutdownEvent::Stopped(id, outcome));
        });
    }

    fn force_member(&mut self, ctx: &mut Ctx, id: ComponentId) {
        tracing::warn!(component = %id, "not stopped in time: killing it");
        let Some(handles) = self.args.wiring.handles() else { return };
        let components = handles.components.clone();
        let kill = async move {
            let dropped = stopping::drop_component(&components, &id, DROP_WITHIN, true).await;
            (id, dropped)
        };
        self.run(ctx, kill, |this, ctx, (id, dropped)| {
            let component = id.clone();
            let outcome = dropped.map_err(|why| ShutdownError::Release { component, why });
            this.feed_shutdown(ctx, ShutdownEvent::Stopped(id, outcome));
        });
    }

    fn finished(&mut self) {
        self.args.wiring.publish(|published| published.stage = ServiceStage::Stopped);
        let Some(down) = &mut self.down else { return };
        let machine = ShutdownMachine::new(Vec::new(), Duration::ZERO);
        let report = std::mem::replace(&mut down.machine, machine).into_report();
        let summary = Arc::new(ShutdownSummary {
            reason: down.reason.clone(),
            report,
            snapshots: std::mem::take(&mut down.handed_over),
            cleanup: down.cleanup.take(),
        });
        for step in &summary.report.steps {
            for error in &step.errors {
                let error = ErrorChain::from_error(error);
                tracing::error!(step = step.phase.name(), %error, "shutdown");
            }
        }
        tracing::info!(took = ?summary.report.total, clean = summary.is_clean(), "shut down");
        for waits in down.waits.drain(..) {
            // A caller may have given up waiting.
            drop(waits.send(Arc::clone(&summary)));
        }
        down.over = Some(summary);
    }
}

async fn quiesce(wiring: Wiring, members: Vec<Member>, within: Duration) -> Vec<ShutdownError> {
    let Some(handles) = wiring.handles() else { return Vec::new() };
    let hosts = members.into_iter().rev().filter(|member| !member.is_tree);
    let quiesced = hosts.map(|member| {
        let components: SupervisorRef = handles.components.clone().within(within);
        async move {
            let host = components.get_agent::<ComponentHost>(member.id.as_str()).await;
            let done = match host {
                Ok(host) => host.ask(QuiesceWork).within(within).await.is_ok(),
                Err(_) => false,
            };
            (!done).then(|| ShutdownError::NoAnswer(format!("the component {}", member.id)))
        }
    });
    join_all(quiesced).await.into_iter().flatten().collect()
}

async fn drain(wiring: Wiring, within: Duration) -> Vec<ShutdownError> {
    match timeout(within, wiring.gate().emptied()).await {
        Ok(()) => Vec::new(),
        Err(_) => vec![ShutdownError::Drain { left: wiring.gate().in_flight(), within }],
    }
}

async fn persist(
    store: Option<Arc<dyn SnapshotStore>>,
    snapshots: Vec<StateSnapshot>,
    within: Duration,
) -> Vec<ShutdownError> {
    let Some(store) = store else {
        if !snapshots.is_empty() {
            tracing::warn!(
                snapshots = snapshots.len(),
                "components handed over state, but no snapshot store is configured: the state is \
                 lost"
            );
        }
        return Vec::new();
    };
    let failed = store.save(snapshots, within).await.into_iter();
    failed
        .map(|(component, error)| {
            let why = ErrorChain::from_error(&*error);
            tracing::error!(%component, error = %why, "state was not saved");
            ShutdownError::Persist(error)
        })
        .collect()
}

/// Drops the instances of components, latest first.
// In the order of their stops, so that nobody's provider is dropped before it. Ports, pools and
// files are free when this is over.
async fn release(wiring: Wiring, members: Vec<Member>) -> Vec<ShutdownError> {
    let Some(handles) = wiring.handles() else { return Vec::new() };
    let mut errors = Vec::new();
    for Member { id, .. } in members.into_iter().rev() {
        let dropped = stopping::drop_component(&handles.components, &id, DROP_WITHIN, false).await;
        errors.extend(dropped.err().map(|why| ShutdownError::Release { component: id, why }));
    }
    errors
}
