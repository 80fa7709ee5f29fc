//! Durable tasks as one child: a dispatcher and its pools of agents.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ms_actor::host::Blueprint;
use ms_actor::{Placement, Ref, Slot, StartError};
use ms_core::task::{AgentKind, QueueName};
use ms_core::time::FAR;
use ms_core::view::Tier;
use ms_core::{ExitReason, IdError, Intensity, Invalid, StopOrder};
use ms_supervisor::{ChildSpec, SupervisorSpec};
use ms_task::{QueueSpec, TaskStore};

use super::client::TaskClient;
use super::dispatcher::Dispatcher;
use super::intake::{Intake, OnRefused};
use super::messages::{DispatcherSpec, Join};
use super::performs::Performs;
use crate::actor::{AgentActor, AgentRef};
use crate::budgets::Budgets;
use crate::state::{StateError, StateKeeper};

/// Length of a lease unless renewed; it is renewed at every third of it.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(30);
/// Shortest lease: an agent has to begin and to renew it within that time.
pub const MIN_LEASE: Duration = Duration::from_millis(10);
/// Longest attempt of a task that sets none itself.
pub const DEFAULT_ATTEMPT: Duration = Duration::from_secs(15 * 60);
/// Agents of one pool.
const MAX_POOL: usize = 4_096;
/// Restarts that a pool's supervisor grants by default: poison tasks cost restarts. A larger pool
/// gets one for each agent, or some of its agents would never get a task.
const POOL_INTENSITY: Intensity = Intensity { max_restarts: 100, period: Duration::from_secs(10) };

/// Why a set-up of tasks is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TasksError {
    /// A bad name of a queue or a kind of agent.
    #[error(transparent)]
    Id(#[from] IdError),
    /// The same kind twice.
    #[error(
        "the kind of agent {0} is declared twice; declare one pool with as many agents as both"
    )]
    KindTwice(AgentKind),
    /// The same queue twice.
    #[error("the queue {0} is declared twice; keep one of them")]
    QueueTwice(QueueName),
    /// A number outside its bounds.
    #[error("{what} must be {bounds}")]
    OutOfBounds {
        /// The setting.
        what: &'static str,
        /// The permitted values.
        bounds: &'static str,
    },
}

/// Durable tasks: queues, pools of agents, and the store behind them.
///
/// It makes one supervisor, `rest_for_one`: the dispatcher first, then a supervisor for each
/// pool. A new dispatcher takes all tasks back and starts all agents anew. The store is a
/// child of its own, to be started before.
pub struct Tasks {
    id: String,
    store: Arc<dyn TaskStore>,
    queues: Vec<QueueSpec>,
    pools: Vec<Pool>,
    intensity: Option<Intensity>,
    lease: Duration,
    attempt: Duration,
    budgets: Option<Budgets>,
    keeper: Option<Arc<dyn StateKeeper>>,
    on_refused: OnRefused,
    dispatcher: Slot<Dispatcher>,
}

struct Pool {
    kind: AgentKind,
    intake: Intake,
    agents: Vec<ChildSpec>,
}

impl Pool {
    fn intake(&self) -> (AgentKind, Intake) {
        (self.kind.clone(), self.intake.clone())
    }
}

impl Tasks {
    /// Makes a system of tasks kept in `store`, as the child `id`; with no queue declared there is
    /// `default`.
    #[must_use]
    pub fn new(id: impl AsRef<str>, store: impl TaskStore) -> Self {
        Self {
            id: id.as_ref().to_owned(),
            store: Arc::new(store),
            queues: Vec::new(),
            pools: Vec::new(),
            intensity: None,
            lease: DEFAULT_LEASE,
            attempt: DEFAULT_ATTEMPT,
            budgets: None,
            keeper: None,
            on_refused: OnRefused::default(),
            dispatcher: Slot::new(),
        }
    }

    /// Declares a queue.
    ///
    /// # Errors
    /// It is there already, or permits nothing.
    pub fn queue(mut self, queue: QueueSpec) -> Result<Self, TasksError> {
        if queue.concurrency == 0 {
            return Err(TasksError::OutOfBounds { what: "the concurrency", bounds: "1 or more" });
        }
        if queue.rate.is_some_and(|rate| !rate.per_second.is_finite() || rate.per_second <= 0.0) {
            return Err(TasksError::OutOfBounds {
                what: "the rate",
                bounds: "more than 0 a second",
            });
        }
        if self.queues.iter().any(|known| known.name == queue.name) {
            return Err(TasksError::QueueTwice(queue.name));
        }
        self.queues.push(queue);
        Ok(self)
    }

