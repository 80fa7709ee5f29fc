//! The children of one supervisor: records, start order, counters.
//!
//! Records live in a slab and are threaded on a doubly linked list in start
//! order, so that adding, removing, finding and counting cost O(1) (an id look-up
//! O(log n)) however many children there are. A dynamic child shares the
//! template's spec and costs one record of [`RECORD_SIZE`] bytes.

use std::collections::BTreeMap;

use ms_core::id::{ChildId, Incarnation};
use ms_core::spec::{ChildPolicy, ChildType, Restart};
use ms_core::time::Tick;

use super::child::{ChildEntry, ChildKey, ChildState};
use super::command::Counts;

pub(super) type Slot = u32;
pub(super) const NIL: Slot = Slot::MAX;

/// One child. Kept small: a dynamic supervisor may have a million.
#[derive(Debug, Clone)]
pub(super) struct Child {
    // Boxed, so that a dynamic child, which has none, does not pay for its room.
    /// `None` for a dynamic child, which follows the template.
    entry: Option<Box<ChildEntry>>,
    /// Number of the latest start attempt.
    pub(super) incarnation: Incarnation,
    /// The incarnation that last ended, `NONE` where OTP prints `undefined`.
    pub(super) old: Incarnation,
    /// Running: since when. Held by a backoff: until when.
    pub(super) since: Tick,
    generation: u32,
    prev: Slot,
    next: Slot,
    /// Failures in a row; counted only when the child has a backoff.
    pub(super) failures: u32,
    /// `None`: the slot is free.
    state: Option<ChildState>,
    /// Its backoff runs.
    pub(super) held: bool,
    /// The restart the backoff delays is in the window already.
    pub(super) counted: bool,
}

/// Bytes a child costs in the slab.
pub const RECORD_SIZE: usize = size_of::<Child>();
const _: () = assert!(RECORD_SIZE <= 64, "a child record must stay small");

#[derive(Debug, Clone)]
pub(super) struct Table {
    slots: Vec<Child>,
    free: Vec<Slot>,
    head: Slot,
    tail: Slot,
    ids: BTreeMap<ChildId, Slot>,
    /// The one spec of a dynamic supervisor.
    template: Option<ChildEntry>,
    by_state: [usize; 5],
    supervisors: usize,
    significant_present: usize,
}

