//! The node's side of the control endpoint.
//!
//! [`NodeControl`] answers what `msctl` asks, from outside of the tree: it asks the
//! supervisors, which do nothing but administrate and so answer at once, and reads
//! of actors what can be read without asking them. An actor that hangs, is suspended
//! or is buried in mail delays nobody.
//!
//! `look.rs` reads, `steer.rs` changes and puts on record who did, `stream.rs`
//! follows, `statistics.rs` counts from a moment on, `tasks.rs` shows and steers durable tasks,
//! `budgets.rs` what agents may use.

mod budgets;
mod error;
mod look;
mod services;
mod statistics;
mod steer;
mod stream;
mod tasks;

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use ms_actor::Node;
use ms_control::proto::{MAX_TREE_FOR, Reply, Request, StreamItem};
use ms_control::{BoxFuture, ControlError, ControlHandler, Peer, codes};
use ms_core::time::part;
use ms_supervisor::SupervisorRef;
use tokio::sync::mpsc;

use look::Wedged;
use statistics::Baselines;
use stream::{Since, Traces};

use crate::node::Shown;

/// The part of a request's time kept for telling that it was too short.
const MARGIN: Duration = Duration::from_millis(100);

/// Answers for a running tree. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NodeControl(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: Node,
    /// Known once the tree has started.
    root: OnceLock<SupervisorRef>,
    allow_faults: bool,
    shown: Shown,
    inspections: AtomicU64,
    inspection_us: AtomicU64,
    streams: AtomicU64,
    steered: AtomicU64,
    refused: AtomicU64,
    wedged: Wedged,
    traces: Traces,
    baselines: Baselines,
}

impl NodeControl {
    /// Answers for a node; for its tree, once there is one ([`NodeControl::attach`]), and for
    /// what else it is shown. Faults may be injected only if allowed here.
    #[must_use]
    pub fn new(node: Node, allow_faults: bool, shown: Shown) -> Self {
        Self(Arc::new(Inner {
            node,
            root: OnceLock::new(),
            allow_faults,
            shown,
            inspections: AtomicU64::new(0),
            inspection_us: AtomicU64::new(0),
            streams: AtomicU64::new(0),
            steered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            wedged: Wedged::default(),
            traces: Traces::default(),
            baselines: Baselines::default(),
        }))
    }

    /// The tree below `root` has started. A node has one tree: a second is ignored.
    pub fn attach(&self, root: SupervisorRef) {
        if self.0.root.set(root).is_err() {
            tracing::warn!("a second tree cannot be attached to the control endpoint");
        }
    }

    /// The root of the tree, if that has started and has not ended.
    fn root(&self) -> Result<&SupervisorRef, ControlError> {
        let unreachable = |what| ControlError::new(&codes::UNREACHABLE, what);
        let root = self.0.root.get().ok_or_else(|| {
            unreachable("the tree of this node is still starting")
                .next("`msctl events` shows what has started; try again")
        })?;
        let actor = root.any();
        if actor.is_alive() {
            return Ok(root);
        }
        let why = actor.last_exit().map(|reason| reason.to_string()).unwrap_or_default();
        Err(unreachable("the tree of this node has ended").why(why))
    }

