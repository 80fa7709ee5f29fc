//! The component `transport`: the two listeners, and the registry of services.

use std::sync::Arc;

use ms_actor::Placement;
use ms_ops::Desk;
use ms_registry::Registry;
use ms_runtime::section::FrameworkConfig;
use ms_runtime::{ComponentFailure, ServiceHandle, TreeContext};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_transport::{Api, Bind, BindError, GatewaySpec, HttpGateway, HttpLimits, admin_gateway};

use crate::admission::Entrance;
use crate::cleanup::Sockets;
use crate::paths::ToApi;
use crate::services::Registrar;
use crate::settings::{self, RESTART_BACKOFF};
use crate::telemetry::Metrics;

/// The parts of which both listeners are made.
pub(crate) struct Listeners {
    pub(crate) api: Bind,
    pub(crate) admin: Bind,
    limits: HttpLimits,
    metrics: Metrics,
    registry: Registry,
    pub(crate) path: ToApi,
    pub(crate) sockets: Sockets,
}

impl Listeners {
    /// Reads and checks both addresses, before anything has started that would have to be undone.
    pub(crate) fn of(
        config: &FrameworkConfig,
        metrics: &Metrics,
        registry: &Registry,
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
            path: ToApi::default(),
            sockets: Sockets::default(),
        })
    }

    /// Returns the tree of the component `transport`.
    pub(crate) fn tree(&self, cx: &TreeContext) -> Result<SupervisorSpec, ComponentFailure> {
        let gateways = [("api", self.api_gateway(cx)?), ("admin", self.admin_gateway(cx)?)];
        let service = ServiceHandle::clone(cx);
        let registrar = Registrar { service, registry: self.registry.clone() };
        let tree = SupervisorSpec::one_for_one("transport")
            .child(ChildSpec::blueprint("registry", self.registry.blueprint()))
            .child(ChildSpec::actor("registrar", move || registrar.clone()));
        Ok(gateways.into_iter().fold(tree, |tree, (id, spec)| {
            self.sockets.add(&spec);
            let make = move || HttpGateway::new(spec.clone());
            let gateway = ChildSpec::inspectable(id, make, HttpGateway::view);
            // On threads of their own: an agent that blocks its arbiter until the arbiter is
            // abandoned must not take connections with it.
            tree.child(gateway.placement(Placement::Dedicated).backoff(RESTART_BACKOFF))
        }))
    }

    /// Returns a listener's address with the access that the component `credentials` provides.
    fn bound(&self, cx: &TreeContext, bind: &Bind) -> Result<Bind, ComponentFailure> {
        Ok(Bind { access: cx.require()?, ..bind.clone() })
    }

    fn api_gateway(&self, cx: &TreeContext) -> Result<GatewaySpec, ComponentFailure> {
        let api = Api::new(desk(cx)?);
        let spec = api.gateway(self.bound(cx, &self.api)?, self.limits.clone())?;
        let spec = spec.admitted_by(Entrance(cx.gate().clone()));
        self.path.set(&spec);
        Ok(spec)
    }

    fn admin_gateway(&self, cx: &TreeContext) -> Result<GatewaySpec, ComponentFailure> {
        let desk = desk(cx)?;
        let metrics = Arc::clone(&self.metrics);
        // The API leaves descriptors unused for this listener, so that probes get in when
        // clients have taken all the others. This one needs to leave none.
        let limits = HttpLimits { spare_descriptors: 0, ..self.limits.clone() };
        let spec = admin_gateway(self.bound(cx, &self.admin)?, limits, desk, metrics)?;
        // Without the gate: probes and metrics are answered during boot and drain as well.
        Ok(spec.serving())
    }
}

fn desk(cx: &TreeContext) -> Result<Desk, ComponentFailure> {
    cx.desk().ok_or_else(|| "the service has ended".into())
}
