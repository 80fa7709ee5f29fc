//! One child: its cell, its present start, its deadline.

use std::sync::Arc;

use ms_actor::host::{Blueprint, ChildCell, EndFacts, Parent};
use ms_actor::{AnyRef, Node};
use ms_core::view::Lifecycle;
use ms_core::{ActorPath, ChildId, ExitReason, Incarnation};
use ms_policy::ChildKey;

use super::kept_cells::KeptCells;
use super::timers::TimerId;
use crate::logic::heartbeat::Silence;
use crate::logic::starts::{StartNumber, Starts};
use crate::spec::{ChildOptions, SupervisorSpec};

/// How often a start is begun anew because its thread was lost, before that counts as its failure.
const MAX_LOST_STARTS: u8 = 3;

/// What a child is made of.
pub(crate) struct ChildParts {
    blueprint: Blueprint,
    subtree: Option<Box<Subtree>>,
    options: Arc<ChildOptions>,
}

impl ChildParts {
    pub(crate) fn new(
        blueprint: Blueprint,
        subtree: Option<Subtree>,
        options: Arc<ChildOptions>,
    ) -> Self {
        Self { blueprint, subtree: subtree.map(Box::new), options }
    }
}

/// What is kept of a child that is a supervisor itself.
pub(crate) struct Subtree {
    spec: SupervisorSpec,
    kept: KeptCells,
}

impl Subtree {
    pub(crate) fn new(spec: SupervisorSpec, kept: KeptCells) -> Self {
        Self { spec, kept }
    }

    pub(crate) fn spec(&self) -> &SupervisorSpec {
        &self.spec
    }

    pub(crate) fn kept(&self) -> &KeptCells {
        &self.kept
    }
}

/// One child. Kept small: a dynamic supervisor may have a million.
pub(crate) struct Child {
    key: ChildKey,
    path: ActorPath,
    /// Made at the first start, of the blueprint, which is then dropped.
    cell: Option<ChildCell>,
    blueprint: Option<Box<Blueprint>>,
    subtree: Option<Box<Subtree>>,
    options: Arc<ChildOptions>,
    starts: Starts,
    /// Whether the present start was answered by the kernel.
    acknowledged: bool,
    lasting: bool,
    /// The deadline of its start or stop.
    timer: Option<TimerId>,
    rare: Option<Box<Rare>>,
}

/// What few children have at any moment.
#[derive(Default)]
struct Rare {
    /// It was taken for hung, and is being killed for it.
    hung: bool,
    /// Threads its present start was lost with.
    lost_starts: u8,
    /// Facts of its last end, until the policy has decided about it.
    last_end: Option<EndFacts>,
}

impl Child {
    /// Makes a child that was not started yet. A `lasting` one goes on in its cell in each life of
    /// the supervisor (X6). One that was added at run time vanishes with the life it was added to
    /// (G6).
    pub(crate) fn new(key: ChildKey, path: ActorPath, parts: ChildParts, lasting: bool) -> Self {
        Self {
            key,
            path,
            cell: None,
            blueprint: Some(Box::new(parts.blueprint)),
            subtree: parts.subtree,
            options: parts.options,
            starts: Starts::default(),
            acknowledged: false,
            lasting,
            timer: None,
            rare: None,
        }
    }

    pub(crate) fn key(&self) -> ChildKey {
        self.key
    }

    pub(crate) fn path(&self) -> &ActorPath {
        &self.path
    }

    pub(crate) fn name(&self) -> &str {
        self.path.name()
    }

    pub(crate) fn id(&self) -> Option<ChildId> {
        ChildId::new(self.name()).ok()
    }

    pub(crate) fn cell(&self) -> Option<&ChildCell> {
        self.cell.as_ref()
    }

    /// Returns a reference to the actor that holds none of the supervisor's levers.
    pub(crate) fn actor(&self) -> Option<AnyRef> {
        self.cell.as_ref().map(ChildCell::any)
    }

    pub(crate) fn subtree(&self) -> Option<&Subtree> {
        self.subtree.as_deref()
    }

    pub(crate) fn options(&self) -> &Arc<ChildOptions> {
        &self.options
    }

    pub(crate) fn starts(&self) -> Starts {
        self.starts
    }

    /// Returns which life of its cell the present start has led to.
    pub(crate) fn incarnation(&self) -> Incarnation {
        self.starts.incarnation()
    }

    pub(crate) fn is_lasting(&self) -> bool {
        self.lasting
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.cell.as_ref().is_some_and(|cell| cell.is_alive())
    }

    /// Returns whether it is to run at all now; see [`SupervisorSpec::only_if`].
    pub(crate) fn is_wanted(&self) -> bool {
        self.subtree.as_ref().is_none_or(|subtree| subtree.spec.is_wanted())
    }

    /// Returns why its last life ended, if it had one.
    pub(crate) fn last_exit(&self) -> Option<ExitReason> {
        self.cell.as_ref().and_then(|cell| cell.last_exit())
    }

    /// Returns whether the start of this number is still under way, with an actor that can be
    /// killed.
    pub(crate) fn is_starting(&self, number: StartNumber) -> bool {
        self.starts.number() == number && !self.acknowledged && self.is_alive()
    }

