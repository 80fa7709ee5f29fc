//! The events that wait while the supervisor is busy: OTP's mailbox, as far as it matters.

use std::collections::{BTreeMap, VecDeque};

use ms_core::exit::ExitReason;
use ms_core::id::Incarnation;

use super::child::ChildKey;
use super::command::Ticket;
use super::event::Event;

/// A first-in-first-out queue from which the end of a given child can be taken out of turn (C6).
///
/// Events wait in the form in which they came. An event taken out of turn leaves an empty place;
/// places are numbered, and `exits` has the number of each end that waits.
#[derive(Debug, Clone, Default)]
pub(super) struct Inbox {
    first: u64,
    places: VecDeque<Option<Event>>,
    exits: BTreeMap<ChildKey, u64>,
    len: usize,
    shutdowns: usize,
}

impl Inbox {
    pub(super) fn push(&mut self, event: Event) {
        if let Some((key, _)) = event.ended() {
            // Numbered, not searched for: a million ends may wait under a dynamic supervisor.
            let place = self.first + self.places.len() as u64;
            if let Some(older) = self.exits.insert(key, place) {
                // A newer end is of a newer life: the older one is stale by now.
                self.clear_place(older);
            }
        }
        self.shutdowns += usize::from(is_shutdown(&event));
        self.places.push_back(Some(event));
        self.len += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        loop {
            let place = self.places.pop_front()?;
            self.first += 1;
            // An empty place: its event was taken out of turn.
            let Some(event) = place else { continue };
            self.len -= 1;
            if let Some((key, _)) = event.ended() {
                self.exits.remove(&key);
            }
            self.shutdowns -= usize::from(is_shutdown(&event));
            return Some(event);
        }
    }

    /// Takes the end of this life of a child, if it waits: `unlink_flush` (F3, C6).
    pub(super) fn take_exit(&mut self, key: ChildKey, life: Incarnation) -> Option<ExitReason> {
        if !self.has_exit(key, life) {
            return None;
        }
        let place = self.exits.remove(&key)?;
        self.clear_place(place)?.into_end_reason()
    }

    pub(super) fn has_exit(&self, key: ChildKey, life: Incarnation) -> bool {
        let at = self.exits.get(&key).and_then(|place| usize::try_from(place - self.first).ok());
        let waiting = at.and_then(|at| self.places.get(at)).and_then(Option::as_ref);
        waiting.and_then(Event::ended) == Some((key, life))
    }

    /// Returns the children whose end waits.
    pub(super) fn dead(&self) -> impl Iterator<Item = ChildKey> + '_ {
        self.exits.keys().copied()
    }

    /// Takes the first shutdown out of turn: what a suspended supervisor does (I2).
    pub(super) fn take_shutdown(&mut self) -> Option<Event> {
        if self.shutdowns == 0 {
            // Asked after every event while suspended, with an inbox that only grows: the count
            // spares the walk through it.
            return None;
        }
        let waits = |place: &&mut Option<Event>| place.as_ref().is_some_and(is_shutdown);
        let taken = self.places.iter_mut().find(waits)?.take();
        self.shutdowns -= 1;
        self.len -= 1;
        taken
    }

    /// Keeps the ends only: a supervisor that ends handles nothing else. Returns the
    /// tickets that will not be served.
    pub(super) fn keep_exits(&mut self) -> Vec<Ticket> {
        let mut unserved = Vec::new();
        // The ends stay: the stop of each child looks for its own here first (F3).
        for place in &mut self.places {
            let taken = place.take_if(|event| event.ended().is_none());
            self.len -= usize::from(taken.is_some());
            if let Some(Event::Command { ticket, .. }) = taken {
                unserved.push(ticket);
            }
        }
        self.shutdowns = 0;
        unserved
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns all events that wait, oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Event> {
        self.places.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn clear_place(&mut self, place: u64) -> Option<Event> {
        let at = usize::try_from(place.checked_sub(self.first)?).ok()?;
        let taken = self.places.get_mut(at)?.take();
        self.len -= usize::from(taken.is_some());
        taken
    }
}

const fn is_shutdown(event: &Event) -> bool {
    matches!(event, Event::Shutdown { .. })
}
