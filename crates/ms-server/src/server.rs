//! The composition.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::Placement;
use ms_bus::{BusClient, BusConfig, EventBus};
use ms_config::FrameworkConfig;
use ms_core::Backoff;
use ms_core::budget::Budget;
use ms_core::health::Criticality;
use ms_core::lifecycle::Phase;
use ms_core::task::{QueueName, QueueSpec};
use ms_core::time::total;
use ms_registry::{Registry, RegistryConfig};
use ms_runtime::configuration::ConfigHandle;
use ms_runtime::preflight::{FreeDisk, PortFree, PreFlightReport, StateDirectory};
use ms_runtime::{Builder, Calls, ComponentSpec, ServiceEnd, ServiceHandle};
use ms_store::SqliteTasks;
use ms_supervisor::{ChildSpec, Supervisor};
use ms_transport::{Api, Bind, BindError, GatewaySpec, HttpGateway, HttpLimits, admin_gateway};
use ms_worker::budgets::{BudgetClient, Budgets};
use ms_worker::tasks::{Performs, TaskClient, Tasks, TasksError};

use crate::budgets::ApiBudgets;
use crate::calls::{FromTransport, WatchedStore};
use crate::error::ServerError;
use crate::health::{ApiHealth, Door};
use crate::integration::{ApiIntegration, Recorder};
use crate::observer::Observer;
use crate::options::Options;
use crate::paths::{ToApi, ToDispatcher, ToStorage};
use crate::persistence::{Ledger, Shelf};
use crate::security::{Credentials, Keys};
use crate::services::Registrar;
use crate::storage::{DatabaseFile, Storage};
use crate::tasks::ApiTasks;
use crate::telemetry::{LogFilter, Metrics, Telling};
use crate::unbuilt::Unbuilt;
use crate::{event_bus, settings};

/// Between two restarts of an actor that others wait for; longer after each failure in a row.
const PAUSE: Backoff = Backoff {
    min: Duration::from_millis(10),
    max: Duration::from_millis(100),
    jitter: 0.2,
    reset_after: Duration::from_secs(1),
};
/// The component that keeps the accounts of what agents use.
const BUDGETS: &str = "budgets";

type Pool = Box<dyn Fn(Tasks, usize) -> Result<Tasks, TasksError>>;

/// A service: durable tasks for the agents it is given, over HTTP.
pub struct Server {
    name: String,
    queues: Vec<QueueSpec>,
    budgets: Vec<(String, Budget)>,
    pools: Vec<Pool>,
    components: Vec<ComponentSpec>,
    registry: Registry,
    bus: EventBus,
}

