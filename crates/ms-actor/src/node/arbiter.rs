//! Arbiters: threads with one event loop each, watched from outside.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use actix_rt::{Arbiter, ArbiterHandle};
use ms_core::Incarnation;

use crate::node::pulse::Pulse;
use crate::node::residents::{Resident, Residents};
use crate::sync::lock;

/// No arbiter.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// One arbiter of a node.
pub(crate) struct ArbiterSlot {
    pub(crate) id: u32,
    handle: ArbiterHandle,
    pulse: Arc<Pulse>,
    pub(crate) abandoned: AtomicBool,
    pub(crate) dedicated: bool,
    pub(crate) load: AtomicUsize,
    residents: Mutex<Residents>,
    thread: Mutex<Option<Arbiter>>,
}

impl ArbiterSlot {
    pub(super) fn new(
        id: u32,
        handle: ArbiterHandle,
        thread: Option<Arbiter>,
        dedicated: bool,
        pulse: Arc<Pulse>,
    ) -> Self {
        Self {
            id,
            handle,
            pulse,
            abandoned: AtomicBool::new(false),
            dedicated,
            load: AtomicUsize::new(0),
            residents: Mutex::default(),
            thread: Mutex::new(thread),
        }
    }

    /// Returns how long its loop stands still, as far as is known; `awake` is the node's own.
    pub(crate) fn silent_for(&self, now: u64, awake: u64) -> u64 {
        self.pulse.silent_for(now, awake)
    }

    /// Returns whether its loop has nothing to do.
    pub(crate) fn is_asleep(&self) -> bool {
        self.pulse.is_asleep()
    }

    /// Asks for a sign of life where one is due. One that ended owes it for ever.
    pub(crate) fn feel_pulse(&self, now: u64) {
        if self.pulse.begins_to_ask(now) {
            let pulse = Arc::clone(&self.pulse);
            self.spawn(move || pulse.answers());
        }
    }

    /// Hands `code` to its loop. False if that is gone.
    pub(super) fn spawn(&self, code: impl FnOnce() + Send + 'static) -> bool {
        self.handle.spawn_fn(code)
    }

    /// Notes that a life begins here.
    pub(crate) fn settle(
        self: &Arc<Self>,
        resident: Weak<dyn Resident>,
        incarnation: Incarnation,
    ) -> Stay {
        self.load.fetch_add(1, Ordering::Relaxed);
        let room = lock(&self.residents).settle(resident, incarnation);
        Stay { slot: Arc::clone(self), room }
    }

    pub(super) fn residents(&self) -> Vec<(Arc<dyn Resident>, Incarnation)> {
        lock(&self.residents).all()
    }

    /// Forgets all who live here.
    pub(super) fn clear_residents(&self) {
        let mut residents = lock(&self.residents);
        residents.clear();
        // Under the lock: whoever leaves later finds an empty room and does not count itself off.
        self.load.store(0, Ordering::Relaxed);
    }

    /// Ends its loop; a blocked thread obeys when it comes back.
    pub(crate) fn stop(&self) {
        self.handle.stop();
    }

    /// Returns whether its loop still takes work.
    pub(crate) fn alive(&self) -> bool {
        self.handle.alive()
    }

    /// Takes the thread, to be joined.
    pub(crate) fn take_thread(&self) -> Option<Arbiter> {
        lock(&self.thread).take()
    }
}

/// The stay of one life on an arbiter; see [`crate::Node`] for its end.
#[derive(Clone)]
pub(crate) struct Stay {
    slot: Arc<ArbiterSlot>,
    room: usize,
}

impl Stay {
    /// Ends it; a second time changes nothing. Gives the arbiter that was lived on.
    pub(super) fn end(
        &self,
        resident: &dyn Resident,
        incarnation: Incarnation,
    ) -> &Arc<ArbiterSlot> {
        let mut residents = lock(&self.slot.residents);
        let left = residents.leave(self.room, resident, incarnation);
        if left.is_some() {
            self.slot.load.fetch_sub(1, Ordering::Relaxed);
        }
        drop((residents, left));
        &self.slot
    }
}
