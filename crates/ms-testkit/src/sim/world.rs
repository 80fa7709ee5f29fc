//! What the actors of a run tell of themselves, and what must hold of it at once.
//!
//! This is the independent model: it knows who was made, who is gone, who was told to
//! stop, and the plain rules of the tree; it knows nothing of how the policy decides.
//! `truth.rs` compares it after each step with what the system says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ms_actor::{AnyRef, Node, Port};
use ms_core::{ExitReason, Incarnation, Strategy};
use ms_supervisor::SupervisorRef;

use super::cast::{Bulletin, Work};
use super::letters::Post;
use super::script::{Full, Kind, LeafPlan, SupPlan, Trick};

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
    /// Children that commands in progress are about.
    pub(crate) commanded: Vec<Path>,
    pub(crate) post: Post,
    /// The run was broken off or is over: what is cleared away is no part of it.
    pub(crate) over: bool,
    pub(crate) virtual_ms: u64,
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
    pub(crate) overflow: Full,
    pub(crate) capacity: u64,
    backoff: bool,
    tricks: Vec<(u64, Trick)>,
    made: u64,
    pub(crate) current: Option<usize>,
    pub(crate) ports: Option<Ports>,
    /// Cells that were replaced by another of the same path.
    pub(crate) replaced: Vec<AnyRef>,
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
            overflow: plan.overflow,
            capacity: plan.capacity as u64,
            backoff: plan.care.backoff.is_some(),
            tricks: plan.tricks.clone(),
            made: 0,
            current: None,
            ports: None,
            replaced: Vec::new(),
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

    // ---- what leaves tell ------------------------------------------------------

    /// A factory runs. What is to go wrong in this life comes back.
    pub(crate) fn factory(&self, path: &Path) -> Vec<Trick> {
        let mut inner = self.lock();
        inner.event("factory", path, 0);
        let Some(place) = inner.places.get_mut(path) else {
            inner.violate("stranger", format!("an actor nobody planned: {path}"));
            return Vec::new();
        };
        place.made += 1;
        let nth = place.made;
        let tricks: Vec<Trick> =
            place.tricks.iter().filter(|(life, _)| *life == nth).map(|&(_, trick)| trick).collect();
        let (parent, backoff, current) = (Arc::clone(&place.parent), place.backoff, place.current);
        inner.begin_child(&parent, path, backoff);
        if let Some(old) = current.filter(|&at| inner.instances[at].gone.is_none()) {
            inner.replace(old, &parent);
        }
        tricks
    }

    /// An instance exists from here on, until [`World::gone`].
    pub(crate) fn made(&self, path: &Path, incarnation: u64, tricks: &[Trick]) -> usize {
        let mut inner = self.lock();
        inner.event("made", path, incarnation);
        let id = inner.instances.len();
        let parent = inner.places.get(path).map(|place| Arc::clone(&place.parent));
        let lives = parent.and_then(|parent| inner.sups.get(&parent)).map(|sup| sup.lives.len());
        let instance = Instance {
            path: Arc::clone(path),
            incarnation,
            made: inner.seq,
            gone: None,
            fenced: false,
            parent_life: lives.unwrap_or(0).saturating_sub(1),
            cell: inner.places.get(path).map_or(0, |place| place.replaced.len()),
            armed: tricks.to_vec(),
        };
        inner.instances.push(instance);
        if let Some(place) = inner.places.get_mut(path) {
            place.current = Some(id);
        }
        id
    }

    /// The way to an actor; another cell than before is noted.
    pub(crate) fn reach(&self, path: &Path, ports: Ports) {
        let mut inner = self.lock();
        let Some(place) = inner.places.get_mut(path) else { return };
        let old = match place.ports.replace(ports) {
            Some(old) if Some(&old.any) != place.ports.as_ref().map(|ports| &ports.any) => old,
            _ => return,
        };
        place.replaced.push(old.any.clone());
        // An agent is made before its cell is known.
        let (cell, agent) = (place.replaced.len(), place.kind == Kind::Agent);
        if let Some(now) = place.current.filter(|_| agent) {
            inner.instances[now].cell = cell;
        }
        drop(inner);
        // Dropping the last reference runs code of the kernel.
        drop(old);
    }

    /// A hook of an instance runs.
    pub(crate) fn hook(&self, id: usize, what: &'static str, incarnation: u64) {
        let mut inner = self.lock();
        let instance = &mut inner.instances[id];
        if incarnation != 0 {
            instance.incarnation = incarnation;
        }
        let path = Arc::clone(&instance.path);
        let (gone, fenced, cell) = (instance.gone.is_some(), instance.fenced, instance.cell);
        let number = instance.incarnation;
        inner.event(what, &path, number);
        // The child of a dropped spec lives on for a while beside that of another by its name.
        // So does one whose successor was begun and never made.
        let replaced = inner.places.get(&path).is_some_and(|place| place.current != Some(id));
        let late = gone || (fenced && replaced && inner.is_same_cell(&path, cell));
        if late && !inner.is_unclear(&path) {
            inner.violate("late word", format!("{what} of {path} #{number}, which was replaced"));
        }
    }

    /// An instance is told to stop; `reason` where its context tells one.
    pub(crate) fn stopping(&self, id: usize, reason: Option<&ExitReason>) {
        self.hook(id, "stopping", 0);
        if reason == Some(&ExitReason::Shutdown) {
            self.lock().check_stop_order(id);
        }
    }

    /// An instance is dropped.
    pub(crate) fn gone(&self, id: usize) {
        let mut inner = self.lock();
        let path = Arc::clone(&inner.instances[id].path);
        let number = inner.instances[id].incarnation;
        inner.event("gone", &path, number);
        let seq = inner.seq;
        inner.instances[id].gone = Some(seq);
    }

    /// What the instance is to do wrong in its last hooks.
    pub(crate) fn armed(&self, id: usize, which: impl Fn(Trick) -> bool) -> Option<Trick> {
        let mut inner = self.lock();
        if inner.over {
            return None;
        }
        let found = inner.instances[id].armed.iter().copied().find(|trick| which(*trick))?;
        inner.fault(found.label());
        Some(found)
    }

    pub(crate) fn arm(&self, id: usize, trick: Trick) {
        self.lock().instances[id].armed.push(trick);
    }

    // ---- what supervisors tell -------------------------------------------------

    /// A supervisor's init callback runs.
    pub(crate) fn sup_factory(&self, path: &Path, me: &SupervisorRef) -> Option<Trick> {
        let mut inner = self.lock();
        inner.event("init", path, 0);
        let place = inner.sups.get_mut(path)?;
        place.attempts += 1;
        let old = place.reference.replace(me.clone());
        let nth = place.attempts;
        let trick = place.tricks.iter().find(|(life, _)| *life == nth).map(|&(_, trick)| trick);
        let (parent, backoff) = (place.parent.clone(), place.backoff);
        if let Some(parent) = parent {
            inner.begin_child(&parent, path, backoff);
            if inner.sups.get(path).and_then(|place| place.lives.last()).is_some_and(|l| l.alive) {
                inner.replace_sup(path, &parent);
            }
        }
        let seq = inner.seq;
        let above = inner.sups.get(path).and_then(|place| place.parent.clone());
        let lives = above.and_then(|above| inner.sups.get(&above)).map_or(0, |sup| sup.lives.len());
        if let Some(place) = inner.sups.get_mut(path) {
            place.made = seq;
            place.parent_life = lives.saturating_sub(1);
        }
        if let Some(trick) = trick {
            inner.fault(trick.label());
        }
        drop(inner);
        drop(old);
        trick
    }

    pub(crate) fn sup_booting(&self, cell: &AnyRef, incarnation: Incarnation) {
        let mut inner = self.lock();
        let Some((path, _)) = inner.sups.get_key_value(cell.path().as_str()) else { return };
        let path = Arc::clone(path);
        inner.event("boot", &path, incarnation.0);
        let Some(place) = inner.sups.get_mut(&path) else { return };
        let twice = place.lives.last().is_some_and(|life| life.alive);
        place.lives.push(SupLife {
            cell: cell.clone(),
            incarnation,
            alive: true,
            ended: false,
            killed: false,
            order: place.spec.iter().map(|(path, _)| Arc::clone(path)).collect(),
            made: BTreeSet::new(),
            booted: 0,
            starting: None,
            restarts: Vec::new(),
            inexact: false,
            unclear: false,
        });
        if twice {
            inner.violate("two lives", format!("{path} boots while an earlier life of it is on"));
        }
    }

    /// A supervisor learnt what became of a start, or of a child.
    pub(crate) fn sup_news(
        &self,
        cell: &AnyRef,
        life: Incarnation,
        child: &str,
        what: &'static str,
    ) {
        let mut inner = self.lock();
        let sup = cell.path().as_str();
        let child: Path = Arc::from(child);
        inner.event(what, &child, life.0);
        let silent = !inner.places.contains_key(&child) && !inner.sups.contains_key(&child);
        if let Some(at) = inner.life_at(cell, life)
            && let Some(life) = inner.sups.get_mut(sup).map(|place| &mut place.lives[at])
        {
            // Restarts of those who tell nothing are not counted here.
            life.inexact |= silent;
            if life.starting.as_ref() == Some(&child) {
                life.starting = None;
            }
        }
    }

    pub(crate) fn sup_gives_up(&self, cell: &AnyRef, life: Incarnation) {
        let mut inner = self.lock();
        let sup = cell.path().as_str();
        inner.fault("escalation");
        let now = inner.second();
        inner.event("gives up", &Arc::from(sup), life.0);
        let Some(at) = inner.life_at(cell, life) else { return };
        let Some(place) = inner.sups.get(sup) else { return };
        let (max, period, strategy) = (place.max_restarts, place.period, place.strategy);
        let life = &place.lives[at];
        let used = life.used(now, period);
        let single = matches!(strategy, Strategy::OneForOne | Strategy::SimpleOneForOne);
        if single && !life.inexact && used != u64::from(max) {
            let detail =
                format!("{sup} gives up after {used} restarts in {period} s, granted {max}");
            inner.violate("intensity", detail);
        }
    }

    pub(crate) fn sup_ended(&self, cell: &AnyRef, life: Incarnation, reason: &ExitReason) {
        let mut inner = self.lock();
        let Some((path, _)) = inner.sups.get_key_value(cell.path().as_str()) else { return };
        let path = Arc::clone(path);
        inner.event("ended", &path, life.0);
        inner.note(|| format!("    with {reason}"));
        let seq = inner.seq;
        let Some(at) = inner.life_at(cell, life) else { return };
        let Some(place) = inner.sups.get_mut(&path) else { return };
        let ended = &mut place.lives[at];
        ended.alive = false;
        ended.ended = true;
        ended.killed = !reason.is_clean();
        place.gone = Some(seq);
        if reason.is_clean() {
            // It stopped its children itself.
            let left: Vec<String> = inner
                .instances
                .iter()
                .filter(|instance| instance.gone.is_none() && instance.parent_life == at)
                .filter(|instance| inner.is_below(&instance.path, &path))
                .filter(|instance| !inner.is_unclear(&instance.path))
                .map(|instance| instance.path.to_string())
                .collect();
            if !left.is_empty() {
                inner.violate("orphan", format!("{path} ended ({reason}) and left {left:?}"));
            }
        }
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

impl Inner {
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// FNV-1a.
    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn nanos(&self) -> u64 {
        self.node.as_ref().map_or(0, |node| node.now().as_nanos())
    }

    fn second(&self) -> u64 {
        self.node.as_ref().map_or(0, |node| node.now().as_secs())
    }

    /// One line of the log: virtual time, what, whom, and a number.
    pub(crate) fn event(&mut self, what: &'static str, path: &str, number: u64) {
        if self.over {
            return;
        }
        self.seq += 1;
        let now = self.nanos();
        self.mix(&now.to_le_bytes());
        self.mix(what.as_bytes());
        self.mix(path.as_bytes());
        self.mix(&number.to_le_bytes());
        self.note(|| format!("{:>10.3} ms  {what} {path} {number}", now as f64 / 1e6));
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    pub(crate) fn fault(&mut self, label: &'static str) {
        *self.faults.entry(label).or_default() += 1;
    }

    pub(crate) fn violate(&mut self, rule: &'static str, detail: String) {
        if self.over {
            return;
        }
        self.note(|| format!("!!! {rule}: {detail}"));
        // The first is what matters; what follows is often its shadow.
        if self.violations.len() < 8 {
            let step = self.step;
            self.violations.push(Violation { rule, detail, step });
        }
    }

    fn is_below(&self, path: &str, sup: &str) -> bool {
        path.rsplit_once('/').is_some_and(|(parent, _)| parent == sup)
    }

    /// The present life of a supervisor.
    pub(crate) fn life(&self, sup: &str) -> Option<&SupLife> {
        self.sups.get(sup)?.lives.last().filter(|life| life.alive)
    }

    /// Which life this is, counted from 0.
    fn life_at(&self, cell: &AnyRef, incarnation: Incarnation) -> Option<usize> {
        let lives = &self.sups.get(cell.path().as_str())?.lives;
        lives.iter().rposition(|life| life.incarnation == incarnation && life.cell == *cell)
    }

    /// Whether two supervisors of one path were at work above: the remainder of a spec that
    /// was dropped, on its way out, and its namesake. Then it cannot be told whose child is
    /// meant by a path.
    pub(crate) fn is_unclear(&self, path: &str) -> bool {
        let mut at = path;
        while let Some((above, _)) = at.rsplit_once('/').filter(|(above, _)| !above.is_empty()) {
            let unclear =
                |sup: &SupPlace| sup.lingers() || sup.lives.last().is_some_and(|life| life.unclear);
            if self.sups.get(above).is_some_and(unclear) {
                return true;
            }
            at = above;
        }
        false
    }

    /// Whether the present life at a path is in this cell, as far as is known yet.
    fn is_same_cell(&self, path: &Path, cell: usize) -> bool {
        self.places.get(path).is_some_and(|place| {
            let now = place.current.map(|now| &self.instances[now]);
            place.replaced.len() == cell && now.is_some_and(|now| now.incarnation != 0)
        })
    }

    /// Whether a child runs, and was made by the present life of its supervisor.
    pub(crate) fn is_up(&self, path: &str) -> bool {
        self.is_alive(path) && !self.is_left_behind(path)
    }

    /// Whether a child runs, as far as it tells of itself.
    pub(crate) fn is_alive(&self, path: &str) -> bool {
        if let Some(place) = self.places.get(path) {
            return place.current.is_some_and(|at| {
                let instance = &self.instances[at];
                instance.gone.is_none() && !instance.fenced
            });
        }
        self.life(path).is_some()
    }

    /// Whether it, or something above it, was made by an earlier life of its supervisor, which
    /// was killed: its successor has not come to it yet.
    pub(crate) fn is_left_behind(&self, path: &str) -> bool {
        let mut at = path;
        while let Some((above, _)) = at.rsplit_once('/').filter(|(above, _)| !above.is_empty()) {
            let by = match self.places.get(at) {
                Some(place) => place.current.map(|now| self.instances[now].parent_life),
                None => self.sups.get(at).map(|sup| sup.parent_life),
            };
            let lives = self.sups.get(above).map_or(0, |sup| sup.lives.len());
            if by.is_some_and(|by| by + 1 < lives) {
                return true;
            }
            at = above;
        }
        false
    }

    fn made_at(&self, path: &str) -> Option<u64> {
        match self.places.get(path) {
            Some(place) => Some(self.instances[place.current?].made),
            None => Some(self.sups.get(path)?.made),
        }
    }

    fn gone_at(&self, path: &str) -> Option<u64> {
        match self.places.get(path) {
            Some(place) => self.instances[place.current?].gone,
            None => self.sups.get(path)?.gone,
        }
    }

    fn is_commanded(&self, path: &str) -> bool {
        self.commanded.iter().any(|about| &**about == path)
    }

    /// A child is about to be made by its supervisor: A1, C2, C3, D1.
    fn begin_child(&mut self, parent: &Path, child: &Path, backoff: bool) {
        let commanded = self.is_commanded(child);
        let now = self.second();
        // An earlier life that was told to stop may still be at work on children of its own,
        // of the same paths: then who starts this one cannot be told.
        if self.sups.get(parent).is_some_and(SupPlace::lingers) {
            let life = self.sups.get_mut(parent).and_then(|place| place.lives.last_mut());
            life.into_iter().for_each(|life| {
                life.made.insert(Arc::clone(child));
                life.inexact = true;
                life.unclear = true;
            });
            return;
        }
        let Some(life) = self.life(parent) else {
            self.violate("orphan", format!("{child} is started, and {parent} does not run"));
            return;
        };
        let again = life.made.contains(child);
        let order = life.order.clone();
        let mut wrong = Vec::new();
        let unclear = life.unclear;
        if let Some(other) = &life.starting {
            wrong.push(("start order", format!("{child} is started while {other} still starts")));
        }
        let Some(place) = self.sups.get(parent) else { return };
        let (strategy, max, period) = (place.strategy, place.max_restarts, place.period);
        let in_spec = place.spec.iter().position(|(path, _)| path == child);
        let mut booted = life.booted;
        if let Some(at) = in_spec.filter(|_| !again && !unclear) {
            let skipped = place.spec[booted.min(at)..at].iter().find(|(_, tracked)| *tracked);
            if let Some((skipped, _)) = skipped {
                wrong.push(("start order", format!("{child} boots before {skipped}")));
            }
            if at < booted {
                wrong.push(("start order", format!("{child} boots after its successors")));
            }
            booted = at + 1;
        }
        if again && !commanded {
            wrong.extend(self.check_group(strategy, &order, child));
        }
        let Some(life) = self.sups.get_mut(parent).and_then(|place| place.lives.last_mut()) else {
            return;
        };
        life.booted = booted;
        life.starting = Some(Arc::clone(child));
        if !life.order.contains(child) {
            life.order.push(Arc::clone(child));
        }
        life.made.insert(Arc::clone(child));
        life.inexact |= backoff || (again && commanded);
        if again && !commanded {
            life.restarts.push(now);
            let used = life.used(now, period);
            let single = matches!(strategy, Strategy::OneForOne | Strategy::SimpleOneForOne);
            if single && !life.inexact && used > u64::from(max) {
                let detail = format!("restart {used} of {parent} within {period} s, granted {max}");
                wrong.push(("intensity", detail));
            }
        }
        for (rule, detail) in wrong {
            self.violate(rule, detail);
        }
    }

    /// A member of a group is started again: those after it are down, and under
    /// one_for_all those before it are as new as it is.
    fn check_group(
        &self,
        strategy: Strategy,
        order: &[Path],
        child: &Path,
    ) -> Option<(&'static str, String)> {
        let at = order.iter().position(|known| known == child)?;
        if !matches!(strategy, Strategy::OneForAll | Strategy::RestForOne) {
            return None;
        }
        if let Some(up) = order[at + 1..].iter().find(|later| self.is_up(later)) {
            return Some(("group", format!("{child} is started again while {up} still runs")));
        }
        if strategy == Strategy::OneForAll {
            let ended = self.gone_at(child)?;
            let old = |path: &&Path| {
                self.is_up(path) && self.made_at(path).is_some_and(|made| made < ended)
            };
            if let Some(old) = order[..at].iter().find(old) {
                return Some(("group", format!("{child} is started again without {old}")));
            }
        }
        None
    }

    /// An instance is made while an older one of the same path still exists. That may be
    /// only where its supervisor was killed: X6 fences off what it left.
    fn replace(&mut self, old: usize, parent: &Path) {
        let left_behind = self.was_killed(parent, self.instances[old].parent_life);
        let path = Arc::clone(&self.instances[old].path);
        self.instances[old].fenced = true;
        if !left_behind && !self.is_unclear(&path) {
            self.violate("two lives", format!("{path} is made while an older life of it is on"));
        }
    }

    fn replace_sup(&mut self, path: &Path, parent: &Path) {
        // It was made by an earlier life of its supervisor, or it is here twice.
        let by = self.sups.get(path).map_or(0, |place| place.parent_life);
        let killed = self.was_killed(parent, by);
        if let Some(life) = self.sups.get_mut(path).and_then(|place| place.lives.last_mut()) {
            life.alive = false;
            life.killed = true;
        }
        if !killed && !self.is_unclear(path) {
            self.violate("two lives", format!("{path} is made while an older life of it is on"));
        }
    }

    fn was_killed(&self, sup: &Path, life: usize) -> bool {
        let Some(lives) = self.sups.get(sup).map(|place| &place.lives) else { return false };
        life + 1 < lives.len() && (lives[life].killed || lives[life].alive)
    }

    /// F4, C2, C3: a supervisor stops from the last child to the first, one at a time.
    fn check_stop_order(&mut self, id: usize) {
        let instance = &self.instances[id];
        let path = Arc::clone(&instance.path);
        let Some(place) = self.places.get(&path) else { return };
        let parent = Arc::clone(&place.parent);
        let dynamic =
            self.sups.get(&parent).is_some_and(|sup| sup.strategy == Strategy::SimpleOneForOne);
        if dynamic || self.is_commanded(&path) || self.is_unclear(&path) {
            return;
        }
        let Some(sup) = self.sups.get(&parent) else { return };
        let Some(life) = sup.lives.last().filter(|life| life.alive) else { return };
        if sup.lives.len() != instance.parent_life + 1 {
            return;
        }
        let Some(at) = life.order.iter().position(|known| *known == path) else { return };
        let up = life.order[at + 1..].iter().find(|later| self.is_up(later)).cloned();
        if let Some(up) = up {
            self.violate("stop order", format!("{path} is stopped while {up} still runs"));
        }
    }
}

impl SupPlace {
    /// Whether a life that was replaced is still at work.
    pub(crate) fn lingers(&self) -> bool {
        let replaced = |(nth, life): (usize, &SupLife)| {
            !life.ended && (!life.alive || nth + 1 < self.lives.len())
        };
        self.lives.iter().enumerate().any(replaced)
    }

    /// Whether some of its children do not tell of themselves.
    pub(crate) fn has_silent_children(&self) -> bool {
        self.spec.iter().any(|(_, tracked)| !tracked)
    }
}

impl SupLife {
    fn used(&self, now: u64, period: u64) -> u64 {
        let counts = |at: &&u64| **at + period >= now;
        self.restarts.iter().filter(counts).count() as u64
    }
}
