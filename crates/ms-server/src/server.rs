//! The composition: every part of the server is made here and handed to the runtime's builder.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ms_bus::{BusClient, BusConfig, EventBus};
use ms_core::budget::Budget;
use ms_core::health::Criticality;
use ms_core::lifecycle::Phase;
use ms_core::task::QueueName;
use ms_core::time::total;
use ms_ops::DeskBuilder;
use ms_registry::{Registry, RegistryConfig};
use ms_router::{Contract, Router, RouterConfig};
use ms_runtime::configuration::ConfigHandle;
use ms_runtime::preflight::{FreeDisk, PortFree, PreFlightReport, StateDirectory};
use ms_runtime::section::FrameworkConfig;
use ms_runtime::{
    Builder, Calls, CleanupHandler, ComponentSpec, DatabaseCleanupHandler, EmergencyProcedure,
    ServiceEnd, ServiceHandle, TreeContext,
};
use ms_store::SqliteTasks;
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_task::{Layered, QueueSpec};
use ms_transport::Access;
use ms_worker::budgets::{BudgetClient, Budgets};
use ms_worker::tasks::{Performs, TaskClient, Tasks, TasksError};

use crate::agents::{Http, Outside, Served};
use crate::calls::{FromTransport, WatchedStore};
use crate::cleanup::TaskFile;
use crate::error::ServerError;
use crate::interactions::Recorder;
use crate::listeners::Listeners;
use crate::observer::Observer;
use crate::options::Options;
use crate::paths::{ToDispatcher, ToStorage};
use crate::persistence::{Ledger, Snapshots};
use crate::security::{Credentials, Keys};
use crate::settings::RESTART_BACKOFF;
use crate::storage::{DatabaseFile, Storage, StoreUsable};
use crate::telemetry::{LogFilter, TelemetryHandles};
use crate::unbuilt::Unbuilt;
use crate::{event_bus, hub, settings};

/// The component that keeps the accounts of agents.
const BUDGETS: &str = "budgets";
/// The advice for a component that requires what is switched off.
const BUDGETS_OFF: &str = "set a budget (`Server::budget`)";
const KEYRING_OFF: &str =
    "set `persistence.enabled` to true, and `persistence.dir` and `persistence.key_file`";

/// A change of the desk.
type Change = Arc<dyn Fn(DeskBuilder) -> DeskBuilder + Send + Sync>;
type Pool = Box<dyn Fn(Tasks, usize) -> Result<Tasks, TasksError>>;

/// A service that runs durable tasks with agents, and serves them over HTTP.
pub struct Server {
    name: String,
    queues: Vec<QueueSpec>,
    budgets: Vec<(String, Budget)>,
    pools: Vec<Pool>,
    components: Vec<ComponentSpec>,
    cleanup: Vec<Arc<dyn CleanupHandler>>,
    emergency: Vec<Arc<dyn EmergencyProcedure>>,
    registry: Registry,
    router: Router,
    bus: EventBus,
    outside: Option<&'static str>,
    desk: Vec<Change>,
}

