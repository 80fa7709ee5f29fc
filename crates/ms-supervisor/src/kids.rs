//! What a supervisor actor keeps of its children beside the policy's table.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use ms_actor::host::{Blueprint, EndFacts};
use ms_actor::{AnyRef, Placement};
use ms_core::{ActorPath, ChildId, Incarnation};
use ms_policy::{ChildKey, PidRef};

use crate::bank::Bank;
use crate::heartbeat::Heartbeat;
use crate::spec::ChildSpec;
use crate::supervisor::Supervisor;
use crate::timers::TimerId;

/// One child. Kept small: a dynamic supervisor may have a million.
pub(crate) struct Kid {
    pub(crate) key: ChildKey,
    pub(crate) path: ActorPath,
    /// Made at the first start, of the blueprint, which is then dropped.
    pub(crate) cell: Option<AnyRef>,
    pub(crate) blueprint: Option<Box<Blueprint>>,
    pub(crate) below: Option<Box<Below>>,
    pub(crate) care: Arc<Care>,
    /// The policy's number of the present start, and the cell's own.
    pub(crate) attempt: Incarnation,
    pub(crate) life: Incarnation,
    pub(crate) acknowledged: bool,
    /// Each life of the supervisor goes on in its cell (X6). One that was added at run time
    /// vanishes with the life it was added to (G6).
    pub(crate) lasting: bool,
    /// The deadline of its start or stop.
    pub(crate) timer: Option<TimerId>,
    pub(crate) rare: Option<Box<Rare>>,
}

/// What is kept of a child that is a supervisor itself.
pub(crate) struct Below {
    pub(crate) spec: Supervisor,
    pub(crate) bank: Bank,
}

/// How a child is made.
pub(crate) struct Making {
    pub(crate) blueprint: Blueprint,
    pub(crate) below: Option<Box<Below>>,
    pub(crate) care: Arc<Care>,
}

/// How a child is kept, as far as the policy is not concerned.
pub(crate) struct Care {
    pub(crate) placement: Placement,
    pub(crate) start_timeout: Option<Duration>,
    pub(crate) heartbeat: Option<Heartbeat>,
    /// Nobody waits for its init.
    pub(crate) in_background: bool,
}

impl Care {
    /// Of a child of a supervisor whose children have these heartbeats.
    pub(crate) fn of(child: &ChildSpec, heartbeats: Option<Heartbeat>) -> Self {
        Self {
            placement: child.placement,
            start_timeout: child.start_timeout,
            heartbeat: child.heartbeat.or(heartbeats),
            in_background: child.in_background,
        }
    }
}

/// What few children have at any moment.
#[derive(Default)]
pub(crate) struct Rare {
    /// It was taken for hung, and is being killed for it.
    pub(crate) hung: bool,
    /// Threads its present start was lost with.
    pub(crate) lost_starts: u8,
    /// Facts of its last end, until the policy has decided about it.
    pub(crate) last_end: Option<EndFacts>,
}

impl Kid {
    pub(crate) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The cell's number of the start that the policy gave the number `attempt`: every
    /// attempt is one launch of the cell, which may have seen others before. (One that was
    /// not wanted is none; the policy names no attempt before such a one.)
    pub(crate) fn life_of(&self, attempt: Incarnation) -> Incarnation {
        Incarnation(self.life.0.saturating_sub(self.attempt.0.saturating_sub(attempt.0)))
    }

    pub(crate) fn pid_in_lives(&self, pid: PidRef) -> PidRef {
        match pid {
            PidRef::Incarnation(attempt) => PidRef::Incarnation(self.life_of(attempt)),
            PidRef::Restarting(old) => PidRef::Restarting(old.map(|attempt| self.life_of(attempt))),
            PidRef::Undefined => PidRef::Undefined,
        }
    }

    /// Whether it is to run at all now; see [`Supervisor::only_if`].
    pub(crate) fn is_wanted(&self) -> bool {
        self.below.as_ref().is_none_or(|below| below.spec.is_wanted())
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.cell.as_ref().is_some_and(AnyRef::is_alive)
    }
}

/// The children by key, and the names of those that have one.
#[derive(Default)]
pub(crate) struct Kids {
    slots: Vec<Option<Kid>>,
    names: HashMap<ChildId, ChildKey, RandomState>,
}

impl Kids {
    pub(crate) fn insert(&mut self, name: ChildId, kid: Kid) {
        let at = kid.key.index();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.names.insert(name, kid.key);
        self.slots[at] = Some(kid);
    }

    pub(crate) fn get(&self, key: ChildKey) -> Option<&Kid> {
        self.slots.get(key.index())?.as_ref().filter(|kid| kid.key == key)
    }

    pub(crate) fn get_mut(&mut self, key: ChildKey) -> Option<&mut Kid> {
        self.slots.get_mut(key.index())?.as_mut().filter(|kid| kid.key == key)
    }

    pub(crate) fn remove(&mut self, key: ChildKey) -> Option<Kid> {
        self.get(key)?;
        let kid = self.slots.get_mut(key.index())?.take()?;
        if self.names.get(kid.path.name()) == Some(&key) {
            self.names.remove(kid.path.name());
        }
        Some(kid)
    }

    pub(crate) fn named(&self, name: &str) -> Option<ChildKey> {
        self.names.get(name).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Kid> {
        self.slots.iter().flatten()
    }
}
