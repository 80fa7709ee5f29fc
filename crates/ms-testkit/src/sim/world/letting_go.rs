//! Which mail is lost with a child that is dropped (X6): its own and that of all below it, if its
//! supervisor goes on. If the supervisor stops instead, the child comes back later with its mail.

use std::sync::Arc;

use ms_actor::AnyRef;
use ms_core::{Incarnation, Strategy};

use super::{Aim, Inner, Path, World, at_and_above};

impl World {
    /// Notes that a supervisor begins to stop. What its last report gave up will come back with it.
    pub(crate) fn sup_stopping(&self, cell: &AnyRef, life: Incarnation) {
        let mut inner = self.lock();
        let sup: Path = Arc::from(cell.path().as_str());
        inner.event("is stopping", &sup, life.0);
        let Some(at) = inner.life_at(cell, life) else { return };
        let Some(life) = inner.sups.get_mut(&sup).map(|place| &mut place.lives[at]) else { return };
        life.stopping = true;
        for (path, cell) in std::mem::take(&mut life.letting_go) {
            let place = inner.places.get_mut(&path);
            place.into_iter().for_each(|place| place.let_go.retain(|known| *known != cell));
        }
    }
}

impl Inner {
    /// Gives up the cells below a child if a supervisor drops the child after this report and goes on.
    pub(super) fn may_let_go(&mut self, sup: &str, at: usize, child: &Path, what: &str) {
        if self.sups.get(sup).is_none_or(|place| place.lives[at].stopping) {
            return;
        }
        let ends = match what {
            "has ended" => !self.has_command(child, Aim::Start),
            "ignored" | "did not start" => true,
            _ => false,
        };
        let temporary = match (self.places.get(child), self.sups.get(child)) {
            (Some(place), _) => place.temporary,
            (None, place) => place.is_some_and(|place| place.temporary),
        };
        let dynamic =
            self.sups.get(sup).is_some_and(|place| place.strategy == Strategy::SimpleOneForOne);
        let dropped = temporary || (dynamic && self.has_command(child, Aim::Terminate));
        let gone = if ends && dropped { self.cells_at_and_below(child) } else { Vec::new() };
        self.let_go(&gone);
        if let Some(place) = self.sups.get_mut(sup) {
            place.lives[at].letting_go = gone;
        }
    }

    /// Returns the cells of a child and of all actors below it.
    pub(crate) fn cells_at_and_below(&self, child: &Path) -> Vec<(Path, AnyRef)> {
        let here = |path: &Path| {
            path.strip_prefix(&**child).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let places = self.places.iter().filter(|(path, _)| here(path));
        places
            .filter_map(|(path, place)| Some((Arc::clone(path), place.ports.as_ref()?.any.clone())))
            .collect()
    }

    /// Notes that no supervisor keeps these cells any more.
    pub(crate) fn let_go(&mut self, cells: &[(Path, AnyRef)]) {
        for (path, cell) in cells {
            let place = self.places.get_mut(path).filter(|place| !place.let_go.contains(cell));
            place.into_iter().for_each(|place| place.let_go.push(cell.clone()));
        }
    }

    /// Says whether the mail in a cell may be lost even if its mailbox is kept over a crash.
    pub(crate) fn is_let_go(&self, path: &Path, cell: &AnyRef) -> bool {
        at_and_above(path).any(|at| self.has_command(at, Aim::Delete))
            || self.places.get(path).is_some_and(|place| place.let_go.contains(cell))
    }

    fn has_command(&self, path: &str, aim: Aim) -> bool {
        self.commanded.iter().any(|(about, what)| &**about == path && *what == aim)
    }
}
