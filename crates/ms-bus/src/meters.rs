//! Counts: what became of the events of each subscription, and of all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ms_core::ActorPath;
use serde::{Deserialize, Serialize};

use crate::subject::Filter;

/// What became of one event at a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It handled it.
    Handled,
    /// It ended while it had it, is gone, or took too long.
    Lost,
    /// It is of a type that does not read as the subscriber's.
    Unreadable,
    /// The subscription had ended before its turn.
    Discarded,
    /// Its buffer was full, and newer events pushed it out or older ones kept it out.
    Dropped,
}

/// The accounts of one subscription.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    /// Taken by its buffer.
    pub(crate) accepted: AtomicU64,
    /// Not taken, because the buffer was full or gone.
    pub(crate) refused: AtomicU64,
    handled: AtomicU64,
    lost: AtomicU64,
    unreadable: AtomicU64,
    discarded: AtomicU64,
    dropped: AtomicU64,
}

impl Meters {
    /// Counts events that came to the same end.
    pub(crate) fn count(&self, outcome: Outcome, events: u64) {
        let counter = match outcome {
            Outcome::Handled => &self.handled,
            Outcome::Lost => &self.lost,
            Outcome::Unreadable => &self.unreadable,
            Outcome::Discarded => &self.discarded,
            Outcome::Dropped => &self.dropped,
        };
        counter.fetch_add(events, Relaxed);
    }

    /// The counts, with what its queue says still waits or is with the subscriber.
    pub(crate) fn counts(&self, pending: u64) -> Counts {
        Counts {
            accepted: self.accepted.load(Relaxed),
            refused: self.refused.load(Relaxed),
            handled: self.handled.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            lost: self.lost.load(Relaxed),
            unreadable: self.unreadable.load(Relaxed),
            discarded: self.discarded.load(Relaxed),
            pending,
        }
    }
}

/// What became of events. `accepted` is the sum of `handled`, `dropped`, `lost`, `unreadable`,
/// `discarded` and `pending`, read at a moment at which nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Put into a buffer.
    pub accepted: u64,
    /// Not put into it: it was full (block, reject), or its subscriber gone. The publisher was told.
    pub refused: u64,
    /// Handled by their subscriber.
    pub handled: u64,
    /// Pushed out of a full buffer by newer ones, or not let in (drop newest, drop oldest).
    pub dropped: u64,
    /// With a subscriber or in a buffer that ended.
    pub lost: u64,
    /// Of a type that does not read as the subscriber's.
    pub unreadable: u64,
    /// Waiting when their subscription was ended.
    pub discarded: u64,
    /// Waiting, or with their subscriber.
    pub pending: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.accepted += more.accepted;
        self.refused += more.refused;
        self.handled += more.handled;
        self.dropped += more.dropped;
        self.lost += more.lost;
        self.unreadable += more.unreadable;
        self.discarded += more.discarded;
        self.pending += more.pending;
    }
}

/// One subscription, and what became of its events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionStats {
    /// Its number.
    pub id: u64,
    /// Who subscribed; the buffer itself where that is no actor.
    pub subscriber: ActorPath,
    /// What it wants.
    pub filter: Filter,
    /// Its queue group.
    pub group: Option<Arc<str>>,
    /// Its events.
    pub counts: Counts,
}

/// What became of all events since the bus was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BusStats {
    /// Published.
    pub published: u64,
    /// Of these, wanted by nobody.
    pub unmatched: u64,
    /// What became of them at subscribers, those that have gone included.
    pub counts: Counts,
    /// Subscriptions there are, in the order they were made.
    pub subscriptions: Vec<SubscriptionStats>,
}

/// The accounts of the whole bus.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) published: AtomicU64,
    pub(crate) unmatched: AtomicU64,
}
