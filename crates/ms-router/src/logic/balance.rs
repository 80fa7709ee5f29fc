//! The choice of one handler out of many. Pure but for a cursor, which makes turns fair over all
//! threads.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of points that one member has on the ring of [`RouteStrategy::consistent_hash`].
const POINTS: u64 = 128;
/// Number of members whose depth [`RouteStrategy::LeastLoaded`] compares for one message, from a
/// start that moves on: enough to find a good one, and a bound on the cost.
const MAX_LOOKED_AT: usize = 64;

type KeyOf<M> = Arc<dyn Fn(&M) -> u64 + Send + Sync>;
type Draw = Arc<dyn Fn() -> u64 + Send + Sync>;

/// A strategy to choose one handler out of many.
///
/// ```
/// use ms_router::RouteStrategy;
///
/// struct Order { customer: String }
/// let by_customer = RouteStrategy::consistent_hash(|order: &Order| order.customer.clone());
/// assert_eq!(format!("{by_customer:?}"), "ConsistentHash");
/// ```
pub enum RouteStrategy<M> {
    /// One handler after the other.
    RoundRobin,
    /// The handler with the shortest mailbox. A length that cannot be known (tier 2) counts as
    /// the median of the others. Equals take turns.
    LeastLoaded,
    /// The same handler for the same key, as long as the handlers stay. When one comes or
    /// goes, only its share of the keys moves. See [`RouteStrategy::consistent_hash`].
    ConsistentHash(KeyOf<M>),
    /// A random handler. See [`RouteStrategy::random`].
    Random(Draw),
}

impl<M> RouteStrategy<M> {
    /// Returns [`RouteStrategy::ConsistentHash`] by a part of the message.
    ///
    /// The handler of a key depends on the paths of the handlers alone, so it is the
    /// same after a restart of the program.
    pub fn consistent_hash<K: Hash>(key: impl Fn(&M) -> K + Send + Sync + 'static) -> Self {
        Self::ConsistentHash(Arc::new(move |message| stable_hash(&key(message))))
    }

    /// Returns [`RouteStrategy::Random`] from a seed: the same seed gives the same choices.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let state = AtomicU64::new(seed);
        Self::random_with(move || mix(state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)))
    }

    /// Returns [`RouteStrategy::Random`] from any source of numbers.
    pub fn random_with(draw: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self::Random(Arc::new(draw))
    }
}

impl<M> Clone for RouteStrategy<M> {
    fn clone(&self) -> Self {
        match self {
            Self::RoundRobin => Self::RoundRobin,
            Self::LeastLoaded => Self::LeastLoaded,
            Self::ConsistentHash(key) => Self::ConsistentHash(Arc::clone(key)),
            Self::Random(draw) => Self::Random(Arc::clone(draw)),
        }
    }
}

impl<M> fmt::Debug for RouteStrategy<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RoundRobin => "RoundRobin",
            Self::LeastLoaded => "LeastLoaded",
            Self::ConsistentHash(_) => "ConsistentHash",
            Self::Random(_) => "Random",
        })
    }
}

/// The reaction to a chosen handler that does not take the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailOver {
    /// Return the error to the caller.
    Never,
    /// Try the next handlers, at most this many. A message that was sent is never sent again.
    Next(usize),
}

impl Default for FailOver {
    fn default() -> Self {
        Self::Next(3)
    }
}

/// Whether a handler can be reached right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It handles messages, or is about to.
    Serving,
    /// It is between two incarnations, stopping, or suspended: messages wait.
    Down,
    /// It has ended for good. The router removes its route as soon as it is notified.
    Closed,
}

/// The choice among the handlers of one message type, which are known by their indices.
#[derive(Debug)]
pub(crate) struct Balance<M> {
    strategy: RouteStrategy<M>,
    fail_over: FailOver,
    ring: Ring,
    /// Shared with the balance that follows a change of the routes, so that turns go on.
    cursor: Arc<AtomicU64>,
}

impl<M> Default for Balance<M> {
    fn default() -> Self {
        Self {
            strategy: RouteStrategy::RoundRobin,
            fail_over: FailOver::default(),
            ring: Ring::default(),
            cursor: Arc::default(),
        }
    }
}

impl<M> Balance<M> {
    /// Returns a balance without members.
    pub(crate) fn new(strategy: RouteStrategy<M>, fail_over: FailOver) -> Self {
        Self { strategy, fail_over, ..Self::default() }
    }

