//! The components of the demo, and the settings of the service they make.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ms_actor::{NodeConfig, Overflow, Placement};
use ms_audit::Sources;
use ms_core::health::Criticality;
use ms_core::lifecycle::Phase;
use ms_core::{Intensity, Restart, Shutdown};
use ms_runtime::preflight::{FreeDisk, StateDirectory};
use ms_runtime::{
    Builder, ComponentSpec, EmergencySettings, RunConfig, Settings, ShutdownSettings,
    SupervisionSettings,
};
use ms_store::{SqliteTasks, StoreConfig};
use ms_supervisor::{ChildSpec, Heartbeat, SupervisorSpec};
use ms_worker::AgentSpec;
use ms_worker::tasks::{TaskClient, Tasks, TasksError};

use crate::args::Options;
use crate::auditor::{Auditor, AuditorArgs};
use crate::board::Board;
use crate::chaos::Faults;
use crate::inventory::Inventory;
use crate::metrics::{Metrics, MetricsArgs};
use crate::reducer::{ReducerAgent, ReducerArgs};
use crate::reporter::{Outbox, Reporter, ReporterArgs};
use crate::roster::Roster;
use crate::state::State;
use crate::walker::{WalkerAgent, WalkerArgs};
use crate::work::AUDITORS;

/// A hung auditor is found within a second.
const BEAT: Heartbeat = Heartbeat { every: Duration::from_millis(250), missed: 4 };
/// An arbiter that is blocked for longer is given up.
const WEDGED_AFTER: Duration = Duration::from_secs(1);
/// After this long, the file of a suspended auditor goes to another one.
const LEASE: Duration = Duration::from_secs(3);
/// Longest attempt at a file, its pause included. Heartbeats find what hangs long before.
const ATTEMPT: Duration = Duration::from_secs(180);
/// Restart budget of the pipeline's parts.
const BUDGET: (u32, Duration) = (10, Duration::from_secs(10));
/// Restarts of whole branches granted in the same period: a fault that ten restarts of a part do
/// not cure, such as a full disk, should be reported soon.
const ROOT_RESTARTS: u32 = 6;
/// Restarts of auditors granted in [`BUDGET`]'s period: a tree may well have some bad files.
const AUDITOR_RESTARTS: u32 = 500;
/// How long an orderly stop may take: the seven steps, and with what comes after them.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// What is finished is kept for a rerun, a year.
const KEEP_FINISHED: Duration = Duration::from_secs(366 * 86_400);
/// Measurements that may wait.
const MEASUREMENTS: usize = 256;

/// The parts that the service is made of.
pub(crate) struct Plan {
    pub(crate) options: Options,
    pub(crate) sources: Arc<Sources>,
    pub(crate) state: State,
    pub(crate) board: Arc<Board>,
    pub(crate) roster: Roster,
    pub(crate) faults: Faults,
    pub(crate) outbox: Outbox,
    pub(crate) pace: Duration,
    pub(crate) workers: usize,
}

/// Makes the whole service; see the crate's documentation for a picture of its tree.
pub(crate) fn service(plan: &Plan) -> Result<Builder, TasksError> {
    let config = StoreConfig { keep_ended: KEEP_FINISHED, ..StoreConfig::new(plan.state.tasks()) };
    let (store, child) = ms_store::sqlite("store", config);
    let tasks = fleet(plan, &store)?;
    let settings = settings(plan, &tasks, &store);
    let inventory = Inventory { store, board: Arc::clone(&plan.board) };
    Ok(Builder::new(settings)
        .preflight(StateDirectory(plan.state.dir.clone()))
        .preflight(FreeDisk::of(&plan.state.dir))
        .observer(Arc::<Board>::clone(&plan.board))
        .component(observability(plan))
        .component(ComponentSpec::tree(branch("database").child(child)).phase(Phase::Data))
        .component(
            ComponentSpec::new("inventory", move || inventory.clone())
                .phase(Phase::Core)
                .needs(["database"]),
        )
        .component(ComponentSpec::tree(branch("fleet").child(tasks.child())).needs(["inventory"]))
        .component(ComponentSpec::tree(pipeline(plan, &tasks.client())).needs(["fleet"])))
}

