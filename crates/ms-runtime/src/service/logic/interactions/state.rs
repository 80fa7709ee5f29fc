//! All of it in one place.

use std::collections::BTreeMap;
use std::time::Duration;

use ms_core::health::HealthStatus;
use ms_core::interactions::{Bucket, ErrorRate, HealthScore, InteractionMetrics, PairLatency};
use ms_core::time::Tick;

use super::errors::{ERROR_WINDOW, Errors};
use super::incidents::{IncidentChange, Incidents};
use super::latency::{CallOutcome, Latency};
use super::score::Score;

/// Most components that are kept apart; as many as there may be health checks.
pub const MAX_COMPONENTS: usize = 1_024;
/// Most pairs of components whose calls are kept apart.
pub const MAX_PAIRS: usize = 256;

/// Keeps what was seen of components and of the calls between them. Its size is bounded:
/// what does not fit is left out and counted.
///
/// ```
/// use std::time::Duration;
/// use ms_runtime::logic::interactions::{CallOutcome, InteractionStats};
/// use ms_core::{Tick, health::HealthStatus};
///
/// let mut book = InteractionStats::default();
/// book.called(Tick::ZERO, "api", "store", Duration::from_millis(3), CallOutcome::Done);
/// book.looked(Tick::ZERO, "store", HealthStatus::Unhealthy);
/// book.looked(Tick::from_millis(7_000), "store", HealthStatus::Healthy);
/// let now = book.metrics(Tick::from_millis(7_000));
/// assert_eq!(now.mean_time_to_recovery_ms, Some(7_000));
/// assert_eq!(now.health_scores[0].score, Some(0.5));
/// assert_eq!(now.latencies[0].p99_us, 3_000);
/// ```
#[derive(Debug, Clone, Default)]
pub struct InteractionStats {
    components: BTreeMap<String, Component>,
    /// By who calls, then by who is called.
    pairs: BTreeMap<String, BTreeMap<String, Latency>>,
    pairs_count: usize,
    incidents: Incidents,
    left_out: u64,
}

#[derive(Debug, Clone, Default)]
struct Component {
    score: Score,
    errors: Errors,
}

impl InteractionStats {
    /// A look at a component: counts in its score, and may open or close an incident.
    pub fn looked(
        &mut self,
        now: Tick,
        component: &str,
        status: HealthStatus,
    ) -> Option<IncidentChange> {
        self.component(component)?.score.look(status);
        self.incidents.status(now, component, status)
    }

    /// What a component's status is, without a look: may open or close an incident, so that
    /// none is missed if a look was.
    pub fn status(
        &mut self,
        now: Tick,
        component: &str,
        status: HealthStatus,
    ) -> Option<IncidentChange> {
        self.component(component)?;
        self.incidents.status(now, component, status)
    }

    /// A call of one component to another.
    pub fn called(
        &mut self,
        now: Tick,
        from: &str,
        to: &str,
        took: Duration,
        outcome: CallOutcome,
    ) {
        if let Some(component) = self.component(to)
            && outcome != CallOutcome::GivenUp
        {
            component.errors.note(now, outcome == CallOutcome::Done);
        }
        match self.pair(from, to) {
            Some(latency) => latency.note(took, outcome),
            None => self.left_out += 1,
        }
    }

    /// An actor of a component ended by a fault.
    pub fn failed(&mut self, now: Tick, component: &str) {
        if let Some(component) = self.component(component) {
            component.errors.note(now, false);
        }
    }

    /// What there is to show.
    #[must_use]
    pub fn metrics(&self, now: Tick) -> InteractionMetrics {
        let incidents = &self.incidents;
        InteractionMetrics {
            at_ms: now.as_millis(),
            health_scores: self.health_scores(),
            latencies: self.latencies(),
            error_rates: self.error_rates(now),
            recovery_times: incidents.over().cloned().collect(),
            open_incidents: incidents.open(now).collect(),
            incidents: incidents.opened(),
            recovered: incidents.closed(),
            mean_time_to_recovery_ms: incidents.mean_ms(),
            left_out: self.left_out,
            lost: 0,
        }
    }

    fn health_scores(&self) -> Vec<HealthScore> {
        let looked = self.components.iter().filter(|(_, one)| one.score.looks() > 0);
        let scores = looked.map(|(component, one)| HealthScore {
            component: component.clone(),
            score: one.score.value(),
            looks: one.score.looks(),
        });
        scores.collect()
    }

    fn error_rates(&self, now: Tick) -> Vec<ErrorRate> {
        let rates = self.components.iter().map(|(component, one)| {
            let (operations, failed) = one.errors.counts(now);
            ErrorRate {
                component: component.clone(),
                rate: one.errors.rate(now),
                operations,
                failed,
                window_s: ERROR_WINDOW.as_secs(),
            }
        });
        rates.collect()
    }

    fn latencies(&self) -> Vec<PairLatency> {
        let pairs = self
            .pairs
            .iter()
            .flat_map(|(from, all)| all.iter().map(move |(to, one)| (from, to, one)));
        let shown = pairs.map(|(from, to, one)| PairLatency {
            from: from.clone(),
            to: to.clone(),
            count: one.count(),
            failed: one.failed(),
            given_up: one.given_up(),
            mean_us: one.mean_us(),
            p50_us: one.percentile_us(50),
            p99_us: one.percentile_us(99),
            max_us: one.max_us(),
            buckets: one.buckets().map(|(up_to_us, count)| Bucket { up_to_us, count }).collect(),
        });
        shown.collect()
    }

    /// The component of this name; `None` if it is one too many.
    fn component(&mut self, name: &str) -> Option<&mut Component> {
        if !self.components.contains_key(name) {
            if self.components.len() == MAX_COMPONENTS {
                self.left_out += 1;
                return None;
            }
            self.components.insert(name.to_owned(), Component::default());
        }
        self.components.get_mut(name)
    }

    /// The pair of these names; `None` if it is one too many.
    fn pair(&mut self, from: &str, to: &str) -> Option<&mut Latency> {
        let known = self.pairs.get(from).is_some_and(|all| all.contains_key(to));
        if !known {
            if self.pairs_count == MAX_PAIRS {
                return None;
            }
            self.pairs_count += 1;
            let all = self.pairs.entry(from.to_owned()).or_default();
            all.insert(to.to_owned(), Latency::default());
        }
        self.pairs.get_mut(from)?.get_mut(to)
    }
}