    /// Returns the same balance for other members, given by hashes that do not change over their
    /// restarts.
    pub(crate) fn over(&self, members: impl Iterator<Item = u64>) -> Self {
        let ring = match self.strategy {
            RouteStrategy::ConsistentHash(_) => Ring::new(members),
            _ => Ring::default(),
        };
        let (strategy, cursor) = (self.strategy.clone(), Arc::clone(&self.cursor));
        Self { strategy, fail_over: self.fail_over, ring, cursor }
    }

    /// Returns the members to try for one message, in this order.
    ///
    /// Closed members are left out. Members that are down come last, except with
    /// consistent hashing, where a key waits for its own handler. `depth` is called only
    /// when the strategy needs it.
    pub(crate) fn order(
        &self,
        message: &M,
        members: usize,
        standing: impl Fn(usize) -> Standing,
        depth: impl Fn(usize) -> Option<u64>,
    ) -> Vec<usize> {
        if members == 0 {
            return Vec::new();
        }
        let tries = match self.fail_over {
            FailOver::Never => 1,
            FailOver::Next(more) => more.saturating_add(1).min(members),
        };
        let turn = |start: u64| {
            // Cannot fail: it is smaller than `members`.
            let start = usize::try_from(start % members as u64).unwrap_or(0);
            (0..members).map(move |step| (start + step) % members)
        };
        let next = || self.cursor.fetch_add(1, Ordering::Relaxed);
        match &self.strategy {
            RouteStrategy::RoundRobin => serving_first(turn(next()), tries, standing),
            RouteStrategy::Random(draw) => serving_first(turn(draw()), tries, standing),
            RouteStrategy::ConsistentHash(key) => {
                let walk = self.ring.walk(key(message));
                walk.filter(|&member| standing(member) != Standing::Closed).take(tries).collect()
            }
            RouteStrategy::LeastLoaded => {
                let open = turn(next()).filter(|&member| standing(member) != Standing::Closed);
                // At least as many as may be tried.
                let looked_at: Vec<_> = open.take(MAX_LOOKED_AT.max(tries)).collect();
                serving_first(by_load(looked_at, depth).into_iter(), tries, standing)
            }
        }
    }
}

/// Returns the first `tries` members that serve. If they are fewer, members that are down follow.
fn serving_first(
    all: impl Iterator<Item = usize>,
    tries: usize,
    standing: impl Fn(usize) -> Standing,
) -> Vec<usize> {
    let (mut up, mut down) = (Vec::with_capacity(tries), Vec::new());
    for member in all {
        match standing(member) {
            Standing::Serving => up.push(member),
            Standing::Down => down.push(member),
            Standing::Closed => {}
        }
        if up.len() == tries {
            return up;
        }
    }
    up.extend(down);
    up.truncate(tries);
    up
}

/// Sorts members by depth, the shortest first. Equals stay in the order they came.
fn by_load(members: Vec<usize>, depth: impl Fn(usize) -> Option<u64>) -> Vec<usize> {
    let depths: Vec<_> = members.into_iter().map(|member| (member, depth(member))).collect();
    let mut known: Vec<u64> = depths.iter().filter_map(|(_, depth)| *depth).collect();
    known.sort_unstable();
    // The median and not 0: a handler whose depth is unknown would otherwise get every message.
    let middle = known.get(known.len() / 2).copied().unwrap_or(0);
    let mut members: Vec<_> =
        depths.into_iter().map(|(member, depth)| (depth.unwrap_or(middle), member)).collect();
    members.sort_by_key(|(depth, _)| *depth);
    members.into_iter().map(|(_, member)| member).collect()
}

/// The points of all members, sorted. A key belongs to the first point at or after its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ring {
    // `u32`, because a ring has 128 entries for each member, and 2^32 routes are out of reach.
    points: Vec<(u64, u32)>,
}

