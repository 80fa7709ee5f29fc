//! The supervision tree of the demo.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ms_actor::host::Blueprint;
use ms_actor::{MailboxSpec, Overflow, Placement};
use ms_audit::{Sources, Store};
use ms_core::view::Tier;
use ms_core::{Restart, Shutdown};
use ms_supervisor::{ChildSpec, Heartbeat, Supervisor};
use ms_worker::AgentSpec;

use crate::args::Options;
use crate::auditor::{Auditor, AuditorArgs};
use crate::board::Board;
use crate::dispatcher::{Dispatcher, DispatcherArgs};
use crate::metrics::{Metrics, MetricsArgs};
use crate::reducer::{ReducerAgent, ReducerArgs};
use crate::reporter::{Outbox, Reporter, ReporterArgs};
use crate::roster::Roster;
use crate::store::{StoreAgent, StoreArgs};
use crate::walker::{WalkerAgent, WalkerArgs};

/// A hung auditor is found within a second.
const BEAT: Heartbeat = Heartbeat { every: Duration::from_millis(250), missed: 4 };
/// An arbiter that stands still for so long is given up.
pub(crate) const WEDGED_AFTER: Duration = Duration::from_secs(1);
/// Restart budget of everything but the auditors.
const BUDGET: (u32, Duration) = (10, Duration::from_secs(10));
/// Restarts of whole branches granted in the same period: what ten restarts of a part do
/// not cure, such as a full disk, is to be told soon.
const ROOT_RESTARTS: u32 = 6;
/// Restarts of auditors granted in [`BUDGET`]'s period: a tree may well have some bad files.
const AUDITOR_RESTARTS: u32 = 500;

/// Measurements that may wait.
const MEASUREMENTS: usize = 256;

/// What the tree is made of.
pub(crate) struct Plan {
    pub(crate) options: Options,
    pub(crate) sources: Arc<Sources>,
    pub(crate) store: Arc<Store>,
    pub(crate) board: Arc<Board>,
    pub(crate) roster: Roster,
    pub(crate) outbox: Outbox,
    pub(crate) pace: Duration,
}

/// The whole tree; see the crate's documentation for its picture.
pub(crate) fn tree(plan: &Plan) -> Supervisor {
    let metrics = MetricsArgs { board: Arc::clone(&plan.board), roster: plan.roster.clone() };
    Supervisor::one_for_one("root")
        .intensity(ROOT_RESTARTS, BUDGET.1)
        .observer(Arc::<Board>::clone(&plan.board))
        .child(
            ChildSpec::agent::<Metrics>("metrics", metrics)
                .bounded(MEASUREMENTS, Overflow::DropOldest),
        )
        .child(ChildSpec::supervisor(auditors(plan)))
        .child(ChildSpec::supervisor(pipeline(plan)))
}

fn auditors(plan: &Plan) -> Supervisor {
    let args = AuditorArgs {
        roster: plan.roster.clone(),
        pace: plan.pace,
        poison: plan.options.poison.as_deref().map(Arc::from),
    };
    // Faults on demand come as fast as files do.
    let restarts = plan.options.chaos.map_or(AUDITOR_RESTARTS, |_| 1_000_000);
    let auditors = Supervisor::one_for_one("auditors").intensity(restarts, BUDGET.1);
    (1..=plan.options.workers).fold(auditors, |auditors, n| {
        let auditor = ChildSpec::agent::<Auditor>(format!("auditor-{n}"), args.clone())
            .heartbeat(BEAT)
            .shutdown(Shutdown::Timeout(Duration::from_millis(500)));
        auditors.child(auditor)
    })
}

/// Who fails takes those after it along. Each has a thread of its own, so that none
/// of them is a neighbour of an auditor that blocks.
fn pipeline(plan: &Plan) -> Supervisor {
    let (board, roster) = (|| Arc::clone(&plan.board), || plan.roster.clone());
    let store = StoreArgs { store: Arc::clone(&plan.store), board: board(), roster: roster() };
    let reducer = ReducerArgs {
        scope: plan.sources.description.clone(),
        missing: plan.sources.missing.clone(),
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
    let dispatcher = DispatcherArgs { roster: roster(), board: board(), chaos: plan.options.chaos };
    let dispatcher = Blueprint::with_view(
        move |_| Ok(Dispatcher::new(dispatcher.clone())),
        Tier::Kernel,
        Some(Dispatcher::view),
    );
    let walker =
        WalkerArgs { sources: Arc::clone(&plan.sources), board: board(), roster: roster() };
    let children = [
        ChildSpec::agent::<StoreAgent>("store", store),
        ChildSpec::agent::<ReducerAgent>("reducer", reducer),
        ChildSpec::agent::<Reporter>("reporter", reporter),
        // News of auditors are bounded by their number, batches by the walker's patience.
        ChildSpec::blueprint("dispatcher", dispatcher).mailbox(MailboxSpec::bounded(4096)),
        ChildSpec::agent::<WalkerAgent>("walker", walker).restart(Restart::Transient),
    ];
    let pipeline = Supervisor::rest_for_one("pipeline").intensity(BUDGET.0, BUDGET.1);
    children.into_iter().fold(pipeline, |pipeline, child| {
        let patience = Shutdown::Timeout(Duration::from_secs(2));
        pipeline.child(child.placement(Placement::Dedicated).shutdown(patience))
    })
}
