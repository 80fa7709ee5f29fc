//! Reads the tree, the busiest actors, one actor, its state, its exits, the node.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ms_actor::{AnyRef, DebugError, Entry, Node, ReadFrom, read_traces};
use ms_core::interactions::InteractionMetrics;
use ms_core::time::part;
use ms_core::tree::{MAX_NESTED, TreeRow, rows};
use ms_core::view::{ActorStatus, BlastRadius, EventKind, Mark, Tier, TreeNode, WhyRecord};
use ms_core::{ActorPath, Incarnation};
use ms_ops::ops::{DryRun, Ps, ShowTree, WalkTree, Why};
use ms_ops::views::{Flat, NodeInfo, OpenResources, PsRow, PsTable, StateView};
use ms_ops::{OpError, Sink, codes};

use super::NodeControl;
use super::error::{of_actor, of_supervisor};
use super::steer::verb_of;
use crate::service::{GetInteractionMetrics, InteractionsActor};

/// How long `inspect` waits for the counts by message type, which only the actor itself has.
// Short: `msctl inspect` is used most on actors that hang, and is to answer at once for them.
const STATUS_WITHIN: Duration = Duration::from_millis(250);

impl NodeControl {
    /// Finds the actor at `path`.
    pub(super) async fn find(&self, path: &ActorPath) -> Result<AnyRef, OpError> {
        self.root()?.find(path).await.map_err(|error| of_supervisor(path, &error))
    }

    async fn whole(&self) -> Result<TreeNode, OpError> {
        self.subtree(None, None).await
    }

    async fn subtree(
        &self,
        at: Option<&ActorPath>,
        depth: Option<usize>,
    ) -> Result<TreeNode, OpError> {
        let root = self.root()?;
        let path = at.unwrap_or_else(|| root.path());
        let tree = match path == root.path() {
            true => root.tree(depth).await,
            false => root.tree_at(path, depth).await,
        };
        tree.map_err(|error| of_supervisor(path, &error))
    }

    /// Returns the tree to the depth that JSON readers accept; children below that are counted.
    pub(super) async fn tree(
        &self,
        ShowTree { root, depth }: ShowTree,
    ) -> Result<TreeNode, OpError> {
        let depth = depth.unwrap_or(MAX_NESTED).min(MAX_NESTED);
        let tree = self.subtree(root.as_ref(), Some(depth)).await?;
        // A backtrace is kept unresolved; to look its symbols up takes long, and is done off the
        // arbiters for those that are shown.
        read_traces(tree.walk().filter_map(|node| node.status.last_exit.as_ref())).await;
        Ok(tree)
    }