impl Ring {
    /// Returns a ring of members that are known by their hashes.
    pub(crate) fn new(members: impl Iterator<Item = u64>) -> Self {
        let mut points = Vec::new();
        for (index, member) in members.enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            points.extend((0..POINTS).map(|point| (mix(member ^ mix(point)), index)));
        }
        points.sort_unstable();
        Self { points }
    }

    /// Returns the member of a key, and after it the other members in the order of the ring.
    pub(crate) fn walk(&self, key: u64) -> impl Iterator<Item = usize> {
        let start = self.points.partition_point(|&(point, _)| point < key);
        let round = self.points[start..].iter().chain(&self.points[..start]);
        let mut seen = BTreeSet::new();
        round.filter(move |&&(_, member)| seen.insert(member)).map(|&(_, member)| member as usize)
    }
}

/// Returns a hash that is the same in every process: FNV-1a, mixed at the end. The standard
/// library's hasher does not promise that.
pub(crate) fn stable_hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = Stable(0xcbf2_9ce4_8422_2325);
    value.hash(&mut hasher);
    hasher.finish()
}

struct Stable(u64);

impl Hasher for Stable {
    fn finish(&self) -> u64 {
        mix(self.0)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// Mixes a number with the finaliser of splitmix64: every bit of the input reaches every bit of
/// the output.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn member(number: u64) -> u64 {
        stable_hash(&format!("/root/workers/w{number}"))
    }

    fn owners(members: &[u64], keys: u64) -> Vec<u64> {
        let ring = Ring::new(members.iter().map(|&number| member(number)));
        (0..keys).map(|key| members[ring.walk(stable_hash(&key)).next().unwrap()]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_member_that_goes_moves_its_own_keys_only(count in 2u64..20, gone in 0u64..20) {
            let gone = gone % count;
            let before: Vec<u64> = (0..count).collect();
            let after: Vec<u64> = before.iter().copied().filter(|&number| number != gone).collect();
            let keys = 2_000;
            let (before, after) = (owners(&before, keys), owners(&after, keys));
            let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count();
            prop_assert!(before.iter().zip(&after).all(|(a, b)| a == b || *a == gone));
            // About 1/n of the keys, with what 128 points a member leave to chance.
            prop_assert!(moved as f64 <= keys as f64 / count as f64 * 1.6, "{moved} of {keys} with {count}");
        }

        #[test]
        fn a_walk_visits_every_member_once(count in 1u64..20, key: u64) {
            let ring = Ring::new((0..count).map(member));
            let mut walk: Vec<_> = ring.walk(key).collect();
            walk.sort_unstable();
            prop_assert_eq!(walk, (0..count as usize).collect::<Vec<_>>());
        }
    }

    #[test]
    fn keys_are_spread_evenly() {
        let members: Vec<u64> = (0..10).collect();
        let owners = owners(&members, 20_000);
        for number in members {
            let share = owners.iter().filter(|&&owner| owner == number).count();
            assert!((1_200..3_000).contains(&share), "{number} has {share} of 20000");
        }
    }

    #[test]
    fn hashes_are_the_same_in_every_process() {
        assert_eq!(stable_hash("/root/workers/w1"), 14_131_959_947_869_640_564);
    }

    fn choose(strategy: &RouteStrategy<()>, up: &[bool], depths: &[Option<u64>]) -> Vec<usize> {
        let fail_over = FailOver::Next(usize::MAX);
        let balance = Balance { strategy: strategy.clone(), fail_over, ..Balance::default() };
        let standing = |at: usize| if up[at] { Standing::Serving } else { Standing::Down };
        balance.order(&(), up.len(), standing, |at| depths[at])
    }

    #[test]
    fn an_unknown_depth_counts_as_the_middle() {
        let depths = [Some(9), None, Some(1), Some(5)];
        assert_eq!(choose(&RouteStrategy::LeastLoaded, &[true; 4], &depths), [2, 1, 3, 0]);
        assert_eq!(
            choose(&RouteStrategy::LeastLoaded, &[true, true, false, true], &depths),
            [1, 3, 0, 2]
        );
        assert_eq!(choose(&RouteStrategy::LeastLoaded, &[true; 2], &[None, None]), [0, 1]);
    }

    #[test]
    fn the_same_seed_gives_the_same_choices() {
        let draw = |seed| -> Vec<Vec<usize>> {
            let strategy = RouteStrategy::random(seed);
            (0..50).map(|_| choose(&strategy, &[true; 7], &[None; 7])).collect()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let firsts: BTreeSet<_> = draw(3).into_iter().map(|order| order[0]).collect();
        assert_eq!(firsts.len(), 7, "all are chosen at some time");
    }
}
