//! The reference that answers the metrics, and the observer of what they are made of.

use std::time::Duration;

use ms_core::interactions::InteractionMetrics;

use super::calls::Call;
use super::messages::GetInteractionMetrics;
use crate::service::Wiring;
use crate::service::logic::interactions::IncidentChange;

/// How long the actor `integration` may take to answer.
const TELL_WITHIN: Duration = Duration::from_secs(1);

/// Observes each call and each incident that is counted, for metrics of another kind.
///
/// It runs on the thread of the actor that counts, and must not block.
pub trait InteractionObserver: Send + Sync + 'static {
    /// Called after a call of one component to another.
    fn called(&self, call: &Call);

    /// Called when an incident is opened or closed.
    fn incident(&self, change: &IncidentChange);
}

/// The metrics are not known: the service is not up, or the actor `integration` does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the interaction metrics are unavailable: {why}; try again")]
pub struct InteractionsUnavailable {
    /// Why.
    pub why: String,
}

/// Answers the metrics of the interactions of a service's components. Cheap to clone; usable from
/// any thread.
#[derive(Debug, Clone)]
pub struct InteractionsRef(Wiring);

impl InteractionsRef {
    pub(crate) fn new(wiring: Wiring) -> Self {
        Self(wiring)
    }

    /// Returns the metrics as of now, with all calls that were reported before.
    ///
    /// # Errors
    /// The metrics are not known.
    pub async fn metrics(&self) -> Result<InteractionMetrics, InteractionsUnavailable> {
        let unavailable = |why: String| InteractionsUnavailable { why };
        let handles = self
            .0
            .handles()
            .ok_or_else(|| unavailable("the supervision tree is not running".into()))?;
        let answer = handles.interactions.metrics.ask(GetInteractionMetrics, TELL_WITHIN).await;
        answer.map_err(|error| unavailable(error.to_string()))
    }
}
