//! The table of subscriptions. Immutable once published.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ms_actor::{AnyRef, Ref};
use ms_core::{ActorPath, ExitReason};

use crate::error::Refusal;
use crate::event::AnyEvent;
use crate::interest::Interest;
use crate::links::Links;
use crate::logic::partition::{owner, turns};
use crate::logic::trie::Trie;
use crate::messages::Wake;
use crate::meters::{Counts, SubscriptionStats};
use crate::outlet::Outlet;
use crate::queue::{NotTaken, Queue, SubscriptionState};
use crate::subject::Subject;

/// The membership of a subscription in a queue group.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: Arc<str>,
    /// The next turn, shared by all members.
    pub(crate) turn: Arc<AtomicU64>,
    /// The hash of this member, which does not change over its restarts.
    pub(crate) member: u64,
}

/// One subscription.
#[derive(Clone)]
pub(crate) struct Sub {
    pub(crate) state: Arc<SubscriptionState>,
    pub(crate) group: Option<Group>,
    /// `None` where the subscriber is not an actor.
    pub(crate) subscriber: Option<AnyRef>,
    /// The queue of the subscriber, shared by all its subscriptions.
    pub(crate) queue: Arc<Queue>,
    /// The actor that empties the queue.
    pub(crate) outlet: Ref<Outlet>,
}

impl Sub {
    pub(crate) fn id(&self) -> u64 {
        self.state.id
    }

    /// Returns whether events can still be delivered to it.
    fn is_open(&self) -> bool {
        !self.state.ownership.is_ended() && !self.subscriber.as_ref().is_some_and(AnyRef::is_closed)
    }

    pub(crate) fn path(&self) -> &ActorPath {
        self.subscriber.as_ref().map_or_else(|| self.outlet.path(), AnyRef::path)
    }

    /// Puts an event into the queue without waiting.
    pub(crate) fn offer(&self, event: &AnyEvent, links: &Links) -> Result<(), Refusal> {
        self.check(links)?;
        let taken = self.queue.push(&self.state, event);
        self.wake(taken)
    }

    /// Puts an event into the queue, and waits for room for at most `within`.
    pub(crate) async fn offer_waiting(
        &self,
        event: &AnyEvent,
        within: std::time::Duration,
        links: &Links,
    ) -> Result<(), Refusal> {
        self.check(links)?;
        let pushed = self.queue.push_waiting(&self.state, event);
        let taken = tokio::time::timeout(within, pushed).await;
        self.wake(taken.map_err(|_| Refusal::TimedOut { within })?)
    }

    /// Checks that the queue has an outlet or will get one. A closed outlet alone is no reason to
    /// refuse: the bus starts the next one, which goes on with the queue.
    fn check(&self, links: &Links) -> Result<(), Refusal> {
        let outlet = self.outlet.any();
        if !outlet.is_closed() || links.can_start_outlets() {
            return Ok(());
        }
        // Neither an outlet nor anybody to start one: the event would wait for ever.
        Err(Refusal::Gone { reason: outlet.last_exit().unwrap_or(ExitReason::NoProc) })
    }

    fn wake(&self, taken: Result<bool, NotTaken>) -> Result<(), Refusal> {
        match taken {
            Ok(true) => {
                // A full mailbox wakes it anyway, and the successor of a closed outlet begins with
                // a look into the queue.
                drop(self.outlet.try_tell(Wake));
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(NotTaken::Full) => Err(Refusal::Full { capacity: self.state.buffer.capacity }),
            Err(NotTaken::Left) => Err(Refusal::Gone { reason: ExitReason::Shutdown }),
        }
    }

    /// Returns whether a publisher can wait for room in its buffer.
    pub(crate) fn blocks(&self) -> bool {
        self.state.blocks()
    }

    pub(crate) fn counts(&self) -> Counts {
        self.queue.counts(&self.state)
    }

    pub(crate) fn shares_queue(&self, queue: &Arc<Queue>) -> bool {
        Arc::ptr_eq(&self.queue, queue)
    }
}

/// The subscriptions that an event is meant for.
#[derive(Default)]
pub(crate) struct Targets<'a> {
    pub(crate) each: Vec<&'a Arc<Sub>>,
    pub(crate) groups: Vec<Members<'a>>,
}

/// The open members of a queue group, one of which is to get the event.
pub(crate) struct Members<'a> {
    group: &'a Group,
    list: Vec<&'a Arc<Sub>>,
}

impl<'a> Members<'a> {
    /// Returns the members to try, in this order. An event with a key goes to the owner of its
    /// partition or to nobody: another member would break the order of the key.
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

/// All subscriptions. A clone shares them.
#[derive(Clone, Default)]
pub(crate) struct Table {
    trie: Trie<Arc<Sub>>,
    list: BTreeMap<u64, Arc<Sub>>,
    /// Subscriptions that have ended while their subscriber still handles an event of theirs.
    leaving: BTreeMap<u64, Arc<Sub>>,
    /// The counts of those that are gone.
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

    /// Adds a subscription, in place of one with the same number.
    pub(crate) fn put(&mut self, sub: Sub) {
        let (id, sub) = (sub.id(), Arc::new(sub));
        self.trie.remove(&sub.state.filter, |known| known.id() == id);
        self.trie.insert(&sub.state.filter, Arc::clone(&sub));
        self.list.insert(id, sub);
    }

    /// Removes a subscription. It stays among those that leave until [`Table::forget`].
    pub(crate) fn take(&mut self, id: u64) -> Option<Arc<Sub>> {
        let sub = self.list.remove(&id)?;
        self.trie.remove(&sub.state.filter, |known| known.id() == id);
        self.leaving.insert(id, Arc::clone(&sub));
        Some(sub)
    }

    /// Adds the counts of a subscription that left to those of the gone, and drops it.
    pub(crate) fn forget(&mut self, id: u64) {
        if let Some(sub) = self.leaving.remove(&id) {
            self.gone += sub.counts();
        }
    }

    /// Returns the turn counter that the members of a queue group share, or a new one.
    pub(crate) fn turn_of(&self, group: &str) -> Arc<AtomicU64> {
        let mut groups = self.list.values().filter_map(|sub| sub.group.as_ref());
        let known = groups.find(|known| &*known.name == group);
        known.map_or_else(Arc::default, |known| Arc::clone(&known.turn))
    }

    /// Returns the subscriptions that an event on this subject is meant for.
    pub(crate) fn targets(&self, subject: &Subject) -> Targets<'_> {
        let mut targets = Targets::default();
        self.trie.matches(subject, |sub| {
            if !sub.is_open() {
                return;
            }
            let Some(group) = &sub.group else { return targets.each.push(sub) };
            // A walk and not a map: few groups match one subject.
            match targets.groups.iter_mut().find(|known| known.group.name == group.name) {
                Some(known) => known.list.push(sub),
                None => targets.groups.push(Members { group, list: vec![sub] }),
            }
        });
        targets
    }

    pub(crate) fn interest(&self) -> Vec<Interest> {
        let of = |sub: &Arc<Sub>| Interest {
            filter: sub.state.filter.clone(),
            group: sub.group.as_ref().map(|group| Arc::clone(&group.name)),
        };
        self.list.values().map(of).collect()
    }

    pub(crate) fn stats(&self) -> (Counts, Vec<SubscriptionStats>) {
        let each = self.list.values().map(|sub| SubscriptionStats {
            id: sub.id(),
            subscriber: sub.path().clone(),
            filter: sub.state.filter.clone(),
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