impl Server {
    /// A server without agents; the name is that of its node.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            queues: Vec::new(),
            budgets: Vec::new(),
            pools: Vec::new(),
            components: Vec::new(),
            registry: Registry::new(RegistryConfig::default()),
            bus: EventBus::new(BusConfig::default()),
        }
    }

    /// Adds a queue: how many of its tasks are in agents' hands at a time, how many may start
    /// in a time. Tasks that name none go to `default`, which is there in any case.
    #[must_use]
    pub fn queue(mut self, queue: QueueSpec) -> Self {
        self.queues.push(queue);
        self
    }

    /// Limits what the agents at and below a path may use together, such as
    /// `/root/components/application/tasks/KIND`: messages, time in handlers, units of their own
    /// (tokens, money). Over it they are suspended, and their tasks wait. What is used is kept in the
    /// task store, over restarts.
    #[must_use]
    pub fn budget(mut self, path: impl Into<String>, budget: Budget) -> Self {
        self.budgets.push((path.into(), budget));
        self
    }

    /// Its registry, for agents and components of its own: to be found in it, and to find the
    /// server's parts by the keys of [`services`](crate::services). It takes changes once the
    /// component `transport` has started.
    #[must_use]
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// The way to its event bus, for components and agents that publish or subscribe. A component
    /// that subscribes when it starts needs `event-bus`.
    #[must_use]
    pub fn event_bus(&self) -> BusClient {
        self.bus.client()
    }

    /// Adds agents that do the tasks of a kind, as many as `tasks.agents` says.
    #[must_use]
    pub fn agents<G: Performs>(mut self, kind: &'static str, args: G::Args) -> Self
    where
        G::Args: Clone,
    {
        self.pools.push(Box::new(move |tasks, count| tasks.pool::<G>(kind, count, args.clone())));
        self
    }

    /// Adds a component of its own: booted, watched and stopped with the others. The ids in the
    /// tree above are taken, and may be needed.
    #[must_use]
    pub fn component(mut self, component: ComponentSpec) -> Self {
        self.components.push(component);
        self
    }

    /// Runs it until a signal, its own end or an emergency ends it. Blocks; call it from
    /// `main`, and return its exit code from there.
    ///
    /// # Errors
    /// [`ServerError`], each with its exit code; what had started was stopped again.
    pub fn run(self, options: &Options) -> Result<ServiceEnd, ServerError> {
        let config = self.load(options)?;
        let telling = Telling::start(&config.current().telemetry)?;
        Ok(self.compose(options, &config, &telling)?.run()?)
    }

    /// Checks the configuration and the surroundings, and starts nothing. Blocks.
    ///
    /// # Errors
    /// What a run would fail with before its boot.
    pub fn check(self, options: &Options) -> Result<PreFlightReport, ServerError> {
        let config = self.load(options)?;
        // The variable is checked too: a start would end with it.
        crate::telemetry::check(&config.current().telemetry)?;
        let builder = self.compose(options, &config, &Telling::nothing())?;
        builder.plan()?;
        Ok(builder.check().map_err(ms_runtime::RunError::from)?)
    }

    fn load(&self, options: &Options) -> Result<ConfigHandle<FrameworkConfig>, ServerError> {
        let own = self.components.iter().filter_map(|spec| {
            let needs = spec.needed().map(|need| need.as_str().to_owned());
            Some((spec.id()?.as_str().to_owned(), needs.collect()))
        });
        ConfigHandle::load(options.loader(own.collect())).map_err(ServerError::Config)
    }

    fn compose(
        &self,
        options: &Options,
        handle: &ConfigHandle<FrameworkConfig>,
        telling: &Telling,
    ) -> Result<Builder, ServerError> {
        let config = handle.current();
        let (store, database) = ms_store::sqlite("store", settings::store(&config));
        let budgets = self.budgets(&store)?;
        let calls = Calls::new();
        let store = WatchedStore::new(store, &calls);
        let tasks = Tasks::new("tasks", store).attempt(settings::attempt(&config));
        let tasks = self.queues().try_fold(tasks, Tasks::queue)?;
        let tasks = match &budgets {
            Some(budgets) => tasks.budgets(budgets),
            None => tasks,
        };
        let needs: &[&str] = if budgets.is_some() { &["database", BUDGETS] } else { &["database"] };
        let agents = config.tasks.agents as usize;
        let tasks = self.pools.iter().try_fold(tasks, |tasks, pool| pool(tasks, agents))?;
        let started = agents.saturating_mul(self.pools.len());
        let parts = Parts {
            tasks: tasks.client(),
            budgets: budgets.as_ref().map(Budgets::client),
            metrics: Arc::clone(&telling.metrics),
            registry: self.registry(),
        };
        let listeners = Listeners::of(&config, parts, &calls)?;
        let event_bus = event_bus::component(&self.bus, &config)?;
        let observability = observability(&tasks.client(), handle, &telling.filter);

        let mut settings = crate::settings::runtime(&self.name, options, &config);
        settings.run = settings.run.tasks(tasks.client()).registry(self.registry());
        if let Some(budgets) = &budgets {
            settings.run = settings.run.budgets(budgets.client());
        }
        let builder = Builder::new(settings)
            .calls(&calls)
            .integration_observer(Recorder)
            .preflight(StateDirectory(settings::state_directory(&config)))
            .preflight(FreeDisk::of(settings::state_directory(&config)))
            .preflight(DatabaseFile(config.tasks.database.clone()))
            .preflight(Unbuilt::of(handle))
            .preflight(PortFree(listeners.api.addr))
            .preflight(PortFree(listeners.admin.addr))
            .readiness_path(ToStorage(tasks.client()))
            .readiness_path(ToDispatcher(tasks.client()))
            .readiness_path(listeners.path.clone());
        let builder = match Shelf::open(&config)? {
            Some(shelf) => {
                let ledger = Ledger::component(shelf.clone(), config.persistence.interval);
                builder.component(Keys::component(shelf.clone())).component(ledger).snapshots(shelf)
            }
            None => builder,
        };
        let builder = match &budgets {
            Some(budgets) => {
                builder.component(tree(BUDGETS, Phase::Data, budgets.child()).needs(["database"]))
            }
            None => builder,
        };
        let builder = self.components.iter().cloned().fold(builder, Builder::component);
        Ok(builder
            .component(handle.component("configuration"))
            .component(observability)
            .component(event_bus)
            .component(tree("database", Phase::Data, database))
            .component(
                tree("application", Phase::Applications, tasks.child())
                    .start_within(start_within(started))
                    .needs(needs.iter().copied()),
            )
            .component(Storage::component(tasks.client()))
            .component(Credentials::component(&config, &listeners.api.access))
            .component(
                ComponentSpec::tree_of("transport", move |service| listeners.tree(service))
                    // Bound before the agents are there: it answers 503 until the boot is done.
                    .phase(Phase::Transport)
                    .needs(["database", "credentials"]),
            ))
    }
}

