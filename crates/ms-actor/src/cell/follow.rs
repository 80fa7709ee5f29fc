//! Following: news of an actor over all its incarnations, until it is gone for good.
//!
//! A monitor tells the end of one incarnation; who keeps something on behalf of an
//! actor (a name, a route) must know whether another one comes. That is what
//! [`Context::follow`](crate::Context::follow) is for.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use ms_core::{ExitReason, Incarnation};

use crate::cell::any::AnyCell;
use crate::cell::core::Core;

/// What happened to an actor that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifeChange {
    /// The init of this incarnation is done.
    Started(Incarnation),
    /// This incarnation has ended; another may come.
    Exited {
        /// Which start of it.
        incarnation: Incarnation,
        /// Why it ended.
        reason: ExitReason,
    },
    /// No further incarnation will come. Sent exactly once, and last.
    Gone(ExitReason),
}

/// One that is to be notified.
pub(crate) struct Follower {
    /// The cell of the follower: it follows at most once.
    pub(crate) by: Weak<dyn AnyCell>,
    /// The followed cell; weak, for it holds this very record.
    pub(crate) of: Weak<dyn AnyCell>,
    pub(crate) notify: Notify,
}

/// Takes what happened, and to whom, to the follower.
pub(crate) type Notify = Box<dyn Fn(Arc<dyn AnyCell>, LifeChange) + Send + Sync>;

/// Both sides of it in one cell: an entry stays as long as both actors do.
#[derive(Default)]
pub(crate) struct Follows {
    /// Who follows this actor, by the follower's number.
    followers: BTreeMap<u64, Arc<Follower>>,
    /// Whom it follows, by the other's number.
    following: BTreeMap<u64, Weak<dyn AnyCell>>,
}

impl Follower {
    fn notify(&self, change: LifeChange) {
        if let Some(of) = self.of.upgrade() {
            (self.notify)(of, change);
        }
    }
}

/// Notifies `by` of what happens to `of`, in place of an earlier follower of the same actor. When
/// `of` is gone already, `by` is notified of that at once, and only once.
pub(crate) fn follow(by: &Arc<dyn AnyCell>, of: &Arc<dyn AnyCell>, notify: Notify) {
    let (mine, others) = (by.core(), of.core());
    // This side first: should it be closed meanwhile, that takes the other side back.
    mine.life(|life| {
        let follows = life.follows.get_or_insert_default();
        follows.following.insert(others.uid, Arc::downgrade(of));
    });
    let follower = Follower { by: Arc::downgrade(by), of: Arc::downgrade(of), notify };
    if !others.add_follower(mine.uid, follower) || mine.is_closed() {
        unfollow(mine, others);
    }
}

/// Undoes [`follow`].
pub(crate) fn unfollow(by: &Core, of: &Core) {
    of.remove_follower(by.uid);
    by.remove_following(of.uid);
}

impl Core {
    /// Adds a follower, instead of an earlier one of the same actor. False when the
    /// cell is closed: then the follower has been notified of that.
    pub(crate) fn add_follower(&self, by: u64, follower: Follower) -> bool {
        let follower = Arc::new(follower);
        let earlier = self.life(|life| {
            if self.is_closed() {
                return Err(());
            }
            let follows = life.follows.get_or_insert_default();
            Ok(follows.followers.insert(by, Arc::clone(&follower)))
        });
        if earlier.is_err() {
            follower.notify(LifeChange::Gone(self.last_exit()));
        }
        earlier.is_ok()
    }

    fn remove_follower(&self, by: u64) {
        let follower = self.life(|life| {
            let follows = life.follows.as_mut()?;
            let follower = follows.followers.remove(&by);
            life.follows.take_if(|follows| follows.is_empty());
            follower
        });
        drop(follower);
    }

    fn remove_following(&self, of: u64) {
        self.life(|life| {
            if let Some(follows) = &mut life.follows {
                follows.following.remove(&of);
            }
            life.follows.take_if(|follows| follows.is_empty());
        });
    }

    pub(crate) fn notify_followers(&self, change: &LifeChange) {
        // Notified outside of the lock: followers take locks of their own.
        let followers: Vec<_> = self.life(|life| {
            let follows = life.follows.iter();
            follows.flat_map(|follows| follows.followers.values()).cloned().collect()
        });
        followers.iter().for_each(|follower| follower.notify(change.clone()));
    }

    /// Notes that no further incarnation will come, tells the followers, once, and follows
    /// nobody any more.
    pub(crate) fn close(&self, reason: &ExitReason) {
        let follows = self.life(|life| if self.set_closed() { life.follows.take() } else { None });
        let Some(follows) = follows else { return };
        let gone = LifeChange::Gone(reason.clone());
        for follower in follows.followers.values() {
            follower.notify(gone.clone());
            if let Some(by) = follower.by.upgrade() {
                by.core().remove_following(self.uid);
            }
        }
        for of in follows.following.values().filter_map(Weak::upgrade) {
            of.core().remove_follower(self.uid);
        }
    }
}

impl Follows {
    fn is_empty(&self) -> bool {
        self.followers.is_empty() && self.following.is_empty()
    }

    #[cfg(all(test, not(feature = "model")))]
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.followers.len(), self.following.len())
    }
}
