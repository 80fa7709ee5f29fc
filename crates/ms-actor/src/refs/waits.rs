//! Who waits for whom: the graph, and the search for circles in it.
//!
//! An actor that serves nothing while it awaits an answer (a future given to
//! `ctx.wait`, an `AtomicResponse`, an agent's handler) is an edge to whom it
//! asked. An ask that closes a cycle can never be answered: it fails at once,
//! with the cycle named, instead of running into its deadline.
//!
//! An edge ends with the event that ends the wait, not when its asker gets round to it:
//! with the answer, and with the reply's sender where it is dropped without one, for the edge
//! is the waker the reply rings; with the life of the asked actor; at the deadline. Whoever
//! has answered may therefore ask back in the next instant.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::Waker;

use ms_core::ActorPath;
use tokio::time::Instant;

use crate::cell::any::AnyCell;
use crate::cell::edge::Edge;
use crate::current;

/// An edge in the hands of the ask it stands for; gone when dropped.
pub(crate) struct Waiting {
    from: Arc<dyn AnyCell>,
    edge: Arc<Edge>,
}

impl Waiting {
    /// Returns a waker for the reply alone: it ends the edge and wakes `asker`.
    pub(crate) fn watch(&self, asker: &Waker) -> Waker {
        self.edge.watch(asker)
    }

    /// Notes that the target has taken the ask; it may even have answered already.
    pub(crate) fn sent(&self, exits: u32) {
        self.edge.sent(exits);
    }

    /// Ends the edge, as there will be no answer: what is left to learn is why, which does not take
    /// long.
    pub(crate) fn end(&self) {
        self.edge.end();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.edge.end();
        self.from.core().remove_wait(&self.edge);
    }
}

/// Enters "the running actor waits for `target`" into the graph; `None` where it serves others
/// meanwhile.
///
/// The edge is entered before the graph is searched, so of two asks that close a
/// cycle from both sides at once at least one sees it.
pub(crate) fn wait_for(
    target: Arc<dyn AnyCell>,
    until: Instant,
) -> Result<Option<Waiting>, Vec<ActorPath>> {
    let Some((from, incarnation)) = current::blocked() else { return Ok(None) };
    let edge = Arc::new(Edge::new(target, until));
    if !from.core().add_wait(incarnation, &edge) {
        // Fenced off: its successor waits for nobody on its account.
        return Ok(None);
    }
    current::note_wait();
    let waiting = Waiting { from, edge };
    match cycle(&waiting) {
        None => Ok(Some(waiting)),
        Some(cycle) => Err(cycle),
    }
}

/// Searches of a graph that changes meanwhile.
const MOST_SEARCHES: usize = 8;

/// Returns the circle that an edge closes.
///
/// The edges are not read in one instant: the first may have ended when the last is found, so that
/// the two were never on together. So every circle is read twice: edges that are on both times were
/// all on in between.
fn cycle(waiting: &Waiting) -> Option<Vec<ActorPath>> {
    for _ in 0..MOST_SEARCHES {
        let way = way_to(&waiting.edge, waiting.from.core().uid)?;
        if way.iter().all(|edge| edge.is_on()) {
            let asker = waiting.from.core().path.clone();
            let others = way.iter().map(|edge| edge.target().clone());
            return Some(std::iter::once(asker).chain(others).collect());
        }
    }
    // The graph changed under every search. No circle is claimed: the ask still has its deadline.
    None
}

/// Most actors looked at in search of a cycle.
const SEARCH_LIMIT: usize = 10_000;

/// Returns the edges that lead from `start`, itself the first, to the actor `goal`.
fn way_to(start: &Arc<Edge>, goal: u64) -> Option<Vec<Arc<Edge>>> {
    let mut known = HashSet::from([start.target_uid()]);
    // Each with the place of the one before it.
    let mut seen = vec![(Arc::clone(start), 0)];
    let mut at = 0;
    while let Some((edge, _)) = seen.get(at) {
        if edge.target_uid() == goal {
            return Some(way_back(&seen, at));
        }
        for next in edge.onward() {
            if seen.len() < SEARCH_LIMIT && next.is_on() && known.insert(next.target_uid()) {
                seen.push((next, at));
            }
        }
        at += 1;
    }
    None
}

fn way_back(seen: &[(Arc<Edge>, usize)], mut at: usize) -> Vec<Arc<Edge>> {
    let mut way = vec![Arc::clone(&seen[at].0)];
    while at != 0 {
        at = seen[at].1;
        way.push(Arc::clone(&seen[at].0));
    }
    way.reverse();
    way
}
