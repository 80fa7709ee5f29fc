//! Which handle owns a subscription, and whether it has ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The owner of a subscription: the handle that ends it when it is dropped.
///
/// The answer to a subscriber is an offer, which becomes a handle when it is taken. The newest
/// handle is the owner. An offer that is withdrawn ends a subscription without an owner, because
/// nobody else would ever end it.
#[derive(Debug, Default)]
pub(crate) struct Ownership {
    /// Read by every publisher; written under the lock.
    ended: AtomicBool,
    handles: Mutex<Handles>,
}

#[derive(Debug, Default)]
struct Handles {
    /// Offers that are neither taken nor withdrawn.
    offered: u64,
    /// The number of the newest handle.
    last: u64,
    owner: Option<u64>,
}

impl Ownership {
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Ends the subscription, whichever handle owns it.
    pub(crate) fn end(&self) {
        let _hands = self.handles();
        self.ended.store(true, Ordering::Release);
    }

    /// Offers a handle. Returns false when the subscription has ended.
    pub(crate) fn offer(&self) -> bool {
        let mut handles = self.handles();
        let open = !self.is_ended();
        handles.offered += u64::from(open);
        open
    }

    /// Takes an offer. Returns the number of the new handle, which is the owner from now on.
    pub(crate) fn take(&self) -> u64 {
        let mut handles = self.handles();
        handles.offered = handles.offered.saturating_sub(1);
        handles.last += 1;
        handles.owner = Some(handles.last);
        handles.last
    }

    /// Withdraws an offer. Returns true when that ended the subscription.
    pub(crate) fn withdraw_offer(&self) -> bool {
        let mut handles = self.handles();
        handles.offered = handles.offered.saturating_sub(1);
        self.end_if_unowned(&handles)
    }

    /// Releases a handle. Returns true when that ended the subscription.
    pub(crate) fn release(&self, handle: u64) -> bool {
        let mut handles = self.handles();
        if handles.owner != Some(handle) {
            return false;
        }
        handles.owner = None;
        self.end_if_unowned(&handles)
    }

    fn end_if_unowned(&self, handles: &Handles) -> bool {
        let unowned = handles.offered == 0 && handles.owner.is_none();
        unowned && !self.ended.swap(true, Ordering::AcqRel)
    }

    fn handles(&self) -> MutexGuard<'_, Handles> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_handle_ends_it() {
        let ownership = Ownership::default();
        assert!(ownership.offer());
        let first = ownership.take();
        assert!(ownership.offer());
        let second = ownership.take();
        assert!(!ownership.release(first) && !ownership.is_ended());
        assert!(ownership.release(second) && ownership.is_ended());
        assert!(!ownership.offer());
    }

    #[test]
    fn an_offer_that_is_withdrawn_ends_what_nobody_owns() {
        let fresh = Ownership::default();
        assert!(fresh.offer() && fresh.withdraw_offer() && fresh.is_ended());

        let held = Ownership::default();
        assert!(held.offer());
        let handle = held.take();
        assert!(held.offer() && !held.withdraw_offer() && !held.is_ended());
        // Released while an offer is on its way: the one who takes that becomes the owner.
        assert!(held.offer() && !held.release(handle) && !held.is_ended());
        assert!(held.withdraw_offer() && held.is_ended());
    }
}