    async fn answer(&self, peer: Peer, request: Request) -> Result<Reply, ControlError> {
        let within = time_for(peer.within);
        match request {
            Request::Ps { window_ms, sort, top } => {
                let window = Duration::from_millis(window_ms);
                self.look(within, window, self.ps(window, sort, top)).await
            }
            Request::Inspect { path } => {
                self.look(within, Duration::ZERO, self.inspect(path)).await
            }
            Request::State { path } => {
                self.look(within, Duration::ZERO, self.state(path, within)).await
            }
            Request::Why { path, limit } => {
                self.look(within, Duration::ZERO, self.why(path, limit)).await
            }
            Request::DryRun { path, verb } => {
                self.look(within, Duration::ZERO, self.dry_run(path, verb)).await
            }
            Request::Integration => {
                self.look(within, Duration::ZERO, self.integration(within)).await
            }
            Request::Info => self.look(within, Duration::ZERO, self.info()).await,
            Request::Statistics { path, on: None } => {
                self.look(within, Duration::ZERO, self.statistics(path, None, within)).await
            }
            Request::Statistics { path, on } => {
                self.switch_statistics(peer, path, on, within).await
            }
            Request::Steer { path, verb, reason } => {
                self.steer(peer, path, verb, reason, within).await
            }
            Request::Inject { path, fault } => self.inject(peer, path, fault, within).await,
            Request::Budget { path } => self.look(within, Duration::ZERO, self.budget(path)).await,
            Request::Budgets => self.look(within, Duration::ZERO, self.budgets()).await,
            Request::RaiseBudget { account, unit, more, reason } => {
                self.raise_budget(peer, account, (unit, more), reason, within).await
            }
            Request::Lookup { name } => {
                self.look(within, Duration::ZERO, async { self.lookup(&name) }).await
            }
            Request::Tasks { filter } => {
                self.look(within, Duration::ZERO, self.tasks(filter)).await
            }
            Request::Task { id } => self.look(within, Duration::ZERO, self.task(id)).await,
            Request::SubmitTask { task } => self.submit_task(peer, *task, within).await,
            Request::SteerTask { id, verb, reason } => {
                self.steer_task(peer, id, verb, reason, within).await
            }
            Request::Tree { .. } | Request::Trace { .. } | Request::Events { .. } => {
                Err(ControlError::bad_request("this request is answered by a stream"))
            }
        }
    }

    /// Runs an inspection within its time and keeps account of what it cost;
    /// the `idle` part of it, spent asleep on purpose, is not counted.
    async fn look(
        &self,
        within: Duration,
        idle: Duration,
        inspection: impl Future<Output = Result<Reply, ControlError>>,
    ) -> Result<Reply, ControlError> {
        self.account(idle, in_time(within, inspection)).await
    }

    async fn account<T>(&self, idle: Duration, inspection: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let answer = inspection.await;
        let took = began.elapsed().saturating_sub(idle);
        self.0.inspections.fetch_add(1, Ordering::Relaxed);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.inspection_us.fetch_add(took, Ordering::Relaxed);
        answer
    }
}

impl ControlHandler for NodeControl {
    fn call(&self, peer: Peer, request: Request) -> BoxFuture<'_, Result<Reply, ControlError>> {
        Box::pin(self.answer(peer, request))
    }

    fn stream(
        &self,
        peer: Peer,
        request: Request,
        sink: mpsc::Sender<StreamItem>,
    ) -> BoxFuture<'_, Result<(), ControlError>> {
        Box::pin(async move {
            if let Request::Tree { root, depth } = request {
                let within = time_for(peer.within.saturating_sub(MAX_TREE_FOR));
                return self.account(Duration::ZERO, self.tree(root, depth, within, sink)).await;
            }
            self.0.streams.fetch_add(1, Ordering::Relaxed);
            match request {
                Request::Trace { path, max, for_ms } => {
                    self.trace(path, max, Duration::from_millis(for_ms), sink).await
                }
                Request::Events { follow, since_seq, since_task, life, filter } => {
                    let since = Since { node: since_seq, task: since_task };
                    self.events(follow, since, life, filter, sink).await
                }
                other => {
                    tracing::debug!(?peer, ?other, "asked for a stream of what is none");
                    Err(ControlError::bad_request("this request has no stream"))
                }
            }
        })
    }
}

/// What a handler may take itself, so that its own error arrives and not the server's.
fn time_for(granted: Duration) -> Duration {
    granted.saturating_sub(MARGIN.min(part(granted, 10)))
}

async fn in_time<T>(
    within: Duration,
    future: impl Future<Output = Result<T, ControlError>>,
) -> Result<T, ControlError> {
    match tokio::time::timeout(within, future).await {
        Ok(answer) => answer,
        Err(_) => Err(ControlError::timed_out(format!("the node was not done within {within:?}"))
            .why(
                "an actor that was asked is busy, hangs, or waits for one that does or is down; a \
                 supervisor on the way is suspended; or the node's own thread is blocked",
            )
            .next("`msctl tree` shows who is unresponsive; --timeout grants more")),
    }
}
