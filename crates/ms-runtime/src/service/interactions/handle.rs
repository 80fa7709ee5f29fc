//! Asking for the metrics, and being told of what they are made of.

use std::time::Duration;

use ms_core::interactions::InteractionMetrics;

use super::actor::GetInteractionMetrics;
use super::calls::Call;
use crate::service::Wiring;
use crate::service::logic::interactions::IncidentChange;

/// How long the actor `integration` may take to say what it knows.
const TELL_WITHIN: Duration = Duration::from_secs(1);

/// Is told of each call and each incident that is counted, on the thread of the actor that
/// counts: for metrics of another kind. Must not block.
pub trait InteractionObserver: Send + Sync + 'static {
    /// A call is over.
    fn called(&self, call: &Call);

    /// An incident was opened or closed.
    fn incident(&self, change: &IncidentChange);
}

/// Nobody knows how the components get along: the service is not up, or the actor
/// `integration` does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the integration metrics are not known: {why}; ask again")]
pub struct InteractionsUnavailable {
    /// Why.
    pub why: String,
}

/// Tells how the components of a service get along. Cheap to clone; usable from any thread.
#[derive(Debug, Clone)]
pub struct InteractionsRef(Wiring);

impl InteractionsRef {
    pub(crate) fn new(wiring: Wiring) -> Self {
        Self(wiring)
    }

    /// What is known now; calls reported before are counted.
    ///
    /// # Errors
    /// Nobody knows.
    pub async fn metrics(&self) -> Result<InteractionMetrics, InteractionsUnavailable> {
        let unavailable = |why: String| InteractionsUnavailable { why };
        let handles = self.0.handles().ok_or_else(|| unavailable("the tree is not up".into()))?;
        let answer = handles.interactions.ask(GetInteractionMetrics).within(TELL_WITHIN).await;
        answer.map_err(|error| unavailable(error.to_string()))
    }
}
