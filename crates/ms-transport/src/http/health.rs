//! `/health/startup`, `/health/live`, `/health/ready`: what Kubernetes asks.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use super::gateway::{Gate, Shared};
use super::ports::{HealthAnswer, HealthPort, Probe};

/// What is known of the health of the node and its components.
#[derive(ToSchema)]
#[schema(as = HealthReport)]
#[allow(dead_code, reason = "described, never made")]
struct ReportSchema(serde_json::Map<String, serde_json::Value>);

#[derive(Clone)]
pub(super) struct HealthState {
    pub(super) shared: Arc<Shared>,
    pub(super) port: Arc<dyn HealthPort>,
}

/// 200 once the node has finished its start, 503 before.
#[utoipa::path(get, path = "/health/startup", tag = "health",
    responses((status = 200, description = "started", body = ReportSchema), (status = 503, description = "not yet", body = ReportSchema)))]
pub(super) async fn startup(State(state): State<HealthState>) -> Response {
    answer(state.port.probe(Probe::Startup).await)
}

/// 200 while the node's supervisors answer. No dependency is looked at: a database that is
/// away must not have the node restarted.
#[utoipa::path(get, path = "/health/live", tag = "health",
    responses((status = 200, description = "alive", body = ReportSchema), (status = 503, description = "wedged", body = ReportSchema)))]
pub(super) async fn live(State(state): State<HealthState>) -> Response {
    answer(state.port.probe(Probe::Liveness).await)
}

/// 200 while the node may be sent work; the report says what is degraded or unhealthy.
#[utoipa::path(get, path = "/health/ready", tag = "health",
    responses((status = 200, description = "ready, perhaps degraded", body = ReportSchema),
              (status = 503, description = "starting, unhealthy or stopping", body = ReportSchema)))]
pub(super) async fn ready(State(state): State<HealthState>) -> Response {
    let mut found = state.port.probe(Probe::Readiness).await;
    // Whatever the checks say: a node that takes no work is not ready for any.
    found.ok &= state.shared.gate() == Gate::Serving;
    answer(found)
}

fn answer(found: HealthAnswer) -> Response {
    let status = if found.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (status, axum::Json(found.report)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
