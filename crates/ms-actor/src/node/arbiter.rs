//! Arbiters: threads with one event loop each, watched from outside.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use actix_rt::{Arbiter, ArbiterHandle};
use ms_core::Incarnation;

use crate::cell::core::{AnyCell, NOWHERE};
use crate::node::handle::Node;
use crate::node::pulse::Pulse;
use crate::node::spin;
use crate::sync::lock;

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

thread_local! {
    static HERE: RefCell<Option<Arc<ArbiterSlot>>> = const { RefCell::new(None) };
    static HERE_ID: Cell<u32> = const { Cell::new(NOWHERE) };
}

impl ArbiterSlot {
    /// Adopts the thread that calls: the system's own arbiter.
    pub(crate) fn adopt_current(id: u32, handle: ArbiterHandle, node: &Node) -> Arc<Self> {
        let slot = Arc::new(Self::new(id, handle, None, false, Arc::default()));
        slot.begin(node);
        slot
    }

    /// Starts a thread.
    pub(crate) fn start(id: u32, dedicated: bool, node: &Node) -> io::Result<Arc<Self>> {
        let pulse = Arc::<Pulse>::default();
        let (sleeps, wakes) = (Arc::clone(&pulse), Arc::clone(&pulse));
        let arbiter = Arbiter::try_with_tokio_rt(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .on_thread_park(move || sleeps.turn_over())
                .on_thread_unpark(move || wakes.turn_over())
                .build()
        })?;
        let slot = Arc::new(Self::new(id, arbiter.handle(), Some(arbiter), dedicated, pulse));
        let (there, node) = (Arc::clone(&slot), node.clone());
        slot.handle.spawn_fn(move || there.begin(&node));
        Ok(slot)
    }

    fn new(
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

    /// Runs on the arbiter itself: makes it known to its thread.
    fn begin(self: &Arc<Self>, node: &Node) {
        HERE.with(|here| *here.borrow_mut() = Some(Arc::clone(self)));
        HERE_ID.set(self.id);
        if node.is_virtual() {
            return;
        }
        spin::allow(node.spin_window());
    }

    /// For how long its loop stands still, as far as is known; `awake` is the node's own.
    pub(crate) fn silent_for(&self, now: u64, awake: u64) -> u64 {
        self.pulse.silent_for(now, awake)
    }

    /// Whether its loop has nothing to do.
    pub(crate) fn is_asleep(&self) -> bool {
        self.pulse.is_asleep()
    }

    /// Asks for a sign of life where one is due. One that ended owes it for ever.
    pub(crate) fn feel_pulse(&self, now: u64) {
        if self.pulse.begins_to_ask(now) {
            let pulse = Arc::clone(&self.pulse);
            self.handle.spawn_fn(move || pulse.answers());
        }
    }

    /// Runs `code` on the arbiter: at once if this is its thread. False if it is gone.
    pub(crate) fn run(self: &Arc<Self>, code: impl FnOnce() + Send + 'static) -> bool {
        if Self::here().is_some_and(|here| Arc::ptr_eq(&here, self)) {
            code();
            return true;
        }
        let arrives = move || {
            spin::exchanged();
            code();
        };
        spin::exchanged();
        !self.abandoned.load(Ordering::Acquire) && self.handle.spawn_fn(arrives)
    }

    /// Whether an actor of that arbiter lives on another thread than this one.
    #[inline]
    pub(crate) fn is_elsewhere(arbiter: u32) -> bool {
        HERE_ID.get() != arbiter
    }

    /// The arbiter of this thread.
    pub(crate) fn here() -> Option<Arc<Self>> {
        HERE.with(|here| here.try_borrow().ok().and_then(|here| here.clone()))
    }

    /// Notes that a life begins here.
    pub(crate) fn settle(
        self: &Arc<Self>,
        cell: &Arc<dyn AnyCell>,
        incarnation: Incarnation,
    ) -> Stay {
        self.load.fetch_add(1, Ordering::Relaxed);
        let mut residents = lock(&self.residents);
        let entry = Some((Arc::downgrade(cell), incarnation));
        let room = match residents.free.pop() {
            Some(room) => {
                residents.rooms[room] = entry;
                room
            }
            None => {
                residents.rooms.push(entry);
                residents.rooms.len() - 1
            }
        };
        Stay { slot: Arc::clone(self), room }
    }

    pub(crate) fn residents(&self) -> Vec<(Arc<dyn AnyCell>, Incarnation)> {
        let here = lock(&self.residents);
        let live = here.rooms.iter().flatten();
        live.filter_map(|(cell, incarnation)| Some((cell.upgrade()?, *incarnation))).collect()
    }

    /// Forgets all who live here.
    pub(crate) fn clear_residents(&self) {
        let mut here = lock(&self.residents);
        // Those who leave late find their room empty, and nobody moves in: it is no room any more.
        here.rooms.iter_mut().for_each(|room| *room = None);
        self.load.store(0, Ordering::Relaxed);
    }

    /// Ends its loop; a blocked thread obeys when it comes back.
    pub(crate) fn stop(&self) {
        self.handle.stop();
    }

    /// Whether its loop still takes work.
    pub(crate) fn alive(&self) -> bool {
        self.handle.alive()
    }

    /// The thread, to be joined; once.
    pub(crate) fn take_thread(&self) -> Option<Arbiter> {
        lock(&self.thread).take()
    }
}

/// Who lives on an arbiter: each life in a room of its own, by number.
#[derive(Default)]
struct Residents {
    rooms: Vec<Option<(Weak<dyn AnyCell>, Incarnation)>>,
    free: Vec<usize>,
}

/// The stay of one life on an arbiter.
#[derive(Clone)]
pub(crate) struct Stay {
    slot: Arc<ArbiterSlot>,
    room: usize,
}

impl Stay {
    /// Ends it; a second time changes nothing. A dedicated arbiter ends with it.
    pub(crate) fn end(&self, cell: &dyn AnyCell, incarnation: Incarnation) {
        let mut residents = lock(&self.slot.residents);
        let mine = |(resident, life): &(Weak<dyn AnyCell>, Incarnation)| {
            *life == incarnation && std::ptr::addr_eq(resident.as_ptr(), cell)
        };
        let left =
            residents.rooms.get_mut(self.room).and_then(|room| room.take_if(|who| mine(who)));
        if left.is_some() {
            residents.free.push(self.room);
            self.slot.load.fetch_sub(1, Ordering::Relaxed);
        }
        drop((residents, left));
        cell.core().node.vacate(&self.slot);
    }
}