    /// Returns how long it has been at one message, if it has a heartbeat, is at one and is not yet
    /// given up.
    pub(crate) fn silence(&self) -> Option<Silence> {
        let heartbeat = self.options.heartbeat()?;
        // Suspended on purpose, perhaps in the middle of a message, is not hung.
        let cell = self.cell.as_ref().filter(|cell| cell.lifecycle() != Lifecycle::Suspended)?;
        let lasted = cell.silent_for()?;
        let counts = self.acknowledged && self.rare.as_ref().is_none_or(|rare| !rare.hung);
        counts.then_some(Silence { key: self.key, heartbeat, lasted })
    }

    /// Returns the cell, which is made at the first start. A lasting child that had one in an
    /// earlier life of its supervisor gets that back from `kept`.
    pub(crate) fn make_cell(
        &mut self,
        node: &Node,
        parent: Parent,
        kept: &KeptCells,
    ) -> Option<ChildCell> {
        if let Some(cell) = &self.cell {
            return Some(cell.clone());
        }
        let id = self.id()?;
        // By id, not by key: keys are those of one life of the supervisor.
        let known = if self.lasting { kept.get(&id) } else { None };
        let cell = match known {
            Some((cell, below)) => {
                cell.adopt(parent);
                // What was made for this life keeps cells that nobody knows: those that are
                // known are in the old one.
                if let (Some(subtree), Some(below)) = (&mut self.subtree, below) {
                    subtree.kept = below;
                }
                cell
            }
            None => {
                // A child of this name that was dropped may have left actors behind at paths below it.
                kept.fence_leftovers(&id);
                let blueprint = self.blueprint.as_ref()?;
                let cell = blueprint.cell(node, self.path.clone(), Some(parent));
                if self.lasting {
                    let below = self.subtree.as_ref().map(|subtree| subtree.kept.clone());
                    kept.keep(id, cell.clone(), below);
                }
                cell
            }
        };
        // It holds the factory and all the factory has captured; the cell has its own.
        self.blueprint = None;
        self.cell = Some(cell.clone());
        Some(cell)
    }

    /// Begins the start of this number.
    pub(crate) fn begin_start(&mut self, number: StartNumber) {
        self.starts.begin(number);
        self.acknowledged = false;
    }

    /// Launches its cell: once a start, unless the thread is lost meanwhile.
    pub(crate) fn launch(&mut self) {
        if let Some(cell) = &self.cell {
            fence_leftover(cell);
            self.starts.launched(cell.launch(self.options.placement()));
        }
    }

    /// Ends what runs in its cell, instead of a launch: this start is skipped.
    pub(crate) fn skip_launch(&self) {
        self.cell.iter().for_each(fence_leftover);
    }

    /// Notes that it has started. Returns whether its init handed something over.
    pub(crate) fn started(&mut self) -> bool {
        self.acknowledged = true;
        if let Some(rare) = &mut self.rare {
            rare.lost_starts = 0;
        }
        self.cell.as_ref().is_some_and(|cell| cell.start_info().is_some())
    }

    /// Returns whether a start whose thread was lost is to be begun anew. Counts it, if so.
    pub(crate) fn may_repeat_lost_start(&mut self) -> bool {
        let lost_starts = &mut self.rare().lost_starts;
        let repeats = *lost_starts < MAX_LOST_STARTS;
        *lost_starts += u8::from(repeats);
        repeats
    }

    /// Notes that its start has failed.
    pub(crate) fn start_failed(&mut self) {
        if let Some(rare) = &mut self.rare {
            // Facts of an earlier end are not those of this start.
            rare.last_end = None;
            rare.lost_starts = 0;
        }
    }

    /// Notes that it has ended, until [`Self::take_last_end`].
    pub(crate) fn ended(&mut self, facts: EndFacts) {
        let rare = self.rare();
        rare.hung = false;
        rare.last_end = Some(facts);
    }

    /// Takes out the facts of its last end: they belong to one decision of the policy.
    pub(crate) fn take_last_end(&mut self) -> Option<EndFacts> {
        self.rare.as_mut().and_then(|rare| rare.last_end.take())
    }

    /// Notes that it was found hung, and is killed for it.
    pub(crate) fn mark_hung(&mut self) {
        self.rare().hung = true;
    }

    pub(crate) fn set_timer(&mut self, timer: TimerId) {
        self.timer = Some(timer);
    }

    /// Takes out its deadline, to be cancelled.
    pub(crate) fn take_timer(&mut self) -> Option<TimerId> {
        self.timer.take()
    }

    /// Shows it as restarting while the policy waits.
    pub(crate) fn mark_restarting(&self) {
        self.cell.iter().for_each(ChildCell::mark_restarting);
    }

    /// Refuses its mail, and that of all below it, until it is started again.
    pub(crate) fn refuse_mail(&self) {
        let reason = self.last_exit().unwrap_or(ExitReason::NoProc);
        self.cell.iter().for_each(|cell| cell.refuse(&reason));
        self.subtree.iter().for_each(|subtree| subtree.kept.refuse(&reason));
    }

    /// Closes it, and all below it: no other incarnation will come.
    pub(crate) fn close(&self, reason: &ExitReason) {
        if let Some(cell) = &self.cell {
            cell.close_at_end(reason);
        }
        if let Some(subtree) = &self.subtree {
            subtree.kept.close_after(self.cell.as_ref(), reason);
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

/// Ends what a supervisor that was killed left behind: its successor decides about it now.
fn fence_leftover(cell: &ChildCell) {
    if cell.is_alive() {
        cell.fence(cell.incarnation(), ExitReason::Killed);
    }
}
