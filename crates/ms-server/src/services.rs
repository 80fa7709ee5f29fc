//! The server's own parts as services: their keys, and the actor that registers them.
//!
//! The registrar finds each part in the tree and provides it under its key. A registration
//! follows its actor over restarts by itself. When a whole component is restarted, its parts are
//! new actors; the registrar sees their starts among the node's events and provides them.

use std::time::Duration;

use actix::{Actor, AsyncContext, WrapFuture};
use ms_actor::{AnyRef, Context, Entry, Hosted, Node, ReadFrom, Ref};
use ms_core::ActorPath;
use ms_core::view::EventKind;
use ms_registry::{Registry, ServiceHandle, ServiceKey};
use ms_runtime::ServiceHandle as Service;
use ms_runtime::configuration::ConfigActor;
use ms_runtime::section::FrameworkConfig;
use ms_store::StoreActor;
use ms_supervisor::SupervisorRef;
use ms_transport::HttpGateway;
use ms_worker::tasks::Dispatcher;
use tokio::time::timeout;

/// The configuration in force, which watches its files.
pub const CONFIGURATION: ServiceKey<Ref<ConfigActor<FrameworkConfig>>> =
    ServiceKey::new("configuration");
/// The health of all components.
pub const HEALTH: ServiceKey<AnyRef> = ServiceKey::new("health");
/// Boot and shutdown.
pub const LIFECYCLE: ServiceKey<AnyRef> = ServiceKey::new("lifecycle");
/// Keeps the metrics of the service.
pub const METRICS: ServiceKey<AnyRef> = ServiceKey::new("metrics");
/// Stores the durable tasks.
pub const TASK_STORE: ServiceKey<Ref<StoreActor>> = ServiceKey::new("task-store");
/// Gives tasks to agents.
pub const TASKS: ServiceKey<Ref<Dispatcher>> = ServiceKey::new("tasks");
/// The HTTP API.
pub const HTTP_API: ServiceKey<Ref<HttpGateway>> = ServiceKey::new("http-api");
/// Metrics and probes over HTTP.
pub const HTTP_ADMIN: ServiceKey<Ref<HttpGateway>> = ServiceKey::new("http-admin");

/// The group of all HTTP gateways.
pub const GATEWAYS: &str = "gateways";

/// Pause before another look when a part was not found.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Longest pause between two looks when nothing was started.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Registers the parts of the server.
#[derive(Debug, Clone)]
pub(crate) struct Registrar {
    pub(crate) service: Service,
    pub(crate) registry: Registry,
}

impl Actor for Registrar {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let this = self.clone();
        let node = ctx.node().clone();
        ctx.spawn(async move { this.keep_registered(&node).await }.into_actor(self));
    }
}

impl Registrar {
    /// Registers the parts, and again whenever an actor has started that may be a new part.
    async fn keep_registered(&self, node: &Node) {
        let mut events = node.events().reader(ReadFrom::Next);
        loop {
            let all = self.register().await;
            let started = async {
                loop {
                    match events.next().await {
                        Some(Entry::Event(event)) => match event.kind {
                            EventKind::Started { path, .. } if is_part(&path) => return,
                            _ => {}
                        },
                        // The start of a part may be among the missed events.
                        Some(Entry::Missed { .. }) => return,
                        // The node is gone, and this actor with it.
                        None => std::future::pending().await,
                    }
                }
            };
            // Either end means the same: look again.
            drop(timeout(if all { LOOK_EVERY } else { RETRY_AFTER }, started).await);
        }
    }

    /// Registers the parts that are found; false when one was not found.
    async fn register(&self) -> bool {
        let Some(root) = self.service.root() else { return false };
        let registry = &self.registry;
        let found = [
            provide(
                registry,
                CONFIGURATION,
                actor(&root, "components/configuration/watcher").await,
            )
            .await,
            provide(registry, TASK_STORE, actor(&root, "components/database/store").await).await,
            provide(registry, TASKS, actor(&root, "components/application/tasks/dispatcher").await)
                .await,
            provide(registry, HTTP_API, actor(&root, "components/transport/api").await).await,
            provide(registry, HTTP_ADMIN, actor(&root, "components/transport/admin").await).await,
            provide(registry, METRICS, find(&root, "components/observability/observer").await)
                .await,
            provide(registry, HEALTH, find(&root, "health").await).await,
            provide(registry, LIFECYCLE, find(&root, "lifecycle").await).await,
        ];
        for gateway in ["components/transport/api", "components/transport/admin"] {
            join(registry, GATEWAYS, find(&root, gateway).await).await;
        }
        found.into_iter().all(|found| found)
    }
}

/// Returns whether an actor may be a part, by its depth in the tree.
///
/// Agents are deeper, and may restart thousands of times a second; those are no reason to look.
fn is_part(path: &ActorPath) -> bool {
    path.as_str().split('/').count() <= 6
}

/// Finds the actor at a place below the root.
async fn find(root: &SupervisorRef, place: &str) -> Option<AnyRef> {
    let path = ActorPath::new(format!("{}/{place}", root.path())).ok()?;
    root.find(&path).await.ok()
}

async fn actor<A: Hosted>(root: &SupervisorRef, place: &str) -> Option<Ref<A>> {
    find(root, place).await?.typed()
}

/// Provides a part that was found; true when it is registered.
async fn provide<H: ServiceHandle>(
    registry: &Registry,
    key: ServiceKey<H>,
    part: Option<H>,
) -> bool {
    let Some(part) = part else { return false };
    match registry.provide(key, &part).await {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(%error, "a part of the server is not registered yet");
            false
        }
    }
}

async fn join(registry: &Registry, group: &'static str, member: Option<AnyRef>) {
    let Some(member) = member else { return };
    if registry.members_any(group).contains(&member) {
        return;
    }
    if let Err(error) = registry.join_any(group, &member).await {
        tracing::debug!(%error, group, "a part of the server has not joined its group yet");
    }
}
