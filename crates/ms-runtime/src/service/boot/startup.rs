//! Drives the boot: feeds its machine and carries out the effects.

use std::time::Duration;

use actix::{Handler, ResponseFuture};
use ms_core::ErrorChain;
use ms_core::health::HealthStatus;
use ms_core::lifecycle::{ComponentId, Phase};
use ms_core::time::later;
use ms_supervisor::SupervisorRef;
use ms_worker::GetAgent;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::actor::{Ctx, LifecycleActor};
use super::error::{BootstrapError, InitializationCause, InitializationError, RollbackReport};
use super::messages::{Boot, BootOutcome};
use super::state::{Booting, Member};
use super::stopping::{self, DROP_WITHIN};
use crate::service::ServiceStage;
use crate::service::components::{ComponentHost, Initialize, StartComponent};
use crate::service::health::{Arm, HealthRef};
use crate::service::logic::boot::{BootCause, BootEffect, BootEvent, BootMachine};
use crate::service::logic::health::SystemHealthReport;

type Cause = InitializationCause;

impl Handler<Boot> for LifecycleActor {
    type Result = ResponseFuture<BootOutcome>;

    fn handle(&mut self, _: Boot, ctx: &mut Self::Context) -> Self::Result {
        if self.boot.is_some() || self.args.wiring.stage() != ServiceStage::Starting {
            return Box::pin(async { Err(BootstrapError::Lost("it was booted before".into())) });
        }
        let (answer, answered) = oneshot::channel();
        let machine = BootMachine::new(self.args.plan.clone(), self.args.boot.within);
        let total = self.args.members.len();
        tracing::info!("Starting MS Framework bootstrap sequence");
        tracing::info!("Initializing {total} components");
        self.boot = Some(Booting { machine, waits: Some(answer), total });
        self.feed_boot(ctx, BootEvent::Begin);
        Box::pin(async {
            answered.await.unwrap_or_else(|_| Err(BootstrapError::Lost("its actor ended".into())))
        })
    }
}

impl LifecycleActor {
    fn feed_boot(&mut self, ctx: &mut Ctx, event: BootEvent<Cause>) {
        let Some(boot) = &mut self.boot else { return };
        let effects = boot.machine.handle(ctx.node().now(), event);
        effects.into_iter().for_each(|effect| self.carry_out_boot(ctx, effect));
        self.set_alarm(ctx);
    }

    pub(super) fn boot_elapsed(&mut self, ctx: &mut Ctx) {
        if self.boot.is_some() {
            self.feed_boot(ctx, BootEvent::Elapsed);
        }
    }

    /// Cancels the boot, if one is under way. Returns whether one was.
    pub(super) fn cancel_boot(&mut self, ctx: &mut Ctx) -> bool {
        if self.boot.is_none() {
            return false;
        }
        let grace = self.args.boot.cancel_grace;
        self.feed_boot(ctx, BootEvent::Cancel { grace });
        true
    }

    fn carry_out_boot(&mut self, ctx: &mut Ctx, effect: BootEffect) {
        match effect {
            BootEffect::Enter(phase) => {
                tracing::info!(phase = phase.number(), name = phase.name(), "boot phase");
            }
            // The checks ran before the node existed. Had one failed, there would be no node.
            BootEffect::Preflight => self.feed_boot(ctx, BootEvent::PreflightDone(Ok(()))),
            BootEffect::Start(id) => self.launch(ctx, id),
            BootEffect::Stop(id) => self.undo(ctx, id, false),
            BootEffect::Abort(id) => self.undo(ctx, id, true),
            BootEffect::Arm => self.arm(),
            BootEffect::Verify => self.verify(ctx),
            BootEffect::Ready => self.booted(ctx),
            BootEffect::RolledBack => self.rolled_back(ctx),
        }
    }

    fn components(&self) -> Option<SupervisorRef> {
        self.args.wiring.handles().map(|handles| handles.components.clone())
    }

