//! The HTTP API: routes, their document, and how they are put together.

mod accept;
mod bind;
mod body;
mod budgets;
mod client;
mod document;
mod events;
mod framing;
mod gateway;
mod guard;
mod head;
mod health;
mod integration;
mod limits;
mod look;
mod ports;
mod problem;
mod query;
mod schema;
mod tasks;
mod trace;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, OriginalUri};
use axum::http::{Method, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use ms_actor::{EventSource, Node};
use ms_core::task::TaskTransition;
use ms_registry::Registry;
use ms_supervisor::SupervisorRef;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use bind::{AUTH_KEY, Access, Bind, BindError, TLS_KEY, Token};
pub use client::{ClientError, HttpClient, Incoming, Outgoing};
pub use gateway::{Drain, Drained, Gate, GatewaySpec, HttpGateway, LocalAddr, Serve};
pub use limits::HttpLimits;
pub use ports::{
    Admission, BudgetRefusal, BudgetsPort, HealthAnswer, HealthPort, IntegrationPort, PortFuture,
    Probe, TaskAnswer, TasksPort,
};

use gateway::Shared;
use problem::{INTERNAL, METHOD, NO_SUCH_PATH, Problem};

/// Port of the API unless configured otherwise.
pub const API_PORT: u16 = 8080;
/// Port of metrics and of health for probes that must not queue behind the API.
pub const ADMIN_PORT: u16 = 9090;

/// The root supervisor, once it is up. A gateway is started by the tree that it shows.
pub type RootRef = Arc<dyn Fn() -> Option<SupervisorRef> + Send + Sync>;

/// What the API is an API of.
#[derive(Clone)]
pub struct Api {
    /// The node, for its events.
    pub node: Node,
    /// The tree, once it is up.
    pub root: RootRef,
    /// Names, where there is a registry.
    pub registry: Option<Registry>,
    /// Tasks.
    pub tasks: Arc<dyn TasksPort>,
    /// What happens to tasks, where their store tells of it.
    pub task_events: Option<EventSource<TaskTransition>>,
    /// What agents may use, where there are budgets.
    pub budgets: Option<Arc<dyn BudgetsPort>>,
    /// Health.
    pub health: Arc<dyn HealthPort>,
    /// How the components get along.
    pub integration: Arc<dyn IntegrationPort>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Api {
    /// A gateway for the whole API.
    ///
    /// # Errors
    /// [`BindError::Open`] when others can reach the address and are not asked who they are.
    pub fn gateway(self, bind: Bind, limits: HttpLimits) -> Result<GatewaySpec, BindError> {
        GatewaySpec::new(bind, limits, move |shared| self.routes(shared))
    }

    fn routes(&self, shared: &Arc<Shared>) -> Router {
        let (router, mut document) = self.documented(shared).split_for_parts();
        document::complete(&mut document, &shared.access);
        let document = document.to_pretty_json().unwrap_or_default();
        let document = axum::body::Bytes::from(document);
        let serve = move || {
            let document = document.clone();
            async move { ([(header::CONTENT_TYPE, "application/json")], document) }
        };
        finish(router.route("/api/v1/openapi.json", get(serve)), shared)
    }

    fn documented(&self, shared: &Arc<Shared>) -> OpenApiRouter {
        let looking = look::Looking {
            root: Arc::clone(&self.root),
            registry: self.registry.clone(),
            health: Arc::clone(&self.health),
        };
        let events = events::Events {
            shared: Arc::clone(shared),
            node: self.node.clone(),
            tasks: self.task_events.clone(),
        };
        let tasks = OpenApiRouter::new()
            .routes(routes!(tasks::submit, tasks::list))
            .routes(routes!(tasks::submit_batch))
            .routes(routes!(tasks::get))
            .routes(routes!(tasks::result))
            .routes(routes!(tasks::cancel))
            .routes(routes!(tasks::retry))
            .with_state(TaskRoutes { shared: Arc::clone(shared), tasks: Arc::clone(&self.tasks) });
        let node = OpenApiRouter::new()
            .routes(routes!(look::tree))
            .routes(routes!(look::services))
            .with_state(looking)
            .merge(
                OpenApiRouter::new()
                    .routes(routes!(look::resources))
                    .with_state(self.node.resources().clone()),
            )
            .merge(OpenApiRouter::new().routes(routes!(events::events)).with_state(events));
        let integration = OpenApiRouter::new()
            .routes(routes!(integration::integration))
            .with_state(Arc::clone(&self.integration));
        let budgets = OpenApiRouter::new()
            .routes(routes!(budgets::list))
            .routes(routes!(budgets::raise))
            .with_state(budgets::BudgetRoutes {
                shared: Arc::clone(shared),
                node: self.node.clone(),
                port: self.budgets.clone(),
            });
        OpenApiRouter::with_openapi(Document::openapi())
            .merge(tasks)
            .merge(budgets)
            .merge(node)
            .merge(integration)
            .merge(health_routes(shared, &self.health))
    }
}

/// What the routes of tasks need; each takes its part.
#[derive(Clone)]
struct TaskRoutes {
    shared: Arc<Shared>,
    tasks: Arc<dyn TasksPort>,
}

impl FromRef<TaskRoutes> for Arc<Shared> {
    fn from_ref(routes: &TaskRoutes) -> Self {
        Self::clone(&routes.shared)
    }
}

impl FromRef<TaskRoutes> for Arc<dyn TasksPort> {
    fn from_ref(routes: &TaskRoutes) -> Self {
        Self::clone(&routes.tasks)
    }
}

/// A gateway for metrics and health alone, on a port of its own: it answers while the API has
/// no room. `metrics` renders the page in Prometheus' text format.
///
/// # Errors
/// As [`Api::gateway`].
pub fn admin_gateway(
    bind: Bind,
    limits: HttpLimits,
    health: Arc<dyn HealthPort>,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
) -> Result<GatewaySpec, BindError> {
    GatewaySpec::new(bind, limits, move |shared| {
        let metrics = Arc::clone(&metrics);
        let page = move || {
            let page = metrics();
            async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page) }
        };
        let (health, _) = health_routes(shared, &health).split_for_parts();
        finish(health.route("/metrics", get(page)), shared)
    })
}

fn health_routes(shared: &Arc<Shared>, health: &Arc<dyn HealthPort>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(health::startup))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .with_state(health::HealthState { shared: Arc::clone(shared), port: Arc::clone(health) })
}

/// What every listener has around its routes, from the inside out.
fn finish(router: Router, shared: &Arc<Shared>) -> Router {
    router
        .fallback(async |OriginalUri(uri): OriginalUri| {
            Problem::new(&NO_SUCH_PATH, format!("nothing is at {}", uri.path()))
        })
        .method_not_allowed_fallback(async |method: Method| {
            Problem::new(&METHOD, format!("{method} is not taken here"))
        })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(shared), guard::pass))
}

/// A handler of ours panicked: the request is lost, the connection and the gateway go on.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a handler of the API panicked");
    Problem::new(&INTERNAL, "the handler of this request failed").into_response()
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "MS Framework",
        description = "Tasks, tree, events and health of a node. Every error is a problem (RFC 9457).",
        license(name = "MIT OR Apache-2.0")
    ),
    tags(
        (name = "tasks", description = "durable work for agents"),
        (name = "budgets", description = "what agents may use"),
        (name = "node", description = "the running node, read-only"),
        (name = "health", description = "for Kubernetes")
    )
)]
struct Document;
