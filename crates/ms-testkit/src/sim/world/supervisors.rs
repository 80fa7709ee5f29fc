//! The reports of supervisors, by their observers and init callbacks.

use std::collections::BTreeSet;
use std::sync::Arc;

use ms_actor::AnyRef;
use ms_core::{ExitReason, Incarnation, Strategy};
use ms_supervisor::SupervisorRef;

use super::{Path, SupLife, SupPlace, World};
use crate::sim::script::Trick;

impl World {
    /// Notes that the init callback of a supervisor runs. Returns what is to go wrong in it.
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
            stopping: false,
            letting_go: Vec::new(),
        });
        if twice {
            inner.violate("two lives", format!("{path} boots while an earlier life of it is on"));
        }
    }

    /// Notes what a supervisor learnt of a start, or of a child.
    pub(crate) fn sup_reports(
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
        if let Some(at) = inner.life_at(cell, life) {
            let life = inner.sups.get_mut(sup).map(|place| &mut place.lives[at]);
            life.into_iter().for_each(|life| {
                // The restarts of children that report nothing are not seen here.
                life.inexact |= silent;
                life.starting.take_if(|starting| *starting == child);
            });
            inner.may_let_go(sup, at, &child, what);
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
            // A supervisor that ends in order stops its children before.
            let left: Vec<String> = inner
                .instances
                .iter()
                .filter(|instance| instance.gone.is_none() && instance.parent_life == at)
                .filter(|instance| inner.is_below(&instance.path, &path))
                .map(|instance| instance.path.to_string())
                .collect();
            if !left.is_empty() {
                inner.violate("orphan", format!("{path} ended ({reason}) and left {left:?}"));
            }
        }
    }
}

impl SupPlace {
    /// Says whether a life that was replaced is still at work.
    pub(crate) fn lingers(&self) -> bool {
        let replaced = |(nth, life): (usize, &SupLife)| {
            !life.ended && (!life.alive || nth + 1 < self.lives.len())
        };
        self.lives.iter().enumerate().any(replaced)
    }

    /// Says whether it has children that report no hooks.
    pub(crate) fn has_silent_children(&self) -> bool {
        self.spec.iter().any(|(_, tracked)| !tracked)
    }
}

impl SupLife {
    pub(super) fn used(&self, now: u64, period: u64) -> u64 {
        let counts = |at: &&u64| **at + period >= now;
        self.restarts.iter().filter(counts).count() as u64
    }
}
