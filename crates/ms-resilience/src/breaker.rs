//! The breaker's actor and the handle that calls go through.

use std::future::Future;
use std::time::Duration;

use actix::{Actor, Handler, Message, MessageResult};
use ms_actor::host::Blueprint;
use ms_actor::{Context, Hosted, Ref, StateValue};
use ms_core::breaker::{Breaker, BreakerSpec, BreakerState, CallOutcome, CircuitOpen, Permit};
use ms_core::view::EventKind;
use tokio::time::timeout;

/// Longest wait for the breaker's own answer.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(1);

/// Why a call through a breaker has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError<E> {
    /// It was not made.
    #[error(transparent)]
    Open(CircuitOpen),
    /// It took too long and was given up.
    #[error("no answer within {within:?}")]
    TimedOut {
        /// Its deadline.
        within: Duration,
    },
    /// It failed.
    #[error("the call failed")]
    Failed(#[source] E),
    /// The breaker itself does not answer; the call was not made.
    #[error("the circuit breaker is not there: {0}")]
    NoBreaker(String),
}

/// A circuit breaker in the tree.
#[derive(Debug)]
pub struct BreakerActor {
    breaker: Breaker,
    opened: u64,
    refused: u64,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerStatus {
    /// Its state.
    pub state: BreakerState,
    /// How often it has opened.
    pub opened: u64,
    /// Calls it refused.
    pub refused: u64,
}

/// Asks a breaker where it stands.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "BreakerStatus")]
pub struct GetBreaker;

#[derive(Debug, Message)]
#[rtype(result = "Result<Permit, CircuitOpen>")]
struct Acquire;

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Settle(Permit, CallOutcome);

/// How a breaker's actor is made; give it to a supervisor. It starts closed.
#[must_use]
pub fn breaker_blueprint(spec: BreakerSpec) -> Blueprint {
    let factory =
        move |_: &_| Ok(BreakerActor { breaker: Breaker::new(spec), opened: 0, refused: 0 });
    Blueprint::with_view(factory, <BreakerActor as Hosted>::TIER, Some(BreakerActor::view))
}

impl BreakerActor {
    fn status(&self) -> BreakerStatus {
        let (state, opened, refused) = (self.breaker.state(), self.opened, self.refused);
        BreakerStatus { state, opened, refused }
    }

    fn view(&self) -> StateValue {
        let state = format!("{:?}", self.breaker.state()).to_lowercase();
        StateValue::map([
            ("state", state.as_str().into()),
            ("count", u64::from(self.breaker.count()).into()),
            ("opened", self.opened.into()),
            ("refused", self.refused.into()),
        ])
    }

    /// After an event: a change of state is told.
    fn moved(&mut self, before: BreakerState, ctx: &Context<Self>) {
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
        tracing::warn!(topic, breaker = %ctx.path(), "the circuit breaker has moved");
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

    fn handle(&mut self, _: Acquire, ctx: &mut Self::Context) -> Self::Result {
        let before = self.breaker.state();
        let permit = self.breaker.acquire(ctx.node().now());
        self.refused += u64::from(permit.is_err());
        self.moved(before, ctx);
        MessageResult(permit)
    }
}

impl Handler<Settle> for BreakerActor {
    type Result = ();

    fn handle(&mut self, Settle(permit, outcome): Settle, ctx: &mut Self::Context) {
        let before = self.breaker.state();
        self.breaker.settle(permit, outcome, ctx.node().now());
        self.moved(before, ctx);
    }
}

impl Handler<GetBreaker> for BreakerActor {
    type Result = MessageResult<GetBreaker>;

    fn handle(&mut self, _: GetBreaker, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.status())
    }
}

/// The way through a breaker. Valid over its restarts; cheap to clone.
#[derive(Debug, Clone)]
pub struct CircuitBreaker(Ref<BreakerActor>);

impl CircuitBreaker {
    /// Through this breaker.
    #[must_use]
    pub fn new(breaker: Ref<BreakerActor>) -> Self {
        Self(breaker)
    }

    /// Makes a call if the circuit lets it, and waits at most `within` for it. An error
    /// and a missed deadline count as failures; a call whose future is dropped frees
    /// its slot and counts for nothing.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call<T, E>(
        &self,
        within: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        let permit = self.0.ask(Acquire).within(ACQUIRE_WITHIN).await;
        let permit = permit
            .map_err(|error| CallError::NoBreaker(error.to_string()))?
            .map_err(CallError::Open)?;
        let guard = Guard { breaker: &self.0, permit: Some(permit) };
        match timeout(within, work).await {
            Ok(Ok(value)) => {
                guard.settle(CallOutcome::Success);
                Ok(value)
            }
            Ok(Err(error)) => {
                guard.settle(CallOutcome::Failure);
                Err(CallError::Failed(error))
            }
            Err(_) => {
                guard.settle(CallOutcome::Failure);
                Err(CallError::TimedOut { within })
            }
        }
    }
}

/// Settles its permit whatever becomes of the call.
struct Guard<'a> {
    breaker: &'a Ref<BreakerActor>,
    permit: Option<Permit>,
}

impl Guard<'_> {
    fn settle(mut self, outcome: CallOutcome) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: CallOutcome) {
        let Some(permit) = self.permit.take() else { return };
        // A breaker that is down or full: it forgets the permit, or frees its slot by time.
        if self.breaker.try_tell(Settle(permit, outcome)).is_err() {
            tracing::debug!(breaker = %self.breaker.path(), "an outcome was not taken");
        }
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.tell(CallOutcome::Cancelled);
    }
}
