//! The model of a run: what its actors report, and what must hold at each report.
//!
//! The model is independent of the policy: it knows which actors were made, have ended or were told
//! to stop, and the plain rules of the tree, and nothing of how the policy decides. This file is its
//! memory. `leaves.rs`, `supervisors.rs` and `messages.rs` take the reports, `rules.rs` checks them,
//! `letting_go.rs` follows the mail of children that are dropped, `kin.rs` answers questions about
//! the memory, `log.rs` keeps the log. `invariants.rs` compares the memory after each step with what
//! the system says of itself.

mod kin;
mod leaves;
mod letting_go;
mod log;
mod messages;
mod rules;
mod supervisors;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ms_actor::{AnyRef, Node, Port};
use ms_core::{Incarnation, Restart, Strategy};
use ms_supervisor::SupervisorRef;

pub(crate) use kin::at_and_above;
use messages::Traffic;
pub(crate) use messages::{Bulletin, MessageState, Token, Watch, Work};

use crate::sim::script::{Full, Kind, LeafPlan, SupPlan, Trick};

/// A path, shared.
pub(crate) type Path = Arc<str>;

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant, by its short name in `docs/testing.md`.
    pub rule: &'static str,
    /// What was seen.
    pub detail: String,
    /// The step during or after which it was seen.
    pub step: usize,
}

/// A handle to the one record of a run. Every actor of the run holds one.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<Inner>>);

pub(crate) struct Inner {
    pub(crate) node: Option<Node>,
    pub(crate) step: usize,
    /// Events so far. The model uses it as its clock.
    pub(crate) seq: u64,
    hash: u64,
    lines: Option<Vec<String>>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) places: BTreeMap<Path, Place>,
    pub(crate) sups: BTreeMap<Path, SupPlace>,
    pub(crate) instances: Vec<Instance>,
    /// The children that commands in progress are about, and what each command does.
    pub(crate) commanded: Vec<(Path, Aim)>,
    pub(crate) traffic: Traffic,
    /// The run is over. What happens while it is cleared away is not recorded.
    pub(crate) over: bool,
    pub(crate) virtual_ms: u64,
}

/// What a command does with its child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Starts it, perhaps after it was stopped.
    Start,
    /// Stops it.
    Terminate,
    /// Drops its spec.
    Delete,
}

/// References to an actor.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) work: Port<Work>,
    pub(crate) bulletin: Port<Bulletin>,
    pub(crate) any: AnyRef,
}

/// The facts about a leaf over all its lives.
pub(crate) struct Place {
    pub(crate) parent: Path,
    pub(crate) kind: Kind,
    pub(crate) keep: bool,
    temporary: bool,
    pub(crate) overflow: Full,
    pub(crate) capacity: u64,
    backoff: bool,
    tricks: Vec<(u64, Trick)>,
    made: u64,
    pub(crate) current: Option<usize>,
    pub(crate) ports: Option<Ports>,
    /// Cells that were replaced by another of the same path.
    pub(crate) replaced: Vec<AnyRef>,
    /// Cells that were given up by a supervisor above, which went on itself. Their mail may be lost.
    let_go: Vec<AnyRef>,
}

/// One life of a leaf.
pub(crate) struct Instance {
    pub(crate) path: Path,
    /// The kernel's number of it; zero until known.
    pub(crate) incarnation: u64,
    made: u64,
    pub(crate) gone: Option<u64>,
    /// Its supervisor was killed and left it behind, and it was replaced.
    pub(crate) fenced: bool,
    /// The life of its supervisor that made it, counted from 0.
    parent_life: usize,
    /// The cell of its path that it lives in, counted from 0.
    cell: usize,
    pub(crate) armed: Vec<Trick>,
}