impl Server {
    /// Those that were declared, and `default`.
    fn queues(&self) -> impl Iterator<Item = QueueSpec> {
        let default = QueueSpec::new(QueueName::default());
        let declared = self.queues.iter().any(|queue| queue.name == default.name);
        self.queues.iter().cloned().chain((!declared).then_some(default))
    }

    /// The accounts, where there are limits; kept beside the tasks.
    fn budgets(&self, store: &SqliteTasks) -> Result<Option<Budgets>, ServerError> {
        if self.budgets.is_empty() {
            return Ok(None);
        }
        let open = |budgets: Budgets, (path, budget): &(String, Budget)| {
            let wrong = |source| ServerError::Budget { path: path.clone(), source };
            budgets.limit(path, budget.clone()).map_err(wrong)
        };
        let accounts = Budgets::new("accounts").kept_in(store.clone());
        self.budgets.iter().try_fold(accounts, open).map(Some)
    }
}

/// How long so many agents may take to start, one after another on a machine that is busy: each
/// may have something to open.
fn start_within(agents: usize) -> Duration {
    const ANY: Duration = Duration::from_secs(10);
    const EACH: Duration = Duration::from_millis(50);
    let agents = u32::try_from(agents).unwrap_or(u32::MAX);
    total([ANY, EACH.saturating_mul(agents)])
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A component that is a supervisor with one child.
fn tree(id: &str, phase: Phase, child: ChildSpec) -> ComponentSpec {
    ComponentSpec::tree(Supervisor::one_for_one(id).child(child.backoff(PAUSE))).phase(phase)
}

/// The component that tells how the others are.
fn observability(
    tasks: &TaskClient,
    config: &ConfigHandle<FrameworkConfig>,
    filter: &LogFilter,
) -> ComponentSpec {
    let (tasks, config, filter) = (tasks.clone(), config.clone(), filter.clone());
    let in_force = config.current().telemetry.log_filter.clone();
    let events_told = Arc::default();
    let make = move |service: &ServiceHandle| {
        let observer = Observer {
            service: service.clone(),
            tasks: tasks.clone(),
            config: config.clone(),
            filter: filter.clone(),
            in_force: in_force.clone(),
            events_told: Arc::clone(&events_told),
        };
        Supervisor::one_for_one("observability")
            .child(ChildSpec::actor("observer", move || observer.clone()))
    };
    ComponentSpec::tree_of("observability", make)
        .phase(Phase::Observability)
        .needs(["configuration"])
        .criticality(Criticality::Degradable)
}

/// What the two listeners are made of.
struct Listeners {
    api: Bind,
    admin: Bind,
    limits: HttpLimits,
    calls: FromTransport,
    parts: Parts,
    path: ToApi,
}

/// The parts of the server that they show.
struct Parts {
    tasks: TaskClient,
    budgets: Option<BudgetClient>,
    metrics: Metrics,
    registry: Registry,
}

impl Listeners {
    fn of(config: &FrameworkConfig, parts: Parts, calls: &Calls) -> Result<Self, BindError> {
        let api = settings::api_bind(config)?;
        let admin = settings::admin_bind(config, &api);
        api.check()?;
        admin.check()?;
        Ok(Self {
            api,
            admin,
            limits: settings::http(config),
            calls: FromTransport::new(calls),
            parts,
            path: ToApi::default(),
        })
    }

    fn tree(&self, service: &ServiceHandle) -> Supervisor {
        let tree = Supervisor::one_for_one("transport");
        // Both addresses were checked when the listeners were made.
        let gateways = [("api", self.api_gateway(service)), ("admin", self.admin_gateway(service))];
        let registrar =
            Registrar { service: service.clone(), registry: self.parts.registry.clone() };
        gateways.into_iter().fold(
            tree.child(ChildSpec::blueprint("registry", self.parts.registry.blueprint()))
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
        let Parts { tasks, budgets, registry, .. } = &self.parts;
        let api = Api {
            node: service.node().clone(),
            root: Arc::new(move || root.root()),
            registry: Some(registry.clone()),
            tasks: Arc::new(ApiTasks(tasks.clone(), self.calls.clone())),
            budgets: budgets.clone().map(|budgets| Arc::new(ApiBudgets(budgets)) as _),
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
        let metrics = Arc::clone(&self.parts.metrics);
        // What the API spares is spared for this one.
        let limits = HttpLimits { spare_descriptors: 0, ..self.limits.clone() };
        let spec = admin_gateway(self.admin.clone(), limits, health, metrics)?;
        // Probes are answered whatever the door says; so is what is asked of metrics.
        Ok(spec.serving())
    }
}
