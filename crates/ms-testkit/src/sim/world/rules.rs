//! The rules that are checked whenever a child is made or told to stop.

use std::sync::Arc;

use ms_core::Strategy;

use super::{Inner, Path, SupPlace};

impl Inner {
    /// Checks that a supervisor may make this child now: A1, C2, C3, D1.
    pub(super) fn begin_child(&mut self, parent: &Path, child: &Path, backoff: bool) {
        let commanded = self.is_commanded(child);
        let now = self.second();
        // An earlier life that was told to stop may still be at work on its own children, which have
        // the same paths. Then it is not known which of the two starts this one.
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
            // Who triggered the restart of a group cannot be told from hooks.
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

    /// Checks the restart of a member of a group: those after it must be down, and under
    /// one_for_all those before it must have been restarted too.
    pub(super) fn check_group(
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

    /// Fences off an older instance of the same path. One may still exist only if its supervisor was
    /// killed: X6 fences off what it left behind.
    pub(super) fn replace(&mut self, old: usize, parent: &Path) {
        let left_behind = self.was_killed(parent, self.instances[old].parent_life);
        let path = Arc::clone(&self.instances[old].path);
        self.instances[old].fenced = true;
        if !left_behind {
            self.violate("two lives", format!("{path} is made while an older life of it is on"));
        }
    }

    pub(super) fn replace_sup(&mut self, path: &Path, parent: &Path) {
        // Either an earlier life of its supervisor made it, or there are two of it.
        let by = self.sups.get(path).map_or(0, |place| place.parent_life);
        let killed = self.was_killed(parent, by);
        if let Some(life) = self.sups.get_mut(path).and_then(|place| place.lives.last_mut()) {
            life.alive = false;
            life.killed = true;
        }
        if !killed {
            self.violate("two lives", format!("{path} is made while an older life of it is on"));
        }
    }

    pub(super) fn was_killed(&self, sup: &Path, life: usize) -> bool {
        let Some(lives) = self.sups.get(sup).map(|place| &place.lives) else { return false };
        life + 1 < lives.len() && (lives[life].killed || lives[life].alive)
    }

    /// Checks that a supervisor stops its children from last to first, one at a time: F4, C2, C3.
    pub(super) fn check_stop_order(&mut self, id: usize) {
        let instance = &self.instances[id];
        let path = Arc::clone(&instance.path);
        let Some(place) = self.places.get(&path) else { return };
        let parent = Arc::clone(&place.parent);
        let dynamic =
            self.sups.get(&parent).is_some_and(|sup| sup.strategy == Strategy::SimpleOneForOne);
        // Dynamic children are stopped together, and a command is about one child alone.
        if dynamic || self.is_commanded(&path) {
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
