//! The messages that wait while the supervisor is busy: OTP's mailbox, as far as it matters.

use std::collections::{BTreeMap, VecDeque};

use ms_core::exit::ExitReason;
use ms_core::id::Incarnation;

use super::child::ChildKey;
use super::command::{Command, Ticket};

/// One message that waits.
#[derive(Debug, Clone)]
pub(super) enum Waiting {
    Exit(ChildExit),
    TryAgain(ChildKey),
    Backoff(ChildKey, Incarnation),
    Command(Ticket, Command),
    Shutdown(ExitReason),
}

/// The end of a child that was not being stopped.
#[derive(Debug, Clone)]
pub(super) struct ChildExit {
    pub(super) key: ChildKey,
    pub(super) incarnation: Incarnation,
    pub(super) reason: ExitReason,
    pub(super) cause: Cause,
}

/// What brought a child's end about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It ended by itself.
    Own,
    /// It lost its thread through no fault of its own.
    LostThread,
    /// Its init chose not to run, after its start had been answered.
    Ignored,
}

/// A first-in-first-out queue out of which an exit can be taken by its child (C6).
///
/// Whoever is taken out of turn leaves an empty place; places are numbered, and
/// `exits` knows the number of each exit that waits.
#[derive(Debug, Clone, Default)]
pub(super) struct Inbox {
    first: u64,
    places: VecDeque<Option<Waiting>>,
    exits: BTreeMap<ChildKey, u64>,
    len: usize,
    shutdowns: usize,
}

impl Inbox {
    pub(super) fn push(&mut self, waiting: Waiting) {
        match &waiting {
            Waiting::Exit(ended) => {
                // Numbered, not searched for: a million exits may wait under a dynamic supervisor.
                let place = self.first + self.places.len() as u64;
                if let Some(older) = self.exits.insert(ended.key, place) {
                    // A newer exit is of a newer life: the older one is stale by now.
                    self.clear_place(older);
                }
            }
            Waiting::Shutdown(_) => self.shutdowns += 1,
            _ => {}
        }
        self.places.push_back(Some(waiting));
        self.len += 1;
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        loop {
            let place = self.places.pop_front()?;
            self.first += 1;
            // An empty place: its exit was taken out of turn.
            let Some(waiting) = place else { continue };
            self.len -= 1;
            match &waiting {
                Waiting::Exit(ended) => drop(self.exits.remove(&ended.key)),
                Waiting::Shutdown(_) => self.shutdowns -= 1,
                _ => {}
            }
            return Some(waiting);
        }
    }

    /// Takes the exit of this life of a child, if it waits: `unlink_flush` (F3, C6).
    pub(super) fn take_exit(&mut self, key: ChildKey, life: Incarnation) -> Option<ExitReason> {
        if !self.has_exit(key, life) {
            return None;
        }
        let place = self.exits.remove(&key)?;
        match self.clear_place(place)? {
            Waiting::Exit(ended) => Some(ended.reason),
            _ => None,
        }
    }

    pub(super) fn has_exit(&self, key: ChildKey, life: Incarnation) -> bool {
        let at = self.exits.get(&key).and_then(|place| usize::try_from(place - self.first).ok());
        let waiting = at.and_then(|at| self.places.get(at)).and_then(Option::as_ref);
        matches!(waiting, Some(Waiting::Exit(ended)) if ended.incarnation == life)
    }

    /// Returns the children whose exit waits.
    pub(super) fn dead(&self) -> impl Iterator<Item = ChildKey> + '_ {
        self.exits.keys().copied()
    }

    /// Takes the first shutdown out of turn: what a suspended supervisor does (I2).
    pub(super) fn take_shutdown(&mut self) -> Option<Waiting> {
        if self.shutdowns == 0 {
            // Asked after every event while suspended, with an inbox that only grows: the count
            // spares the walk through it.
            return None;
        }
        let is_shutdown =
            |place: &&mut Option<Waiting>| matches!(place, Some(Waiting::Shutdown(_)));
        let taken = self.places.iter_mut().find(is_shutdown)?.take();
        self.shutdowns -= 1;
        self.len -= 1;
        taken
    }

    /// Keeps the exits only: a supervisor that ends handles nothing else. Returns the
    /// tickets that will not be served.
    pub(super) fn keep_exits(&mut self) -> Vec<Ticket> {
        let mut unserved = Vec::new();
        for place in &mut self.places {
            let taken = match place {
                Some(Waiting::Exit(_)) | None => None,
                Some(_) => place.take(),
            };
            self.len -= usize::from(taken.is_some());
            if let Some(Waiting::Command(ticket, _)) = taken {
                unserved.push(ticket);
            }
        }
        self.shutdowns = 0;
        unserved
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns all messages that wait, oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.places.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn clear_place(&mut self, place: u64) -> Option<Waiting> {
        let at = usize::try_from(place.checked_sub(self.first)?).ok()?;
        let taken = self.places.get_mut(at)?.take();
        self.len -= usize::from(taken.is_some());
        taken
    }
}
