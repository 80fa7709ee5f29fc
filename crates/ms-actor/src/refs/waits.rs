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
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::task::{Wake, Waker};

use ms_core::ActorPath;
use tokio::time::Instant;

use crate::cell::core::{AnyCell, Asked};
use crate::current;
use crate::sync::{AtomicU8, AtomicU32, Mutex, lock};

/// The ask waits for room, or was taken this instant.
const UNSENT: u8 = 0;
const SENT: u8 = 1;
const OVER: u8 = 2;

/// "The asker waits for `target`", as long as that is so.
pub(crate) struct Edge {
    target: Arc<dyn AnyCell>,
    until: Instant,
    state: AtomicU8,
    /// Ends of the target that had been counted when it took the ask.
    exits: AtomicU32,
    /// Who is woken by the reply.
    asker: Mutex<Option<Waker>>,
}

impl Edge {
    fn new(target: Arc<dyn AnyCell>, until: Instant) -> Self {
        let (state, exits) = (AtomicU8::new(UNSENT), AtomicU32::new(0));
        Self { target, until, state, exits, asker: Mutex::new(None) }
    }

    /// What the list of edges knows it by.
    pub(crate) fn key(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    pub(crate) fn target(&self) -> &ActorPath {
        &self.target.core().path
    }

    /// Whether the asker still has something to wait for. Once false it stays so, but for one
    /// that waits for room at a mailbox that refuses mail for a while.
    pub(crate) fn is_on(&self) -> bool {
        let asked = match self.state.load(Acquire) {
            UNSENT => Asked::NotYet,
            SENT => Asked::When { exits: self.exits.load(Relaxed) },
            _ => return false,
        };
        self.target.owes(asked) && Instant::now() < self.until
    }

    fn end(&self) {
        self.state.store(OVER, Release);
    }
}

impl Wake for Edge {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.end();
        let asker = lock(&self.asker).take();
        if let Some(asker) = asker {
            asker.wake();
        }
    }
}

/// An edge in the hands of the ask it stands for; gone when dropped.
pub(crate) struct Waiting {
    from: Arc<dyn AnyCell>,
    edge: Arc<Edge>,
}

impl Waiting {
    /// A waker for the reply alone: it ends the edge and wakes `asker`.
    pub(crate) fn watch(&self, asker: &Waker) -> Waker {
        let mut known = lock(&self.edge.asker);
        let earlier = match &*known {
            Some(known) if known.will_wake(asker) => None,
            _ => known.replace(asker.clone()),
        };
        drop(known);
        drop(earlier);
        Waker::from(Arc::clone(&self.edge))
    }

    /// The target has taken the ask; it may even have answered already.
    pub(crate) fn sent(&self, exits: u32) {
        self.edge.exits.store(exits, Relaxed);
        let _over = self.edge.state.compare_exchange(UNSENT, SENT, AcqRel, Acquire);
    }

    /// There will be no answer: what is left to learn is why, and that does not take long.
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

/// The circle that an edge closes.
///
/// The edges are not looked at all in one instant: the first may have ended when the last is
/// found, and the two were never on together. What is found is looked at once more, therefore:
/// edges that are on in both looks were all on between them.
fn cycle(waiting: &Waiting) -> Option<Vec<ActorPath>> {
    for _ in 0..MOST_SEARCHES {
        let way = way_to(&waiting.edge, waiting.from.core().uid)?;
        if way.iter().all(|edge| edge.is_on()) {
            let asker = waiting.from.core().path.clone();
            let others = way.iter().map(|edge| edge.target().clone());
            return Some(std::iter::once(asker).chain(others).collect());
        }
    }
    None
}

/// Most actors looked at in search of a cycle.
const SEARCH_LIMIT: usize = 10_000;

/// The edges that lead from `start`, itself the first, to the actor `goal`.
fn way_to(start: &Arc<Edge>, goal: u64) -> Option<Vec<Arc<Edge>>> {
    let mut known = HashSet::from([start.target.core().uid]);
    // Each with the place of the one before it.
    let mut seen = vec![(Arc::clone(start), 0)];
    let mut at = 0;
    while let Some((edge, _)) = seen.get(at) {
        let target = edge.target.core();
        if target.uid == goal {
            return Some(way_back(&seen, at));
        }
        for next in target.waits() {
            if seen.len() < SEARCH_LIMIT && next.is_on() && known.insert(next.target.core().uid) {
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