/// The facts about a supervisor over all its lives.
pub(crate) struct SupPlace {
    parent: Option<Path>,
    temporary: bool,
    strategy: Strategy,
    max_restarts: u32,
    period: u64,
    backoff: bool,
    spec: Vec<(Path, bool)>,
    tricks: Vec<(u64, Trick)>,
    attempts: u64,
    made: u64,
    /// The life of its own supervisor that made it last.
    parent_life: usize,
    gone: Option<u64>,
    pub(crate) reference: Option<SupervisorRef>,
    pub(crate) lives: Vec<SupLife>,
}

/// One life of a supervisor.
pub(crate) struct SupLife {
    cell: AnyRef,
    pub(crate) incarnation: Incarnation,
    pub(crate) alive: bool,
    /// It has ended. A life that was replaced may still take a moment.
    ended: bool,
    killed: bool,
    /// Children in start order.
    order: Vec<Path>,
    made: BTreeSet<Path>,
    /// The place that the boot has reached in the spec.
    booted: usize,
    starting: Option<Path>,
    /// Automatic restarts, by the second.
    restarts: Vec<u64>,
    /// Whether commands or delays make the count of restarts unreliable.
    inexact: bool,
    /// Whether an earlier life was still at work while this one was.
    unclear: bool,
    /// It stops for good.
    stopping: bool,
    /// What its last report gave up. It is taken back if that report makes the supervisor stop.
    letting_go: Vec<(Path, AnyRef)>,
}

impl World {
    pub(crate) fn new(seed: u64, keep_lines: bool) -> Self {
        let mut inner = Inner {
            node: None,
            step: 0,
            seq: 0,
            hash: 0xcbf2_9ce4_8422_2325,
            lines: keep_lines.then(Vec::new),
            violations: Vec::new(),
            faults: BTreeMap::new(),
            places: BTreeMap::new(),
            sups: BTreeMap::new(),
            instances: Vec::new(),
            commanded: Vec::new(),
            traffic: Traffic::default(),
            over: false,
            virtual_ms: 0,
        };
        inner.mix(&seed.to_le_bytes());
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Locks the record. Do not hold it while code of the kernel runs: that may drop messages, and a
    /// dropped message takes this lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of handles to this record.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    // ---- what is planned -------------------------------------------------------

    pub(crate) fn plan_leaf(&self, path: &Path, parent: &Path, plan: &LeafPlan) {
        let place = Place {
            parent: Arc::clone(parent),
            kind: plan.kind,
            keep: plan.keep,
            temporary: plan.options.restart == Restart::Temporary,
            overflow: plan.overflow,
            capacity: plan.capacity as u64,
            backoff: plan.options.backoff.is_some(),
            tricks: plan.tricks.clone(),
            made: 0,
            current: None,
            ports: None,
            replaced: Vec::new(),
            let_go: Vec::new(),
        };
        self.lock().places.insert(Arc::clone(path), place);
    }

    pub(crate) fn plan_sup(
        &self,
        path: &Path,
        parent: Option<&Path>,
        plan: &SupPlan,
        spec: Vec<(Path, bool)>,
    ) {
        let place = SupPlace {
            parent: parent.cloned(),
            temporary: plan.options.restart == Restart::Temporary,
            strategy: plan.strategy,
            max_restarts: plan.max_restarts,
            period: plan.period,
            backoff: plan.options.backoff.is_some(),
            spec,
            tricks: plan.tricks.clone(),
            attempts: 0,
            made: 0,
            parent_life: 0,
            gone: None,
            reference: None,
            lives: Vec::new(),
        };
        self.lock().sups.insert(Arc::clone(path), place);
    }

    // ---- the end ---------------------------------------------------------------

    /// Drops everything that holds actors. It is taken out first, so that it is dropped without the
    /// lock.
    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        let places = std::mem::take(&mut inner.places);
        let sups = std::mem::take(&mut inner.sups);
        let traffic = std::mem::take(&mut inner.traffic);
        let node = inner.node.take();
        drop(inner);
        drop((places, sups, traffic, node));
    }

    pub(crate) fn take_lines(&self) -> Vec<String> {
        self.lock().lines.take().unwrap_or_default()
    }
}
