//! What the actors of a run tell of themselves, and what must hold of it at once.
//!
//! This is the independent model: it knows who was made, who is gone, who was told to
//! stop, and the plain rules of the tree; it knows nothing of how the policy decides.
//! Here is its memory; `leaves.rs` and `supervisors.rs` are what it is told, `rules.rs` what must
//! hold then, `letting_go.rs` what goes with a child that is dropped, `kin.rs` what is asked of the
//! memory, `log.rs` the log.
//! `truth.rs` compares it after each step with what the system says of itself.

mod kin;
mod leaves;
mod letting_go;
mod log;
mod rules;
mod supervisors;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ms_actor::{AnyRef, Node, Port};
use ms_core::{Incarnation, Restart, Strategy};
use ms_supervisor::SupervisorRef;

pub(crate) use kin::at_and_above;

use crate::sim::cast::{Bulletin, Work};
use crate::sim::letters::Post;
use crate::sim::script::{Full, Kind, LeafPlan, SupPlan, Trick};

/// A path, shared.
pub(crate) type Path = Arc<str>;

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant, by its short name in `docs/testing.md`.
    pub rule: &'static str,
    /// What was seen.
    pub detail: String,
    /// The step it was seen at or after.
    pub step: usize,
}

/// The one record of a run; every actor of it holds a handle.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<Inner>>);

pub(crate) struct Inner {
    pub(crate) node: Option<Node>,
    pub(crate) step: usize,
    /// Events so far: also the time of the model.
    pub(crate) seq: u64,
    hash: u64,
    lines: Option<Vec<String>>,
    pub(crate) violations: Vec<Violation>,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) places: BTreeMap<Path, Place>,
    pub(crate) sups: BTreeMap<Path, SupPlace>,
    pub(crate) instances: Vec<Instance>,
    /// Children that commands in progress are about, and what they are.
    pub(crate) commanded: Vec<(Path, Aim)>,
    pub(crate) post: Post,
    /// The run was broken off or is over: what is cleared away is no part of it.
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

/// How to talk to an actor.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) work: Port<Work>,
    pub(crate) bulletin: Port<Bulletin>,
    pub(crate) any: AnyRef,
}

/// What is known of a leaf over all its lives.
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
    /// Cells that its supervisor, or one above, let go of while it went on itself: their mail
    /// goes with them.
    let_go: Vec<AnyRef>,
}

/// One life of a leaf.
pub(crate) struct Instance {
    pub(crate) path: Path,
    /// The kernel's number of it; zero until known.
    pub(crate) incarnation: u64,
    made: u64,
    pub(crate) gone: Option<u64>,
    /// Left behind by a supervisor that was killed, and replaced.
    pub(crate) fenced: bool,
    /// Which life of its supervisor made it, counted from 0.
    parent_life: usize,
    /// Which cell of its path it lives in, counted from 0.
    cell: usize,
    pub(crate) armed: Vec<Trick>,
}

/// What is known of a supervisor over all its lives.
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
    /// Which life of its own supervisor made it last.
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
    /// It is gone: one that was replaced may take a moment.
    ended: bool,
    killed: bool,
    /// Children in start order.
    order: Vec<Path>,
    made: BTreeSet<Path>,
    /// How far the boot has come in the spec.
    booted: usize,
    starting: Option<Path>,
    /// Automatic restarts, by the second.
    restarts: Vec<u64>,
    /// Whether the account of restarts may be off: commands and delays mixed in.
    inexact: bool,
    /// Whether an earlier life was at work beside it.
    unclear: bool,
    /// It stops for good.
    stopping: bool,
    /// What its last news let go of: it is taken back where they make it stop.
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
            post: Post::default(),
            over: false,
            virtual_ms: 0,
        };
        inner.mix(&seed.to_le_bytes());
        Self(Arc::new(Mutex::new(inner)))
    }

    /// Never held while code of the kernel runs: that may drop messages, which tell us.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles to this record that are left.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    // ---- what is planned -------------------------------------------------------

    pub(crate) fn plan_leaf(&self, path: &Path, parent: &Path, plan: &LeafPlan) {
        let place = Place {
            parent: Arc::clone(parent),
            kind: plan.kind,
            keep: plan.keep,
            temporary: plan.care.restart == Restart::Temporary,
            overflow: plan.overflow,
            capacity: plan.capacity as u64,
            backoff: plan.care.backoff.is_some(),
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
            temporary: plan.care.restart == Restart::Temporary,
            strategy: plan.strategy,
            max_restarts: plan.max_restarts,
            period: plan.period,
            backoff: plan.care.backoff.is_some(),
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

    /// Takes out all that holds actors, to be dropped without the lock.
    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        let places = std::mem::take(&mut inner.places);
        let sups = std::mem::take(&mut inner.sups);
        let post = std::mem::take(&mut inner.post);
        let node = inner.node.take();
        drop(inner);
        drop((places, sups, post, node));
    }

    pub(crate) fn take_lines(&self) -> Vec<String> {
        self.lock().lines.take().unwrap_or_default()
    }
}
