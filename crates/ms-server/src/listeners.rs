//! The component `transport`: the two listeners, and the registry of services.

use std::sync::Arc;

use ms_actor::{EventSource, Placement};
use ms_config::FrameworkConfig;
use ms_core::task::TaskTransition;
use ms_registry::Registry;
use ms_runtime::{Calls, ComponentFailure, ServiceHandle, TreeContext};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_transport::{Api, Bind, BindError, GatewaySpec, HttpGateway, HttpLimits, admin_gateway};
use ms_worker::budgets::BudgetClient;

use crate::budgets::ApiBudgets;
use crate::calls::FromTransport;
use crate::cleanup::Doors;
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
    calls: FromTransport,
    metrics: Metrics,
    registry: Registry,
    /// Where the program has set any.
    budgets: Option<BudgetClient>,
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
        budgets: Option<BudgetClient>,
        task_events: EventSource<TaskTransition>,
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
            calls: FromTransport::new(calls),
            metrics: Arc::clone(metrics),
            registry: registry.clone(),
            budgets,
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
        let root = ServiceHandle::clone(cx);
        let api = Api {
            node: cx.node().clone(),
            root: Arc::new(move || root.root()),
            registry: Some(self.registry.clone()),
            tasks: Arc::new(ApiTasks(cx.require()?, self.calls.clone())),
            task_events: Some(self.task_events.clone()),
            budgets: self.budgets.clone().map(|budgets| Arc::new(ApiBudgets(budgets)) as _),
            health: Arc::new(ApiHealth(cx.health())),
            integration: Arc::new(ApiIntegration(cx.integration())),
        };
        let spec = api.gateway(self.bound(cx, &self.api)?, self.limits.clone())?;
        let spec = spec.admitted_by(Door(cx.gate().clone()));
        self.path.is(&spec);
        Ok(spec)
    }

    fn admin_gateway(&self, cx: &TreeContext) -> Result<GatewaySpec, ComponentFailure> {
        let health = Arc::new(ApiHealth(cx.health()));
        let metrics = Arc::clone(&self.metrics);
        // What the API spares is spared for this one.
        let limits = HttpLimits { spare_descriptors: 0, ..self.limits.clone() };
        let spec = admin_gateway(self.bound(cx, &self.admin)?, limits, health, metrics)?;
        // Probes are answered whatever the door says; so is what is asked of metrics.
        Ok(spec.serving())
    }
}
