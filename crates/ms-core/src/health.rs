//! Health: the words of checks, and of what the whole is.
//!
//! How the outcomes of checks are folded into the state of the whole is decided in
//! `ms-runtime` (`logic::health`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Topic of the event by which an actor says that features of it are off; its text names them.
pub const FEATURES_OFF: &str = "degraded";
/// Topic of the event by which it says that all are on again; its text is for people.
pub const FEATURES_ON: &str = "recovered";

/// What one check came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result", content = "message")]
pub enum HealthResult {
    /// All is well.
    Healthy,
    /// It works, but not as it should.
    Degraded(String),
    /// It does not work.
    Unhealthy(String),
    /// It did not answer in time.
    Timeout,
}

/// How a component or the whole is, best first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// All is well.
    Healthy,
    /// Nothing is known yet, or the last check did not answer.
    #[default]
    Unknown,
    /// It works, but not as it should.
    Degraded,
    /// It does not work.
    Unhealthy,
}

impl HealthStatus {
    /// Its name, as reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unknown => "unknown",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the failure of one component means for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Without it no work can be done: the whole is unhealthy.
    #[default]
    Critical,
    /// Work goes on without it: the whole is degraded.
    Degradable,
}