impl Server {
    /// Creates a server without agents. Its node has this name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            queues: Vec::new(),
            budgets: Vec::new(),
            pools: Vec::new(),
            components: Vec::new(),
            cleanup: Vec::new(),
            emergency: Vec::new(),
            registry: Registry::new(RegistryConfig::default()),
            router: Router::new(RouterConfig::default()),
            bus: EventBus::new(BusConfig::default()),
            outside: None,
            desk: Vec::new(),
        }
    }

    /// Adds a queue, with its limits of running tasks and of starts in a time.
    ///
    /// Tasks without a queue go to `default`, which always exists.
    #[must_use]
    pub fn queue(mut self, queue: QueueSpec) -> Self {
        self.queues.push(queue);
        self
    }

    /// Limits what the agents at and below a path, such as
    /// `/root/components/application/tasks/KIND`, may use together.
    ///
    /// The units are messages, time in handlers, and units of their own (tokens, money). Over
    /// budget the agents are suspended, and their tasks wait. The task store keeps the use over
    /// restarts.
    #[must_use]
    pub fn budget(mut self, path: impl Into<String>, budget: Budget) -> Self {
        self.budgets.push((path.into(), budget));
        self
    }

    /// Returns the registry of the server.
    ///
    /// A program's own agents and components register there, and find the server's parts by the
    /// keys of [`services`](crate::services). It accepts changes once the component `transport`
    /// has started.
    #[must_use]
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Returns a client of the event bus, for components and agents that publish or subscribe.
    ///
    /// A component that subscribes when it starts has to need `event-bus`.
    #[must_use]
    pub fn event_bus(&self) -> BusClient {
        self.bus.client()
    }

    /// Adds agents for the tasks of a kind, as many as `tasks.agents` says.
    #[must_use]
    pub fn agents<G: Performs>(mut self, kind: &'static str, args: G::Args) -> Self {
        self.pools.push(Box::new(move |tasks, count| tasks.pool::<G>(kind, count, args.clone())));
        self
    }

    /// Adds one agent for the tasks of a kind, whatever `tasks.agents` says.
    ///
    /// For an agent whose state no other agent may have, too.
    #[must_use]
    pub fn agent<G: Performs>(mut self, kind: &'static str, args: G::Args) -> Self {
        self.pools.push(Box::new(move |tasks, _| tasks.pool::<G>(kind, 1, args.clone())));
        self
    }

    /// Adds agents that carry out a contract for the tasks of a kind.
    ///
    /// The payload of a task is the contract's input, its result is the output. An invalid input
    /// is refused at submission.
    #[must_use]
    pub fn contract<C: Contract + Send + Sync>(self, kind: &'static str, contract: C) -> Self {
        self.agents::<Served<C>>(kind, Arc::new(contract))
    }

    /// Adds agents that call services over HTTP for the tasks of a kind.
    ///
    /// They call the services of `outside.allowed`, each through a circuit breaker, within
    /// `outside.deadline`, and with the fallback of the section `outside`.
    #[must_use]
    pub fn calls_outside(mut self, kind: &'static str) -> Self {
        self.outside = Some(kind);
        self
    }

    /// Changes the desk before it opens.
    ///
    /// This is the place for a program's own operations. They can then be called by name over the
    /// control socket (`msctl call`) and over HTTP.
    #[must_use]
    pub fn desk(
        mut self,
        change: impl Fn(DeskBuilder) -> DeskBuilder + Send + Sync + 'static,
    ) -> Self {
        self.desk.push(Arc::new(change));
        self
    }

    /// Returns the router of the server's parts, for a program's own components and agents.
    ///
    /// Routes can be added and removed while it runs, once the component `router` has started.
    #[must_use]
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Adds a component of the program, which is booted, watched and stopped with the others.
    ///
    /// The ids of the server's own components (see the [crate](crate)) are taken, and may be needed.
    /// A component gets what they provide by [`requires`](ComponentSpec::requires): `TaskClient`
    /// (from `database`), `BusClient` (`event-bus`), `Registry` (`transport`),
    /// `ConfigHandle<FrameworkConfig>` (`configuration`), `Access` (`credentials`), `BudgetClient`
    /// (`budgets`, if one is set) and [`Snapshots`] (`keyring`, with `persistence.enabled`).
    ///
    /// If a component requires something that no other provides, nothing starts. The exit code is
    /// 8, and the error names both sides.
    #[must_use]
    pub fn component(mut self, component: ComponentSpec) -> Self {
        self.components.push(component);
        self
    }

    /// Adds a cleanup handler, which runs at the end of each shutdown, after a failed boot, and in
    /// an emergency.
    ///
    /// The server's own are `listeners` (priority 10) and `database_connections` (100).
    #[must_use]
    pub fn cleanup(mut self, handler: impl CleanupHandler) -> Self {
        self.cleanup.push(Arc::new(handler));
        self
    }

    /// Adds an emergency procedure, which runs when the process ends in an emergency.
    ///
    /// All procedures run at the same time, each on a thread of its own, until `emergency.within`
    /// is over. The crash report has their outcomes.
    #[must_use]
    pub fn emergency(mut self, procedure: impl EmergencyProcedure) -> Self {
        self.emergency.push(Arc::new(procedure));
        self
    }

    /// Runs the server until a signal, its own end or an emergency ends it.
    ///
    /// Blocks. Call it from `main`, and return its exit code from there.
    ///
    /// # Errors
    /// [`ServerError`], each with its exit code. Everything that had started was stopped again.
    pub fn run(self, options: &Options) -> Result<ServiceEnd, ServerError> {
        let config = self.load(options)?;
        let telemetry = TelemetryHandles::start(&config.current().telemetry)?;
        Ok(self.compose(options, &config, &telemetry)?.run()?)
    }

    /// Checks the configuration and the environment, and starts nothing. Blocks.
    ///
    /// # Errors
    /// The error with which a run would fail before its boot.
    pub fn check(self, options: &Options) -> Result<PreFlightReport, ServerError> {
        let config = self.load(options)?;
        // RUST_LOG is checked, too: a start fails with a wrong one.
        crate::telemetry::check(&config.current().telemetry)?;
        let database = StoreUsable(config.current().tasks.database.clone());
        let builder =
            self.compose(options, &config, &TelemetryHandles::none())?.preflight(database);
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
        telemetry: &TelemetryHandles,
    ) -> Result<Builder, ServerError> {
        let config = handle.current();
        let (store, database) = ms_store::sqlite("store", settings::store(&config));
        let budgets = self.budgets(&store)?;
        let calls = Calls::new();

        let file = DatabaseCleanupHandler::new(vec![Arc::new(TaskFile(store.clone()))]);
        let task_events = store.event_port();
        let store = Layered(WatchedStore::new(store, &calls));
        let snapshots = Snapshots::open(&config)?;
        let tasks = Tasks::new("tasks", store).attempt(settings::attempt(&config));
        let tasks = snapshots.iter().cloned().fold(tasks, Tasks::keeper);
        let router = self.router.clone();
        let tasks = tasks.on_refused(move |kind, invalid| hub::refused(&router, kind, invalid));
        let tasks = self.queues().try_fold(tasks, Tasks::queue)?;
        let tasks = match &budgets {
            Some(budgets) => tasks.budgets(budgets),
            None => tasks,
        };
        let needs: &[&str] = if budgets.is_some() { &["database", BUDGETS] } else { &["database"] };
        let agents = config.tasks.agents as usize;
        let tasks = self.pools.iter().try_fold(tasks, |tasks, pool| pool(tasks, agents))?;
        let outside = Outside::of(&config, &calls, RESTART_BACKOFF);
        let tasks = match self.outside {
            Some(kind) => tasks.pool::<Http>(kind, agents, outside.clone())?,
            None => tasks,
        };
        let outside = self.outside.and_then(|_| outside.component());
        let started = tasks.agents();
        let listeners = Listeners::of(&config, &telemetry.metrics, &self.registry)?;
        let event_bus = event_bus::component(&self.bus, &config)?;
        let observability = observability(&tasks.client(), &telemetry.filter);

        let mut settings = crate::settings::runtime(&self.name, options, &config);
        let run = settings.run.tasks(tasks.client()).task_events(task_events);
        settings.run = run.registry(self.registry());
        let from_transport = Arc::new(FromTransport::new(&calls));
        settings.run = settings.run.desk(move |desk| desk.observe(from_transport.clone()));
        for change in &self.desk {
            let change = Arc::clone(change);
            settings.run = settings.run.desk(move |desk| change(desk));
        }
        if let Some(budgets) = &budgets {
            settings.run = settings.run.budgets(budgets.client());
        }
        let builder = Builder::new(settings)
            .calls(&calls)
            .interaction_observer(Recorder)
            .preflight(StateDirectory(settings::state_directory(&config)))
            .preflight(FreeDisk::of(settings::state_directory(&config)))
            .preflight(DatabaseFile(config.tasks.database.clone()))
            .preflight(Unbuilt::of(handle))
            .preflight(PortFree(listeners.api.addr))
            .preflight(PortFree(listeners.admin.addr))
            .readiness_path(ToStorage(tasks.client()))
            .readiness_path(ToDispatcher(tasks.client()))
            .readiness_path(listeners.path.clone())
            .cleanup(listeners.sockets.clone())
            .cleanup(file);
        let builder = self.cleanup.iter().cloned().fold(builder, Builder::cleanup);
        let builder = self.emergency.iter().cloned().fold(builder, Builder::emergency);
        let builder = match snapshots {
            Some(shelf) => {
                let ledger = Ledger::component(config.persistence.interval);
                builder.component(Keys::component(shelf.clone())).component(ledger).snapshots(shelf)
            }
            None => builder.without::<Snapshots>("keyring", KEYRING_OFF),
        };
        let builder = match &budgets {
            Some(budgets) => {
                let accounts = tree(BUDGETS, Phase::Data, budgets.child()).needs(["database"]);
                builder.component(accounts.provides(budgets.client()))
            }
            None => builder.without::<BudgetClient>(BUDGETS, BUDGETS_OFF),
        };
        let builder = outside.into_iter().fold(builder, Builder::component);
        let builder = self.components.iter().cloned().fold(builder, Builder::component);
        Ok(builder
            .component(handle.component("configuration"))
            .component(observability)
            .component(event_bus)
            .component(hub::component(&self.router, tasks.kinds().collect(), RESTART_BACKOFF))
            .component(tree("database", Phase::Data, database).provides(tasks.client()))
            .component(
                tree("application", Phase::Applications, tasks.child())
                    .start_within(start_within(started))
                    .needs(needs.iter().copied()),
            )
            .component(Storage::component())
            .component(Credentials::component(&config, &listeners.api.access))
            .component(
                ComponentSpec::tree_of("transport", move |cx| listeners.tree(cx))
                    // Its phase is before the agents': it answers 503 until the boot is done, and
                    // a port that is taken ends the boot before work has begun.
                    .phase(Phase::Transport)
                    .requires::<TaskClient>()
                    .requires::<Access>()
                    .provides(self.registry()),
            ))
    }
}

