//! The configuration of a node: plain values with defaults.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::{EventPort, NodeConfig};
use ms_control::Limits;
use ms_core::task::{TaskLogEvent, TaskSteering};
use ms_ops::DeskBuilder;
use ms_ops::record::Audit;
use ms_registry::Registry;
use ms_worker::budgets::BudgetClient;
use ms_worker::tasks::TaskClient;

/// Where the control endpoint listens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ControlEndpoint {
    /// At the default place of the node's name: `$MS_CONTROL`, or `NAME.sock` in
    /// `$XDG_RUNTIME_DIR/ms-framework` or `/tmp/ms-framework-UID`.
    #[default]
    Default,
    /// At this path.
    Path(PathBuf),
    /// Nowhere: `msctl` cannot reach the node.
    Off,
}

/// A change of the desk: operations of the program itself, another policy, other records.
type Change = Arc<dyn Fn(DeskBuilder) -> DeskBuilder + Send + Sync>;

/// What a node serves to `msctl` beside its tree.
///
/// A request for something that is not set here is refused, with the reason.
#[derive(Clone, Default)]
pub struct Exposed {
    /// Durable tasks, for `msctl tasks`.
    pub tasks: Option<TaskClient>,
    /// What happens to durable tasks, for `msctl events`; who steered them is added to it.
    pub task_events: Option<EventPort<TaskLogEvent, TaskSteering>>,
    /// Budgets, for `msctl why`.
    pub budgets: Option<BudgetClient>,
    /// Names and services, for `msctl lookup`.
    pub registry: Option<Registry>,
    /// What is recorded beside steering, which always is.
    pub audit: Audit,
    changes: Vec<Change>,
}

impl Exposed {
    /// Applies the program's own changes to a desk, in the order they were given.
    pub(crate) fn changed(&self, desk: DeskBuilder) -> DeskBuilder {
        self.changes.iter().fold(desk, |desk, change| change(desk))
    }
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The clients have no useful `Debug`; whether they are set is what matters.
        f.debug_struct("Exposed")
            .field("tasks", &self.tasks.is_some())
            .field("budgets", &self.budgets.is_some())
            .field("registry", &self.registry.is_some())
            .field("audit", &self.audit)
            .finish_non_exhaustive()
    }
}

/// The configuration of a node.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// The node itself.
    pub node: NodeConfig,
    /// Where the control endpoint listens.
    pub control: ControlEndpoint,
    /// The limits of the control endpoint.
    pub limits: Limits,
    /// Whether faults may be injected over the control endpoint; never in production.
    pub allow_faults: bool,
    /// What the control endpoint serves beside the tree.
    pub exposed: Exposed,
    /// Time for an orderly stop. What still runs after it is killed.
    pub stop_within: Duration,
}

impl RunConfig {
    /// Default time for an orderly stop.
    // Kubernetes kills a pod after 30 s. The 5 s between leave room to kill what hangs, and to
    // report it.
    pub const STOP_WITHIN: Duration = Duration::from_secs(25);

    /// Returns the defaults for a node of this name: one arbiter per core, the control endpoint
    /// at its default path, fault injection off, 25 s for an orderly stop.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            node: NodeConfig { name: name.into(), ..NodeConfig::default() },
            control: ControlEndpoint::Default,
            limits: Limits::default(),
            allow_faults: false,
            exposed: Exposed::default(),
            stop_within: Self::STOP_WITHIN,
        }
    }

    /// Sets where the control endpoint listens.
    #[must_use]
    pub fn control(mut self, control: ControlEndpoint) -> Self {
        self.control = control;
        self
    }

    /// Sets the number of arbiters; 0 puts every actor on the node's own thread.
    #[must_use]
    pub fn arbiters(mut self, arbiters: usize) -> Self {
        self.node.arbiters = arbiters;
        self
    }

    /// Keeps supervised crashes off standard error; the log still has them.
    #[must_use]
    pub fn quiet_panics(mut self) -> Self {
        self.node.quiet_panics = true;
        self
    }

    /// Allows faults to be injected over the control endpoint. Never in production.
    #[must_use]
    pub fn allow_faults(mut self) -> Self {
        self.allow_faults = true;
        self
    }

    /// Exposes durable tasks: `msctl tasks` lists and steers them.
    #[must_use]
    pub fn tasks(mut self, client: TaskClient) -> Self {
        self.exposed.tasks = Some(client);
        self
    }

    /// Exposes the events of a task store: `msctl events` lists them beside those of the node.
    /// Who steered a task is published there as well. Without this call it lists no task events at
    /// all, and who steered a task is an event of the node.
    #[must_use]
    pub fn task_events(mut self, events: EventPort<TaskLogEvent, TaskSteering>) -> Self {
        self.exposed.task_events = Some(events);
        self
    }

    /// Exposes budgets: `msctl why` names the one that holds an agent.
    #[must_use]
    pub fn budgets(mut self, client: BudgetClient) -> Self {
        self.exposed.budgets = Some(client);
        self
    }

    /// Exposes names and services: `msctl lookup` finds them.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.exposed.registry = Some(registry);
        self
    }

    /// Sets what is recorded beside steering.
    #[must_use]
    pub fn audit(mut self, audit: Audit) -> Self {
        self.exposed.audit = audit;
        self
    }

    /// Changes the desk before it opens. Provide operations of the program here: `msctl`, HTTP
    /// and every other endpoint that looks operations up by name serves them at once.
    #[must_use]
    pub fn desk(
        mut self,
        change: impl Fn(DeskBuilder) -> DeskBuilder + Send + Sync + 'static,
    ) -> Self {
        self.exposed.changes.push(Arc::new(change));
        self
    }

    /// Sets the time for an orderly stop.
    #[must_use]
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.stop_within = limit;
        self
    }
}
