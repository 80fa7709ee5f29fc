//! What is open on a node: files, locks, listeners.
//!
//! Whoever opens something notes it here and keeps the note as long as it is open. The list is
//! the node's, not an actor's: it can be read when no actor answers any more, which is when one
//! wants to know what is still open.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// Most resources listed at a time; more are counted only.
const MAX_LISTED: usize = 10_000;

/// The open resources of a node. Cheap to clone, usable from any thread, never waits.
#[derive(Clone, Default)]
pub struct Resources(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    next: u64,
    listed: BTreeMap<u64, Entry>,
    beyond: usize,
}

struct Entry {
    what: String,
    /// The node's own outlive all actors.
    of_node: bool,
}

impl Resources {
    /// Lists a resource as open until what this returns is dropped. `what` is shown to whoever
    /// asks for the list: no secrets.
    pub fn open(&self, what: impl Into<String>) -> OpenResource {
        self.add(what.into(), false)
    }

    /// Lists a resource as [`Resources::open`] does, for what belongs to the node itself and is
    /// closed after all actors have ended.
    pub fn open_of_node(&self, what: impl Into<String>) -> OpenResource {
        self.add(what.into(), true)
    }

    fn add(&self, what: String, of_node: bool) -> OpenResource {
        let mut open = lock(&*self.0);
        open.next += 1;
        let number = open.next;
        match open.listed.len() < MAX_LISTED {
            true => drop(open.listed.insert(number, Entry { what, of_node })),
            false => open.beyond += 1,
        }
        OpenResource { number, list: self.clone() }
    }

    /// Returns what is open, in the order in which it was opened.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        self.those(|_| true)
    }

    /// Returns what is open and should not be once all actors have ended.
    #[must_use]
    pub fn left_by_actors(&self) -> Vec<String> {
        self.those(|entry| !entry.of_node)
    }

    fn those(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<String> {
        let open = lock(&*self.0);
        let listed = open.listed.values().filter(|entry| wanted(entry));
        let mut list: Vec<_> = listed.map(|entry| entry.what.clone()).collect();
        if open.beyond > 0 {
            list.push(format!("{} more that are not listed", open.beyond));
        }
        list
    }
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

/// Keeps a resource on the list of what is open until it is dropped.
#[must_use = "the resource counts as closed when this is dropped"]
pub struct OpenResource {
    number: u64,
    list: Resources,
}

impl Drop for OpenResource {
    fn drop(&mut self) {
        let mut open = lock(&*self.list.0);
        if open.listed.remove(&self.number).is_none() {
            open.beyond = open.beyond.saturating_sub(1);
        }
    }
}

impl fmt::Debug for OpenResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenResource").field("number", &self.number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_is_listed_until_it_is_dropped() {
        let resources = Resources::default();
        let file = resources.open("a file");
        let socket = resources.open_of_node("a socket");
        assert_eq!(resources.list(), ["a file", "a socket"]);
        assert_eq!(resources.left_by_actors(), ["a file"]);
        drop(file);
        assert_eq!(resources.list(), ["a socket"]);
        drop(socket);
        assert!(resources.list().is_empty());
    }

    #[test]
    fn more_than_the_list_holds_are_counted() {
        let resources = Resources::default();
        let mut all: Vec<_> = (0..MAX_LISTED + 2).map(|n| resources.open(n.to_string())).collect();
        let last = |resources: &Resources| resources.list().pop();
        assert_eq!(last(&resources).as_deref(), Some("2 more that are not listed"));
        drop(all.pop());
        assert_eq!(last(&resources).as_deref(), Some("1 more that are not listed"));
        all.clear();
        assert!(resources.list().is_empty());
    }
}
