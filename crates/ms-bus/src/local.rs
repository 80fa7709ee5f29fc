//! Delivery to the subscriptions of this process. Runs in whoever calls it, on the published
//! table: the bus actor is no hop on this way.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use ms_core::{ActorPath, ExitReason};

use crate::client::Shared;
use crate::payload::AnyEvent;
use crate::table::{Members, Sub, Table};

/// Why a subscription did not take an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its buffer is full, and pushes nothing out.
    #[error("its buffer is full ({capacity} events)")]
    Full {
        /// The bound.
        capacity: usize,
    },
    /// Its buffer is gone.
    #[error("its buffer is gone: {reason}")]
    Gone {
        /// Why.
        reason: ExitReason,
    },
    /// There was no room in time.
    #[error("there was no room in its buffer within {within:?}")]
    TimedOut {
        /// The deadline.
        within: Duration,
    },
}

/// What became of a published event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "says who did not take the event"]
pub struct Published {
    /// Who is to get it: subscriptions, a queue group counting as one.
    pub matched: usize,
    /// Who has it in the buffer.
    pub accepted: usize,
    /// Who has not, and why.
    pub refused: Vec<(ActorPath, Refusal)>,
}

impl Published {
    /// Notes what came of an offer.
    fn note(&mut self, sub: &Sub, offered: Result<(), Refusal>) {
        self.matched += 1;
        match offered {
            Ok(()) => self.accepted += 1,
            Err(refusal) => {
                sub.seat.meters.refused.fetch_add(1, Ordering::Relaxed);
                self.refused.push((sub.path().clone(), refusal));
            }
        }
    }
}

/// The subscriptions of this process, for a [`Transport`](crate::Transport). Cheap to clone.
#[derive(Clone)]
pub struct Local(pub(crate) Arc<Shared>);

impl Local {
    /// Puts an event into the buffers of all who want it, without waiting.
    pub fn deliver(&self, event: &AnyEvent) -> Published {
        let table = self.0.table();
        let targets = table.targets(&event.header.subject);
        let mut published = Published::default();
        for sub in targets.each {
            published.note(sub, sub.offer(event, &self.0));
        }
        for members in &targets.groups {
            if let Some((sub, offered)) = offer_one(members, event, &self.0) {
                published.note(sub, offered);
            }
        }
        published
    }

    /// As [`Local::deliver`], waiting for room in those buffers that block, at most `within`.
    /// The others have the event before anybody is waited for.
    pub async fn deliver_waiting(&self, event: &AnyEvent, within: Duration) -> Published {
        let table: Arc<Table> = arc_swap::Guard::into_inner(self.0.table());
        let (mut published, full) = first_try(&table, event, &self.0);
        let waits = full.iter().map(|sub| sub.offer_waiting(event, within, &self.0));
        for (sub, offered) in full.iter().zip(join_all(waits).await) {
            published.note(sub, offered);
        }
        published
    }
}

/// Offers an event to all; those whose room is worth waiting for come back.
fn first_try(table: &Table, event: &AnyEvent, bus: &Shared) -> (Published, Vec<Arc<Sub>>) {
    let targets = table.targets(&event.header.subject);
    let (mut published, mut full) = (Published::default(), Vec::new());
    let each = targets.each.into_iter().map(|sub| Some((sub, sub.offer(event, bus))));
    let groups = targets.groups.iter().map(|members| offer_one(members, event, bus));
    for (sub, offered) in each.chain(groups).flatten() {
        match offered {
            Err(Refusal::Full { .. }) if sub.blocks() => full.push(Arc::clone(sub)),
            offered => published.note(sub, offered),
        }
    }
    (published, full)
}

/// Offers an event to one member: the first that takes it, or else the chosen one refuses.
fn offer_one<'a>(
    members: &Members<'a>,
    event: &AnyEvent,
    bus: &Shared,
) -> Option<(&'a Arc<Sub>, Result<(), Refusal>)> {
    let mut refused = None;
    for sub in members.order(event) {
        match sub.offer(event, bus) {
            Ok(()) => return Some((sub, Ok(()))),
            Err(refusal) => drop(refused.get_or_insert((sub, Err(refusal)))),
        }
    }
    refused
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("subscriptions", &self.0.table().len()).finish()
    }
}
