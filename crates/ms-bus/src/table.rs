//! The subscriptions there are. Immutable once published.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ms_actor::{AnyRef, Overflow, Ref, SendError};
use ms_core::ActorPath;

use crate::carrier::Interest;
use crate::local::Refusal;
use crate::meters::{Counts, Outcome, SubscriptionStats};
use crate::outlet::{Offer, Outlet, OutletSpec};
use crate::partition::{owner, turns};
use crate::payload::AnyEvent;
use crate::subject::Subject;
use crate::trie::Trie;

/// A queue group as its members know it.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: Arc<str>,
    /// Whose turn it is; shared by all members.
    pub(crate) turn: Arc<AtomicU64>,
    /// This member, known by what does not change over its restarts.
    pub(crate) member: u64,
}

/// One subscription.
#[derive(Clone)]
pub(crate) struct Sub {
    pub(crate) id: u64,
    pub(crate) spec: OutletSpec,
    pub(crate) group: Option<Group>,
    /// `None` where the subscriber is no actor.
    pub(crate) subscriber: Option<AnyRef>,
    pub(crate) outlet: Ref<Outlet>,
}

impl Sub {
    /// Whether events may still be given to it.
    fn is_open(&self) -> bool {
        !self.spec.tenure.is_ended() && !self.subscriber.as_ref().is_some_and(AnyRef::is_closed)
    }

    pub(crate) fn path(&self) -> &ActorPath {
        self.subscriber.as_ref().map_or_else(|| self.outlet.path(), AnyRef::path)
    }

    /// Puts an event into the buffer, without waiting.
    pub(crate) fn offer(&self, event: &AnyEvent) -> Result<(), Refusal> {
        let offered = self.outlet.try_tell(Offer(event.clone()));
        offered.map_err(refusal)?;
        self.spec.meters.accepted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// As [`Sub::offer`], waiting for room.
    pub(crate) async fn offer_waiting(
        &self,
        event: &AnyEvent,
        within: std::time::Duration,
    ) -> Result<(), Refusal> {
        let offered = self.outlet.tell(Offer(event.clone())).within(within).await;
        offered.map_err(refusal)?;
        self.spec.meters.accepted.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Whether who publishes may wait for room in it.
    pub(crate) fn blocks(&self) -> bool {
        self.spec.buffer.overflow == Overflow::Block
    }

    /// Events its buffer pushed out, or did not let in.
    fn dropped(&self) -> u64 {
        match self.spec.buffer.overflow {
            Overflow::DropNewest | Overflow::DropOldest => {
                self.outlet.any().status().mailbox.overflowed
            }
            Overflow::Block | Overflow::Reject => 0,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.spec.meters.counts(self.outlet.any().depth().unwrap_or(0), self.dropped())
    }

    /// Its buffer is gone: what waited in it is lost, or was not wanted any more.
    pub(crate) fn write_off(&self) {
        let left = match self.spec.tenure.is_ended() {
            true => Outcome::Discarded,
            false => Outcome::Lost,
        };
        self.spec.meters.buffer_gone(self.dropped(), left);
    }
}

fn refusal(error: SendError<Offer>) -> Refusal {
    match error {
        SendError::Full { capacity, .. } => Refusal::Full { capacity },
        SendError::Closed { reason, .. } => Refusal::Gone { reason },
        SendError::TimedOut { within, .. } => Refusal::TimedOut { within },
    }
}

/// Who is to get an event.
#[derive(Default)]
pub(crate) struct Targets<'a> {
    pub(crate) each: Vec<&'a Arc<Sub>>,
    pub(crate) groups: Vec<Members<'a>>,
}

/// The open members of a queue group, of whom one is to get it.
pub(crate) struct Members<'a> {
    group: &'a Group,
    list: Vec<&'a Arc<Sub>>,
}

impl<'a> Members<'a> {
    /// Whom to try, the chosen one first. An event with a key is its owner's alone: another
    /// would break the order of its key.
    pub(crate) fn order(&self, event: &AnyEvent) -> Vec<&'a Arc<Sub>> {
        let Some(partition) = event.header.partition else {
            let turn = self.group.turn.fetch_add(1, Ordering::Relaxed);
            return turns(turn, self.list.len()).map(|at| self.list[at]).collect();
        };
        let members = self.list.iter().enumerate();
        let hashes = members.filter_map(|(at, sub)| Some((at, sub.group.as_ref()?.member)));
        owner(partition, hashes).map(|at| self.list[at]).into_iter().collect()
    }
}

