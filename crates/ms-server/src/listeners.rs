//! The two listeners: the API, and metrics with probes.

use std::sync::Arc;

use ms_actor::Placement;
use ms_config::FrameworkConfig;
use ms_registry::Registry;
use ms_runtime::{Calls, ServiceHandle};
use ms_supervisor::{ChildSpec, Supervisor};
use ms_transport::{Api, Bind, BindError, GatewaySpec, HttpGateway, HttpLimits, admin_gateway};
use ms_worker::tasks::TaskClient;

use crate::calls::FromTransport;
use crate::health::{ApiHealth, Door};
use crate::integration::ApiIntegration;
use crate::paths::ToApi;
use crate::server::PAUSE;
use crate::services::Registrar;
use crate::settings;
use crate::tasks::ApiTasks;
use crate::telemetry::Metrics;

/// What the two listeners are made of.
pub(crate) struct Listeners {
    pub(crate) api: Bind,
    pub(crate) admin: Bind,
    limits: HttpLimits,
    tasks: TaskClient,
    calls: FromTransport,
    metrics: Metrics,
    registry: Registry,
    pub(crate) path: ToApi,
}

impl Listeners {
    pub(crate) fn of(
        config: &FrameworkConfig,
        tasks: &TaskClient,
        metrics: &Metrics,
        registry: &Registry,
        calls: &Calls,
    ) -> Result<Self, BindError> {
        let api = settings::api_bind(config)?;
        let admin = settings::admin_bind(config, &api);
        api.check()?;
        admin.check()?;
        Ok(Self {
            api,
            admin,
            limits: settings::http(config),
            tasks: tasks.clone(),
            calls: FromTransport::new(calls),
            metrics: Arc::clone(metrics),
            registry: registry.clone(),
            path: ToApi::default(),
        })
    }

    pub(crate) fn tree(&self, service: &ServiceHandle) -> Supervisor {
        let tree = Supervisor::one_for_one("transport");
        // Both addresses were checked when the listeners were made.
        let gateways = [("api", self.api_gateway(service)), ("admin", self.admin_gateway(service))];
        let registrar = Registrar { service: service.clone(), registry: self.registry.clone() };
        gateways.into_iter().fold(
            tree.child(ChildSpec::blueprint("registry", self.registry.blueprint()))
                .child(ChildSpec::actor("registrar", move || registrar.clone())),
            |tree, (id, spec)| match spec {
                Ok(spec) => {
                    let make = move || HttpGateway::new(spec.clone());
                    let gateway = ChildSpec::inspectable(id, make, HttpGateway::view);
                    // On threads of their own: an agent that blocks its arbiter until that is
                    // given up must not take connections with it.
                    tree.child(gateway.placement(Placement::Dedicated).backoff(PAUSE))
                }
                Err(error) => {
                    tracing::error!(%error, id, "this listener is left out");
                    tree
                }
            },
        )
    }

    fn api_gateway(&self, service: &ServiceHandle) -> Result<GatewaySpec, BindError> {
        let root = service.clone();
        let api = Api {
            node: service.node().clone(),
            root: Arc::new(move || root.root()),
            registry: Some(self.registry.clone()),
            tasks: Arc::new(ApiTasks(self.tasks.clone(), self.calls.clone())),
            health: Arc::new(ApiHealth(service.health())),
            integration: Arc::new(ApiIntegration(service.integration())),
        };
        let spec = api.gateway(self.api.clone(), self.limits.clone())?;
        let spec = spec.admitted_by(Door(service.gate().clone()));
        self.path.is(&spec);
        Ok(spec)
    }

    fn admin_gateway(&self, service: &ServiceHandle) -> Result<GatewaySpec, BindError> {
        let health = Arc::new(ApiHealth(service.health()));
        let metrics = Arc::clone(&self.metrics);
        // What the API spares is spared for this one.
        let limits = HttpLimits { spare_descriptors: 0, ..self.limits.clone() };
        let spec = admin_gateway(self.admin.clone(), limits, health, metrics)?;
        // Probes are answered whatever the door says; so is what is asked of metrics.
        Ok(spec.serving())
    }
}
