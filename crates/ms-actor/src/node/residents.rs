//! Who lives on an arbiter, each in a room of its own.

use std::sync::{Arc, Weak};

use ms_core::{ExitReason, Incarnation};

/// An actor as its arbiter knows it: a node needs no more of a cell than this.
pub(crate) trait Resident: Send + Sync + 'static {
    /// Returns the live incarnation, [`Incarnation::NONE`] when there is none.
    fn live(&self) -> Incarnation;

    /// Returns true while a turn of the run loop is on: on a blocked thread, the culprit.
    fn in_turn(&self) -> bool;

    /// Ends `incarnation` from outside its run loop. False when it had ended already.
    fn fence(&self, incarnation: Incarnation, reason: ExitReason) -> bool;
}

/// The rooms, by number.
#[derive(Default)]
pub(super) struct Residents {
    rooms: Vec<Option<(Weak<dyn Resident>, Incarnation)>>,
    free: Vec<usize>,
}

impl Residents {
    /// Gives a life a room.
    pub(super) fn settle(
        &mut self,
        resident: Weak<dyn Resident>,
        incarnation: Incarnation,
    ) -> usize {
        let entry = Some((resident, incarnation));
        match self.free.pop() {
            Some(room) => {
                self.rooms[room] = entry;
                room
            }
            None => {
                self.rooms.push(entry);
                self.rooms.len() - 1
            }
        }
    }

    /// Takes a life out of its room. `None` when it is not there any more; what comes back is to
    /// be dropped where nothing is locked.
    pub(super) fn leave(
        &mut self,
        room: usize,
        resident: &dyn Resident,
        incarnation: Incarnation,
    ) -> Option<Weak<dyn Resident>> {
        let mine = |(lives, life): &(Weak<dyn Resident>, Incarnation)| {
            *life == incarnation && std::ptr::addr_eq(lives.as_ptr(), resident)
        };
        let (left, _) = self.rooms.get_mut(room)?.take_if(|who| mine(who))?;
        self.free.push(room);
        Some(left)
    }

    /// Returns all who live here.
    pub(super) fn all(&self) -> Vec<(Arc<dyn Resident>, Incarnation)> {
        let live = self.rooms.iter().flatten();
        live.filter_map(|(lives, incarnation)| Some((lives.upgrade()?, *incarnation))).collect()
    }

    /// Forgets all who live here. Those who leave late find their room empty, and nobody moves
    /// in: it is no room any more.
    pub(super) fn clear(&mut self) {
        self.rooms.iter_mut().for_each(|room| *room = None);
    }
}