    /// Declares `count` agents of a kind; they are the children `KIND-1` and so on.
    ///
    /// # Errors
    /// A bad name, a kind that is there already, none or more than 4,096 agents.
    pub fn pool<G: Performs>(
        self,
        kind: &str,
        count: usize,
        args: G::Args,
    ) -> Result<Self, TasksError> {
        self.pool_as::<G>(kind, count, args, |agent| agent)
    }

    /// Declares a pool as [`Tasks::pool`] does, and passes each agent's child spec through `shape`:
    /// to give it a heartbeat, a shutdown time, a thread of its own.
    ///
    /// # Errors
    /// As [`Tasks::pool`].
    pub fn pool_as<G: Performs>(
        mut self,
        kind: &str,
        count: usize,
        args: G::Args,
        shape: impl Fn(ChildSpec) -> ChildSpec,
    ) -> Result<Self, TasksError> {
        let name = AgentKind::new(kind)?;
        if !(1..=MAX_POOL).contains(&count) {
            return Err(TasksError::OutOfBounds {
                what: "the agents of a pool",
                bounds: "1 to 4096",
            });
        }
        if self.pools.iter().any(|pool| pool.kind == name) {
            return Err(TasksError::KindTwice(name));
        }
        let args = Arc::new(args);
        let agents = (1..=count)
            .map(|n| ChildSpec::blueprint(format!("{kind}-{n}"), self.agent::<G>(&name, &args)))
            .map(shape)
            .collect();
        let intake = match G::NEEDS_STATE && self.keeper.is_none() {
            true => Intake::none(&StateError::NotKept),
            false => Intake::of::<G>(args),
        };
        self.pools.push(Pool { kind: name, intake, agents });
        Ok(self)
    }

    /// Sets how many restarts each pool's supervisor grants (default 100 in 10 s, and one for each
    /// agent of a pool that has more).
    ///
    /// Poison tasks cost restarts. The dispatcher counts with the supervisor and holds tasks
    /// back before the intensity could be passed, so tasks alone never end a pool.
    #[must_use]
    pub const fn pool_intensity(mut self, max_restarts: u32, period: Duration) -> Self {
        // A supervisor counts in whole seconds, and "for ever" need not be exact.
        let period = if period.as_secs() > FAR.as_secs() { FAR } else { period };
        self.intensity = Some(Intensity { max_restarts, period });
        self
    }

    /// Sets the length of a lease unless renewed (default 30 s), and so how long the task of an
    /// agent that hangs is withheld from others. At least [`MIN_LEASE`], or the tasks do not start.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets the longest attempt of a task that sets none itself (default 15 min).
    #[must_use]
    pub const fn attempt(mut self, limit: Duration) -> Self {
        self.attempt = limit;
        self
    }

    /// Puts the agents of the pools declared after this under those budgets whose paths they are at
    /// or below, such as `/root/TASKS/KIND`. Tasks for agents of a used-up budget wait.
    #[must_use]
    pub fn budgets(mut self, budgets: &Budgets) -> Self {
        self.budgets = Some(budgets.clone());
        self
    }

    /// Sets the keeper in which [`Cx::save`](crate::Cx::save) and [`Cx::saved`](crate::Cx::saved)
    /// of the agents of the pools declared after this keep their states.
    #[must_use]
    pub fn keeper(mut self, keeper: impl StateKeeper) -> Self {
        self.keeper = Some(Arc::new(keeper));
        self
    }

    /// Sets a callback for payloads that are refused at submission. It runs in the submitter's
    /// thread and must not wait.
    #[must_use]
    pub fn on_refused(
        mut self,
        callback: impl Fn(&AgentKind, &Invalid) + Send + Sync + 'static,
    ) -> Self {
        self.on_refused = OnRefused::of(callback);
        self
    }

