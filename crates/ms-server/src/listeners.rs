//! The component `transport`: the two listeners, and the registry of services.

use std::sync::Arc;

use ms_actor::{EventSource, Placement};
use ms_core::task::TaskTransition;
use ms_ops::Desk;
use ms_registry::Registry;
use ms_runtime::section::FrameworkConfig;
use ms_runtime::{ComponentFailure, ServiceHandle, TreeContext};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_transport::{Api, Bind, BindError, GatewaySpec, HttpGateway, HttpLimits, admin_gateway};

use crate::admission::Entrance;
use crate::cleanup::Doors;
use crate::paths::ToApi;
use crate::server::PAUSE;
use crate::services::Registrar;
use crate::settings;
use crate::telemetry::Metrics;

/// What the two listeners are made of.
pub(crate) struct Listeners {
    pub(crate) api: Bind,
    pub(crate) admin: Bind,
    limits: HttpLimits,
    metrics: Metrics,
    registry: Registry,
    task_events: EventSource<TaskTransition>,
    pub(crate) path: ToApi,
    pub(crate) doors: Doors,
}

impl Listeners {
    /// The addresses are checked here: both are known before anything starts.
    pub(crate) fn of(
        config: &FrameworkConfig,
        metrics: &Metrics,
        registry: &Registry,
        task_events: EventSource<TaskTransition>,
    ) -> Result<Self, BindError> {
        let api = settings::api_bind(config)?;
        let admin = settings::admin_bind(config, &api);
        api.check()?;
        admin.check()?;
        Ok(Self {
            api,
            admin,
            limits: settings::http(config),
            metrics: Arc::clone(metrics),
            registry: registry.clone(),
            task_events,
            path: ToApi::default(),
            doors: Doors::default(),
        })
    }

    /// The component `transport`.
    pub(crate) fn tree(&self, cx: &TreeContext) -> Result<SupervisorSpec, ComponentFailure> {
        let gateways = [("api", self.api_gateway(cx)?), ("admin", self.admin_gateway(cx)?)];
        let service = ServiceHandle::clone(cx);
        let registrar = Registrar { service, registry: self.registry.clone() };
        let tree = SupervisorSpec::one_for_one("transport")
            .child(ChildSpec::blueprint("registry", self.registry.blueprint()))
            .child(ChildSpec::actor("registrar", move || registrar.clone()));
        Ok(gateways.into_iter().fold(tree, |tree, (id, spec)| {
            self.doors.has(&spec);
            let make = move || HttpGateway::new(spec.clone());
            let gateway = ChildSpec::inspectable(id, make, HttpGateway::view);
            // On threads of their own: an agent that blocks its arbiter until that is
            // given up must not take connections with it.
            tree.child(gateway.placement(Placement::Dedicated).backoff(PAUSE))
        }))
    }

    /// An address with whoever the credentials let in.
    fn bound(&self, cx: &TreeContext, bind: &Bind) -> Result<Bind, ComponentFailure> {
        Ok(Bind { access: cx.require()?, ..bind.clone() })
    }

    fn api_gateway(&self, cx: &TreeContext) -> Result<GatewaySpec, ComponentFailure> {
        let task_events = Some(self.task_events.clone());
        let api = Api { node: cx.node().clone(), task_events, desk: desk(cx)? };
        let spec = api.gateway(self.bound(cx, &self.api)?, self.limits.clone())?;
        let spec = spec.admitted_by(Entrance(cx.gate().clone()));
        self.path.is(&spec);
        Ok(spec)
    }

    fn admin_gateway(&self, cx: &TreeContext) -> Result<GatewaySpec, ComponentFailure> {
        let desk = desk(cx)?;
        let metrics = Arc::clone(&self.metrics);
        // What the API spares is spared for this one.
        let limits = HttpLimits { spare_descriptors: 0, ..self.limits.clone() };
        let spec = admin_gateway(self.bound(cx, &self.admin)?, limits, desk, metrics)?;
        // Probes are answered whatever the door says; so is what is asked of metrics.
        Ok(spec.serving())
    }
}

fn desk(cx: &TreeContext) -> Result<Desk, ComponentFailure> {
    cx.desk().ok_or_else(|| "the service has ended".into())
}
