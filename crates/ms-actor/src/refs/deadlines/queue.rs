//! Deadlines in order, each with its waker. Pure: it has no clock and no timer.
//!
//! Deadlines of one limit come in order, so a new place goes to the end of a chain whose last
//! deadline is no later. A few limits at once have a chain each, and to enter or leave costs a few
//! words, however many wait. A deadline that fits no chain goes into a sorted set.

use std::collections::BTreeSet;
use std::task::Waker;

use tokio::time::Instant;

/// Limits that may be mixed before a place costs a search.
const CHAINS: usize = 4;
/// The chain of those that stand in the sorted set.
const SORTED: u8 = u8::MAX;
/// No place.
const NONE: u32 = u32::MAX;
/// Room that is kept when nobody waits any more.
const KEPT_ROOM: usize = 256;

/// Names a place that was entered; no other is ever given the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    at: u32,
    number: u32,
}

struct Place {
    deadline: Instant,
    /// `None` where nobody stands; `after` is then the next free place.
    waker: Option<Waker>,
    number: u32,
    before: u32,
    after: u32,
    chain: u8,
}

#[derive(Clone, Copy)]
struct Chain {
    first: u32,
    last: u32,
}

pub(super) struct Queue {
    places: Vec<Place>,
    free: u32,
    open: usize,
    next_number: u32,
    chains: [Chain; CHAINS],
    sorted: BTreeSet<(Instant, u32)>,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: NONE,
            open: 0,
            next_number: 0,
            chains: [Chain { first: NONE, last: NONE }; CHAINS],
            sorted: BTreeSet::new(),
        }
    }
}

impl Queue {
    /// Enters `waker` to be given out at `deadline`, unless the place is left before.
    pub(super) fn enter(&mut self, deadline: Instant, waker: Waker) -> Key {
        let number = self.next_number;
        self.next_number = number.wrapping_add(1);
        let chain = self.chain_for(deadline);
        let last = chain.map_or(NONE, |chain| self.chains[chain].last);
        #[allow(clippy::cast_possible_truncation, reason = "there are four chains")]
        let place = Place {
            deadline,
            waker: Some(waker),
            number,
            before: last,
            after: NONE,
            chain: chain.map_or(SORTED, |chain| chain as u8),
        };
        let at = self.settle(place);
        self.open += 1;
        match chain {
            Some(chain) => {
                match self.places.get_mut(last as usize) {
                    Some(last) => last.after = at,
                    None => self.chains[chain].first = at,
                }
                self.chains[chain].last = at;
            }
            None => drop(self.sorted.insert((deadline, at))),
        }
        Key { at, number }
    }

    /// Returns the chain that ends last of those that end no later than `deadline`, so that those
    /// of shorter limits stay fit for shorter limits; an empty one otherwise.
    fn chain_for(&self, deadline: Instant) -> Option<usize> {
        let ends = self.chains.iter().map(|chain| self.places.get(chain.last as usize));
        let fit = ends.enumerate().filter_map(|(at, last)| match last {
            Some(last) if last.deadline > deadline => None,
            last => Some((last.map(|last| last.deadline), at)),
        });
        fit.max().map(|(_, at)| at)
    }

    /// Gives a place its room.
    fn settle(&mut self, place: Place) -> u32 {
        let free = self.free;
        if let Some(room) = self.places.get_mut(free as usize) {
            self.free = room.after;
            *room = place;
            return free;
        }
        let at = u32::try_from(self.places.len()).unwrap_or(NONE);
        self.places.push(place);
        at
    }

    /// Puts another waker in place of the one it was entered with. That comes back.
    pub(super) fn update(&mut self, key: Key, waker: &Waker) -> Option<Waker> {
        let place =
            self.places.get_mut(key.at as usize).filter(|place| place.number == key.number)?;
        let known = place.waker.as_mut().filter(|known| !known.will_wake(waker))?;
        Some(std::mem::replace(known, waker.clone()))
    }

    /// Gives the place up; its waker comes back, unless it was given out already.
    pub(super) fn leave(&mut self, key: Key) -> Option<Waker> {
        let place = self.places.get(key.at as usize).filter(|place| place.number == key.number)?;
        place.waker.as_ref()?;
        self.vacate(key.at)
    }

