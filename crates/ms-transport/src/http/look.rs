//! `/api/v1/tree`, `/api/v1/services` and `/api/v1/resources`: the running node, read-only.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use ms_actor::{AnyRef, Resources, read_traces};
use ms_core::ActorPath;
use ms_core::health::HealthStatus;
use ms_core::tree::MAX_NESTED;
use ms_core::view::{Lifecycle, SCHEMA_VERSION};
use ms_registry::Registry;
use ms_supervisor::SupervisorError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::RootRef;
use super::ports::HealthPort;
use super::problem::{
    BAD_PARAMETER, INTERNAL, NOT_FOUND, NOT_SERVING, Problem, ProblemDetails, TIMED_OUT,
};
use super::query::NoQuery;

/// Deepest tree that is answered at once.
const DEPTH_MAX: usize = 64;

#[derive(Clone)]
pub(super) struct Looking {
    pub(super) root: RootRef,
    pub(super) registry: Option<Registry>,
    pub(super) health: Arc<dyn HealthPort>,
}

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
    State(looking): State<Looking>,
    query: Result<Query<TreeQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    if query.depth.is_some_and(|depth| depth > DEPTH_MAX) {
        return Err(Problem::new(&BAD_PARAMETER, format!("depth may be at most {DEPTH_MAX}")));
    }
    let depth = Some(query.depth.unwrap_or(MAX_NESTED).min(MAX_NESTED));
    let root = (looking.root)().ok_or_else(|| Problem::new(&NOT_SERVING, "the tree is not up"))?;
    let tree = match query.path.filter(|path| path != root.path()) {
        None => root.tree(depth).await,
        Some(path) => root.tree_at(&path, depth).await,
    };
    let tree = tree.map_err(|error| of_supervisor(&error))?;
    read_traces(tree.walk().filter_map(|node| node.status.last_exit.as_ref())).await;
    let answer = serde_json::json!({ "schema_version": SCHEMA_VERSION, "tree": tree });
    Ok(axum::Json(answer).into_response())
}

fn of_supervisor(error: &SupervisorError) -> Problem {
    let told = error.to_string();
    match error {
        SupervisorError::NotFound { .. } => Problem::new(&NOT_FOUND, told)
            .next("GET /api/v1/tree without `path` has the paths of all actors there are"),
        SupervisorError::NoAnswer { .. } => Problem::new(&TIMED_OUT, told)
            .next("ask again; /health/live says whether the node is alive"),
        _ => Problem::new(&INTERNAL, told),
    }
}

/// What is open.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OpenResources {
    /// Files, locks and listeners, in the order in which they were opened.
    open: Vec<String>,
}

/// The open resources of the node: files, locks, listeners.
#[utoipa::path(get, path = "/api/v1/resources", tag = "node",
    responses((status = 200, description = "what is open now", body = OpenResources)))]
pub(super) async fn resources(
    State(resources): State<Resources>,
    _: NoQuery,
) -> axum::Json<OpenResources> {
    axum::Json(OpenResources { open: resources.list() })
}

/// A registered name, or a service under its key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Service {
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

impl Service {
    fn new(found: Listed, known: Option<HealthStatus>, registry: &Registry) -> Self {
        let Listed { name, provides, actor } = found;
        let live = actor.incarnation();
        let health = known.map_or(life(&actor), |known| known.max(life(&actor)));
        Self {
            name,
            provides,
            path: actor.path().to_string(),
            incarnation: (live != ms_core::Incarnation::NONE).then_some(live.0),
            health: health.name(),
            groups: registry.groups_of(&actor).iter().map(ToString::to_string).collect(),
        }
    }
}

/// How an actor is, seen from outside.
fn life(actor: &AnyRef) -> HealthStatus {
    match actor.lifecycle() {
        Lifecycle::Running => HealthStatus::Healthy,
        Lifecycle::Starting | Lifecycle::Suspended | Lifecycle::Restarting => {
            HealthStatus::Degraded
        }
        Lifecycle::Stopping | Lifecycle::Stopped => HealthStatus::Unhealthy,
    }
}

/// An entry of the registry.
struct Listed {
    name: String,
    provides: Option<&'static str>,
    actor: AnyRef,
}

/// Names and services below a prefix, sorted.
fn list(registry: &Registry, prefix: &str) -> Vec<Listed> {
    let names = registry.names(prefix).into_iter().map(|(name, actor)| Listed {
        name: name.to_string(),
        provides: None,
        actor,
    });
    let within = |name: &str| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('/'))
    };
    let services = registry.services().into_iter().filter(|found| within(found.key.name()));
    let services = services.map(|found| Listed {
        name: found.key.name().to_owned(),
        provides: Some(found.key.handle()),
        actor: found.actor,
    });
    let mut all: Vec<_> = names.chain(services).collect();
    all.sort_by(|a, b| (&a.name, a.provides).cmp(&(&b.name, b.provides)));
    all
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

/// The names and services of the registry and who has them, sorted.
#[utoipa::path(get, path = "/api/v1/services", tag = "node", params(ServiceQuery),
    responses((status = 200, body = Vec<Service>)))]
pub(super) async fn services(
    State(looking): State<Looking>,
    query: Result<Query<ServiceQuery>, QueryRejection>,
) -> Result<axum::Json<Vec<Service>>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    let Some(registry) = &looking.registry else { return Ok(axum::Json(Vec::new())) };
    let listed = list(registry, &query.prefix);
    let paths = listed.iter().map(|one| one.actor.path().clone()).collect();
    let health = looking.health.of(paths).await.into_iter().chain(std::iter::repeat(None));
    let services = listed.into_iter().zip(health);
    let services = services.map(|(listed, health)| Service::new(listed, health, registry));
    Ok(axum::Json(services.collect()))
}
