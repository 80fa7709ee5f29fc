//! Following: news of an actor over all its incarnations, until it is gone for good.
//!
//! A monitor tells the end of one incarnation; who keeps something on behalf of an
//! actor (a name, a route) must know whether another one comes. That is what
//! [`Context::follow`](crate::Context::follow) is for.

use std::sync::{Arc, Weak};

use actix::Message;
use ms_core::{ExitReason, Incarnation};

use crate::cell::{AnyCell, Core};
use crate::debug::AnyRef;

/// Something happened to an actor that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeNews {
    /// Whom it happened to.
    pub of: AnyRef,
    /// What happened.
    pub change: LifeChange,
}

impl Message for LifeNews {
    type Result = ();
}

/// What happened to an actor that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LifeChange {
    /// The init of this incarnation is done.
    Started(Incarnation),
    /// This incarnation has ended; another may come.
    Ended {
        /// Which start of it.
        incarnation: Incarnation,
        /// Why it ended.
        reason: ExitReason,
    },
    /// No further incarnation will come. Sent exactly once, and last.
    Gone(ExitReason),
}

/// One that is to be told.
pub(crate) struct Follower {
    /// The cell of the follower: it follows at most once.
    pub(crate) by: u64,
    /// The followed cell; weak, for it holds this very record.
    pub(crate) of: Weak<dyn AnyCell>,
    pub(crate) notify: Box<dyn Fn(LifeNews) + Send + Sync>,
}

impl Follower {
    fn tell(&self, change: LifeChange) {
        if let Some(of) = self.of.upgrade() {
            (self.notify)(LifeNews { of: AnyRef::new(of), change });
        }
    }
}

impl Core {
    /// Adds a follower, instead of an earlier one of the same actor. False when the
    /// cell is closed: then the follower has been told so.
    pub(crate) fn follow(&self, follower: Follower) -> bool {
        let refused = self.life(|life| {
            if self.is_closed() {
                return Some(follower);
            }
            let by = follower.by;
            let others = life.followers.iter().flat_map(|list| list.iter());
            let others = others.filter(|known| known.by != by).cloned();
            life.followers = Some(others.chain([Arc::new(follower)]).collect());
            None
        });
        if let Some(follower) = &refused {
            follower.tell(LifeChange::Gone(self.last_exit()));
        }
        refused.is_none()
    }

    pub(crate) fn unfollow(&self, by: u64) {
        self.life(|life| {
            let left: Arc<[_]> = match &life.followers {
                Some(list) => list.iter().filter(|known| known.by != by).cloned().collect(),
                None => return,
            };
            life.followers = (!left.is_empty()).then_some(left);
        });
    }

    pub(crate) fn tell_followers(&self, change: &LifeChange) {
        // Told outside of the lock: they take their own.
        let followers = self.life(|life| life.followers.clone());
        followers
            .iter()
            .flat_map(|list| list.iter())
            .for_each(|follower| follower.tell(change.clone()));
    }

    /// Notes that no further incarnation will come, and tells the followers, once.
    pub(crate) fn close(&self, reason: &ExitReason) {
        let followers =
            self.life(|life| if self.set_closed() { life.followers.take() } else { None });
        let gone = LifeChange::Gone(reason.clone());
        followers
            .iter()
            .flat_map(|list| list.iter())
            .for_each(|follower| follower.tell(gone.clone()));
    }
}
