//! `/api/v1/tree`, `/api/v1/services` and `/api/v1/resources`: read-only views of the running node.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::response::{IntoResponse, Response};
use ms_core::ActorPath;
use ms_core::tree::MAX_NESTED;
use ms_core::view::SCHEMA_VERSION;
use ms_ops::ops::{ListNames, Resources, ShowTree};
use ms_ops::views::{OpenResources, Service};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::asker::Asker;
use super::problem::{BAD_PARAMETER, Problem, ProblemDetails};
use super::query::NoQuery;

/// Deepest tree that may be asked for.
const DEPTH_MAX: usize = 64;

/// The tree. Its nodes are as `data` of `msctl tree --json` has them.
#[derive(ToSchema)]
#[schema(as = Tree)]
#[allow(dead_code, reason = "described, never made")]
struct TreeSchema {
    /// Version of the form of the tree.
    schema_version: u32,
    /// The node to begin at, with its children below it.
    tree: Value,
}

/// Which part of the tree.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TreeQuery {
    /// The actor to begin at, `/root/agents`; the root otherwise.
    #[param(value_type = Option<String>, pattern = "^(/[a-z0-9][a-z0-9_-]{0,63}){1,64}$", max_length = 1024)]
    path: Option<ActorPath>,
    /// How many levels below it, at most 64. Never more than 60 are answered, so that JSON readers
    /// with a limit can follow: children below them are counted as `omitted`.
    #[param(minimum = 0, maximum = 64)]
    depth: Option<usize>,
}

/// The supervision tree as it stands. An actor that hangs is shown as unresponsive.
#[utoipa::path(get, path = "/api/v1/tree", tag = "node", params(TreeQuery),
    responses((status = 200, description = "the tree from there", body = TreeSchema),
        (status = 404, description = "no such actor", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn tree(
    asker: Asker,
    query: Result<Query<TreeQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    if query.depth.is_some_and(|depth| depth > DEPTH_MAX) {
        return Err(Problem::new(&BAD_PARAMETER, format!("depth may be at most {DEPTH_MAX}")));
    }
    let depth = Some(query.depth.unwrap_or(MAX_NESTED));
    let tree = asker.ask(ShowTree { root: query.path, depth }).await?;
    let answer = serde_json::json!({ "schema_version": SCHEMA_VERSION, "tree": tree });
    Ok(axum::Json(answer).into_response())
}

/// The open resources of the node.
#[derive(ToSchema)]
#[schema(as = OpenResources)]
#[allow(dead_code, reason = "described, never made: the values are ms-ops's")]
struct OpenResourcesSchema {
    /// Files, locks and listeners, in the order in which they were opened.
    open: Vec<String>,
}

/// The open resources of the node: files, locks, listeners.
#[utoipa::path(get, path = "/api/v1/resources", tag = "node",
    responses((status = 200, description = "what is open now", body = OpenResourcesSchema)))]
pub(super) async fn resources(
    asker: Asker,
    _: NoQuery,
) -> Result<axum::Json<OpenResources>, Problem> {
    asker.ask(Resources {}).await.map(axum::Json)
}

/// A registered name, or a service under its key.
#[derive(ToSchema)]
#[schema(as = Service)]
#[allow(dead_code, reason = "described, never made: the values are ms-ops's")]
struct ServiceSchema {
    /// The name.
    name: String,
    /// The type it is handed out as, where it is the key of a service; null for a bare name.
    #[schema(required = true)]
    provides: Option<&'static str>,
    /// The actor behind it.
    path: String,
    /// Its live incarnation; null while it restarts.
    #[schema(required = true)]
    incarnation: Option<u64>,
    /// healthy, unknown, degraded or unhealthy: what its component says of itself, and no better
    /// than its own life.
    health: &'static str,
    /// The groups it is in.
    groups: Vec<String>,
}

/// The parameters of a list of services.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ServiceQuery {
    /// Only names at and below this one.
    #[serde(default)]
    prefix: String,
}

/// The names and services of the registry with their holders, sorted.
#[utoipa::path(get, path = "/api/v1/services", tag = "node", params(ServiceQuery),
    responses((status = 200, body = Vec<ServiceSchema>)))]
pub(super) async fn services(
    asker: Asker,
    query: Result<Query<ServiceQuery>, QueryRejection>,
) -> Result<axum::Json<Vec<Service>>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    asker.ask(ListNames { prefix: query.prefix }).await.map(axum::Json)
}
