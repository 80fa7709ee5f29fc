//! The reference that answers the three probes.

use std::time::Duration;

use super::messages::{GetHealth, Readiness, RunChecks};
use crate::service::Wiring;
use crate::service::logic::health::SystemHealthReport;

/// How long the actor `health` may take to answer from what it knows.
const TELL_WITHIN: Duration = Duration::from_secs(1);

/// The health of the service is not known: answer with 503.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the health of the service is unknown: {why}")]
pub struct HealthUnavailable {
    /// Why.
    pub why: String,
}

/// Answers questions about the health of a service. Cheap to clone; usable from any thread.
#[derive(Debug, Clone)]
pub struct HealthRef(Wiring);

impl HealthRef {
    pub(crate) fn new(wiring: Wiring) -> Self {
        Self(wiring)
    }

    /// Returns whether the service has started: the boot is done and the startup probe has passed.
    /// Asks nobody.
    #[must_use]
    pub fn startup(&self) -> bool {
        // The end of the boot is the first good look. If one is enough, this answers from it at
        // once: the probe itself may look some seconds later.
        let one_is_enough = self.0.health_settings().startup.success_threshold <= 1;
        self.0.published().booted.is_some() && (one_is_enough || self.0.verdicts().started)
    }

    /// Returns whether the boot takes or took longer than the startup probe allows. Asks nobody.
    #[must_use]
    pub fn startup_overdue(&self) -> bool {
        self.0.verdicts().overdue
    }

    /// Returns whether the service is alive: the root supervisor answers. Where the liveness probe
    /// has not looked yet, or not for a while, this looks itself.
    // Components and their dependencies do not count. A failed liveness probe restarts the process,
    // which repairs no database; all replicas would restart in a loop as long as it is down.
    pub async fn live(&self) -> bool {
        let Some(handles) = self.0.handles() else { return false };
        let liveness = &self.0.health_settings().liveness;
        let fresh = liveness.period.saturating_mul(2).saturating_add(liveness.timeout);
        match self.0.verdicts().live {
            Some((passes, looked)) if looked.elapsed() <= fresh => passes,
            _ => handles.is_live(liveness.timeout).await,
        }
    }

    /// Returns whether the service is ready for work. It is not while it starts or shuts down,
    /// while a critical component does not run, or after the readiness probe has failed: at the
    /// critical components, or on a path that work takes.
    ///
    /// # Errors
    /// The health is not known: count that as not ready.
    pub async fn ready(&self) -> Result<Readiness, HealthUnavailable> {
        let handles =
            self.0.handles().ok_or_else(|| unavailable("the supervision tree is not running"))?;
        let answer = handles.health.readiness.ask(GetHealth, TELL_WITHIN).await;
        answer.map_err(|error| unavailable(&error.to_string()))
    }

    /// Asks all components now, and waits for the report.
    ///
    /// # Errors
    /// The health is not known.
    pub async fn check(&self, within: Duration) -> Result<SystemHealthReport, HealthUnavailable> {
        let handles =
            self.0.handles().ok_or_else(|| unavailable("the supervision tree is not running"))?;
        let answer = handles.health.checks.ask(RunChecks, within).await;
        answer.map_err(|error| unavailable(&error.to_string()))
    }
}

fn unavailable(why: &str) -> HealthUnavailable {
    HealthUnavailable { why: why.to_owned() }
}