    /// Sends the tree row by row as it is walked.
    // A large tree fits into no single answer: an answer has a size limit, a stream has none.
    pub(super) async fn walk(
        &self,
        WalkTree { root: at, depth }: WalkTree,
        within: Duration,
        sink: Sink<Vec<TreeRow>>,
    ) -> Result<(), OpError> {
        let root = self.root()?;
        let path = at.as_ref().unwrap_or_else(|| root.path());
        let failed = |error| of_supervisor(path, &error);
        let begin = async { root.walk_at(path, depth).await.map_err(failed) };
        let Some(mut walk) = in_time(within, begin).await? else {
            let leaf = in_time(within, self.subtree(Some(path), depth)).await?;
            read_traces(leaf.walk().filter_map(|node| node.status.last_exit.as_ref())).await;
            // Not a supervisor: it has no children to walk, and its row is the whole answer. A send
            // that fails means that the reader left.
            let _ = sink.send(rows(&leaf).collect()).await;
            return Ok(());
        };
        while let Some(rows) = walk.next().await.map_err(failed)? {
            read_traces(rows.iter().filter_map(|row| row.status.last_exit.as_ref())).await;
            if sink.send(rows).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    pub(super) async fn ps(&self, Ps { window_ms, sort, top }: Ps) -> Result<PsTable, OpError> {
        let window = Duration::from_millis(window_ms);
        let began = self.0.node.now();
        let before = match window.is_zero() {
            true => None,
            false => {
                let before = Work::of(&self.whole().await?);
                tokio::time::sleep(window).await;
                Some(before)
            }
        };
        let tree = self.whole().await?;
        let window = if before.is_some() { self.0.node.now().since(began) } else { Duration::ZERO };
        let window_us = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        let rows = tree.walk().map(|node| row(&node.status, before.as_ref(), window_us));
        let mut table = PsTable { window_ms: window_us / 1_000, total: 0, rows: rows.collect() };
        table.total = table.rows.len();
        table.arrange(sort, top);
        read_traces(table.rows.iter().filter_map(|row| row.status.last_exit.as_ref())).await;
        Ok(table)
    }

    pub(super) async fn inspect(&self, path: ActorPath) -> Result<Flat, OpError> {
        let mut node = self.subtree(Some(&path), Some(1)).await?;
        match self.find(&path).await?.ask_status(STATUS_WITHIN).await {
            Ok(status) => node.status.types = status.types,
            Err(DebugError::Unresponsive { .. }) => mark(&mut node.status, Mark::Unresponsive),
            // An actor that is down has no counts to ask for; the rest is known from outside.
            Err(_) => {}
        }
        read_traces(node.walk().filter_map(|node| node.status.last_exit.as_ref())).await;
        Ok(Flat(Box::new(node)))
    }

    pub(super) async fn state(
        &self,
        path: ActorPath,
        within: Duration,
    ) -> Result<StateView, OpError> {
        let actor = self.find(&path).await?;
        let incarnation = actor.incarnation();
        // A little less than the whole time, so that the answer "this actor is silent" still comes
        // before the desk gives up with "too late".
        let state = actor
            .state(within.saturating_sub(part(within, 10)))
            .await
            .map_err(|error| of_actor(&error))?;
        let state = serde_json::to_value(state).map_err(|error| {
            OpError::internal("the state cannot be written as JSON").why(error.to_string())
        })?;
        Ok(StateView { path, incarnation, state })
    }

    pub(super) async fn why(&self, Why { path, limit }: Why) -> Result<Vec<WhyRecord>, OpError> {
        let root = self.root()?;
        if path == *root.path() {
            // The end of the root is the end of the node, so there is no earlier end to report.
            return Ok(Vec::new());
        }
        let records = root.why(&path, limit.unwrap_or(1)).await;
        let records = records.map_err(|error| of_supervisor(&path, &error))?;
        read_traces(records.iter().map(|record| &record.reason)).await;
        Ok(records)
    }

    pub(super) async fn interactions(
        &self,
        within: Duration,
    ) -> Result<Box<InteractionMetrics>, OpError> {
        const UNKNOWN: &str = "the interaction metrics of the components are unavailable";
        let actor = self.root()?.get::<InteractionsActor>("integration").await;
        let actor = actor.map_err(|error| {
            let what = "this node is not a service: its components are not watched";
            OpError::new(&codes::NOT_WATCHED, what)
                .detail(UNKNOWN)
                .why(error.to_string())
                .next("`msctl ps` shows its actors")
        })?;
        let metrics =
            actor.ask(GetInteractionMetrics).within(within.saturating_sub(part(within, 10))).await;
        let metrics = metrics.map_err(|error| {
            OpError::new(&codes::WATCHER_SILENT, "the actor /root/integration did not answer")
                .detail(UNKNOWN)
                .why(error.to_string())
        })?;
        Ok(Box::new(metrics))
    }

    pub(super) fn resources(&self) -> OpenResources {
        OpenResources { open: self.0.node.resources().list() }
    }

    pub(super) async fn dry_run(
        &self,
        DryRun { path, verb }: DryRun,
    ) -> Result<BlastRadius, OpError> {
        let radius = self.root()?.dry_run(&path, verb_of(verb)).await;
        radius.map_err(|error| of_supervisor(&path, &error))
    }

    pub(super) async fn info(&self) -> NodeInfo {
        let inner = &*self.0;
        // `info` must answer while the tree starts, and after it has ended.
        let tree = self.whole().await.ok();
        let (mut actors, mut restarts) = (0, 0);
        for node in tree.iter().flat_map(TreeNode::walk) {
            actors += 1;
            restarts += node.status.restarts;
        }
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let counters = BTreeMap::from([
            ("control_streams".to_owned(), count(&inner.streams)),
            ("events".to_owned(), inner.node.events().newest()),
            ("steering_carried_out".to_owned(), count(&inner.steered)),
            ("steering_refused".to_owned(), count(&inner.refused)),
            ("tree_answers".to_owned(), u64::from(tree.is_some())),
        ]);
        NodeInfo {
            node: inner.node.name().to_owned(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            life: Some(inner.node.life()),
            uptime_ms: inner.node.now().as_millis(),
            actors,
            restarts,
            dead_letters: inner.node.dead_letters().count(),
            arbiters: u32::try_from(inner.node.arbiter_count()).unwrap_or(u32::MAX),
            wedged: inner.wedged.count(&inner.node),
            inspections: count(&inner.inspections),
            inspection_us: count(&inner.inspection_us),
            faults_allowed: inner.allow_faults,
            counters,
        }
    }
}

async fn in_time<T>(
    within: Duration,
    work: impl Future<Output = Result<T, OpError>>,
) -> Result<T, OpError> {
    tokio::time::timeout(within, work).await.unwrap_or_else(|_| Err(OpError::late(within)))
}

fn mark(status: &mut ActorStatus, mark: Mark) {
    if !status.marks.contains(&mark) {
        status.marks.push(mark);
    }
}

/// What every actor had done at one moment: incarnation, busy time, handled messages.
struct Work(HashMap<ActorPath, (Incarnation, u64, u64)>);

impl Work {
    fn of(tree: &TreeNode) -> Self {
        let done = |node: &TreeNode| {
            let status = &node.status;
            (status.path.clone(), (status.incarnation, busy_us(status), status.handled))
        };
        Self(tree.walk().map(done).collect())
    }

    /// Returns what this incarnation had done by then; nothing, if it did not exist yet.
    fn before(&self, status: &ActorStatus) -> (u64, u64) {
        match self.0.get(&status.path) {
            Some(&(incarnation, busy, handled)) if incarnation == status.incarnation => {
                (busy, handled)
            }
            _ => (0, 0),
        }
    }
}

/// Returns the time in handlers, with the handler that blocks its thread right now.
fn busy_us(status: &ActorStatus) -> u64 {
    let blocking = status.marks.contains(&Mark::Unresponsive);
    let now = status.handling.as_ref().filter(|_| blocking).map_or(0, |handling| handling.for_us);
    status.busy_us + now
}

fn row(status: &ActorStatus, before: Option<&Work>, window_us: u64) -> PsRow {
    let (busy, handled) = before.map_or((0, 0), |before| before.before(status));
    let mut busy = busy_us(status).saturating_sub(busy);
    if before.is_some() {
        // The kernel counts a handler's time when it ends. One that began before the window would
        // show more than 100 %.
        busy = busy.min(window_us);
    }
    // An actix actor with actix's own context takes messages out of its mailbox unseen.
    let countable = status.tier != Tier::Actix;
    let handled = countable.then(|| status.handled.saturating_sub(handled));
    PsRow { status: status.clone(), busy_us: Some(busy), handled }
}

/// Counts the arbiters that were given up, from the node's events.
#[derive(Debug, Default)]
pub(super) struct Wedged(Mutex<(u64, u32)>);

impl Wedged {
    /// Returns the count. It is too low if more events than the node keeps passed between two
    /// calls.
    fn count(&self, node: &Node) -> u32 {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let past = node.events().read(ReadFrom::After(seen.0));
        for event in past.into_iter().filter_map(Entry::event) {
            seen.0 = event.seq;
            seen.1 += u32::from(matches!(event.kind, EventKind::ArbiterWedged { .. }));
        }
        seen.1
    }
}