/// All subscriptions; a clone shares them.
#[derive(Clone, Default)]
pub(crate) struct Table {
    trie: Trie<Arc<Sub>>,
    list: BTreeMap<u64, Arc<Sub>>,
    /// Ended, their buffers on the way out.
    leaving: BTreeMap<u64, Arc<Sub>>,
    /// What became of events at those that are gone.
    gone: Counts,
}

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn subs(&self) -> impl Iterator<Item = &Arc<Sub>> {
        self.list.values()
    }

    pub(crate) fn leaving(&self) -> impl Iterator<Item = &Arc<Sub>> {
        self.leaving.values()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Arc<Sub>> {
        self.list.get(&id)
    }

    /// Puts a subscription in, in place of one with the same number.
    pub(crate) fn put(&mut self, sub: Sub) {
        let (id, sub) = (sub.id, Arc::new(sub));
        self.trie.remove(&sub.spec.filter, |known| known.id == id);
        self.trie.insert(&sub.spec.filter, Arc::clone(&sub));
        self.list.insert(id, sub);
    }

    /// Takes a subscription out; it stays among those that leave until [`Table::forget`].
    pub(crate) fn take(&mut self, id: u64) -> Option<Arc<Sub>> {
        let sub = self.list.remove(&id)?;
        self.trie.remove(&sub.spec.filter, |known| known.id == id);
        self.leaving.insert(id, Arc::clone(&sub));
        Some(sub)
    }

    /// The buffer of one that left is gone.
    pub(crate) fn forget(&mut self, id: u64) {
        if let Some(sub) = self.leaving.remove(&id) {
            sub.write_off();
            self.gone += sub.spec.meters.counts(0, 0);
        }
    }

    /// The turns of a queue group: those its members share, or new ones.
    pub(crate) fn turn_of(&self, group: &str) -> Arc<AtomicU64> {
        let mut groups = self.list.values().filter_map(|sub| sub.group.as_ref());
        let known = groups.find(|known| &*known.name == group);
        known.map_or_else(Arc::default, |known| Arc::clone(&known.turn))
    }

    /// Who is to get an event on a subject, in the order they subscribed.
    pub(crate) fn targets(&self, subject: &Subject) -> Targets<'_> {
        let mut targets = Targets::default();
        self.trie.matches(subject, |sub| {
            if !sub.is_open() {
                return;
            }
            let Some(group) = &sub.group else { return targets.each.push(sub) };
            match targets.groups.iter_mut().find(|known| known.group.name == group.name) {
                Some(known) => known.list.push(sub),
                None => targets.groups.push(Members { group, list: vec![sub] }),
            }
        });
        targets
    }

    pub(crate) fn interest(&self) -> Vec<Interest> {
        let of = |sub: &Arc<Sub>| Interest {
            filter: sub.spec.filter.clone(),
            group: sub.group.as_ref().map(|group| Arc::clone(&group.name)),
        };
        self.list.values().map(of).collect()
    }

    pub(crate) fn stats(&self) -> (Counts, Vec<SubscriptionStats>) {
        let each = self.list.values().map(|sub| SubscriptionStats {
            id: sub.id,
            subscriber: sub.path().clone(),
            filter: sub.spec.filter.clone(),
            group: sub.group.as_ref().map(|group| Arc::clone(&group.name)),
            counts: sub.counts(),
        });
        let each: Vec<_> = each.collect();
        let mut all = self.gone;
        each.iter().for_each(|one| all += one.counts);
        self.leaving.values().for_each(|sub| all += sub.counts());
        (all, each)
    }
}