    fn launch(&mut self, ctx: &mut Ctx, id: ComponentId) {
        let (Some(components), Some(member)) = (self.components(), self.member(&id).cloned())
        else {
            let cause = Cause::NoAnswer("the supervision tree is not running".to_owned());
            return self.feed_boot(ctx, BootEvent::Failed(id, cause));
        };
        if member.is_tree {
            // Before the start, not after it: the tree's supervisor asks `wants` when it starts.
            self.want(&id, true);
        }
        let start = start(components, member);
        self.run(ctx, start, |this, ctx, outcome| {
            let event = match outcome {
                Ok(()) => {
                    // A start that succeeds after its deadline is being rolled back. Published as
                    // wanted, the component would be started again by its next incarnation.
                    if this.is_starting(&id) {
                        this.want(&id, true);
                        tracing::info!("Initialized component: {id}");
                    }
                    BootEvent::Started(id)
                }
                Err(cause) => {
                    this.want(&id, false);
                    BootEvent::Failed(id, cause)
                }
            };
            this.feed_boot(ctx, event);
        });
    }

    /// Returns whether the start of a component is still awaited.
    fn is_starting(&self, id: &ComponentId) -> bool {
        use crate::service::logic::boot::ComponentState::Starting;
        self.boot.as_ref().is_some_and(|boot| boot.machine.state(id) == Some(Starting))
    }

    /// Stops a component that had started; with `abort`, drops one that had not.
    fn undo(&mut self, ctx: &mut Ctx, id: ComponentId, abort: bool) {
        self.want(&id, false);
        let (Some(components), Some(member)) = (self.components(), self.member(&id).cloned())
        else {
            return self.feed_boot(ctx, BootEvent::Stopped(id, None));
        };
        tracing::info!(component = %id, abort, "rolling back");
        let undo = undo(components, member, abort);
        self.run(ctx, undo, |this, ctx, error| this.feed_boot(ctx, BootEvent::Stopped(id, error)));
    }

    fn arm(&self) {
        let Some(handles) = self.args.wiring.handles() else { return };
        if handles.health.arm.try_tell(Arm).is_err() {
            tracing::error!("the health actor could not be told to begin its checks");
        }
    }

    fn verify(&mut self, ctx: &mut Ctx) {
        let health = HealthRef::new(self.args.wiring.clone());
        // Much longer than a round of checks, which have limits of their own: this ends only the
        // wait for an actor that is gone.
        let look = async move { health.check(VERIFY_WITHIN).await };
        self.run(ctx, look, |this, ctx, report| {
            let verdict = match report {
                Ok(report) => judge(&report),
                Err(error) => Err((None, Cause::NoAnswer(error.to_string()))),
            };
            this.feed_boot(ctx, BootEvent::Verified(verdict));
        });
    }

    fn booted(&mut self, ctx: &mut Ctx) {
        let Some(Booting { machine, waits, .. }) = self.boot.take() else { return };
        self.report = machine.report(ctx.node().now());
        let took = self.report.total;
        self.args.wiring.publish(|published| {
            published.stage = ServiceStage::Running;
            published.booted = Some(took);
        });
        self.args.wiring.gate().open();
        tracing::info!(?took, "MS Framework bootstrap completed successfully");
        // A caller that gave up shuts the service down next, so the answer may go nowhere.
        drop(waits.map(|waits| waits.send(Ok(self.report.clone()))));
    }

    fn rolled_back(&mut self, ctx: &mut Ctx) {
        let Some(Booting { machine, waits, total }) = self.boot.take() else { return };
        self.report = machine.report(ctx.node().now());
        let phase = machine.phase();
        let error = match machine.into_failure() {
            Some(failure) => BootstrapError::InitializationFailed {
                phase,
                source: source_of(failure.culprit, failure.cause),
                rollback: RollbackReport { errors: failure.rollback },
            },
            None => BootstrapError::Lost("it failed without an error".to_owned()),
        };
        let why = ErrorChain::from_error(&error);
        tracing::error!(error = %why, total, "the boot failed and was rolled back");
        drop(waits.map(|waits| waits.send(Err(error))));
        self.begin_shutdown(ctx);
    }
}

