//! The HTTP API: its routes, their document, and the layers around them.

mod accept;
mod admission;
mod asker;
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
mod interactions;
mod limits;
mod look;
mod ops;
mod problem;
mod query;
mod routes;
mod schema;
mod tasks;
mod trace;

use std::sync::Arc;

use axum::Router;
use axum::extract::OriginalUri;
use axum::http::{Method, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ms_ops::Desk;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use admission::{Admission, Closed, Gate};
pub use bind::{AUTH_KEY, Access, Bind, BindError, TLS_KEY, Token};
pub use client::{ClientError, HttpClient, Incoming, Outgoing};
pub use gateway::{Drain, Drained, GatewaySpec, HttpGateway, LocalAddr, Serve};
pub use limits::HttpLimits;

use asker::Routes;
use gateway::Shared;
use problem::{INTERNAL, METHOD, NO_SUCH_PATH, Problem};

/// Port of the API unless configured otherwise.
pub const API_PORT: u16 = 8080;
/// Port of metrics and of health, for probes that must not queue behind the API.
pub const ADMIN_PORT: u16 = 9090;

/// The API of a node.
#[derive(Debug, Clone)]
pub struct Api {
    desk: Desk,
}

impl Api {
    /// Creates the API of the node with this desk.
    #[must_use]
    pub const fn new(desk: Desk) -> Self {
        Self { desk }
    }

    /// Returns a gateway for the whole API.
    ///
    /// # Errors
    /// [`BindError::Open`] when others can reach the address and no credentials are asked for.
    pub fn gateway(self, bind: Bind, limits: HttpLimits) -> Result<GatewaySpec, BindError> {
        GatewaySpec::new(bind, limits, move |shared| self.routes(shared))
    }

    fn routes(&self, shared: &Arc<Shared>) -> Router {
        let (router, mut document) = self.documented(shared).split_for_parts();
        ops::describe(&mut document, self.desk.table());
        document::complete(&mut document, &shared.access);
        // Written once, because it is the same for every request.
        let document = document.to_pretty_json().unwrap_or_default();
        let document = axum::body::Bytes::from(document);
        let serve = move || {
            let document = document.clone();
            async move { ([(header::CONTENT_TYPE, "application/json")], document) }
        };
        finish(router.route("/api/v1/openapi.json", get(serve)), shared)
    }

    fn documented(&self, shared: &Arc<Shared>) -> OpenApiRouter {
        let routes = Routes { shared: Arc::clone(shared), desk: self.desk.clone() };
        OpenApiRouter::with_openapi(Document::openapi())
            .routes(routes!(tasks::submit, tasks::list))
            .routes(routes!(tasks::submit_batch))
            .routes(routes!(tasks::get))
            .routes(routes!(tasks::result))
            .routes(routes!(tasks::cancel))
            .routes(routes!(tasks::retry))
            .routes(routes!(budgets::list))
            .routes(routes!(budgets::raise))
            .routes(routes!(look::tree))
            .routes(routes!(look::services))
            .routes(routes!(look::resources))
            .routes(routes!(interactions::interactions))
            .routes(routes!(events::events))
            // Not by `routes!`: `ops::describe` gives each operation a path of its own in the
            // document.
            .route(ops::PATH, post(ops::call))
            .merge(health_routes())
            .with_state(routes)
    }
}

/// Returns a gateway for metrics and health alone, on a port of its own, where it answers while the API
/// has no room. `metrics` renders the page in Prometheus' text format.
///
/// # Errors
/// Those of [`Api::gateway`].
pub fn admin_gateway(
    bind: Bind,
    limits: HttpLimits,
    desk: Desk,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
) -> Result<GatewaySpec, BindError> {
    GatewaySpec::new(bind, limits, move |shared| {
        let metrics = Arc::clone(&metrics);
        let page = move || {
            let page = metrics();
            // The version is that of Prometheus' text format, which scrapers look at.
            async move { ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page) }
        };
        let routes = Routes { shared: Arc::clone(shared), desk: desk.clone() };
        let (health, _) = health_routes().with_state(routes).split_for_parts();
        finish(health.route("/metrics", get(page)), shared)
    })
}

fn health_routes() -> OpenApiRouter<Routes> {
    OpenApiRouter::new()
        .routes(routes!(health::startup))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

/// Adds the layers that every listener has around its routes.
fn finish(router: Router, shared: &Arc<Shared>) -> Router {
    router
        .fallback(async |OriginalUri(uri): OriginalUri| {
            Problem::new(&NO_SUCH_PATH, format!("there is nothing at {}", uri.path()))
        })
        .method_not_allowed_fallback(async |method: Method| {
            Problem::new(&METHOD, format!("{method} is not allowed here"))
        })
        // The guard outermost, so that a panic and an unknown path are counted and have an id, too.
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(shared), guard::pass))
}

/// Answers for a handler that panicked: the request is lost, the connection and the gateway go on.
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
        (name = "health", description = "for Kubernetes"),
        (name = "operations", description = "every operation that the node has, by its name")
    )
)]
struct Document;
