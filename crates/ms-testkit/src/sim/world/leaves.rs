//! The reports of leaves.

use std::sync::Arc;

use ms_core::ExitReason;

use super::{Instance, Path, Ports, World};
use crate::sim::script::{Kind, Trick};

impl World {
    /// Notes that a factory runs. Returns what is to go wrong in this life.
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

    /// Notes a new instance and returns its number. It exists until [`World::gone`].
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

    /// Notes the references to an actor. A cell other than the one before replaces it.
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

    /// Notes that a hook of an instance runs.
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
        // A child whose spec was dropped may live on for a while beside another child of its name, and
        // so may one whose successor was begun but never made. Neither is late.
        let replaced = inner.places.get(&path).is_some_and(|place| place.current != Some(id));
        let late = gone || (fenced && replaced && inner.is_same_cell(&path, cell));
        if late {
            inner.violate("late word", format!("{what} of {path} #{number}, which was replaced"));
        }
    }

    /// Notes that an instance is told to stop. `reason` is given if its context has one.
    pub(crate) fn stopping(&self, id: usize, reason: Option<&ExitReason>) {
        self.hook(id, "stopping", 0);
        // Only a supervisor gives this reason; other stops have no order.
        if reason == Some(&ExitReason::Shutdown) {
            self.lock().check_stop_order(id);
        }
    }

    /// Notes that an instance is dropped.
    pub(crate) fn gone(&self, id: usize) {
        let mut inner = self.lock();
        let path = Arc::clone(&inner.instances[id].path);
        let number = inner.instances[id].incarnation;
        inner.event("gone", &path, number);
        let seq = inner.seq;
        inner.instances[id].gone = Some(seq);
    }

    /// Returns the trick that `which` picks, if the instance is to play it, and counts it as a fault.
    pub(crate) fn armed(&self, id: usize, which: impl Fn(Trick) -> bool) -> Option<Trick> {
        let mut inner = self.lock();
        if inner.over {
            return None;
        }
        let found = inner.instances[id].armed.iter().copied().find(|trick| which(*trick))?;
        inner.fault(found.label());
        Some(found)
    }

    /// Makes the instance play a trick in one of its last hooks.
    pub(crate) fn arm(&self, id: usize, trick: Trick) {
        self.lock().instances[id].armed.push(trick);
    }
}