/// Longest wait for the health check of phase 10.
const VERIFY_WITHIN: Duration = Duration::from_secs(60);

fn judge(report: &SystemHealthReport) -> Result<(), (Option<ComponentId>, Cause)> {
    let text = |name: &String| {
        let of = report.components.iter().find(|one| one.name == *name);
        let message = of.and_then(|one| one.message.clone());
        format!("{name}: {}", message.unwrap_or_else(|| "unhealthy".to_owned()))
    };
    match report.overall_status {
        HealthStatus::Unhealthy => {
            let names: Vec<_> = report.critical_failures.iter().map(text).collect();
            let culprit = report.critical_failures.first();
            let culprit = culprit.and_then(|name| ComponentId::new(name).ok());
            Err((culprit, Cause::Unhealthy(names.join(", "))))
        }
        HealthStatus::Degraded => {
            tracing::warn!(phase = Phase::Verification.number(), "the service starts degraded");
            Ok(())
        }
        HealthStatus::Healthy | HealthStatus::Unknown => Ok(()),
    }
}

fn source_of(culprit: Option<ComponentId>, cause: BootCause<Cause>) -> InitializationError {
    match (culprit, cause) {
        (Some(component), BootCause::TimedOut(within)) => {
            InitializationError::Timeout { component, within }
        }
        (Some(component), BootCause::Failed(source)) => {
            InitializationError::ComponentFailed { component, source }
        }
        (None, BootCause::Failed(source)) => InitializationError::Other(source),
        (_, BootCause::TooLong { within, waiting }) => {
            InitializationError::TooLong { within, waiting }
        }
        (_, BootCause::Cancelled) | (None, BootCause::TimedOut(_)) => {
            InitializationError::Cancelled
        }
    }
}

/// How much longer than its time to wait for a start.
// The machine's deadline comes first and decides. With equal times the two would race, and the
// error would say "no answer" or "too late" by chance.
const SLACK: Duration = Duration::from_millis(500);

async fn start(components: SupervisorRef, member: Member) -> Result<(), Cause> {
    let until = later(Instant::now(), member.start_within.saturating_add(SLACK));
    let left = || until.saturating_duration_since(Instant::now());
    let components = components.within(left());
    if member.is_tree {
        let started = components.restart_child(member.id.as_child()).await;
        return Ok(started.map(drop)?);
    }
    let host = components.get_agent::<ComponentHost>(member.id.as_str()).await;
    let host = host?;
    let answer = host.ask(Initialize).within(left()).await;
    answer.map_err(|error| no_answer(&error))?.map_err(Cause::Failed)?;
    let answer = host.ask(StartComponent).within(left()).await;
    answer.map_err(|error| no_answer(&error))?.map_err(Cause::Failed)
}

fn no_answer<M>(error: &ms_actor::AskError<M>) -> Cause {
    match error.exit_reason() {
        Some(reason) => Cause::Exited(reason.clone()),
        None => Cause::NoAnswer(error.to_string()),
    }
}

/// Stops a component that had started, or drops one that had not. Ends its actor either way.
async fn undo(components: SupervisorRef, member: Member, abort: bool) -> Option<Cause> {
    let mut error = None;
    let mut force = abort;
    if !abort {
        let stopped = stopping::stop(components.clone(), &member, member.stop_within).await;
        if let Err(why) = stopped {
            // Late or broken: it had its time, so it is killed now.
            force = true;
            error = Some(Cause::Failed(why.into()));
        }
    }
    let dropped = stopping::drop_component(&components, &member.id, DROP_WITHIN, force).await;
    error.or(dropped.err().map(Cause::NoAnswer))
}
