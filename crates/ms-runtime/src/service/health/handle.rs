//! The three questions.

use std::time::Duration;

use super::messages::{GetHealth, Readiness, RunChecks};
use crate::service::Wiring;
use crate::service::logic::health::SystemHealthReport;

/// How long the actor `health` may take to say what it knows; it does not look for that.
const TELL_WITHIN: Duration = Duration::from_secs(1);

/// Nobody answers for the health of the service: to be answered with 503.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the health of the service is not known: {why}")]
pub struct HealthUnavailable {
    /// Why.
    pub why: String,
}

/// Answers for the health of a service. Cheap to clone; usable from any thread.
#[derive(Debug, Clone)]
pub struct HealthRef(Wiring);

impl HealthRef {
    pub(crate) fn new(wiring: Wiring) -> Self {
        Self(wiring)
    }

    /// Startup: whether the boot was ever done, and the startup probe has passed. Asks nobody.
    #[must_use]
    pub fn startup(&self) -> bool {
        // That the boot is done is the first good look; more of them take time.
        let one_is_enough = self.0.health_settings().startup.success_threshold <= 1;
        self.0.published().booted.is_some() && (one_is_enough || self.0.verdicts().started)
    }

    /// Whether the boot took, or takes, longer than the startup probe grants. Asks nobody.
    #[must_use]
    pub fn startup_overdue(&self) -> bool {
        self.0.verdicts().overdue
    }

    /// Liveness: whether the liveness probe passes, which looks whether the root supervisor
    /// turns. No component and no dependency is looked at: no restart of this process would
    /// mend them. Where the probe has not looked for a while, or not yet, this looks itself.
    pub async fn live(&self) -> bool {
        let Some(handles) = self.0.handles() else { return false };
        let liveness = &self.0.health_settings().liveness;
        let fresh = liveness.period.saturating_mul(2).saturating_add(liveness.timeout);
        match self.0.verdicts().live {
            Some((passes, looked)) if looked.elapsed() <= fresh => passes,
            _ => handles.is_live(liveness.timeout).await,
        }
    }

    /// Readiness: whether it may take work. No while it starts or shuts down, when a
    /// critical component does not run, or when the readiness probe failed: by what critical
    /// components say, or on a path that work takes.
    ///
    /// # Errors
    /// Nobody knows: not ready.
    pub async fn ready(&self) -> Result<Readiness, HealthUnavailable> {
        let handles = self.0.handles().ok_or_else(|| unavailable("the tree is not up"))?;
        let answer = handles.health.readiness.ask(GetHealth, TELL_WITHIN).await;
        answer.map_err(|error| unavailable(&error.to_string()))
    }

    /// Has all components asked now, and waits for the report.
    ///
    /// # Errors
    /// Nobody knows.
    pub async fn check(&self, within: Duration) -> Result<SystemHealthReport, HealthUnavailable> {
        let handles = self.0.handles().ok_or_else(|| unavailable("the tree is not up"))?;
        let answer = handles.health.checks.ask(RunChecks, within).await;
        answer.map_err(|error| unavailable(&error.to_string()))
    }
}

fn unavailable(why: &str) -> HealthUnavailable {
    HealthUnavailable { why: why.to_owned() }
}
