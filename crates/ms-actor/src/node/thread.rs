//! The thread of an arbiter: how it begins, and how work gets to it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_rt::{Arbiter, ArbiterHandle};

use crate::node::arbiter::ArbiterSlot;
use crate::node::pulse::Pulse;
use crate::node::{here, spin};

impl ArbiterSlot {
    /// Adopts the thread that calls: the system's own arbiter. `spin` is for how long it may
    /// spin; `None` leaves that as it is.
    pub(super) fn adopt_current(
        id: u32,
        handle: ArbiterHandle,
        spin: Option<Duration>,
    ) -> Arc<Self> {
        // Its runtime was built before us and has no hooks: this pulse never beats, and nobody
        // watches it.
        let slot = Arc::new(Self::new(id, handle, None, false, Arc::default()));
        slot.begin(spin);
        slot
    }

    /// Starts a thread.
    pub(super) fn start(id: u32, dedicated: bool, spin: Option<Duration>) -> io::Result<Arc<Self>> {
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
        let there = Arc::clone(&slot);
        slot.spawn(move || there.begin(spin));
        Ok(slot)
    }

    /// Runs on the arbiter itself: makes it known to its thread.
    fn begin(self: &Arc<Self>, window: Option<Duration>) {
        here::set(Arc::clone(self));
        if let Some(window) = window {
            spin::allow(window);
        }
    }

    /// Runs `code` on the arbiter: at once if this is its thread. False if it is gone.
    pub(crate) fn run(self: &Arc<Self>, code: impl FnOnce() + Send + 'static) -> bool {
        if here::slot().is_some_and(|here| Arc::ptr_eq(&here, self)) {
            code();
            return true;
        }
        let arrives = move || {
            spin::exchanged();
            code();
        };
        spin::exchanged();
        !self.abandoned.load(Ordering::Acquire) && self.spawn(arrives)
    }
}
