//! How a node is run: plain values with defaults.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::{EventSource, NodeConfig};
use ms_control::Limits;
use ms_core::task::TaskTransition;
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
    /// Nowhere.
    Off,
}

/// A change of the desk: providers of the program's own, another policy, other records.
type Change = Arc<dyn Fn(DeskBuilder) -> DeskBuilder + Send + Sync>;

/// What the node provides beside its tree; what is not given here is refused.
#[derive(Clone, Default)]
pub struct Exposed {
    /// Durable tasks, for `msctl tasks`.
    pub tasks: Option<TaskClient>,
    /// What happens to durable tasks, for `msctl events`.
    pub task_events: Option<EventSource<TaskTransition>>,
    /// Budgets, for `msctl why`.
    pub budgets: Option<BudgetClient>,
    /// Names and services, for `msctl lookup`.
    pub registry: Option<Registry>,
    /// How much is put on record beside steering.
    pub audit: Audit,
    changes: Vec<Change>,
}

impl Exposed {
    pub(crate) fn changed(&self, desk: DeskBuilder) -> DeskBuilder {
        self.changes.iter().fold(desk, |desk, change| change(desk))
    }
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposed")
            .field("tasks", &self.tasks.is_some())
            .field("budgets", &self.budgets.is_some())
            .field("registry", &self.registry.is_some())
            .field("audit", &self.audit)
            .finish_non_exhaustive()
    }
}

/// How a node is run.
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
    /// What the control endpoint tells of beside the tree.
    pub exposed: Exposed,
    /// How long an orderly stop may take before what is left is killed.
    pub stop_within: Duration,
}

impl RunConfig {
    /// Default time for an orderly stop: within the 30 s that Kubernetes gives.
    pub const STOP_WITHIN: Duration = Duration::from_secs(25);

    /// A node of this name: an arbiter a core, the control endpoint at its default
    /// place, no faults, 25 s for an orderly stop.
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

    /// The same with another control endpoint.
    #[must_use]
    pub fn control(mut self, control: ControlEndpoint) -> Self {
        self.control = control;
        self
    }

    /// The same with this many arbiters; 0 puts every actor on the node's own thread.
    #[must_use]
    pub fn arbiters(mut self, arbiters: usize) -> Self {
        self.node.arbiters = arbiters;
        self
    }

    /// The same, silent on standard error about supervised crashes.
    #[must_use]
    pub fn quiet_panics(mut self) -> Self {
        self.node.quiet_panics = true;
        self
    }

    /// The same, with faults allowed over the control endpoint.
    #[must_use]
    pub fn allow_faults(mut self) -> Self {
        self.allow_faults = true;
        self
    }

    /// The same, with durable tasks that `msctl tasks` shows and steers.
    #[must_use]
    pub fn tasks(mut self, client: TaskClient) -> Self {
        self.exposed.tasks = Some(client);
        self
    }

    /// The same, with the events of a task store, which `msctl events` shows beside those of the
    /// node. Without them it shows none about tasks.
    #[must_use]
    pub fn task_events(mut self, events: EventSource<TaskTransition>) -> Self {
        self.exposed.task_events = Some(events);
        self
    }

    /// The same, with budgets that `msctl why` tells of.
    #[must_use]
    pub fn budgets(mut self, client: BudgetClient) -> Self {
        self.exposed.budgets = Some(client);
        self
    }

    /// The same, with names and services that `msctl lookup` finds.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.exposed.registry = Some(registry);
        self
    }

    /// The same, with this much on record beside steering.
    #[must_use]
    pub fn audit(mut self, audit: Audit) -> Self {
        self.exposed.audit = audit;
        self
    }

    /// The same, with a desk that is changed before it opens: operations of the program's own are
    /// provided here, and are at once at every door that goes by name.
    #[must_use]
    pub fn desk(
        mut self,
        change: impl Fn(DeskBuilder) -> DeskBuilder + Send + Sync + 'static,
    ) -> Self {
        self.exposed.changes.push(Arc::new(change));
        self
    }

    /// The same with another limit for an orderly stop.
    #[must_use]
    pub fn stop_within(mut self, limit: Duration) -> Self {
        self.stop_within = limit;
        self
    }
}
