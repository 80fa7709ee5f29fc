//! `/api/v1/tree` and `/api/v1/services`: the running node, read-only.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use ms_actor::read_traces;
use ms_core::ActorPath;
use ms_core::view::SCHEMA_VERSION;
use ms_registry::Registry;
use ms_supervisor::SupervisorError;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::RootRef;
use super::problem::{
    BAD_PARAMETER, INTERNAL, NOT_FOUND, NOT_SERVING, Problem, ProblemDetails, TIMED_OUT,
};

/// Deepest tree that is answered at once.
const DEPTH_MAX: usize = 64;

#[derive(Clone)]
pub(super) struct Looking {
    pub(super) root: RootRef,
    pub(super) registry: Option<Registry>,
}

/// Which part of the tree.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TreeQuery {
    /// The actor to begin at, `/root/agents`; the root otherwise.
    #[param(value_type = Option<String>)]
    path: Option<ActorPath>,
    /// How many levels below it, at most 64; all otherwise.
    depth: Option<usize>,
}

/// The supervision tree as it stands. An actor that hangs is shown as unresponsive.
#[utoipa::path(get, path = "/api/v1/tree", tag = "node", params(TreeQuery),
    responses((status = 200, description = "schema_version and tree, as `msctl tree --json` has them", body = serde_json::Value),
        (status = 404, body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn tree(
    State(looking): State<Looking>,
    query: Result<Query<TreeQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    if query.depth.is_some_and(|depth| depth > DEPTH_MAX) {
        return Err(Problem::new(&BAD_PARAMETER, format!("depth may be at most {DEPTH_MAX}")));
    }
    let root = (looking.root)().ok_or_else(|| Problem::new(&NOT_SERVING, "the tree is not up"))?;
    let tree = match query.path.filter(|path| path != root.path()) {
        None => root.tree(query.depth).await,
        Some(path) => root.tree_at(&path, query.depth).await,
    };
    let tree = tree.map_err(|error| of_supervisor(&error))?;
    read_traces(tree.walk().filter_map(|node| node.status.last_exit.as_ref())).await;
    let answer = serde_json::json!({ "schema_version": SCHEMA_VERSION, "tree": tree });
    Ok(axum::Json(answer).into_response())
}

fn of_supervisor(error: &SupervisorError) -> Problem {
    let told = error.to_string();
    match error {
        SupervisorError::NotFound { .. } => Problem::new(&NOT_FOUND, told),
        SupervisorError::NoAnswer { .. } => Problem::new(&TIMED_OUT, told),
        _ => Problem::new(&INTERNAL, told),
    }
}

/// A registered name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Service {
    /// The name.
    name: String,
    /// The actor behind it.
    path: String,
    /// Its live incarnation; null while it restarts.
    incarnation: Option<u64>,
}

/// What can be asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ServiceQuery {
    /// Only names at and below this one.
    #[serde(default)]
    prefix: String,
}

/// The names of the registry and who has them, sorted.
#[utoipa::path(get, path = "/api/v1/services", tag = "node", params(ServiceQuery),
    responses((status = 200, body = Vec<Service>)))]
pub(super) async fn services(
    State(looking): State<Looking>,
    query: Result<Query<ServiceQuery>, QueryRejection>,
) -> Result<axum::Json<Vec<Service>>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    let names = looking.registry.map(|registry| registry.names(&query.prefix)).unwrap_or_default();
    let services = names.into_iter().map(|(name, actor)| {
        let live = actor.incarnation();
        Service {
            name: name.to_string(),
            path: actor.path().to_string(),
            incarnation: (live != ms_core::Incarnation::NONE).then_some(live.0),
        }
    });
    Ok(axum::Json(services.collect()))
}