fn settings(plan: &Plan, tasks: &Tasks, store: &SqliteTasks) -> Settings {
    let config = RunConfig::new("demo").control(plan.options.control.clone());
    let config = config.tasks(tasks.client()).task_events(store.event_port());
    let node = NodeConfig { quiet_panics: true, wedged_after: Some(WEDGED_AFTER), ..config.node };
    let intensity = Intensity { max_restarts: ROOT_RESTARTS, period: BUDGET.1 };
    Settings {
        supervision: SupervisionSettings { intensity, ..SupervisionSettings::default() },
        shutdown: ShutdownSettings {
            grace: STOP_WITHIN.saturating_add(ShutdownSettings::RESERVE),
            deadline: STOP_WITHIN,
            ..ShutdownSettings::default()
        },
        emergency: EmergencySettings {
            reports: Some(plan.state.crash()),
            ..EmergencySettings::default()
        },
        ..Settings::of(RunConfig { node, allow_faults: true, ..config })
    }
}

fn branch(id: &str) -> SupervisorSpec {
    SupervisorSpec::one_for_one(id).intensity(BUDGET.0, BUDGET.1)
}

fn observability(plan: &Plan) -> ComponentSpec {
    let metrics = MetricsArgs { board: Arc::clone(&plan.board), roster: plan.roster.clone() };
    let metrics =
        ChildSpec::agent::<Metrics>("metrics", metrics).bounded(MEASUREMENTS, Overflow::DropOldest);
    ComponentSpec::tree(branch("observability").child(metrics))
        .phase(Phase::Observability)
        .criticality(Criticality::Degradable)
}

/// Makes the durable tasks and the auditors who do them.
fn fleet(plan: &Plan, store: &SqliteTasks) -> Result<Tasks, TasksError> {
    let args = AuditorArgs {
        store: store.clone(),
        board: Arc::clone(&plan.board),
        roster: plan.roster.clone(),
        faults: plan.faults.clone(),
        pace: plan.pace,
        poison: plan.options.poison.as_deref().map(Arc::from),
    };
    // Faults on demand come as fast as files do.
    let restarts = plan.options.chaos.map_or(AUDITOR_RESTARTS, |_| 1_000_000);
    Tasks::new("tasks", store.clone())
        .lease(LEASE)
        .attempt(ATTEMPT)
        .pool_intensity(restarts, BUDGET.1)
        .pool_as::<Auditor>(AUDITORS, plan.workers, args, |auditor| {
            auditor.heartbeat(BEAT).shutdown(Shutdown::Timeout(Duration::from_millis(500)))
        })
}

/// Makes the pipeline: a part that fails takes those after it along. Each has a thread of its own,
/// so that no auditor that blocks can hold it up.
fn pipeline(plan: &Plan, tasks: &TaskClient) -> SupervisorSpec {
    let (board, roster) = (|| Arc::clone(&plan.board), || plan.roster.clone());
    let reducer = ReducerArgs {
        scope: plan.sources.description.clone(),
        missing: plan.sources.missing.clone(),
        tasks: tasks.clone(),
        board: board(),
        roster: roster(),
    };
    let reporter = ReporterArgs {
        out: plan.options.out.clone(),
        began: Instant::now(),
        board: board(),
        roster: roster(),
        outbox: plan.outbox.clone(),
    };
    let walker = WalkerArgs {
        sources: Arc::clone(&plan.sources),
        tasks: tasks.clone(),
        board: board(),
        roster: roster(),
    };
    let children = [
        ChildSpec::agent::<ReducerAgent>("reducer", reducer),
        ChildSpec::agent::<Reporter>("reporter", reporter),
        // Transient: the walker ends by itself when the tree is walked.
        ChildSpec::agent::<WalkerAgent>("walker", walker).restart(Restart::Transient),
    ];
    let pipeline = SupervisorSpec::rest_for_one("pipeline").intensity(BUDGET.0, BUDGET.1);
    children.into_iter().fold(pipeline, |pipeline, child| {
        let shutdown = Shutdown::Timeout(Duration::from_secs(2));
        pipeline.child(child.placement(Placement::Dedicated).shutdown(shutdown))
    })
}
