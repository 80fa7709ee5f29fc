//! Questions about the memory: which actors are alive, and which life of which supervisor made them.

use ms_actor::AnyRef;
use ms_core::Incarnation;

use super::{Inner, Path, SupLife, SupPlace};

/// Returns a path, the path of its supervisor, and so on up to the root.
pub(crate) fn at_and_above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |at| {
        let (above, _) = at.rsplit_once('/')?;
        (!above.is_empty()).then_some(above)
    })
}

impl Inner {
    pub(super) fn is_below(&self, path: &str, sup: &str) -> bool {
        path.rsplit_once('/').is_some_and(|(parent, _)| parent == sup)
    }

    /// Returns the present life of a supervisor.
    pub(crate) fn life(&self, sup: &str) -> Option<&SupLife> {
        self.sups.get(sup)?.lives.last().filter(|life| life.alive)
    }

    /// Returns the number of this life, counted from 0.
    pub(super) fn life_at(&self, cell: &AnyRef, incarnation: Incarnation) -> Option<usize> {
        let lives = &self.sups.get(cell.path().as_str())?.lives;
        lives.iter().rposition(|life| life.incarnation == incarnation && life.cell == *cell)
    }

    /// Says whether two supervisors of the same path are at work above: one whose spec was dropped or
    /// deleted and that is still ending, and another one with its name.
    pub(crate) fn is_at_work_twice(&self, path: &str) -> bool {
        let unclear =
            |sup: &SupPlace| sup.lingers() || sup.lives.last().is_some_and(|life| life.unclear);
        at_and_above(path).skip(1).any(|above| self.sups.get(above).is_some_and(unclear))
    }

    /// Says whether the present life at a path is in this cell, as far as is known yet.
    pub(super) fn is_same_cell(&self, path: &Path, cell: usize) -> bool {
        self.places.get(path).is_some_and(|place| {
            let now = place.current.map(|now| &self.instances[now]);
            place.replaced.len() == cell && now.is_some_and(|now| now.incarnation != 0)
        })
    }

    /// Says whether a child runs and was made by the present life of its supervisor. The supervisor may
    /// have been left behind itself: it still knows its own children.
    pub(crate) fn is_up(&self, path: &str) -> bool {
        self.is_alive(path) && !self.is_of_earlier_life(path)
    }

    /// Says whether a child runs, as far as it reports its hooks.
    pub(crate) fn is_alive(&self, path: &str) -> bool {
        if let Some(place) = self.places.get(path) {
            return place.current.is_some_and(|at| {
                let instance = &self.instances[at];
                instance.gone.is_none() && !instance.fenced
            });
        }
        self.life(path).is_some()
    }

    /// Says whether it, or an actor above it, was made by an earlier life of its supervisor that was
    /// killed. The successor has not replaced it yet.
    pub(crate) fn is_left_behind(&self, path: &str) -> bool {
        at_and_above(path).any(|at| self.is_of_earlier_life(at))
    }

    /// Says whether a supervisor above it is not alive at present.
    pub(crate) fn is_orphan(&self, path: &str) -> bool {
        let mut above = at_and_above(path).filter(|at| *at != path);
        above.any(|above| self.sups.contains_key(above) && self.life(above).is_none())
    }

    /// Says whether an earlier life of its supervisor made it.
    fn is_of_earlier_life(&self, path: &str) -> bool {
        let by = match self.places.get(path) {
            Some(place) => place.current.map(|now| self.instances[now].parent_life),
            None => self.sups.get(path).map(|sup| sup.parent_life),
        };
        let above = path.rsplit_once('/').and_then(|(above, _)| self.sups.get(above));
        by.is_some_and(|by| by + 1 < above.map_or(0, |sup| sup.lives.len()))
    }

    pub(super) fn made_at(&self, path: &str) -> Option<u64> {
        match self.places.get(path) {
            Some(place) => Some(self.instances[place.current?].made),
            None => Some(self.sups.get(path)?.made),
        }
    }

    pub(super) fn gone_at(&self, path: &str) -> Option<u64> {
        match self.places.get(path) {
            Some(place) => self.instances[place.current?].gone,
            None => self.sups.get(path)?.gone,
        }
    }

    pub(super) fn is_commanded(&self, path: &str) -> bool {
        self.commanded.iter().any(|(about, _)| &**about == path)
    }
}
