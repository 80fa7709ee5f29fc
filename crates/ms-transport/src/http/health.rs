//! `/health/startup`, `/health/live`, `/health/ready`: the probes of Kubernetes.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ms_ops::ops::{Probe, ProbeKind};
use ms_ops::views::HealthAnswer;
use utoipa::ToSchema;

use super::admission::Gate;
use super::asker::{Asker, Routes};
use super::problem::Problem;

/// What is known of the health of the node and its components.
#[derive(ToSchema)]
#[schema(as = HealthReport)]
#[allow(dead_code, reason = "described, never made")]
struct ReportSchema(serde_json::Map<String, serde_json::Value>);

/// 200 once the node has finished its start, 503 before.
#[utoipa::path(get, path = "/health/startup", tag = "health",
    responses((status = 200, description = "started", body = ReportSchema), (status = 503, description = "not yet", body = ReportSchema)))]
// No `NoQuery`, here and below: a probe may add a query of its own.
pub(super) async fn startup(asker: Asker) -> Result<Response, Problem> {
    asker.ask(Probe { probe: ProbeKind::Startup }).await.map(answer)
}

/// 200 while the node's supervisors answer. No dependency is looked at: a database that is
/// away must not have the node restarted.
#[utoipa::path(get, path = "/health/live", tag = "health",
    responses((status = 200, description = "alive", body = ReportSchema), (status = 503, description = "wedged", body = ReportSchema)))]
pub(super) async fn live(asker: Asker) -> Result<Response, Problem> {
    asker.ask(Probe { probe: ProbeKind::Liveness }).await.map(answer)
}

/// 200 while the node may be sent work; the report says what is degraded or unhealthy.
#[utoipa::path(get, path = "/health/ready", tag = "health",
    responses((status = 200, description = "ready, perhaps degraded", body = ReportSchema),
              (status = 503, description = "starting, unhealthy or stopping", body = ReportSchema)))]
pub(super) async fn ready(State(routes): State<Routes>, asker: Asker) -> Result<Response, Problem> {
    let mut found = asker.ask(Probe { probe: ProbeKind::Readiness }).await?;
    // A node that takes no work is not ready for any, whatever its checks report.
    found.ok &= routes.shared.gate() == Gate::Serving;
    Ok(answer(found))
}

fn answer(found: HealthAnswer) -> Response {
    let status = if found.ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (status, axum::Json(found.report)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
