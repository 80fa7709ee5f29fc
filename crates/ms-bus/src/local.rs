//! Delivery to the subscriptions of this process. It runs in the caller, on the published table:
//! an event does not pass through the bus actor.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use ms_core::ActorPath;

use crate::error::Refusal;
use crate::event::AnyEvent;
use crate::links::Links;
use crate::state::Shared;
use crate::table::{Members, Sub, Table};

/// The outcome of publishing one event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "it says who did not take the event"]
pub struct Published {
    /// Number of subscriptions the event is meant for; a queue group counts as one.
    pub matched: usize,
    /// Number of these that have it in their buffer.
    pub accepted: usize,
    /// The others, with the reason of each.
    pub refused: Vec<(ActorPath, Refusal)>,
}

impl Published {
    /// Adds the outcome at one subscription.
    fn add(&mut self, sub: &Sub, offered: Result<(), Refusal>) {
        self.matched += 1;
        match offered {
            Ok(()) => self.accepted += 1,
            Err(refusal) => {
                sub.state.meters.refused.fetch_add(1, Ordering::Relaxed);
                self.refused.push((sub.path().clone(), refusal));
            }
        }
    }
}

/// The subscriptions of this process, for a [`Transport`](crate::Transport). Cheap to clone.
#[derive(Clone)]
pub struct Local(pub(crate) Arc<Shared>);

impl Local {
    /// Puts an event into the buffers of all subscriptions that want it, without waiting.
    pub fn deliver(&self, event: &AnyEvent) -> Published {
        let table = self.0.table();
        let targets = table.targets(&event.header.subject);
        let mut published = Published::default();
        for sub in targets.each {
            published.add(sub, sub.offer(event, &self.0.links));
        }
        for members in &targets.groups {
            if let Some((sub, offered)) = offer_one(members, event, &self.0.links) {
                published.add(sub, offered);
            }
        }
        published
    }

    /// Puts an event into the buffers of all subscriptions that want it, and waits for room in
    /// those that block, for at most `within`. The others have the event before the wait begins.
    pub async fn deliver_waiting(&self, event: &AnyEvent, within: Duration) -> Published {
        // Owned, because the guard of the published table must not be held over an await.
        let table: Arc<Table> = arc_swap::Guard::into_inner(self.0.table());
        let links = &self.0.links;
        let (mut published, full) = offer_to_all(&table, event, links);
        let waits = full.iter().map(|sub| sub.offer_waiting(event, within, links));
        for (sub, offered) in full.iter().zip(join_all(waits).await) {
            published.add(sub, offered);
        }
        published
    }
}

/// Offers an event to all targets, and returns those that are full and worth waiting for.
fn offer_to_all(table: &Table, event: &AnyEvent, links: &Links) -> (Published, Vec<Arc<Sub>>) {
    let targets = table.targets(&event.header.subject);
    let (mut published, mut full) = (Published::default(), Vec::new());
    let each = targets.each.into_iter().map(|sub| Some((sub, sub.offer(event, links))));
    let groups = targets.groups.iter().map(|members| offer_one(members, event, links));
    for (sub, offered) in each.chain(groups).flatten() {
        match offered {
            Err(Refusal::Full { .. }) if sub.blocks() => full.push(Arc::clone(sub)),
            offered => published.add(sub, offered),
        }
    }
    (published, full)
}

/// Offers an event to the members of a group until one takes it. When none does, the refusal of
/// the member that was chosen first is returned: that is the one the publisher can wait for.
fn offer_one<'a>(
    members: &Members<'a>,
    event: &AnyEvent,
    links: &Links,
) -> Option<(&'a Arc<Sub>, Result<(), Refusal>)> {
    let mut refused = None;
    for sub in members.order(event) {
        match sub.offer(event, links) {
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
