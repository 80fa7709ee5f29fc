//! The breaker's actor and the handle that calls go through.

use std::future::Future;
use std::time::Duration;

use actix::{Actor, Handler, Message, MessageResult};
use ms_actor::host::Blueprint;
use ms_actor::{Context, Hosted, Ref, SendError, StateValue};
use ms_core::view::EventKind;
use tokio::time::timeout;

use crate::machine::{Breaker, BreakerSpec, BreakerState, CallOutcome, CircuitOpen, Permit};
use crate::slot::Slot;

/// Longest wait for the breaker's own answer.
const ACQUIRE_WITHIN: Duration = Duration::from_secs(1);
/// What a try keeps its slot for beyond its own deadline: the ways of the answer and of the outcome.
const MARGIN: Duration = ACQUIRE_WITHIN;
/// Longest wait for room in the mailbox of a busy breaker, to tell an outcome.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

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
#[rtype(result = "Result<Granted, CircuitOpen>")]
struct Acquire {
    within: Duration,
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Settle(Permit, CallOutcome);

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

    fn handle(&mut self, asked: Acquire, ctx: &mut Self::Context) -> Self::Result {
        let before = self.breaker.state();
        let within = asked.within.saturating_add(MARGIN);
        let permit = self.breaker.acquire(within, ctx.node().now());
        self.refused += u64::from(permit.is_err());
        self.moved(before, ctx);
        let breaker = ctx.me();
        MessageResult(permit.map(|permit| Granted { breaker, permit: Some(permit) }))
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
pub struct CircuitBreaker(Slot<BreakerActor>);

impl CircuitBreaker {
    /// Through this breaker.
    #[must_use]
    pub fn new(breaker: Ref<BreakerActor>) -> Self {
        Self(Slot::filled(breaker))
    }

    /// The way through a breaker that is not there yet, and how its actor is made: give that to a
    /// supervisor, once. Until it has started, calls end with [`CallError::NoBreaker`].
    #[must_use]
    pub fn in_tree(spec: BreakerSpec) -> (Self, Blueprint) {
        let slot = Slot::empty();
        let filled = slot.clone();
        let factory = move |me: &Ref<BreakerActor>| {
            filled.fill(me);
            Ok(BreakerActor { breaker: Breaker::new(spec), opened: 0, refused: 0 })
        };
        let tier = <BreakerActor as Hosted>::TIER;
        (Self(slot), Blueprint::with_view(factory, tier, Some(BreakerActor::view)))
    }

    /// Makes a call if the circuit lets it, and waits at most `within` for it. An error
    /// and a missed deadline count as failures. While half-open a try keeps its slot as long
    /// as it may take.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Dropped at any time, also while it waits to be let through, a call frees its slot and
    /// counts for nothing.
    pub async fn call<T, E>(
        &self,
        within: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        // Dropped while it waits, the answer is dropped with it, and gives its permit back.
        let breaker = self.0.get();
        let breaker = breaker.ok_or_else(|| CallError::NoBreaker("it has not started".into()))?;
        let granted = breaker.ask(Acquire { within }).within(ACQUIRE_WITHIN).await;
        let granted = granted
            .map_err(|error| CallError::NoBreaker(error.to_string()))?
            .map_err(CallError::Open)?;
        match timeout(within, work).await {
            Ok(Ok(value)) => {
                granted.settle(CallOutcome::Success);
                Ok(value)
            }
            Ok(Err(error)) => {
                granted.settle(CallOutcome::Failure);
                Err(CallError::Failed(error))
            }
            Err(_) => {
                granted.settle(CallOutcome::Failure);
                Err(CallError::TimedOut { within })
            }
        }
    }
}

/// A call that may be made. It settles its permit whatever becomes of the call, also when
/// nobody takes the answer it comes in.
#[derive(Debug)]
struct Granted {
    breaker: Ref<BreakerActor>,
    permit: Option<Permit>,
}

impl Granted {
    fn settle(mut self, outcome: CallOutcome) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: CallOutcome) {
        let Some(permit) = self.permit.take() else { return };
        match self.breaker.try_tell(Settle(permit, outcome)) {
            Ok(()) => {}
            Err(SendError::Full { message, .. }) => tell_later(self.breaker.clone(), message),
            // A breaker that is down forgets its permits.
            Err(_) => tracing::debug!(breaker = %self.breaker.path(), "an outcome was not taken"),
        }
    }
}

/// Waits for room in the mailbox of a busy breaker; where nobody can wait, the slot is free
/// again when the time of its call is over.
fn tell_later(breaker: Ref<BreakerActor>, outcome: Settle) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    runtime.spawn(async move {
        if let Err(error) = breaker.tell(outcome).within(SETTLE_WITHIN).await {
            tracing::debug!(breaker = %breaker.path(), %error, "an outcome was not taken");
        }
    });
}

impl Drop for Granted {
    fn drop(&mut self) {
        self.tell(CallOutcome::Cancelled);
    }
}
