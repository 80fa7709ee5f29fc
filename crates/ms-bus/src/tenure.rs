//! Whether a subscription is still wanted, and by which handle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whether a subscription is still wanted, and which handle may end it.
///
/// A handle is offered in the answer to who subscribed, and held when that one has taken the
/// answer. An offer that nobody takes ends the subscription, unless a handle holds it already.
#[derive(Debug, Default)]
pub(crate) struct Tenure {
    /// Read by every publisher; written under the lock.
    ended: AtomicBool,
    hands: Mutex<Hands>,
}

#[derive(Debug, Default)]
struct Hands {
    /// Offers nobody has taken or given up yet.
    offered: u64,
    /// Handles there were; each has the number of its turn.
    last: u64,
    /// The handle that holds it.
    holder: Option<u64>,
}

impl Tenure {
    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Ends it, whoever holds it.
    pub(crate) fn end(&self) {
        let _hands = self.hands();
        self.ended.store(true, Ordering::Release);
    }

    /// Offers a handle; false when it has ended.
    pub(crate) fn offer(&self) -> bool {
        let mut hands = self.hands();
        let open = !self.is_ended();
        hands.offered += u64::from(open);
        open
    }

    /// Takes an offer: the number of the new handle, which holds it in place of all before.
    pub(crate) fn take(&self) -> u64 {
        let mut hands = self.hands();
        hands.offered = hands.offered.saturating_sub(1);
        hands.last += 1;
        hands.holder = Some(hands.last);
        hands.last
    }

    /// An offer that nobody takes any more; true when that ended it.
    pub(crate) fn give_up(&self) -> bool {
        let mut hands = self.hands();
        hands.offered = hands.offered.saturating_sub(1);
        self.end_if_unwanted(&hands)
    }

    /// A handle lets go; true when that ended it.
    pub(crate) fn let_go(&self, handle: u64) -> bool {
        let mut hands = self.hands();
        if hands.holder != Some(handle) {
            return false;
        }
        hands.holder = None;
        self.end_if_unwanted(&hands)
    }

    fn end_if_unwanted(&self, hands: &Hands) -> bool {
        let unwanted = hands.offered == 0 && hands.holder.is_none();
        unwanted && !self.ended.swap(true, Ordering::AcqRel)
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_handle_ends_it() {
        let tenure = Tenure::default();
        assert!(tenure.offer());
        let first = tenure.take();
        assert!(tenure.offer());
        let second = tenure.take();
        assert!(!tenure.let_go(first) && !tenure.is_ended());
        assert!(tenure.let_go(second) && tenure.is_ended());
        assert!(!tenure.offer());
    }

    #[test]
    fn an_offer_that_is_given_up_ends_what_nobody_holds() {
        let fresh = Tenure::default();
        assert!(fresh.offer() && fresh.give_up() && fresh.is_ended());

        let held = Tenure::default();
        assert!(held.offer());
        let handle = held.take();
        assert!(held.offer() && !held.give_up() && !held.is_ended());
        // Let go while an offer is on its way: whoever takes that one holds it.
        assert!(held.offer() && !held.let_go(handle) && !held.is_ended());
        assert!(held.give_up() && held.is_ended());
    }
}
