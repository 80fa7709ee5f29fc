//! Monitors, links and waits: what ties the present life of a cell to other cells.

use std::sync::{Arc, Weak};

use ms_core::{ExitReason, Incarnation};

use crate::cell::any::AnyCell;
use crate::cell::core::Core;
use crate::cell::edge::Edge;
use crate::cell::monitor::Watcher;

impl Core {
    /// Watches the live incarnation; with none, the reason of the last end comes back.
    pub(crate) fn watch(&self, watcher: Watcher) -> Result<(), (Watcher, ExitReason)> {
        self.life(|life| {
            if life.live == Incarnation::NONE {
                Err((watcher, ExitReason::NoProc))
            } else {
                life.rare.get_or_insert_default().watchers.insert(watcher.id(), watcher);
                Ok(())
            }
        })
    }

    pub(crate) fn unwatch(&self, id: u64) {
        let watcher = self.life(|life| life.rare.as_mut()?.watchers.remove(&id));
        // Its closure may hold anything, so it is dropped where nothing is locked.
        drop(watcher);
    }

    /// Notes that `incarnation` monitors another actor. False if that life has ended.
    pub(crate) fn add_watching(
        &self,
        incarnation: Incarnation,
        id: u64,
        other: Weak<dyn AnyCell>,
    ) -> bool {
        self.life(|life| {
            let lives = life.live == incarnation;
            if lives {
                life.rare.get_or_insert_default().watching.insert(id, other);
            }
            lives
        })
    }

    pub(crate) fn remove_watching(&self, id: u64) {
        self.life(|life| life.rare.as_mut()?.watching.remove(&id));
    }

    pub(crate) fn add_link(&self, other: Arc<dyn AnyCell>) -> bool {
        self.life(|life| {
            if life.live == Incarnation::NONE {
                return false;
            }
            let uid = other.core().uid;
            life.rare.get_or_insert_default().links.entry(uid).or_insert(other);
            true
        })
    }

    pub(crate) fn remove_link(&self, other: u64) {
        let link = self.life(|life| life.rare.as_mut()?.links.remove(&other));
        drop(link);
    }

    /// Enters an edge for a life. False when that has ended: what its thread still does concerns
    /// nobody.
    pub(crate) fn add_wait(&self, incarnation: Incarnation, edge: &Arc<Edge>) -> bool {
        self.life(|life| {
            let lives = life.live == incarnation;
            if lives {
                let waits = &mut life.rare.get_or_insert_default().waiting_on;
                waits.insert(edge.key(), Arc::clone(edge));
            }
            lives
        })
    }

    pub(crate) fn remove_wait(&self, edge: &Arc<Edge>) {
        let edge = self.life(|life| life.rare.as_mut()?.waiting_on.remove(&edge.key()));
        drop(edge);
    }

    /// Ends all waits of a life: the actor serves others again, whatever asks of its are still on
    /// their way.
    pub(crate) fn end_waits(&self, incarnation: Incarnation) {
        let edges = self.life(|life| {
            let rare = life.rare.as_mut().filter(|_| life.live == incarnation)?;
            let left = !rare.waiting_on.is_empty();
            left.then(|| std::mem::take(&mut rare.waiting_on))
        });
        drop(edges);
    }

    /// Returns the edges of all asks that the actor may wait for: see [`Edge::is_on`].
    pub(crate) fn waits(&self) -> Vec<Arc<Edge>> {
        self.life(|life| {
            let rare = life.rare.as_ref();
            rare.map(|rare| rare.waiting_on.values().cloned().collect()).unwrap_or_default()
        })
    }
}
