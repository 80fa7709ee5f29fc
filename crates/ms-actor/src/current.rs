//! Which actor runs on this thread, and the graph of who waits for whom.
//!
//! An actor that serves nothing while it awaits an answer (a future given to
//! `ctx.wait`, an `AtomicResponse`, an agent's handler) is an edge to whom it
//! asked. An ask that closes a cycle can never be answered: it fails at once,
//! with the cycle named, instead of running into its deadline.

use std::cell::RefCell;
use std::sync::Arc;

use ms_core::ActorPath;

use crate::cell::AnyCell;
use crate::sync::thread_local;

struct Current {
    cell: Arc<dyn AnyCell>,
    /// The code that runs keeps the actor from serving anything else.
    blocking: bool,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Makes `cell` the running actor of this thread; give back with [`leave`].
pub(crate) fn enter(cell: Arc<dyn AnyCell>) {
    CURRENT.with(|current| *current.borrow_mut() = Some(Current { cell, blocking: false }));
}

/// Takes the running actor off this thread.
pub(crate) fn leave() -> Option<Arc<dyn AnyCell>> {
    CURRENT.with(|current| current.borrow_mut().take()).map(|current| current.cell)
}

/// Says that what runs now keeps the actor from serving anything else.
pub(crate) fn set_blocking(blocking: bool) {
    CURRENT.with(|current| {
        if let Some(current) = current.borrow_mut().as_mut() {
            current.blocking = blocking;
        }
    });
}

/// Whether what runs now keeps an actor from serving anything else.
pub(crate) fn is_blocking() -> bool {
    CURRENT.with(|current| current.borrow().as_ref().is_some_and(|c| c.blocking))
}

/// The running actor, if it is kept from serving anything else.
fn blocked() -> Option<Arc<dyn AnyCell>> {
    CURRENT.with(|current| {
        current.borrow().as_ref().filter(|c| c.blocking).map(|c| Arc::clone(&c.cell))
    })
}

/// Path of the actor that runs on this thread right now, if one does.
pub fn path() -> Option<ActorPath> {
    CURRENT.with(|current| current.borrow().as_ref().map(|c| c.cell.core().path.clone()))
}

/// An edge of the wait-for graph; gone when dropped.
pub(crate) struct Waiting {
    from: Arc<dyn AnyCell>,
    on: u64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.from.core().remove_wait(self.on);
    }
}

/// Enters "the running actor waits for `target`" into the graph.
///
/// The edge is entered before the graph is searched, so of two asks that close a
/// cycle from both sides at once at least one sees it.
pub(crate) fn wait_for(target: &Arc<dyn AnyCell>) -> Result<Option<Waiting>, Vec<ActorPath>> {
    let Some(from) = blocked() else { return Ok(None) };
    let asker = from.core().uid;
    from.core().add_wait(Arc::clone(target));
    let edge = Waiting { on: target.core().uid, from };
    match path_to(target, asker) {
        None => Ok(Some(edge)),
        Some(mut cycle) => {
            cycle.insert(0, edge.from.core().path.clone());
            Err(cycle)
        }
    }
}

/// Most actors looked at in search of a cycle.
const SEARCH_LIMIT: usize = 10_000;

/// The way from `start` to the actor `goal` along wait-for edges.
fn path_to(start: &Arc<dyn AnyCell>, goal: u64) -> Option<Vec<ActorPath>> {
    let mut seen = vec![(Arc::clone(start), 0)];
    let mut at = 0;
    while let Some((cell, _)) = seen.get(at).cloned() {
        if cell.core().uid == goal {
            return Some(way_back(&seen, at));
        }
        for next in cell.core().waits() {
            let known = seen.iter().any(|(other, _)| other.core().uid == next.core().uid);
            if !known && seen.len() < SEARCH_LIMIT {
                seen.push((next, at));
            }
        }
        at += 1;
    }
    None
}

fn way_back(seen: &[(Arc<dyn AnyCell>, usize)], mut at: usize) -> Vec<ActorPath> {
    let mut way = vec![seen[at].0.core().path.clone()];
    while at != 0 {
        at = seen[at].1;
        way.push(seen[at].0.core().path.clone());
    }
    way.reverse();
    way
}
