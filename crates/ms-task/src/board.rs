//! The dispatcher's decisions: which agents are free, and which tasks may start.

use std::collections::BTreeMap;
use std::time::Duration;

use ms_core::id::ActorPath;
use ms_core::spec::Intensity;
use ms_core::task::{AgentKind, QueueName};
use ms_core::time::Tick;

use crate::crash::CrashGuard;
use crate::limit::TokenBucket;
use crate::port::ClaimSpec;

/// Tasks of one queue in agents' hands, unless its spec says otherwise.
pub const DEFAULT_CONCURRENCY: usize = 1_024;
/// How long an agent that could not be reached is left alone the first time.
pub const SHORTEST_REST: Duration = Duration::from_millis(20);
/// Longest rest of an agent that cannot be reached again and again: one that is suspended for an
/// hour costs two looks a second, not fifty.
pub const LONGEST_REST: Duration = Duration::from_millis(500);

/// A rate limit of a queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Starts a second.
    pub per_second: f64,
    /// Starts at once after a pause; at least 1.
    pub burst: u32,
}

/// The limits of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueSpec {
    /// Its name.
    pub name: QueueName,
    /// Most of its tasks in agents' hands at a time.
    pub concurrency: usize,
    /// How many may start in a time; `None` is no limit.
    pub rate: Option<Rate>,
}

impl QueueSpec {
    /// Returns a queue with the default concurrency and no rate limit.
    #[must_use]
    pub const fn new(name: QueueName) -> Self {
        Self { name, concurrency: DEFAULT_CONCURRENCY, rate: None }
    }
}

/// The agents, the tasks they hold, and the limits of the queues.
#[derive(Debug, Clone)]
pub struct Board {
    queues: BTreeMap<QueueName, Queue>,
    pools: BTreeMap<AgentKind, Pool>,
    /// When it was last looked at: what gave way by then was seen.
    looked: Tick,
}

#[derive(Debug, Clone)]
struct Queue {
    concurrency: usize,
    in_hand: usize,
    bucket: Option<TokenBucket>,
}

#[derive(Debug, Clone)]
struct Pool {
    agents: BTreeMap<ActorPath, Slot>,
    guard: CrashGuard,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot {
    /// It may be given a task. It is left alone for `rest` if it cannot be reached.
    Free { rest: Duration },
    /// It could not be reached; the next rest is longer.
    Resting { until: Tick, rest: Duration },
    /// It has a task of this queue.
    Busy(QueueName),
}

impl Slot {
    const FREE: Self = Self::Free { rest: SHORTEST_REST };

    /// Returns the rest that follows when the agent cannot be reached now.
    fn next_rest(&self, now: Tick) -> Self {
        let rest = match self {
            Self::Free { rest } | Self::Resting { rest, .. } => *rest,
            Self::Busy(_) => SHORTEST_REST,
        };
        Self::Resting { until: now + rest, rest: rest.saturating_mul(2).min(LONGEST_REST) }
    }
}

impl Board {
    /// Makes an empty board. Rate limits begin empty at `now`.
    #[must_use]
    pub const fn new(now: Tick) -> Self {
        Self { queues: BTreeMap::new(), pools: BTreeMap::new(), looked: now }
    }

    /// Adds a queue.
    pub fn declare_queue(&mut self, spec: QueueSpec) {
        let bucket = |rate: Rate| TokenBucket::empty(rate.per_second, rate.burst, self.looked);
        let bucket = spec.rate.map(bucket);
        let queue = Queue { concurrency: spec.concurrency, in_hand: 0, bucket };
        self.queues.insert(spec.name, queue);
    }

    /// Adds a kind of agents whose supervisor has this intensity.
    pub fn declare_pool(&mut self, kind: AgentKind, intensity: Intensity) {
        self.pools
            .insert(kind, Pool { agents: BTreeMap::new(), guard: CrashGuard::new(intensity) });
    }

    /// Adds an agent; one that is known already stays as it is.
    pub fn join(&mut self, kind: &AgentKind, agent: ActorPath) {
        if let Some(pool) = self.pools.get_mut(kind) {
            pool.agents.entry(agent).or_insert(Slot::FREE);
        }
    }

    /// Removes an agent that is gone for good.
    pub fn leave(&mut self, kind: &AgentKind, agent: &ActorPath) {
        // First, so that a task in its hands gives its place in the queue back.
        self.free_slot(kind, agent, Slot::FREE);
        if let Some(pool) = self.pools.get_mut(kind) {
            pool.agents.remove(agent);
        }
    }

    /// Returns what may be claimed now; `None` when nothing may. Ends the rests that are over.
    pub fn wish(&mut self, now: Tick, lease: Duration) -> Option<ClaimSpec> {
        self.looked = self.looked.max(now);
        let room: BTreeMap<QueueName, usize> = self
            .queues
            .iter_mut()
            .map(|(name, queue)| (name.clone(), queue.room(now)))
            .filter(|&(_, room)| room > 0)
            .collect();
        let free: BTreeMap<AgentKind, Vec<ActorPath>> = self
            .pools
            .iter_mut()
            .map(|(kind, pool)| (kind.clone(), pool.free(now)))
            .filter(|(_, free)| !free.is_empty())
            .collect();
        (!room.is_empty() && !free.is_empty()).then_some(ClaimSpec { room, free, lease })
    }