    /// Counts the agents declared so far, of all kinds.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.pools.iter().map(|pool| pool.agents.len()).sum()
    }

    /// Returns the kinds of agents that are declared so far.
    pub fn kinds(&self) -> impl Iterator<Item = AgentKind> {
        self.pools.iter().map(|pool| pool.kind.clone())
    }

    /// Returns a client that submits tasks and reads them; it works before the start, too. Take it
    /// when all queues and pools are declared.
    #[must_use]
    pub fn client(&self) -> TaskClient {
        let queues = self.queue_specs().into_iter().map(|queue| queue.name);
        TaskClient {
            store: Arc::clone(&self.store),
            dispatcher: self.dispatcher.late(),
            queues: Arc::new(queues.collect()),
            kinds: Arc::new(self.pools.iter().map(Pool::intake).collect()),
            on_refused: self.on_refused.clone(),
        }
    }

    /// Makes the child spec of the supervisor with the dispatcher and all agents.
    #[must_use]
    pub fn child(&self) -> ChildSpec {
        let spec = DispatcherSpec {
            store: Arc::clone(&self.store),
            queues: self.queue_specs(),
            pools: self
                .pools
                .iter()
                .map(|pool| (pool.kind.clone(), self.intensity(pool)))
                .collect(),
            // The store writes the end of a lease as a number, so "for ever" needs a finite one.
            lease: self.lease.min(FAR),
            attempt: self.attempt.min(FAR),
        };
        let started = self.dispatcher.clone();
        let factory = move |me: &Ref<Dispatcher>| {
            if spec.lease < MIN_LEASE {
                // Over before the agent begins: each task would be given and taken back for ever.
                let bounds = "at least 10 ms";
                return Err(TasksError::OutOfBounds { what: "the lease", bounds }.into());
            }
            started.fill(me);
            Ok(Dispatcher::new(spec.clone()))
        };
        let dispatcher = Blueprint::with_view(factory, Tier::Kernel, Some(Dispatcher::view));
        // On a thread of its own: neither does an agent that blocks its arbiter hold up the
        // others, nor does the dispatcher hold up the supervisors.
        let dispatcher =
            ChildSpec::blueprint("dispatcher", dispatcher).placement(Placement::Dedicated);
        // Together: the dispatcher claims no more while agents are stopped, writes what they hand
        // back, and no pool waits for another.
        let supervisor = SupervisorSpec::rest_for_one(&self.id)
            .intensity(5, Duration::from_secs(60))
            .stop_order(StopOrder::Together);
        let pools = self.pools.iter().map(|pool| self.pool_supervisor(pool));
        ChildSpec::supervisor(pools.fold(supervisor.child(dispatcher), SupervisorSpec::child))
    }

    fn intensity(&self, pool: &Pool) -> Intensity {
        let each = u32::try_from(pool.agents.len()).unwrap_or(u32::MAX);
        let max_restarts = POOL_INTENSITY.max_restarts.max(each);
        self.intensity.unwrap_or(Intensity { max_restarts, ..POOL_INTENSITY })
    }

    fn pool_supervisor(&self, pool: &Pool) -> ChildSpec {
        let Intensity { max_restarts, period } = self.intensity(pool);
        let supervisor = SupervisorSpec::one_for_one(pool.kind.as_str())
            .intensity(max_restarts, period)
            .stop_order(StopOrder::Together);
        ChildSpec::supervisor(pool.agents.iter().cloned().fold(supervisor, SupervisorSpec::child))
    }

    /// Makes the blueprint of an agent that joins the dispatcher at each of its starts.
    fn agent<G: Performs>(&self, kind: &AgentKind, args: &Arc<G::Args>) -> Blueprint {
        let (kind, args) = (kind.clone(), Arc::clone(args));
        let (dispatcher, budgets) = (self.dispatcher.late(), self.budgets.clone());
        let keeper = self.keeper.clone();
        let factory = move |me: &AgentRef<G>| {
            let meter = budgets.as_ref().map(|budgets| budgets.meter(me.any()));
            let none = || StartError::Failed(ExitReason::failed("the dispatcher is not there yet"));
            let join = Join { kind: kind.clone(), agent: me.port(), meter: meter.clone() };
            dispatcher.get().ok_or_else(none)?.try_tell(join)?;
            let agent = AgentActor::<G>::new(G::Args::clone(&args)).of_pool(Arc::clone(&args));
            Ok(agent.metered(meter).kept_by(keeper.clone()))
        };
        Blueprint::with_view(factory, Tier::Agent, Some(AgentActor::view))
    }

    fn queue_specs(&self) -> Vec<QueueSpec> {
        if self.queues.is_empty() {
            return vec![QueueSpec::new(QueueName::default())];
        }
        self.queues.clone()
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.pools.iter().map(|pool| &pool.kind).collect();
        f.debug_struct("Tasks").field("id", &self.id).field("kinds", &kinds).finish_non_exhaustive()
    }
}
