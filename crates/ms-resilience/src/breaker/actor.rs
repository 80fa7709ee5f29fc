//! The actor of a circuit breaker.

use std::time::Duration;

use actix::{Actor, Handler, MessageResult};
use ms_actor::{Context, StateValue};
use ms_core::view::EventKind;

use super::messages::{Acquire, BreakerStatus, GetBreaker, Granted, Settle};
use crate::logic::breaker::{Breaker, BreakerSpec, BreakerState};

/// Time that a try keeps its slot beyond its own deadline: the way of the permit to the caller,
/// and of the outcome back.
const SLOT_MARGIN: Duration = Duration::from_secs(1);

/// A circuit breaker in the tree.
#[derive(Debug)]
pub struct BreakerActor {
    breaker: Breaker,
    opened: u64,
    refused: u64,
}

impl BreakerActor {
    pub(super) fn new(spec: BreakerSpec) -> Self {
        Self { breaker: Breaker::new(spec), opened: 0, refused: 0 }
    }

    fn status(&self) -> BreakerStatus {
        let (state, opened, refused) = (self.breaker.state(), self.opened, self.refused);
        BreakerStatus { state, opened, refused }
    }

    pub(super) fn view(&self) -> StateValue {
        let state = format!("{:?}", self.breaker.state()).to_lowercase();
        StateValue::map([
            ("state", state.as_str().into()),
            ("count", u64::from(self.breaker.count()).into()),
            ("opened", self.opened.into()),
            ("refused", self.refused.into()),
        ])
    }

    /// Counts, logs and publishes a change of the state since `before`.
    fn report_change(&mut self, before: BreakerState, ctx: &Context<Self>) {
        let after = self.breaker.state();
        if before == after {
            return;
        }
        let topic = match after {
            BreakerState::Open => "circuit_opened",
            BreakerState::HalfOpen => "circuit_half_open",
            BreakerState::Closed => "circuit_closed",
        };
        self.opened += u64::from(after == BreakerState::Open);
        tracing::warn!(topic, breaker = %ctx.path(), "the circuit breaker has changed its state");
        let text = format!("from {before:?} to {after:?}").to_lowercase();
        let (path, topic) = (ctx.path().clone(), topic.to_owned());
        ctx.node().publish(EventKind::Noted { path, topic, text });
    }
}

impl Actor for BreakerActor {
    type Context = Context<Self>;
}

impl Handler<Acquire> for BreakerActor {
    type Result = MessageResult<Acquire>;

    fn handle(&mut self, asked: Acquire, ctx: &mut Self::Context) -> Self::Result {
        let before = self.breaker.state();
        let within = asked.within.saturating_add(SLOT_MARGIN);
        let permit = self.breaker.acquire(within, ctx.node().now());
        self.refused += u64::from(permit.is_err());
        self.report_change(before, ctx);
        let breaker = ctx.me().port();
        MessageResult(permit.map(|permit| Granted::new(breaker, permit)))
    }
}

impl Handler<Settle> for BreakerActor {
    type Result = ();

    fn handle(&mut self, Settle(permit, outcome): Settle, ctx: &mut Self::Context) {
        let before = self.breaker.state();
        self.breaker.settle(permit, outcome, ctx.node().now());
        self.report_change(before, ctx);
    }
}

impl Handler<GetBreaker> for BreakerActor {
    type Result = MessageResult<GetBreaker>;

    fn handle(&mut self, _: GetBreaker, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.status())
    }
}