impl Server {
    /// Returns the declared queues, and `default`.
    fn queues(&self) -> impl Iterator<Item = QueueSpec> {
        let default = QueueSpec::new(QueueName::default());
        let declared = self.queues.iter().any(|queue| queue.name == default.name);
        self.queues.iter().cloned().chain((!declared).then_some(default))
    }

    /// Returns the accounts if there is any limit; the task store keeps them.
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

/// Returns the longest start of so many agents, one after another, each of which may open
/// something, on a busy machine.
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

/// Returns a component that is a supervisor with one child.
fn tree(id: &str, phase: Phase, child: ChildSpec) -> ComponentSpec {
    let child = child.backoff(RESTART_BACKOFF);
    ComponentSpec::tree(SupervisorSpec::one_for_one(id).child(child)).phase(phase)
}

/// Returns the component that keeps the metrics up to date.
fn observability(tasks: &TaskClient, filter: &LogFilter) -> ComponentSpec {
    // The task store boots later than this component. It is not required, so that the boot has
    // metrics from its first phases on; tasks are counted once the store answers.
    let (tasks, filter) = (tasks.clone(), filter.clone());
    let last_counted = Arc::default();
    let make = move |cx: &TreeContext| {
        let config: ConfigHandle<FrameworkConfig> = cx.require()?;
        let in_force = config.current().telemetry.log_filter.clone();
        let observer = Observer {
            service: ServiceHandle::clone(cx),
            tasks: tasks.clone(),
            config,
            filter: filter.clone(),
            in_force,
            last_counted: Arc::clone(&last_counted),
        };
        Ok(SupervisorSpec::one_for_one("observability")
            .child(ChildSpec::actor("observer", move || observer.clone())))
    };
    ComponentSpec::tree_of("observability", make)
        .phase(Phase::Observability)
        .requires::<ConfigHandle<FrameworkConfig>>()
        .criticality(Criticality::Degradable)
}
