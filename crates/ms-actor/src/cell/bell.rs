//! How a run loop is woken for what is not mail.

use std::task::Waker;

use crate::sync::{Mutex, lock};

/// The waker of the present life's task. It stays over the task's turns, so that a
/// turn costs no reference count; a task has one waker for all its life.
#[derive(Debug, Default)]
pub(crate) struct Bell(Mutex<Option<Waker>>);

impl Bell {
    /// Makes `waker` the one that is woken, in place of an earlier one.
    pub(crate) fn set(&self, waker: &Waker) {
        let mut bell = lock(&self.0);
        if !bell.as_ref().is_some_and(|known| known.will_wake(waker)) {
            let earlier = bell.replace(waker.clone());
            // It may be the last of a task: dropped where nothing is locked.
            drop((bell, earlier));
        }
    }

    pub(crate) fn ring(&self) {
        if let Some(waker) = &*lock(&self.0) {
            waker.wake_by_ref();
        }
    }

    /// Drops the waker of a life that is over, so that it does not keep its task.
    pub(crate) fn forget(&self, waker: &Waker) {
        // Only its own: a successor may have put its waker here already, as a storm test found.
        let gone = lock(&self.0).take_if(|known| known.will_wake(waker));
        drop(gone);
    }
}
