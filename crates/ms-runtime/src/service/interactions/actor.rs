//! The actor `integration`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, AsyncContext, Handler, MessageResult};
use ms_actor::{Context, Ref, StateValue};
use ms_core::Tick;
use ms_core::interactions::InteractionMetrics;
use tokio::sync::mpsc;

use super::calls::{Call, Calls};
use super::handle::InteractionObserver;
use super::messages::{Fact, GetInteractionMetrics, HealthFacts, InteractionPorts};
use crate::service::logic::interactions::{IncidentChange, InteractionStats};

/// How long a reported call may wait for others, to be counted together.
// One wake-up for many calls: a report is to cost its caller next to nothing.
const COUNT_EVERY: Duration = Duration::from_millis(100);
/// Messages of the actor `health` that may wait. In a storm of crashes more of them say nothing
/// new.
pub(crate) const MAILBOX: usize = 1_024;

/// What the actor is made of.
#[derive(Clone)]
pub(crate) struct InteractionsArgs {
    pub(crate) calls: Calls,
    pub(crate) observer: Option<Arc<dyn InteractionObserver>>,
}

/// Keeps the statistics of the components' interactions.
pub(crate) struct InteractionsActor {
    args: InteractionsArgs,
    /// The queue of calls that are reported and not counted yet; `None` before the start.
    line: Option<mpsc::Receiver<Call>>,
    stats: InteractionStats,
}

impl InteractionsActor {
    pub(crate) fn new(args: InteractionsArgs) -> Self {
        Self { args, line: None, stats: InteractionStats::default() }
    }

    pub(crate) fn view(&self) -> StateValue {
        // At time zero: the view shows only figures that do not depend on the time.
        let now = self.stats.metrics(Tick::ZERO);
        StateValue::map([
            ("components", StateValue::from(now.health_scores.len())),
            ("pairs", now.latencies.len().into()),
            ("incidents", now.incidents.into()),
            ("recovered", now.recovered.into()),
            ("lost", self.args.calls.lost().into()),
        ])
    }

    fn wait_for_calls(&self, ctx: &mut Context<Self>) {
        let reported = self.args.calls.reported();
        let soon = async move {
            reported.await;
            tokio::time::sleep(COUNT_EVERY).await;
        };
        ctx.spawn(wrap_future::<_, Self>(soon).map(|(), this, ctx| {
            this.count(ctx.node().now());
            this.wait_for_calls(ctx);
        }));
    }

    /// Counts all calls that were reported so far.
    fn count(&mut self, now: Tick) {
        let Some(line) = &mut self.line else { return };
        // As many as wait now. Busy callers could otherwise keep this loop going without end.
        for _ in 0..line.len() {
            let Ok(call) = line.try_recv() else { return };
            note(&mut self.stats, &self.args, now, &call);
        }
    }

    fn learn(&mut self, at: Tick, fact: Fact) {
        let change = match &fact {
            Fact::Looked(component, status) => self.stats.looked(at, component, *status),
            Fact::Is(component, status) => self.stats.status(at, component, *status),
            Fact::Checked { component, took, outcome } => {
                let call = Call::check(component, *took, *outcome);
                note(&mut self.stats, &self.args, at, &call);
                None
            }
            Fact::Failed(component) => {
                self.stats.failed(at, component);
                None
            }
        };
        if let Some(change) = change {
            self.tell(&change);
        }
    }

    fn tell(&self, change: &IncidentChange) {
        match change {
            IncidentChange::Opened { id, component } => {
                tracing::warn!(%id, component, "incident opened");
            }
            IncidentChange::Closed { id, component, took } => {
                tracing::info!(%id, component, ?took, "incident closed");
            }
        }
        if let Some(observer) = &self.args.observer {
            observer.incident(change);
        }
    }
}

fn note(stats: &mut InteractionStats, args: &InteractionsArgs, now: Tick, call: &Call) {
    stats.called(now, call.from(), call.to(), call.took, call.outcome);
    if let Some(observer) = &args.observer {
        observer.called(call);
    }
}

impl Actor for InteractionsActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.line = Some(self.args.calls.listen());
        self.wait_for_calls(ctx);
    }
}

impl Handler<HealthFacts> for InteractionsActor {
    type Result = ();

    fn handle(&mut self, HealthFacts { at, facts }: HealthFacts, _: &mut Self::Context) {
        facts.into_iter().for_each(|fact| self.learn(at, fact));
    }
}

impl Handler<GetInteractionMetrics> for InteractionsActor {
    type Result = MessageResult<GetInteractionMetrics>;

    fn handle(&mut self, _: GetInteractionMetrics, ctx: &mut Self::Context) -> Self::Result {
        let now = ctx.node().now();
        self.count(now);
        let metrics = self.stats.metrics(now);
        MessageResult(InteractionMetrics { lost: self.args.calls.lost(), ..metrics })
    }
}

impl From<&Ref<InteractionsActor>> for InteractionPorts {
    fn from(actor: &Ref<InteractionsActor>) -> Self {
        Self { facts: actor.port(), metrics: actor.port() }
    }
}

impl fmt::Debug for InteractionsActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InteractionsActor").field("stats", &self.stats).finish_non_exhaustive()
    }
}
