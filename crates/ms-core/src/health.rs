//! Health: the words of checks, and of what the whole is.
//!
//! How the outcomes of checks are folded into the state of the whole is decided in
//! `ms-runtime` (`logic::health`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Topic of the event that reports features of an actor as off; its text names them.
pub const FEATURES_OFF: &str = "degraded";
/// Topic of the event that reports all of them as on again; its text is for people.
pub const FEATURES_ON: &str = "recovered";

/// The result of one check.
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

/// The health of a component or of the whole, best first: the worst of several is their `max`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
// `Unknown` before `Degraded`: that nothing is known yet must not hide what is known to be bad.
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
    /// Returns its name, as reports have it.
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

/// How the failure of one component affects the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Without it no work can be done: the whole is unhealthy.
    #[default]
    Critical,
    /// Work goes on without it: the whole is degraded.
    Degradable,
}
