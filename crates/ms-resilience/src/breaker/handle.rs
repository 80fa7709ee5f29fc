//! The handle that calls go through.

use std::future::Future;
use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{Hosted, Ref, Slot};
use tokio::time::timeout;

use super::actor::BreakerActor;
use super::messages::Acquire;
use crate::error::{CallError, Unavailable};
use crate::logic::breaker::{BreakerSpec, CallOutcome};

/// Longest wait for the breaker's own answer.
const ACQUIRE_DEADLINE: Duration = Duration::from_secs(1);

/// A handle to a circuit breaker. It stays valid over restarts of the breaker, and is cheap to
/// clone.
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    actor: Slot<BreakerActor>,
    /// Keeps an actor alive that is under no supervisor.
    _keep: Option<Ref<BreakerActor>>,
}

impl CircuitBreaker {
    /// Returns a handle to a running breaker.
    #[must_use]
    pub fn new(breaker: Ref<BreakerActor>) -> Self {
        Self { actor: Slot::of(&breaker), _keep: Some(breaker) }
    }

    /// Returns a handle to a breaker that is not started, and the blueprint of its actor: give that
    /// to a supervisor, once. Until it has started, calls end with [`CallError::NoBreaker`].
    #[must_use]
    pub fn in_tree(spec: BreakerSpec) -> (Self, Blueprint) {
        let actor = Slot::new();
        let filled = actor.clone();
        let factory = move |me: &Ref<BreakerActor>| {
            filled.fill(me);
            Ok(BreakerActor::new(spec))
        };
        let tier = <BreakerActor as Hosted>::TIER;
        (Self { actor, _keep: None }, Blueprint::with_view(factory, tier, Some(BreakerActor::view)))
    }

    /// Makes a call if the circuit permits it, and waits at most `within` for its answer. An error
    /// and a missed deadline count as failures. While the circuit is half-open, a call keeps its
    /// slot for as long as it may take.
    ///
    /// # Errors
    /// [`CallError`] when the circuit is open, the call failed or took too long, or the breaker did
    /// not answer.
    ///
    /// # Cancel safety
    /// A call that is dropped at any time, also while it waits for the permission, frees its slot
    /// and counts neither as success nor as failure.
    pub async fn call<T, E>(
        &self,
        within: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError<E>> {
        let breaker = self.actor.get().ok_or(CallError::NoBreaker(Unavailable::NotStarted))?;
        // Dropped during this await, the answer is dropped with it and settles its permit.
        let granted = breaker.ask(Acquire { within }).within(ACQUIRE_DEADLINE).await;
        let granted = granted.map_err(|error| {
            let path = breaker.path().clone();
            CallError::NoBreaker(Unavailable::from_ask(path, ACQUIRE_DEADLINE, &error))
        })?;
        let granted = granted.map_err(CallError::Open)?;
        match timeout(within, work).await {
            Ok(Ok(value)) => {
                granted.settle(CallOutcome::Success);
                Ok(value)
            }
            Ok(Err(error)) => {
                granted.settle(CallOutcome::Failure);
                Err(CallError::Failed(error))
            }
            // A service that hangs is the very case a breaker is for, so a missed deadline is a failure.
            Err(_) => {
                granted.settle(CallOutcome::Failure);
                Err(CallError::TimedOut { within })
            }
        }
    }
}
