//! The counts of each subscription and of the bus.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ms_core::ActorPath;
use serde::{Deserialize, Serialize};

use crate::subject::Filter;

/// The outcome of one event at a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The subscriber handled it.
    Handled,
    /// The subscriber ended while it had it, is gone, or took too long.
    Lost,
    /// It does not decode as the type that the subscriber takes.
    Unreadable,
    /// The subscription had ended before its turn.
    Discarded,
    /// The buffer was full, and a newer event pushed it out or older ones kept it out.
    Dropped,
}

/// The counters of one subscription.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    /// Events that its buffer took.
    pub(crate) accepted: AtomicU64,
    /// Events that it refused, because the buffer was full or gone.
    pub(crate) refused: AtomicU64,
    handled: AtomicU64,
    lost: AtomicU64,
    unreadable: AtomicU64,
    discarded: AtomicU64,
    dropped: AtomicU64,
}

impl Meters {
    /// Counts events with the same outcome.
    pub(crate) fn count(&self, outcome: Outcome, events: u64) {
        let counter = match outcome {
            Outcome::Handled => &self.handled,
            Outcome::Lost => &self.lost,
            Outcome::Unreadable => &self.unreadable,
            Outcome::Discarded => &self.discarded,
            Outcome::Dropped => &self.dropped,
        };
        // Relaxed here and below: the counts are for people, and no decision depends on their order.
        counter.fetch_add(events, Relaxed);
    }

    /// Returns the counts. `pending` is passed in because only the queue knows it.
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

/// Numbers of events by outcome. `accepted` is the sum of `handled`, `dropped`, `lost`,
/// `unreadable`, `discarded` and `pending`, when it is read while nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Events that a buffer took.
    pub accepted: u64,
    /// Events that no buffer took: it was full (block, reject), or the subscriber was gone. The
    /// publisher got the refusal.
    pub refused: u64,
    /// Events that their subscriber handled.
    pub handled: u64,
    /// Events that a full buffer dropped (drop newest, drop oldest).
    pub dropped: u64,
    /// Events that were lost with their subscriber, or that it did not handle in time.
    pub lost: u64,
    /// Events that do not decode as the type that the subscriber takes.
    pub unreadable: u64,
    /// Events that waited when their subscription ended.
    pub discarded: u64,
    /// Events that wait or are being handled.
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

/// The counts of one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionStats {
    /// The number of the subscription.
    pub id: u64,
    /// The path of the subscriber; that of the outlet where the subscriber is not an actor.
    pub subscriber: ActorPath,
    /// The filter of the subscription.
    pub filter: Filter,
    /// The queue group it is a member of.
    pub group: Option<Arc<str>>,
    /// The numbers of its events by outcome.
    pub counts: Counts,
}

/// The counts of a bus since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BusStats {
    /// Events that were published.
    pub published: u64,
    /// Published events that no subscription matched.
    pub unmatched: u64,
    /// The numbers of events by outcome, over all subscriptions, also those that are gone.
    pub counts: Counts,
    /// The subscriptions there are, in the order they were made.
    pub subscriptions: Vec<SubscriptionStats>,
}

/// The counters of the whole bus.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) published: AtomicU64,
    pub(crate) unmatched: AtomicU64,
}
