//! The arbiter of this thread.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::node::arbiter::{ArbiterSlot, NOWHERE};

thread_local! {
    static HERE: RefCell<Option<Arc<ArbiterSlot>>> = const { RefCell::new(None) };
    // Beside it, so that a send needs no reference count to know where it is.
    static HERE_ID: Cell<u32> = const { Cell::new(NOWHERE) };
}

/// Makes an arbiter known to its thread.
pub(super) fn set(slot: Arc<ArbiterSlot>) {
    HERE_ID.set(slot.id);
    HERE.with(|here| *here.borrow_mut() = Some(slot));
}

/// Returns the arbiter of this thread, if it is one's.
pub(crate) fn slot() -> Option<Arc<ArbiterSlot>> {
    HERE.with(|here| here.try_borrow().ok().and_then(|here| here.clone()))
}

/// Returns whether an actor of that arbiter lives on another thread than this one.
#[inline]
pub(crate) fn is_elsewhere(arbiter: u32) -> bool {
    HERE_ID.get() != arbiter
}
