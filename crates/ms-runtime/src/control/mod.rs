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
    /// Known once the tree has started.
    root: OnceLock<SupervisorRef>,
    allow_faults: bool,
    exposed: Exposed,
    /// Known once a service has been made of the node.
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
    /// Answers for a node; for its tree, once there is one ([`NodeControl::attach`]), and for
    /// what else it is shown. Faults may be injected only if allowed here.
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

    /// The tree below `root` has started. A node has one tree: a second is ignored.
    pub fn attach(&self, root: SupervisorRef) {
        if self.0.root.set(root).is_err() {
            tracing::warn!("a second tree cannot be attached to the control endpoint");
        }
    }

    /// The root of the tree, if that has started and has not ended.
    fn root(&self) -> Result<&SupervisorRef, OpError> {
        let unreachable = |what| OpError::new(&codes::UNREACHABLE, what);
        let root = self.0.root.get().ok_or_else(|| {
            unreachable("the tree of this node is still starting")
                .detail("the tree is not up")
                .next("`msctl events` shows what has started; try again")
        })?;
        let actor = root.any();
        if actor.is_alive() {
            return Ok(root);
        }
        let why = actor.last_exit().map(|reason| reason.to_string()).unwrap_or_default();
        Err(unreachable("the tree of this node has ended").why(why))
    }

    /// Makes the desk of this node: it provides what the node can, keeps the records, and is then
    /// as the program changes it.
    #[must_use]
    pub fn desk(&self) -> Desk {
        let desk = self.provide(Desk::builder(Table::standard()));
        let desk = desk.records(OnRecord(self.clone()), self.0.exposed.audit);
        self.0.exposed.changed(desk).build()
    }

    /// Runs an inspection and keeps account of what it cost; the `idle` part of it, spent asleep
    /// on purpose, is not counted.
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
