//! The subscriptions there are. Immutable once published.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ms_actor::{AnyRef, Ref};
use ms_core::{ActorPath, ExitReason};

use crate::client::Shared;
use crate::local::Refusal;
use crate::meters::{Counts, SubscriptionStats};
use crate::outlet::{Outlet, Wake};
use crate::partition::{owner, turns};
use crate::payload::AnyEvent;
use crate::queue::{NotTaken, Queue, Seat};
use crate::subject::Subject;
use crate::transport::Interest;
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
    pub(crate) seat: Arc<Seat>,
    pub(crate) group: Option<Group>,
    /// `None` where the subscriber is no actor.
    pub(crate) subscriber: Option<AnyRef>,
    /// The queue of the subscriber, shared by all its subscriptions.
    pub(crate) queue: Arc<Queue>,
    /// The actor that empties the queue.
    pub(crate) outlet: Ref<Outlet>,
}

impl Sub {
    pub(crate) fn id(&self) -> u64 {
        self.seat.id
    }

    /// Whether events may still be given to it.
    fn is_open(&self) -> bool {
        !self.seat.tenure.is_ended() && !self.subscriber.as_ref().is_some_and(AnyRef::is_closed)
    }

    pub(crate) fn path(&self) -> &ActorPath {
        self.subscriber.as_ref().map_or_else(|| self.outlet.path(), AnyRef::path)
    }

    /// Puts an event into the queue, without waiting.
    pub(crate) fn offer(&self, event: &AnyEvent, bus: &Shared) -> Result<(), Refusal> {
        self.check(bus)?;
        let taken = self.queue.push(&self.seat, event);
        self.wake(taken)
    }

    /// As [`Sub::offer`], waiting for room.
    pub(crate) async fn offer_waiting(
        &self,
        event: &AnyEvent,
        within: std::time::Duration,
        bus: &Shared,
    ) -> Result<(), Refusal> {
        self.check(bus)?;
        let pushed = self.queue.push_waiting(&self.seat, event);
        let taken = tokio::time::timeout(within, pushed).await;
        self.wake(taken.map_err(|_| Refusal::TimedOut { within })?)
    }

    /// A queue without its actor gets another one, as long as there is a bus to start it.
    fn check(&self, bus: &Shared) -> Result<(), Refusal> {
        let outlet = self.outlet.any();
        if !outlet.is_closed() || bus.outlets().is_some_and(|outlets| !outlets.any().is_closed()) {
            return Ok(());
        }
        Err(Refusal::Gone { reason: outlet.last_exit().unwrap_or(ExitReason::NoProc) })
    }

    fn wake(&self, taken: Result<bool, NotTaken>) -> Result<(), Refusal> {
        match taken {
            Ok(true) => {
                // Full: it is woken anyway. Closed: its successor looks into the queue first.
                drop(self.outlet.try_tell(Wake));
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(NotTaken::Full) => Err(Refusal::Full { capacity: self.seat.buffer.capacity }),
            Err(NotTaken::Left) => Err(Refusal::Gone { reason: ExitReason::Shutdown }),
        }
    }

    /// Whether who publishes may wait for room in it.
    pub(crate) fn blocks(&self) -> bool {
        self.seat.blocks()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.queue.counts(&self.seat)
    }

    pub(crate) fn shares_queue(&self, queue: &Arc<Queue>) -> bool {
        Arc::ptr_eq(&self.queue, queue)
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
    /// Ended; an event of theirs may still be with their subscriber.
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
        let (id, sub) = (sub.id(), Arc::new(sub));
        self.trie.remove(&sub.seat.filter, |known| known.id() == id);
        self.trie.insert(&sub.seat.filter, Arc::clone(&sub));
        self.list.insert(id, sub);
    }

    /// Takes a subscription out; it stays among those that leave until [`Table::forget`].
    pub(crate) fn take(&mut self, id: u64) -> Option<Arc<Sub>> {
        let sub = self.list.remove(&id)?;
        self.trie.remove(&sub.seat.filter, |known| known.id() == id);
        self.leaving.insert(id, Arc::clone(&sub));
        Some(sub)
    }

    /// Closes the accounts of one that left.
    pub(crate) fn forget(&mut self, id: u64) {
        if let Some(sub) = self.leaving.remove(&id) {
            self.gone += sub.counts();
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
            filter: sub.seat.filter.clone(),
            group: sub.group.as_ref().map(|group| Arc::clone(&group.name)),
        };
        self.list.values().map(of).collect()
    }

    pub(crate) fn stats(&self) -> (Counts, Vec<SubscriptionStats>) {
        let each = self.list.values().map(|sub| SubscriptionStats {
            id: sub.id(),
            subscriber: sub.path().clone(),
            filter: sub.seat.filter.clone(),
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
