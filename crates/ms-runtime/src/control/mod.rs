//! The node's side of the control endpoint.
//!
//! [`NodeControl`] answers `msctl` from outside the tree. It asks the supervisors, which only
//! administrate and so answer at once, and reads what can be read of an actor without asking it.
//! An actor that hangs, is suspended or has a full mailbox delays no answer.
//!
//! `look.rs` reads, `steer.rs` changes, `records.rs` records who changed what, `stream.rs` follows
//! messages and events, `statistics.rs` counts from a given moment on, `services.rs` looks up
//! names, `tasks.rs` lists and steers durable tasks, `budgets.rs` reads and raises budgets.
//! `provide.rs` ties each operation to its method.

mod budgets;
mod error;
mod look;
mod provide;
mod records;
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
use ms_ops::{Desk, OpError, Table, codes};
use ms_supervisor::SupervisorRef;

use look::Wedged;
use records::OnRecord;
use statistics::Baselines;
use stream::Traces;

use crate::node::Exposed;
use crate::service::HealthRef;

/// Answers for a running tree. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NodeControl(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    node: Node,
    /// Set once the tree has started.
    root: OnceLock<SupervisorRef>,
    allow_faults: bool,
    exposed: Exposed,
    /// Set if a service runs on the node.
    health: OnceLock<HealthRef>,
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
    /// Returns the control of a node and of what it exposes; of its tree as well, once it has one
    /// ([`NodeControl::attach`]). Faults can be injected only if `allow_faults` is set.
    #[must_use]
    pub fn new(node: Node, allow_faults: bool, exposed: Exposed) -> Self {
        Self(Arc::new(Inner {
            node,
            root: OnceLock::new(),
            allow_faults,
            exposed,
            health: OnceLock::new(),
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

    /// Attaches the tree below `root`, which has started. A node has one tree: a second one is
    /// ignored.
    pub fn attach(&self, root: SupervisorRef) {
        if self.0.root.set(root).is_err() {
            tracing::warn!("a second tree cannot be attached to the control endpoint");
        }
    }

    /// Returns the root of the tree, if the tree has started and has not ended.
    fn root(&self) -> Result<&SupervisorRef, OpError> {
        let unreachable = |what| OpError::new(&codes::UNREACHABLE, what);
        let root = self.0.root.get().ok_or_else(|| {
            unreachable("the tree of this node is still starting")
                .detail("the supervision tree is not running")
                .next("`msctl events` shows what has started; try again")
        })?;
        let actor = root.any();
        if actor.is_alive() {
            return Ok(root);
        }
        let why = actor.last_exit().map(|reason| reason.to_string()).unwrap_or_default();
        Err(unreachable("the tree of this node has ended").why(why))
    }

    /// Builds the desk of this node: all its operations and its records, then the changes of the
    /// program.
    #[must_use]
    pub fn desk(&self) -> Desk {
        // The program comes last, so that it may replace what the node provides.
        let desk = self.provide(Desk::builder(Table::standard()));
        let desk = desk.records(OnRecord(self.clone()), self.0.exposed.audit);
        self.0.exposed.changed(desk).build()
    }

    /// Runs an inspection and counts what it cost, without the time `idle` that it sleeps on
    /// purpose.
    // `msctl ps --window 10s` sleeps ten seconds and costs next to nothing. `msctl info` shows what
    // inspections cost, so sleep must not count.
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