    fn vacate(&mut self, at: u32) -> Option<Waker> {
        let place = self.places.get_mut(at as usize)?;
        let waker = place.waker.take();
        let (before, after, chain, deadline) =
            (place.before, place.after, place.chain, place.deadline);
        place.after = std::mem::replace(&mut self.free, at);
        match self.chains.get_mut(usize::from(chain)) {
            Some(chain) => {
                match self.places.get_mut(before as usize) {
                    Some(before) => before.after = after,
                    None => chain.first = after,
                }
                match self.places.get_mut(after as usize) {
                    Some(after) => after.before = before,
                    None => chain.last = before,
                }
            }
            None => drop(self.sorted.remove(&(deadline, at))),
        }
        self.open -= 1;
        if self.open == 0 && self.places.len() > KEPT_ROOM {
            self.places = Vec::new();
            self.free = NONE;
        }
        waker
    }

    /// Takes out whose time is up.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some((deadline, at)) = self.first()
            && deadline <= now
        {
            due.extend(self.vacate(at));
        }
        due
    }

    /// Returns the next deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.first().map(|(deadline, _)| deadline)
    }

    fn first(&self) -> Option<(Instant, u32)> {
        let of_chains = self.chains.iter().filter_map(|chain| {
            self.places.get(chain.first as usize).map(|place| (place.deadline, chain.first))
        });
        of_chains.chain(self.sorted.first().copied()).min()
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;

    impl Queue {
        /// Places somebody stands at, and all there is room for.
        pub(in crate::refs::deadlines) fn size(&self) -> (usize, usize) {
            (self.open, self.places.len())
        }
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_place_that_is_left_takes_no_room_behind_one_that_stays() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let hour = queue.enter(now + ms(3_600_000), Waker::noop().clone());
        for n in 0..10_000 {
            let place = queue.enter(now + ms(5_000 + n), Waker::noop().clone());
            assert!(queue.leave(place).is_some());
        }
        assert_eq!(queue.size(), (1, 2));
        assert_eq!(queue.next(), Some(now + ms(3_600_000)));
        assert!(queue.leave(hour).is_some() && queue.leave(hour).is_none());
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn room_for_many_goes_with_the_last_of_them() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let keys: Vec<_> =
            (0..10_000).map(|n| queue.enter(now + ms(n), Waker::noop().clone())).collect();
        keys.into_iter().for_each(|key| drop(queue.leave(key)));
        assert_eq!(queue.size(), (0, 0));
    }

    #[test]
    fn a_few_limits_at_once_have_a_chain_each() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for n in 0..1_000 {
            for limit in [60_000, 5_000, 30_000, 100] {
                queue.enter(now + ms(limit + n), Waker::noop().clone());
            }
        }
        assert_eq!(queue.sorted.len(), 0);
        queue.enter(now + ms(50), Waker::noop().clone());
        assert_eq!(queue.sorted.len(), 1, "the fifth limit");
    }

    /// Against the plainest implementation there is, in a random order of operations.
    #[test]
    fn whatever_the_order_exactly_those_are_due_whose_time_is_up() {
        for seed in 1..=50_u64 {
            let (mut queue, mut plain) = (Queue::default(), BTreeMap::new());
            let (start, mut clock, mut keys) = (Instant::now(), 0, Vec::new());
            let mut state = seed;
            let mut random = |bound: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) % bound
            };
            for step in 0..2_000_u64 {
                match random(8) {
                    0..4 => {
                        let limit = [10, 500, 5_000, 60_000, random(1_000)][random(5) as usize];
                        keys.push(queue.enter(start + ms(clock + limit), Waker::noop().clone()));
                        plain.insert((clock + limit, step), *keys.last().expect("just pushed"));
                    }
                    4..7 if !keys.is_empty() => {
                        let key = keys.swap_remove(random(keys.len() as u64) as usize);
                        let known =
                            plain.iter().find(|(_, known)| **known == key).map(|(at, _)| *at);
                        let left = known.and_then(|at| plain.remove(&at));
                        assert_eq!(queue.leave(key).is_some(), left.is_some(), "seed {seed}");
                    }
                    _ => clock += random(50),
                }
                let due = queue.due(start + ms(clock)).len();
                let later = plain.split_off(&(clock + 1, 0));
                assert_eq!(due, plain.len(), "seed {seed}, step {step}");
                plain = later;
                assert_eq!(queue.size().0, plain.len(), "seed {seed}, step {step}");
                let next = plain.keys().next().map(|&(at, _)| start + ms(at));
                assert_eq!(queue.next(), next, "seed {seed}, step {step}");
            }
        }
    }
}
