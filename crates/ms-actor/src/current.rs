//! Which actor runs on this thread, and whether what runs keeps it from serving others.

use std::cell::RefCell;
use std::sync::Arc;

use ms_core::Incarnation;

use crate::cell::any::AnyCell;
use crate::sync::thread_local;

struct Current {
    cell: Arc<dyn AnyCell>,
    incarnation: Incarnation,
    /// The code that runs keeps the actor from serving anything else.
    blocking: bool,
    /// It has begun to wait for another actor meanwhile.
    waits: bool,
}

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// Makes `cell` the running actor of this thread; give back with [`leave`].
pub(crate) fn enter(cell: Arc<dyn AnyCell>, incarnation: Incarnation) {
    let current = Current { cell, incarnation, blocking: false, waits: false };
    CURRENT.with(|here| *here.borrow_mut() = Some(current));
}

/// Takes the running actor off this thread.
pub(crate) fn leave() -> Option<Arc<dyn AnyCell>> {
    CURRENT.with(|current| current.borrow_mut().take()).map(|current| current.cell)
}

/// Runs what keeps the running actor from serving anything else. Says whether it has begun to
/// wait for another actor.
pub(crate) fn blocking<R>(code: impl FnOnce() -> R) -> (R, bool) {
    set_blocking(true);
    let outcome = code();
    (outcome, set_blocking(false))
}

fn set_blocking(blocking: bool) -> bool {
    CURRENT.with(|current| match current.borrow_mut().as_mut() {
        Some(current) => {
            current.blocking = blocking;
            std::mem::take(&mut current.waits)
        }
        None => false,
    })
}

/// Returns whether what runs now keeps an actor from serving anything else.
pub(crate) fn is_blocking() -> bool {
    CURRENT.with(|current| current.borrow().as_ref().is_some_and(|c| c.blocking))
}

/// Returns the running actor, if it is kept from serving anything else, and which life of it.
pub(crate) fn blocked() -> Option<(Arc<dyn AnyCell>, Incarnation)> {
    CURRENT.with(|current| {
        let current = current.borrow();
        current.as_ref().filter(|c| c.blocking).map(|c| (Arc::clone(&c.cell), c.incarnation))
    })
}

/// Notes that the running actor begins to wait for another.
pub(crate) fn note_wait() {
    CURRENT.with(|current| {
        if let Some(current) = current.borrow_mut().as_mut() {
            current.waits = true;
        }
    });
}
