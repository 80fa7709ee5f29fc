//! Starting children: their cells, names and deadlines.

use std::sync::Arc;

use ms_actor::AnyRef;
use ms_actor::host::Parent;
use ms_core::{ActorPath, ChildId, ExitReason, Incarnation};
use ms_policy::{ChildKey, Event, StartCause, Ticket};

use crate::actor::{Ctx, SupervisorActor};
use crate::kids::{Care, Kid, Making};
use crate::observe::Observation;
use crate::spec::{ChildSpec, Make};
use crate::timers::Due;

impl SupervisorActor {
    pub(crate) fn start(
        &mut self,
        ctx: &mut Ctx,
        key: ChildKey,
        attempt: Incarnation,
        cause: StartCause,
    ) {
        if let StartCause::Added(ticket) = cause {
            self.add_kid(key, ticket);
        }
        let Some(cell) = self.cell_of(key) else {
            // Only a name that is no child id has no cell, and such a spec was refused.
            tracing::error!(supervisor = %self.path, "a child has no cell");
            return;
        };
        if attempt > Incarnation(1) && cause == StartCause::Restart {
            cell.count_restart();
        }
        let Some(kid) = self.kids.get_mut(key) else { return };
        kid.attempt = attempt;
        kid.acknowledged = false;
        let (path, care) = (kid.path.clone(), Arc::clone(&kid.care));
        let wanted = kid.is_wanted();
        self.observe(&Observation::Starting { path: path.clone() });
        if !wanted {
            return self.leave_out(key, attempt, path, &cell);
        }
        if let Some(heartbeat) = care.heartbeat {
            self.watch_beats(ctx, heartbeat);
        }
        self.launch(key, &cell);
        if let Some(after) = care.start_timeout {
            self.set_timer(ctx, key, after, Due::StartOverdue { key, attempt, after });
        }
        if care.in_background {
            self.begun.push_back(Event::Started { key, incarnation: attempt, info: false });
        }
    }

    /// Answers a start that is not wanted. The cell is not launched: its first life, when it
    /// comes, is number 1.
    fn leave_out(
        &mut self,
        key: ChildKey,
        incarnation: Incarnation,
        path: ActorPath,
        cell: &AnyRef,
    ) {
        fence_leftover(cell);
        self.ended_lately.push(key);
        self.observe(&Observation::Ignored { path });
        self.begun.push_back(Event::Ignored { key, incarnation });
    }

    /// Starts the child in its cell: once an attempt, unless its thread is lost meanwhile.
    pub(crate) fn launch(&mut self, key: ChildKey, cell: &AnyRef) {
        fence_leftover(cell);
        if let Some(kid) = self.kids.get_mut(key) {
            kid.life = cell.launch(kid.care.placement);
        }
    }

    /// The child's cell, made at its first start.
    fn cell_of(&mut self, key: ChildKey) -> Option<AnyRef> {
        let sink = self.sink.clone()?;
        let parent = Parent { sink, key: key.raw() };
        let kid = self.kids.get_mut(key)?;
        if let Some(cell) = &kid.cell {
            return Some(cell.clone());
        }
        let name = ChildId::new(kid.path.name()).ok()?;
        let kept = if kid.lasting { self.bank.get(&name) } else { None };
        let cell = match kept {
            Some((cell, bank)) => {
                cell.adopt(parent);
                // What was made for this life has a bank nobody knows: its cells are in the old one.
                if let (Some(below), Some(bank)) = (&mut kid.below, bank) {
                    below.bank = bank;
                }
                cell
            }
            None => {
                self.bank.fence_left(&name);
                let blueprint = kid.blueprint.as_ref()?;
                let cell = blueprint.cell(self.node.as_ref()?, kid.path.clone(), Some(parent));
                if kid.lasting {
                    let below = kid.below.as_ref().map(|below| below.bank.clone());
                    self.bank.keep(name, cell.clone(), below);
                }
                cell
            }
        };
        kid.blueprint = None;
        kid.cell = Some(cell.clone());
        Some(cell)
    }

    fn add_kid(&mut self, key: ChildKey, ticket: Ticket) {
        if let Some((name, making)) = self.calls.take_arriving(ticket) {
            self.insert_kid(key, name, making, false);
        }
    }

    pub(crate) fn insert_kid(
        &mut self,
        key: ChildKey,
        name: ChildId,
        making: Making,
        lasting: bool,
    ) {
        let kid = Kid {
            key,
            path: self.path.child(&name),
            cell: None,
            blueprint: Some(Box::new(making.blueprint)),
            below: making.below,
            care: making.care,
            attempt: Incarnation::NONE,
            life: Incarnation::NONE,
            acknowledged: false,
            lasting,
            timer: None,
            rare: None,
        };
        self.kids.insert(name, kid);
    }

    /// What a child of this spec is made of; supervisors inherit what is not theirs to say.
    pub(crate) fn making(&self, child: &ChildSpec) -> Making {
        self.making_in(child, Arc::new(Care::of(child, self.supervisor.heartbeats)))
    }

    pub(crate) fn making_in(&self, child: &ChildSpec, care: Arc<Care>) -> Making {
        let (blueprint, below) = match &child.make {
            Make::Actor(_) => child.resolve(),
            Make::Supervisor(below) => {
                let mut below = below.clone();
                below.observer = below.observer.take().or_else(|| self.supervisor.observer.clone());
                below.lasting_refs &= self.supervisor.lasting_refs;
                below.heartbeats = below.heartbeats.or(self.supervisor.heartbeats);
                ChildSpec { make: Make::Supervisor(below), ..child.clone() }.resolve()
            }
        };
        Making { blueprint, below, care }
    }
}

/// Ends what a supervisor that was killed left behind: its successor decides about it now.
fn fence_leftover(cell: &AnyRef) {
    if cell.is_alive() {
        cell.fence(cell.incarnation(), ExitReason::Killed);
    }
}
