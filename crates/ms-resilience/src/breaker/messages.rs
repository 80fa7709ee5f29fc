//! The messages of a breaker, and the permit that travels in them.

use std::time::Duration;

use actix::Message;
use ms_actor::{Port, SendError, SendFailure};

use crate::error::CircuitOpen;
use crate::logic::breaker::{BreakerState, CallOutcome, Permit};

/// Longest wait for room in the mailbox of a busy breaker, to report an outcome.
const SETTLE_DEADLINE: Duration = Duration::from_secs(5);

/// The state of a breaker, and its counts since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerStatus {
    /// The state.
    pub state: BreakerState,
    /// How often it has opened.
    pub opened: u64,
    /// Number of calls it refused.
    pub refused: u64,
}

/// Asks a breaker for its [`BreakerStatus`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "BreakerStatus")]
pub struct GetBreaker;

/// Asks for the permission to make a call that takes at most `within`.
#[derive(Debug, Message)]
#[rtype(result = "Result<Granted, CircuitOpen>")]
pub(super) struct Acquire {
    pub(super) within: Duration,
}

/// Reports the outcome of a call.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Settle(pub(super) Permit, pub(super) CallOutcome);

/// The permission to make a call.
///
/// It settles its permit even when it is dropped, wherever that happens: with a cancelled call, or
/// within an answer that nobody takes. Otherwise the slot of a try would stay taken.
#[derive(Debug)]
pub(super) struct Granted {
    breaker: Port<Settle>,
    permit: Option<Permit>,
}

impl Granted {
    pub(super) fn new(breaker: Port<Settle>, permit: Permit) -> Self {
        Self { breaker, permit: Some(permit) }
    }

    /// Reports the outcome of the call.
    pub(super) fn settle(mut self, outcome: CallOutcome) {
        self.report(outcome);
    }

    fn report(&mut self, outcome: CallOutcome) {
        let Some(permit) = self.permit.take() else { return };
        match self.breaker.try_tell(Settle(permit, outcome)) {
            Ok(()) => {}
            Err(SendError { failure: SendFailure::Full { .. }, message, .. }) => {
                report_later(self.breaker.clone(), message)
            }
            // A breaker that is down forgets its permits, so there is nothing to settle.
            Err(_) => log_unsettled(&self.breaker),
        }
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        self.report(CallOutcome::Cancelled);
    }
}

/// Waits for room in the mailbox of a busy breaker. Outside of a runtime nobody can wait; the slot
/// of the call is free again when its time is over.
fn report_later(breaker: Port<Settle>, outcome: Settle) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    runtime.spawn(async move {
        if breaker.tell(outcome, SETTLE_DEADLINE).await.is_err() {
            log_unsettled(&breaker);
        }
    });
}

fn log_unsettled(breaker: &Port<Settle>) {
    tracing::debug!(breaker = %breaker.path(), "the outcome of a call did not reach its breaker");
}
