//! How the components of a service interact: plain data, written as JSON.
//!
//! `ms-runtime` (`logic::interactions`) counts. Times are milliseconds since the node booted.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of an incident, from 1 in each life of the node.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How the components of a service interact, at one moment.
///
/// Components and pairs are lists, sorted by name: JSON has no maps with pairs as keys.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct InteractionMetrics {
    /// The moment.
    pub at_ms: u64,
    /// The health of each component that was checked.
    pub health_scores: Vec<HealthScore>,
    /// The calls of each pair of components of which one called the other.
    pub latencies: Vec<PairLatency>,
    /// The failures of each component.
    pub error_rates: Vec<ErrorRate>,
    /// The last incidents that are over, oldest first.
    pub recovery_times: Vec<Recovery>,
    /// Incidents that are not over, by component.
    pub open_incidents: Vec<OpenIncident>,
    /// All incidents so far, the open ones included.
    pub incidents: u64,
    /// Those that are over.
    pub recovered: u64,
    /// Mean time to recovery of those that are over; null while there is none.
    pub mean_time_to_recovery_ms: Option<u64>,
    /// Calls and events not counted: their component or pair was over the limit.
    pub left_out: u64,
    /// Calls and events dropped because the queue to the counter was full.
    pub lost: u64,
}

/// How healthy a component was recently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HealthScore {
    /// Which one.
    pub component: String,
    /// 0 to 1; null before the first check.
    pub score: Option<f64>,
    /// Checks it is the mean of.
    pub looks: usize,
}

/// How many operations of a component failed recently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorRate {
    /// Which one.
    pub component: String,
    /// 0 to 1; null when there was no operation within the window.
    pub rate: Option<f64>,
    /// Operations within the window.
    pub operations: u64,
    /// Those that failed.
    pub failed: u64,
    /// Length of the window, in seconds.
    pub window_s: u64,
}

/// Calls of one component to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairLatency {
    /// Who called.
    pub from: String,
    /// Who was called.
    pub to: String,
    /// Calls so far.
    pub count: u64,
    /// Those that failed; their times count as well.
    pub failed: u64,
    /// Those that the caller gave up on; the time until then counts as well.
    pub given_up: u64,
    /// Mean, in microseconds.
    pub mean_us: u64,
    /// Half of the calls took no longer, to the end of a bucket.
    pub p50_us: u64,
    /// 99 of 100 took no longer, to the end of a bucket.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
    /// The calls by how long they took.
    pub buckets: Vec<Bucket>,
}

/// Calls that took longer than the bucket before says, and no longer than this one says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Upper end in microseconds, itself included; null for none.
    pub up_to_us: Option<u64>,
    /// Calls.
    pub count: u64,
}

/// An incident that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Which one.
    pub incident: IncidentId,
    /// Whose.
    pub component: String,
    /// When the component became unhealthy.
    pub opened_ms: u64,
    /// When it was healthy again.
    pub recovered_ms: u64,
    /// The time between.
    pub took_ms: u64,
}

/// An incident that is not over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIncident {
    /// Which one.
    pub incident: IncidentId,
    /// Whose.
    pub component: String,
    /// When the component became unhealthy.
    pub opened_ms: u64,
    /// How long ago that was.
    pub for_ms: u64,
}