impl Table {
    pub(super) fn new(template: Option<ChildEntry>) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            head: NIL,
            tail: NIL,
            ids: BTreeMap::new(),
            template,
            by_state: [0; 5],
            supervisors: 0,
            significant_present: 0,
        }
    }

    /// Appends a stopped child (C7); `None` once four thousand million are there.
    pub(super) fn append(&mut self, entry: Option<ChildEntry>) -> Option<Slot> {
        let slot = self.vacancy()?;
        if let Some(entry) = &entry {
            self.ids.insert(entry.id.clone(), slot);
        }
        let tail = self.tail;
        let child = &mut self.slots[slot as usize];
        *child = Child {
            entry: entry.map(Box::new),
            prev: tail,
            state: Some(ChildState::Stopped),
            ..Child::vacant(child.generation)
        };
        if tail == NIL {
            self.head = slot;
        } else {
            self.slots[tail as usize].next = slot;
        }
        self.tail = slot;
        self.by_state[ChildState::Stopped as usize] += 1;
        self.supervisors += usize::from(self.policy(slot).kind == ChildType::Supervisor);
        Some(slot)
    }

    fn vacancy(&mut self) -> Option<Slot> {
        if let Some(slot) = self.free.pop() {
            return Some(slot);
        }
        let slot = Slot::try_from(self.slots.len()).ok().filter(|&slot| slot != NIL)?;
        self.slots.push(Child::vacant(0));
        Some(slot)
    }

    /// Forgets a child; its key is dead from here on.
    pub(super) fn remove(&mut self, slot: Slot) -> ChildKey {
        let key = self.key(slot);
        self.set_state(slot, ChildState::Stopped);
        self.by_state[ChildState::Stopped as usize] -= 1;
        self.supervisors -= usize::from(self.policy(slot).kind == ChildType::Supervisor);
        let child = &mut self.slots[slot as usize];
        let (prev, next) = (child.prev, child.next);
        let entry = child.entry.take();
        // The next generation: the slot is used again, and the old key must not find its new child.
        *child = Child::vacant(child.generation.wrapping_add(1));
        if prev == NIL {
            self.head = next
        } else {
            self.slots[prev as usize].next = next
        }
        if next == NIL {
            self.tail = prev
        } else {
            self.slots[next as usize].prev = prev
        }
        if let Some(entry) = entry {
            self.ids.remove(&entry.id);
        }
        self.free.push(slot);
        key
    }

    pub(super) fn set_state(&mut self, slot: Slot, new: ChildState) {
        let significant = self.policy(slot).significant;
        let child = &mut self.slots[slot as usize];
        let Some(old) = child.state.replace(new) else {
            debug_assert!(false, "a free slot has no state to change");
            return;
        };
        // Any other state cancels a backoff, whose timer may already be on its way.
        if new != ChildState::Restarting {
            child.held = false;
        }
        self.by_state[old as usize] -= 1;
        self.by_state[new as usize] += 1;
        if significant {
            self.significant_present -= usize::from(old != ChildState::Stopped);
            self.significant_present += usize::from(new != ChildState::Stopped);
        }
    }

    pub(super) fn get(&self, slot: Slot) -> &Child {
        &self.slots[slot as usize]
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut Child {
        &mut self.slots[slot as usize]
    }

    /// Returns the state of an occupied slot.
    pub(super) fn state(&self, slot: Slot) -> ChildState {
        self.get(slot).state.unwrap_or(ChildState::Stopped)
    }

    /// Returns the spec a child follows.
    #[expect(clippy::expect_used, reason = "append gives a child one or the template is there")]
    pub(super) fn spec(&self, slot: Slot) -> &ChildEntry {
        let own = self.get(slot).entry.as_deref();
        own.or(self.template.as_ref()).expect("a child has its own spec or the template's")
    }

    pub(super) fn policy(&self, slot: Slot) -> &ChildPolicy {
        &self.spec(slot).policy
    }

    pub(super) fn key(&self, slot: Slot) -> ChildKey {
        ChildKey::new(slot, self.get(slot).generation)
    }

    pub(super) fn find(&self, key: ChildKey) -> Option<Slot> {
        let slot = Slot::try_from(key.index()).ok()?;
        let child = self.slots.get(key.index())?;
        (child.state.is_some() && self.key(slot) == key).then_some(slot)
    }

    pub(super) fn find_id(&self, id: &ChildId) -> Option<Slot> {
        self.ids.get(id).copied()
    }

    pub(super) fn template(&self) -> Option<&ChildEntry> {
        self.template.as_ref()
    }

    pub(super) fn head(&self) -> Slot {
        self.head
    }

    pub(super) fn tail(&self) -> Slot {
        self.tail
    }

    pub(super) fn next(&self, slot: Slot) -> Slot {
        self.get(slot).next
    }

    pub(super) fn prev(&self, slot: Slot) -> Slot {
        self.get(slot).prev
    }

    /// Returns the slots in start order, from `at` on.
    pub(super) fn forward(&self, at: Slot) -> impl Iterator<Item = Slot> + '_ {
        let link = |slot: Slot| (slot != NIL).then_some(slot);
        std::iter::successors(link(at), move |&slot| link(self.next(slot)))
    }

    /// Returns the slots in reverse start order, from `at` down.
    pub(super) fn backward(&self, at: Slot) -> impl Iterator<Item = Slot> + '_ {
        let link = |slot: Slot| (slot != NIL).then_some(slot);
        std::iter::successors(link(at), move |&slot| link(self.prev(slot)))
    }

    pub(super) fn len(&self) -> usize {
        self.by_state.iter().sum()
    }

    pub(super) fn in_state(&self, state: ChildState) -> usize {
        self.by_state[state as usize]
    }

    /// Returns how many significant children have a pid or are restarting (H2).
    pub(super) fn significant_present(&self) -> usize {
        self.significant_present
    }

    pub(super) fn is_dropped_when_stopped(&self, slot: Slot) -> bool {
        self.template.is_some() || self.policy(slot).restart == Restart::Temporary
    }

    /// Counts the children (G4), with `active` as the number of running ones.
    pub(super) fn counts(&self) -> Counts {
        let specs = if self.template.is_some() { 1 } else { self.len() };
        Counts {
            specs,
            active: self.in_state(ChildState::Running),
            supervisors: self.supervisors,
            workers: self.len() - self.supervisors,
        }
    }

    /// Returns whether the counters agree with the records; for assertions, O(n).
    pub(super) fn is_consistent(&self) -> bool {
        let mut by_state = [0; 5];
        let mut significant = 0;
        for slot in self.forward(self.head) {
            by_state[self.state(slot) as usize] += 1;
            let present = self.state(slot) != ChildState::Stopped;
            significant += usize::from(present && self.policy(slot).significant);
        }
        by_state == self.by_state
            && significant == self.significant_present
            && self.backward(self.tail).count() == self.len()
            && (self.template.is_some() || self.ids.len() == self.len())
    }
}

impl Child {
    const fn vacant(generation: u32) -> Self {
        Self {
            entry: None,
            incarnation: Incarnation::NONE,
            old: Incarnation::NONE,
            since: Tick::ZERO,
            generation,
            prev: NIL,
            next: NIL,
            failures: 0,
            state: None,
            held: false,
            counted: false,
        }
    }
}
