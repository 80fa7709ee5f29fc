//! The handle that keeps a subscription, and the offer it is made of.

use std::fmt;
use std::sync::Arc;

use crate::links::Links;
use crate::queue::SubscriptionState;
use crate::subject::Filter;

/// The bus actor's answer to [`Subscribe`](crate::Subscribe).
///
/// An offer that is dropped before it is taken ends the subscription, unless a handle holds it
/// already: the asker has given up, and nobody would ever end it.
pub(crate) struct Offer {
    links: Arc<Links>,
    subscription: Arc<SubscriptionState>,
    taken: bool,
}

impl Offer {
    /// Offers a subscription; `None` when it has ended.
    pub(crate) fn of(links: &Arc<Links>, subscription: &Arc<SubscriptionState>) -> Option<Self> {
        let offered = subscription.ownership.offer();
        let (links, subscription) = (Arc::clone(links), Arc::clone(subscription));
        offered.then(|| Self { links, subscription, taken: false })
    }

    /// Turns the offer into the handle that holds the subscription.
    pub(crate) fn take(mut self) -> Subscription {
        self.taken = true;
        let handle = self.subscription.ownership.take();
        let (links, state) = (Arc::clone(&self.links), Arc::clone(&self.subscription));
        Subscription { links, state, handle, kept: false }
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        if !self.taken && self.subscription.ownership.withdraw_offer() {
            self.links.unsubscribe(self.subscription.id);
        }
    }
}

/// A subscription. It ends when this handle is dropped, when its subscriber has ended for good,
/// and by [`Subscription::end`]. After [`Subscription::keep`] a drop does not end it.
///
/// It follows restarts of its subscriber. When the same actor subscribes again with the same
/// filter, group and type, it gets the existing subscription, and the newest handle holds it.
pub struct Subscription {
    links: Arc<Links>,
    state: Arc<SubscriptionState>,
    /// The number of this handle among those the subscription has had.
    handle: u64,
    kept: bool,
}

impl Subscription {
    /// Returns the number of the subscription, unique within its bus.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.state.id
    }

    /// Returns the filter of the subscription.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.state.filter
    }

    /// Returns whether further events can arrive.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.state.ownership.is_ended()
    }

    /// Lets the subscription live as long as its subscriber, and returns its number.
    pub fn keep(mut self) -> u64 {
        self.kept = true;
        self.state.id
    }

    /// Ends the subscription: no event is delivered from now on, and those that wait are
    /// discarded and counted.
    pub fn end(self) {}
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Publishers see the end at once; the message only has the bus clean up.
        if !self.kept && self.state.ownership.release(self.handle) {
            self.links.unsubscribe(self.state.id);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.state.id)
            .field("filter", &self.state.filter)
            .field("open", &self.is_open())
            .finish_non_exhaustive()
    }
}
