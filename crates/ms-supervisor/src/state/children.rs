//! The children of one supervisor, beside the policy's table.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use ms_core::ChildId;
use ms_policy::{ChildKey, CommandError};

use super::child::Child;

/// The children by key, and the names of those that have one.
#[derive(Default)]
pub(crate) struct Children {
    slots: Vec<Option<Child>>,
    // Not std's hasher: SipHash was a measurable part of the start of a child.
    names: HashMap<ChildId, ChildKey, RandomState>,
    /// Those that may stay down: they ended, did not start, or are being stopped.
    maybe_down: Vec<ChildKey>,
}

impl Children {
    pub(crate) fn insert(&mut self, name: ChildId, child: Child) {
        let key = child.key();
        let at = key.index();
        if self.slots.len() <= at {
            self.slots.resize_with(at + 1, || None);
        }
        self.names.insert(name, key);
        self.slots[at] = Some(child);
    }

    pub(crate) fn get(&self, key: ChildKey) -> Option<&Child> {
        self.slots.get(key.index())?.as_ref().filter(|child| child.key() == key)
    }

    pub(crate) fn get_mut(&mut self, key: ChildKey) -> Option<&mut Child> {
        self.slots.get_mut(key.index())?.as_mut().filter(|child| child.key() == key)
    }

    pub(crate) fn remove(&mut self, key: ChildKey) -> Option<Child> {
        self.get(key)?;
        let child = self.slots.get_mut(key.index())?.take()?;
        // Its successor may have the name already.
        if self.names.get(child.name()) == Some(&key) {
            self.names.remove(child.name());
        }
        Some(child)
    }

    pub(crate) fn key_of(&self, name: &str) -> Option<ChildKey> {
        self.names.get(name).copied()
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Child> {
        self.get(self.key_of(name)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Child> {
        self.slots.iter().flatten()
    }

    /// Returns the policy's refusal of a command, with the incarnations that callers know.
    pub(crate) fn refusal(&self, error: CommandError) -> CommandError {
        match &error {
            CommandError::AlreadyStarted { key, .. } => match self.get(*key) {
                Some(child) => child.starts().error(error),
                None => error,
            },
            _ => error,
        }
    }

    /// Notes a child that may stay down. Whether it does is known only once the policy has
    /// decided: one that is about to be restarted goes on taking mail.
    pub(crate) fn note_maybe_down(&mut self, key: ChildKey) {
        self.maybe_down.push(key);
    }

    /// Takes out the children noted so far.
    pub(crate) fn take_maybe_down(&mut self) -> Vec<ChildKey> {
        std::mem::take(&mut self.maybe_down)
    }
}
