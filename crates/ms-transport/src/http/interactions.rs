//! `/api/v1/metrics/integration`: how the components interact.

#![allow(dead_code, reason = "the shapes are described, never made: the values are ms-core's")]

use ms_core::interactions::InteractionMetrics;
use ms_ops::ops::Interactions;
use utoipa::ToSchema;

use super::asker::Asker;
use super::problem::Problem;
use super::query::NoQuery;

/// Health scores, error rates, latencies between components, incidents and the time to recovery.
/// Times are milliseconds since the node booted.
// The path, the id and the names of the shapes are published: they keep the former word.
#[utoipa::path(get, operation_id = "integration", path = "/api/v1/metrics/integration", tag = "node",
    responses((status = 200, body = MetricsSchema)))]
pub(super) async fn interactions(
    asker: Asker,
    _: NoQuery,
) -> Result<axum::Json<Box<InteractionMetrics>>, Problem> {
    asker.ask(Interactions {}).await.map(axum::Json)
}

/// How the components interact.
#[derive(ToSchema)]
#[schema(as = IntegrationMetrics)]
struct MetricsSchema {
    /// The moment.
    at_ms: u64,
    health_scores: Vec<ScoreSchema>,
    latencies: Vec<LatencySchema>,
    error_rates: Vec<RateSchema>,
    /// The last incidents that are over, oldest first.
    recovery_times: Vec<RecoverySchema>,
    open_incidents: Vec<IncidentSchema>,
    /// All incidents so far.
    incidents: u64,
    /// Those that are over.
    recovered: u64,
    /// Null while no incident is over.
    #[schema(required = true)]
    mean_time_to_recovery_ms: Option<u64>,
    /// Facts of a component or a pair over the limit.
    left_out: u64,
    /// Calls and news that there was no room for.
    lost: u64,
}

/// The recent health of a component.
#[derive(ToSchema)]
#[schema(as = HealthScore)]
struct ScoreSchema {
    component: String,
    /// The mean of the last looks: healthy is 1, degraded 0.5, all else 0.
    #[schema(minimum = 0, maximum = 1)]
    #[schema(required = true)]
    score: Option<f64>,
    /// Looks it is the mean of, at most 20.
    looks: usize,
}

/// Calls of one component to another.
#[derive(ToSchema)]
#[schema(as = PairLatency)]
struct LatencySchema {
    from: String,
    to: String,
    count: u64,
    failed: u64,
    /// The caller did not wait for the answer.
    given_up: u64,
    mean_us: u64,
    p50_us: u64,
    p99_us: u64,
    max_us: u64,
    buckets: Vec<BucketSchema>,
}

/// Calls by how long they took.
#[derive(ToSchema)]
#[schema(as = LatencyBucket)]
struct BucketSchema {
    /// Upper end, itself included; null for none.
    #[schema(required = true)]
    up_to_us: Option<u64>,
    count: u64,
}

/// The recent rate of failed operations of a component.
#[derive(ToSchema)]
#[schema(as = ErrorRate)]
struct RateSchema {
    component: String,
    /// Null when there was no operation within the window.
    #[schema(minimum = 0, maximum = 1)]
    #[schema(required = true)]
    rate: Option<f64>,
    operations: u64,
    failed: u64,
    /// Length of the window, in seconds.
    window_s: u64,
}

/// An incident that is over.
#[derive(ToSchema)]
#[schema(as = Recovery)]
struct RecoverySchema {
    incident: u64,
    component: String,
    opened_ms: u64,
    recovered_ms: u64,
    took_ms: u64,
}

/// An incident that is not over.
#[derive(ToSchema)]
#[schema(as = OpenIncident)]
struct IncidentSchema {
    incident: u64,
    component: String,
    opened_ms: u64,
    for_ms: u64,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use ms_core::Tick;
    use ms_core::health::HealthStatus;
    use ms_runtime::logic::interactions::{CallOutcome, InteractionStats};
    use serde_json::Value;
    use utoipa::PartialSchema;
    use utoipa::openapi::{RefOr, Schema};

    use super::*;

    fn documented<T: PartialSchema>() -> BTreeSet<String> {
        match T::schema() {
            RefOr::T(Schema::Object(object)) => object.properties.keys().cloned().collect(),
            _ => panic!("no object"),
        }
    }

    fn real(value: &Value) -> BTreeSet<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    }

    #[test]
    fn the_document_has_the_fields_of_the_metrics() {
        let mut stats = InteractionStats::default();
        stats.called(Tick::ZERO, "api", "db", Duration::ZERO, CallOutcome::Done);
        for status in [HealthStatus::Unhealthy, HealthStatus::Healthy, HealthStatus::Unhealthy] {
            stats.looked(Tick::ZERO, "db", status);
        }
        let json = serde_json::to_value(stats.metrics(Tick::ZERO)).expect("json");
        assert_eq!(documented::<MetricsSchema>(), real(&json));
        assert_eq!(documented::<ScoreSchema>(), real(&json["health_scores"][0]));
        assert_eq!(documented::<LatencySchema>(), real(&json["latencies"][0]));
        assert_eq!(documented::<BucketSchema>(), real(&json["latencies"][0]["buckets"][0]));
        assert_eq!(documented::<RateSchema>(), real(&json["error_rates"][0]));
        assert_eq!(documented::<RecoverySchema>(), real(&json["recovery_times"][0]));
        assert_eq!(documented::<IncidentSchema>(), real(&json["open_incidents"][0]));
    }
}
