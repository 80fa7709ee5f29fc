//! Arbiters: threads with one event loop each, watched from outside.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};
use ms_core::Incarnation;

use crate::cell::{AnyCell, NOWHERE};
use crate::mailbox::lock;
use crate::node::Node;
use crate::spin;

/// How often an arbiter shows that its loop turns.
pub(crate) const BEAT_EVERY: Duration = Duration::from_millis(50);

/// One arbiter of a node.
pub(crate) struct ArbiterSlot {
    pub(crate) id: u32,
    handle: ArbiterHandle,
    /// Coarse time of the last turn of its loop, in nanoseconds.
    pub(crate) beat: AtomicU64,
    pub(crate) abandoned: AtomicBool,
    pub(crate) dedicated: bool,
    pub(crate) load: AtomicUsize,
    /// Who lives here, each by its number and that of its life.
    residents: Mutex<HashMap<(u64, Incarnation), Weak<dyn AnyCell>>>,
    thread: Mutex<Option<Arbiter>>,
}

thread_local! {
    static HERE: RefCell<Option<Arc<ArbiterSlot>>> = const { RefCell::new(None) };
    static HERE_ID: Cell<u32> = const { Cell::new(NOWHERE) };
}

impl ArbiterSlot {
    /// Adopts the thread that calls: the system's own arbiter.
    pub(crate) fn adopt_current(id: u32, handle: ArbiterHandle, node: &Node) -> Arc<Self> {
        let slot = Arc::new(Self::new(id, handle, None, false, node));
        slot.begin(node);
        slot
    }

    /// Starts a thread.
    pub(crate) fn start(id: u32, dedicated: bool, node: &Node) -> io::Result<Arc<Self>> {
        let arbiter = Arbiter::try_new()?;
        let slot = Arc::new(Self::new(id, arbiter.handle(), Some(arbiter), dedicated, node));
        let (there, node) = (Arc::clone(&slot), node.clone());
        slot.handle.spawn_fn(move || there.begin(&node));
        Ok(slot)
    }

    fn new(
        id: u32,
        handle: ArbiterHandle,
        thread: Option<Arbiter>,
        dedicated: bool,
        node: &Node,
    ) -> Self {
        Self {
            id,
            handle,
            beat: AtomicU64::new(node.now().as_nanos()),
            abandoned: AtomicBool::new(false),
            dedicated,
            load: AtomicUsize::new(0),
            residents: Mutex::new(HashMap::new()),
            thread: Mutex::new(thread),
        }
    }

    /// Runs on the arbiter itself: makes it known to its thread and starts its beat.
    fn begin(self: &Arc<Self>, node: &Node) {
        HERE.with(|here| *here.borrow_mut() = Some(Arc::clone(self)));
        HERE_ID.set(self.id);
        if node.is_virtual() {
            return;
        }
        spin::allow(node.spin_window());
        let (slot, node) = (Arc::downgrade(self), node.downgrade());
        actix_rt::spawn(async move {
            while let (Some(slot), Some(node)) = (slot.upgrade(), node.upgrade()) {
                slot.beat.store(node.now().as_nanos(), Ordering::Release);
                drop((slot, node));
                tokio::time::sleep(BEAT_EVERY).await;
            }
        });
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

    pub(crate) fn settle(&self, uid: u64, incarnation: Incarnation, cell: Weak<dyn AnyCell>) {
        self.load.fetch_add(1, Ordering::Relaxed);
        lock(&self.residents).insert((uid, incarnation), cell);
    }

    pub(crate) fn leave(&self, uid: u64, incarnation: Incarnation) {
        if lock(&self.residents).remove(&(uid, incarnation)).is_some() {
            self.load.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn residents(&self) -> Vec<(Arc<dyn AnyCell>, Incarnation)> {
        let here = lock(&self.residents);
        here.iter().filter_map(|(key, cell)| Some((cell.upgrade()?, key.1))).collect()
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
