//! The latest results of all checks, and the report made of them.

use std::collections::BTreeMap;
use std::time::Duration;

use ms_core::health::{Criticality, HealthResult, HealthStatus};
use serde::{Deserialize, Serialize};

use super::{RoundTime, contribution, public_message};

/// Most checks of one node.
const MAX_CHECKS: usize = 1024;
/// Most actors named for one component.
// The message of a component is cut at 256 bytes anyway, and a tree may lose thousands of workers.
const MAX_NAMED: usize = 8;

/// The reason why a check was not added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HealthError {
    /// A check of this name exists already.
    #[error("a health check named {0:?} exists already; give one of them another name")]
    Duplicate(String),
    /// There are too many.
    #[error("the limit of 1024 health checks is reached; combine some of them into one")]
    TooMany,
}

/// The health of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentHealth {
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: HealthStatus,
    /// Its message, fit to be shown to everybody who may ask.
    pub message: Option<String>,
    /// What its failure means for the service.
    pub criticality: Criticality,
}

/// The health of the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemHealthReport {
    /// The worst that any component contributes.
    pub overall_status: HealthStatus,
    /// All components, by name.
    pub components: Vec<ComponentHealth>,
    /// Critical components that do not work.
    pub critical_failures: Vec<String>,
    /// How long the last round of checks took.
    pub check_duration: Duration,
    /// When that round was, in milliseconds since 1970.
    pub timestamp: u64,
}

#[derive(Debug, Clone)]
struct Check {
    criticality: Criticality,
    last: Option<HealthResult>,
    timeouts: u32,
    /// Why the component does not run, while it does not.
    down: Option<String>,
    /// Actors below it that do not run, with the reasons.
    lost: BTreeMap<String, String>,
    /// Actors below it that have switched features off, and which.
    off: BTreeMap<String, String>,
}

impl Check {
    /// Returns its own status, its contribution to the service, and a message.
    fn status(&self, threshold: u32) -> (HealthStatus, HealthStatus, Option<String>) {
        // First: that it does not run is a fact. The last answer may be from before the crash.
        if let Some(why) = &self.down {
            let result = HealthResult::Unhealthy(String::new());
            let whole = contribution(self.criticality, &result, 0, threshold);
            return (HealthStatus::Unhealthy, whole, Some(format!("does not run: {why}")));
        }
        let Some(last) = &self.last else {
            return match self.trouble() {
                Some(text) => (HealthStatus::Degraded, HealthStatus::Degraded, Some(text)),
                None => (HealthStatus::Unknown, HealthStatus::Unknown, None),
            };
        };
        let whole = contribution(self.criticality, last, self.timeouts, threshold);
        let (own, message) = match last {
            HealthResult::Healthy => (HealthStatus::Healthy, None),
            HealthResult::Degraded(why) => (HealthStatus::Degraded, Some(why.clone())),
            HealthResult::Unhealthy(why) => (HealthStatus::Unhealthy, Some(why.clone())),
            HealthResult::Timeout => {
                // Unknown before the threshold: that it did not answer once says little about it.
                let own =
                    if whole == HealthStatus::Unhealthy { whole } else { HealthStatus::Unknown };
                (own, Some(format!("did not answer in time, {} in a row", self.timeouts)))
            }
        };
        match self.trouble() {
            Some(text) if own <= HealthStatus::Degraded => {
                (HealthStatus::Degraded, whole.max(HealthStatus::Degraded), Some(text))
            }
            _ => (own, whole, message),
        }
    }

    /// Returns what is wrong with actors below it, though it runs itself.
    fn trouble(&self) -> Option<String> {
        let lost = self.lost.iter().map(|(actor, why)| format!("{actor} is down: {why}"));
        let off = self.off.iter().map(|(actor, what)| format!("{actor} has switched off: {what}"));
        let named: Vec<_> = lost.chain(off).take(MAX_NAMED).collect();
        match self.lost.len() + self.off.len() {
            0 => None,
            all if all > MAX_NAMED => {
                Some(format!("{} and {} more", named.join(", "), all - MAX_NAMED))
            }
            _ => Some(named.join(", ")),
        }
    }
}

/// Keeps the latest result of every check.
#[derive(Debug, Clone)]
pub struct HealthState {
    checks: BTreeMap<String, Check>,
    timeout_threshold: u32,
    time: RoundTime,
}