    /// Marks an agent that a wish had named as free as busy with a task of `queue`.
    pub fn assigned(&mut self, kind: &AgentKind, agent: &ActorPath, queue: &QueueName, now: Tick) {
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.in_hand += 1;
            if let Some(bucket) = &mut queue.bucket {
                bucket.take(1, now);
            }
        }
        if let Some(slot) = self.slot(kind, agent) {
            *slot = Slot::Busy(queue.clone());
        }
    }

    /// Marks an agent as done with its task; it may have crashed.
    pub fn finished(&mut self, kind: &AgentKind, agent: &ActorPath, crashed: bool, now: Tick) {
        self.free_slot(kind, agent, Slot::FREE);
        if crashed && let Some(pool) = self.pools.get_mut(kind) {
            pool.guard.crashed(now);
        }
    }

    /// Leaves an agent alone after its task could not be delivered: for [`SHORTEST_REST`], and each
    /// time in a row for twice as long, at most [`LONGEST_REST`].
    pub fn unreachable(&mut self, kind: &AgentKind, agent: &ActorPath, now: Tick) {
        let Some(slot) = self.slot(kind, agent) else { return };
        let rest = slot.next_rest(now);
        self.free_slot(kind, agent, rest);
    }

    /// Leaves an agent without a task alone, as [`Board::unreachable`] does. One that rests already
    /// goes on resting, and one with a task keeps it.
    pub fn rest(&mut self, kind: &AgentKind, agent: &ActorPath, now: Tick) {
        let Some(slot) = self.slot(kind, agent) else { return };
        match slot {
            Slot::Busy(_) => {}
            Slot::Resting { until, .. } if *until > now => {}
            Slot::Free { .. } | Slot::Resting { .. } => *slot = slot.next_rest(now),
        }
    }

    /// Returns when a limit that holds something back may next give way by time alone.
    ///
    /// Always later than the last [`Board::wish`]: that one has seen what gave way before, and an
    /// alarm in the past would have an idle board looked at for ever.
    #[must_use]
    pub fn alarm(&self) -> Option<Tick> {
        let buckets = self.queues.values().filter_map(|queue| queue.bucket.as_ref());
        let buckets = buckets.map(|bucket| self.looked + bucket.wait(self.looked));
        let guards = self.pools.values().filter_map(|pool| pool.guard.more_room_at());
        let rests = self.pools.values().flat_map(|pool| pool.agents.values());
        let rests = rests.filter_map(|slot| match slot {
            Slot::Resting { until, .. } => Some(*until),
            Slot::Free { .. } | Slot::Busy(_) => None,
        });
        buckets.chain(guards).chain(rests).filter(|at| *at > self.looked).min()
    }

    /// Returns how many agents there are, and how many of them have a task.
    #[must_use]
    pub fn agents(&self) -> (usize, usize) {
        let slots = || self.pools.values().flat_map(|pool| pool.agents.values());
        (slots().count(), slots().filter(|slot| matches!(slot, Slot::Busy(_))).count())
    }

    fn free_slot(&mut self, kind: &AgentKind, agent: &ActorPath, to: Slot) {
        let Some(slot) = self.slot(kind, agent) else { return };
        if let Slot::Busy(queue) = std::mem::replace(slot, to)
            && let Some(queue) = self.queues.get_mut(&queue)
        {
            queue.in_hand = queue.in_hand.saturating_sub(1);
        }
    }

    fn slot(&mut self, kind: &AgentKind, agent: &ActorPath) -> Option<&mut Slot> {
        self.pools.get_mut(kind)?.agents.get_mut(agent)
    }
}

impl Queue {
    fn room(&mut self, now: Tick) -> usize {
        let room = self.concurrency.saturating_sub(self.in_hand);
        match &mut self.bucket {
            Some(bucket) => room.min(usize::try_from(bucket.available(now)).unwrap_or(usize::MAX)),
            None => room,
        }
    }
}

impl Pool {
    /// Returns the agents that may be given a task. They are so few that their supervisor survives
    /// even if all of them, and all that have a task already, crash.
    fn free(&mut self, now: Tick) -> Vec<ActorPath> {
        let mut busy = 0;
        for slot in self.agents.values_mut() {
            match slot {
                Slot::Busy(_) => busy += 1,
                Slot::Resting { until, rest } if *until <= now => {
                    // The longer rest stays until a task has got through: being free again proves
                    // nothing.
                    *slot = Slot::Free { rest: *rest }
                }
                Slot::Resting { .. } | Slot::Free { .. } => {}
            }
        }
        let most = self.guard.room(now).saturating_sub(busy);
        let free = self.agents.iter().filter(|(_, slot)| matches!(slot, Slot::Free { .. }));
        free.take(most).map(|(agent, _)| agent.clone()).collect()
    }
}
