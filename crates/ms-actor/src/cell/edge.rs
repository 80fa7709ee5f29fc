//! "This actor waits for that one", as long as that is so.

use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::task::{Wake, Waker};

use ms_core::ActorPath;
use tokio::time::Instant;

use crate::cell::any::{AnyCell, Asked};
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
    pub(crate) fn new(target: Arc<dyn AnyCell>, until: Instant) -> Self {
        let (state, exits) = (AtomicU8::new(UNSENT), AtomicU32::new(0));
        Self { target, until, state, exits, asker: Mutex::new(None) }
    }

    /// Returns the key of the edge in the list of edges.
    pub(crate) fn key(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Returns the path of the actor that is waited for.
    pub(crate) fn target(&self) -> &ActorPath {
        &self.target.core().path
    }

    /// Returns the number of the actor that is waited for.
    pub(crate) fn target_uid(&self) -> u64 {
        self.target.core().uid
    }

    /// Returns the waits of the actor that is waited for.
    pub(crate) fn onward(&self) -> Vec<Arc<Self>> {
        self.target.core().waits()
    }

    /// Returns a waker for the reply alone: it ends the edge and wakes `asker`.
    pub(crate) fn watch(self: &Arc<Self>, asker: &Waker) -> Waker {
        let mut known = lock(&self.asker);
        let earlier = match &*known {
            Some(known) if known.will_wake(asker) => None,
            _ => known.replace(asker.clone()),
        };
        drop(known);
        drop(earlier);
        Waker::from(Arc::clone(self))
    }

    /// Notes that the target has taken the ask; it may even have answered already.
    pub(crate) fn sent(&self, exits: u32) {
        // The exchange publishes `exits`. It is no store: the answer may have ended the edge
        // already.
        self.exits.store(exits, Relaxed);
        let _over = self.state.compare_exchange(UNSENT, SENT, AcqRel, Acquire);
    }

    /// Returns whether the asker still has something to wait for. Once false it stays so, but for
    /// one that waits for room at a mailbox that refuses mail for a while.
    pub(crate) fn is_on(&self) -> bool {
        let asked = match self.state.load(Acquire) {
            UNSENT => Asked::NotYet,
            SENT => Asked::When { exits: self.exits.load(Relaxed) },
            _ => return false,
        };
        self.target.owes(asked) && Instant::now() < self.until
    }

    pub(crate) fn end(&self) {
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
