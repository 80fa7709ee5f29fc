//! The actor `integration`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::{ActorFutureExt, wrap_future};
use actix::{Actor, AsyncContext, Handler, Message, MessageResult};
use ms_actor::{Context, StateValue};
use ms_core::Tick;
use ms_core::health::HealthStatus;
use ms_core::interactions::InteractionMetrics;
use tokio::sync::mpsc;

use super::calls::{Call, Calls};
use super::handle::InteractionObserver;
use crate::service::logic::interactions::{CallOutcome, IncidentChange, InteractionStats};

/// How long reported calls wait for others, to be counted together.
const COUNT_EVERY: Duration = Duration::from_millis(100);
/// News of the actor `health` that may wait: a storm of ends tells nothing new beyond that.
pub(crate) const MAILBOX: usize = 1_024;

/// What the actor is made of.
#[derive(Clone)]
pub(crate) struct InteractionsArgs {
    pub(crate) calls: Calls,
    pub(crate) observer: Option<Arc<dyn InteractionObserver>>,
}

/// Keeps the book of how the components get along.
pub(crate) struct InteractionsActor {
    args: InteractionsArgs,
    /// Reported and not counted yet; there is none before the start.
    line: Option<mpsc::Receiver<Call>>,
    book: InteractionStats,
}

impl InteractionsActor {
    pub(crate) fn new(args: InteractionsArgs) -> Self {
        Self { args, line: None, book: InteractionStats::default() }
    }

    pub(crate) fn view(&self) -> StateValue {
        // Of the view only what does not depend on the time.
        let now = self.book.metrics(Tick::ZERO);
        StateValue::map([
            ("components", StateValue::from(now.health_scores.len())),
            ("pairs", now.latencies.len().into()),
            ("incidents", now.incidents.into()),
            ("recovered", now.recovered.into()),
            ("lost", self.args.calls.lost().into()),
        ])
    }

    fn wait_for_calls(&self, ctx: &mut Context<Self>) {
        let news = self.args.calls.news();
        let soon = async move {
            news.await;
            tokio::time::sleep(COUNT_EVERY).await;
        };
        ctx.spawn(wrap_future::<_, Self>(soon).map(|(), this, ctx| {
            this.count(ctx.node().now());
            this.wait_for_calls(ctx);
        }));
    }

    /// Takes over all calls that were reported so far.
    fn count(&mut self, now: Tick) {
        let Some(line) = &mut self.line else { return };
        // As many as wait now: what comes meanwhile is for the next time.
        for _ in 0..line.len() {
            let Ok(call) = line.try_recv() else { return };
            note(&mut self.book, &self.args, now, &call);
        }
    }

    fn learn(&mut self, at: Tick, fact: Fact) {
        let change = match &fact {
            Fact::Looked(component, status) => self.book.looked(at, component, *status),
            Fact::Is(component, status) => self.book.status(at, component, *status),
            Fact::Checked { component, took, outcome } => {
                let call = Call::check(component, *took, *outcome);
                note(&mut self.book, &self.args, at, &call);
                None
            }
            Fact::Failed(component) => {
                self.book.failed(at, component);
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

fn note(book: &mut InteractionStats, args: &InteractionsArgs, now: Tick, call: &Call) {
    book.called(now, call.from(), call.to(), call.took, call.outcome);
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

/// One thing the actor `health` knows of a component.
#[derive(Debug)]
pub(crate) enum Fact {
    /// It was looked at, or news changed what it is.
    Looked(String, HealthStatus),
    /// What it is, without a look: should a look have been lost.
    Is(String, HealthStatus),
    /// It was asked how it is.
    Checked {
        component: String,
        took: Duration,
        /// Done if it answered, and did not say that it does not work.
        outcome: CallOutcome,
    },
    /// An actor of it ended by a fault.
    Failed(String),
}

/// What the actor `health` has learnt at one moment.
#[derive(Debug)]
pub(crate) struct HealthNews {
    pub(crate) at: Tick,
    pub(crate) facts: Vec<Fact>,
}

/// Say how the components get along.
#[derive(Debug)]
pub(crate) struct GetInteractionMetrics;

impl Message for HealthNews {
    type Result = ();
}

impl Message for GetInteractionMetrics {
    type Result = InteractionMetrics;
}

impl Handler<HealthNews> for InteractionsActor {
    type Result = ();

    fn handle(&mut self, news: HealthNews, _: &mut Self::Context) {
        news.facts.into_iter().for_each(|fact| self.learn(news.at, fact));
    }
}

impl Handler<GetInteractionMetrics> for InteractionsActor {
    type Result = MessageResult<GetInteractionMetrics>;

    fn handle(&mut self, _: GetInteractionMetrics, ctx: &mut Self::Context) -> Self::Result {
        let now = ctx.node().now();
        self.count(now);
        let metrics = self.book.metrics(now);
        MessageResult(InteractionMetrics { lost: self.args.calls.lost(), ..metrics })
    }
}

impl fmt::Debug for InteractionsActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InteractionsActor").field("book", &self.book).finish_non_exhaustive()
    }
}