impl HealthState {
    /// Returns a state without checks. A critical component counts as unhealthy at this many
    /// timeouts in a row.
    #[must_use]
    pub fn new(timeout_threshold: u32) -> Self {
        Self { checks: BTreeMap::new(), timeout_threshold, time: RoundTime::default() }
    }

    /// Adds a check.
    ///
    /// # Errors
    /// [`HealthError::Duplicate`] if the name is taken, since results are kept by name;
    /// [`HealthError::TooMany`] at the limit.
    pub fn add(&mut self, name: &str, criticality: Criticality) -> Result<(), HealthError> {
        if self.checks.contains_key(name) {
            return Err(HealthError::Duplicate(name.to_owned()));
        }
        if self.checks.len() == MAX_CHECKS {
            return Err(HealthError::TooMany);
        }
        let check = Check {
            criticality,
            last: None,
            timeouts: 0,
            down: None,
            lost: BTreeMap::new(),
            off: BTreeMap::new(),
        };
        self.checks.insert(name.to_owned(), check);
        Ok(())
    }

    /// Notes the result of a check.
    pub fn record(&mut self, name: &str, result: HealthResult) {
        let Some(check) = self.checks.get_mut(name) else { return };
        check.timeouts = match result {
            HealthResult::Timeout => check.timeouts.saturating_add(1),
            _ => 0,
        };
        check.last = Some(result);
    }

    /// Notes that a component does not run. That counts at once, without a threshold, until it is
    /// known to run again.
    pub fn down(&mut self, name: &str, why: &str) {
        if let Some(check) = self.checks.get_mut(name) {
            check.down = Some(why.to_owned());
        }
    }

    /// Notes that a component runs again. The results of its last incarnation are forgotten.
    pub fn up(&mut self, name: &str) {
        // Only after a `down`: every good answer leads here as well, and must not forget itself.
        if let Some(check) = self.checks.get_mut(name)
            && check.down.take().is_some()
        {
            (check.last, check.timeouts) = (None, 0);
        }
    }

    /// Notes that an actor below a component does not run.
    pub fn lost(&mut self, name: &str, actor: &str, why: &str) {
        if let Some(check) = self.checks.get_mut(name) {
            check.lost.insert(actor.to_owned(), why.to_owned());
        }
    }

    /// Notes that an actor below a component runs again or is gone for good.
    pub fn found(&mut self, name: &str, actor: &str) {
        if let Some(check) = self.checks.get_mut(name) {
            check.lost.remove(actor);
        }
    }

    /// Replaces the list of actors below a component that do not run.
    pub fn lost_are(&mut self, name: &str, lost: BTreeMap<String, String>) {
        if let Some(check) = self.checks.get_mut(name) {
            check.lost = lost;
        }
    }

    /// Notes that an actor below a component has switched features off. The component works, but is
    /// degraded.
    pub fn features_off(&mut self, name: &str, actor: &str, features: &str) {
        if let Some(check) = self.checks.get_mut(name) {
            check.off.insert(actor.to_owned(), features.to_owned());
        }
    }

    /// Notes that all features of an actor below a component are on, again or after a restart.
    pub fn features_on(&mut self, name: &str, actor: &str) {
        if let Some(check) = self.checks.get_mut(name) {
            check.off.remove(actor);
        }
    }

    /// Notes that a round of checks is over.
    pub fn round_done(&mut self, time: RoundTime) {
        self.time = time;
    }

    /// Returns whether a critical component is known not to run.
    #[must_use]
    pub fn critical_down(&self) -> bool {
        let down =
            |check: &Check| check.criticality == Criticality::Critical && check.down.is_some();
        self.checks.values().any(down)
    }

    /// Returns the report as of now.
    #[must_use]
    pub fn report(&self) -> SystemHealthReport {
        let mut overall_status = HealthStatus::Healthy;
        let mut components = Vec::with_capacity(self.checks.len());
        let mut critical_failures = Vec::new();
        for (name, check) in &self.checks {
            let (status, whole, message) = check.status(self.timeout_threshold);
            overall_status = overall_status.max(whole);
            if whole == HealthStatus::Unhealthy {
                critical_failures.push(name.clone());
            }
            components.push(ComponentHealth {
                name: name.clone(),
                status,
                message: message.as_deref().map(public_message),
                criticality: check.criticality,
            });
        }
        SystemHealthReport {
            overall_status,
            components,
            critical_failures,
            check_duration: self.time.took,
            timestamp: self.time.unix_ms,
        }
    }
}
