//! The line of those who wait for something of a mailbox: room, or the end of a turn.
//!
//! Who waits keeps a ticket, and with it the place in the line over as many polls as it takes;
//! who gives up takes the ticket back. Whoever waits for room has a claim to it: of
//! so many free places the first so many in the line are entitled to one each, and only what is
//! left is for others. A claim ends at the deadline of its holder, so a future that is kept
//! without being polled keeps its place from the others for a time only.

use std::collections::VecDeque;
use std::task::Waker;

use tokio::time::Instant;

/// The right to a place in a line.
pub(crate) type Ticket = u64;

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitFor {
    Room,
    TurnEnd,
}

/// Somebody who waits, and how long at most.
pub(crate) struct Waiter<'a> {
    /// From an earlier poll.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) until: Instant,
    pub(crate) waker: &'a Waker,
}

struct Standing {
    ticket: Ticket,
    until: Instant,
    /// `None` once woken.
    waker: Option<Waker>,
}

#[derive(Default)]
pub(crate) struct Line {
    standing: VecDeque<Standing>,
    next: Ticket,
    /// So many in front have been woken.
    woken: usize,
    /// No deadline is earlier.
    earliest: Option<Instant>,
}

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.standing.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.standing.is_empty()
    }

    fn position(&self, ticket: Ticket) -> Option<usize> {
        // Tickets only grow, so the line is sorted by them.
        self.standing.binary_search_by_key(&ticket, |standing| standing.ticket).ok()
    }

    /// Goes on waiting where it stood, or at the end. Gives the ticket for the next time, and an
    /// earlier waker, to be dropped where nothing is locked.
    pub(crate) fn wait(&mut self, waiter: &Waiter<'_>) -> (Ticket, Option<Waker>) {
        if let Some((ticket, at)) =
            waiter.ticket.and_then(|ticket| Some((ticket, self.position(ticket)?)))
        {
            // Whoever waits again was woken in vain, and is to be woken again.
            self.woken = self.woken.min(at);
            let known = &mut self.standing[at].waker;
            if known.as_ref().is_some_and(|known| known.will_wake(waiter.waker)) {
                return (ticket, None);
            }
            return (ticket, known.replace(waiter.waker.clone()));
        }
        let (ticket, until) = (self.next, waiter.until);
        self.next += 1;
        self.earliest = Some(self.earliest.map_or(until, |earliest| earliest.min(until)));
        self.standing.push_back(Standing { ticket, until, waker: Some(waiter.waker.clone()) });
        (ticket, None)
    }

    /// Leaves the line. A waker that was not used comes back, to be dropped where nothing is
    /// locked.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        let at = self.position(ticket)?;
        self.woken -= usize::from(at < self.woken);
        let left = self.standing.remove(at);
        self.give_back_room();
        left?.waker
    }

    /// Returns whether one of `free` places is for the holder of `ticket`, or for a newcomer. A
    /// newcomer that is turned away although there is room wakes those in line: they have been slow
    /// to come.
    pub(crate) fn entitles(
        &mut self,
        ticket: Option<Ticket>,
        free: usize,
        now: impl FnOnce() -> Instant,
    ) -> bool {
        let mut ahead = ticket.and_then(|ticket| self.position(ticket));
        if ahead.is_none() {
            self.wake_first(free);
        }
        // Only those who would be turned away pay for a look at the clock and at late claims.
        if ahead.unwrap_or(self.len()) >= free {
            self.forget_late(now());
            ahead = ticket.and_then(|ticket| self.position(ticket));
        }
        ahead.unwrap_or(self.len()) < free
    }

    /// Wakes the first `count`, each once.
    pub(crate) fn wake_first(&mut self, count: usize) {
        let count = count.min(self.len());
        while self.woken < count {
            if let Some(waker) = self.standing[self.woken].waker.take() {
                waker.wake();
            }
            self.woken += 1;
        }
    }

    /// Wakes all; they keep their places.
    pub(crate) fn wake_all(&mut self) {
        self.wake_first(self.len());
    }

    /// Wakes all, and nobody stands here any more.
    pub(crate) fn dismiss(&mut self) {
        if !self.is_empty() {
            self.wake_all();
            self.standing.clear();
            self.woken = 0;
            self.earliest = None;
            self.give_back_room();
        }
    }

    /// Takes out those whose time is over. They learn it from their own timers too.
    fn forget_late(&mut self, now: Instant) {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return;
        }
        self.standing.retain_mut(|standing| {
            let late = standing.until <= now;
            if late && let Some(waker) = standing.waker.take() {
                waker.wake();
            }
            !late
        });
        self.woken = self.standing.iter().take_while(|standing| standing.waker.is_none()).count();
        self.earliest = self.standing.iter().map(|standing| standing.until).min();
        self.give_back_room();
    }

    /// Gives the memory of a crowd back when nobody is left.
    fn give_back_room(&mut self) {
        const KEPT: usize = 64;
        if self.is_empty() && self.standing.capacity() > KEPT {
            self.standing = VecDeque::new();
        }
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Somebody who waits, and how often he was woken.
    struct Person {
        count: Arc<Count>,
        waker: Waker,
        ticket: Option<Ticket>,
        until: Instant,
    }

    impl Person {
        fn joins(line: &mut Line, until: Instant) -> Self {
            let count = Arc::new(Count::default());
            let waker = Waker::from(Arc::clone(&count));
            let mut person = Self { count, waker, ticket: None, until };
            person.waits(line);
            person
        }

        fn waits(&mut self, line: &mut Line) {
            let waiter = Waiter { ticket: self.ticket, until: self.until, waker: &self.waker };
            let (ticket, _earlier) = line.wait(&waiter);
            self.ticket = Some(ticket);
        }

        fn woken(&self) -> usize {
            self.count.0.load(Ordering::SeqCst)
        }
    }

    fn people(line: &mut Line, count: usize) -> (Vec<Person>, Instant) {
        let now = Instant::now();
        let late = now + Duration::from_secs(5);
        ((0..count).map(|_| Person::joins(line, late)).collect(), now)
    }

    #[test]
    fn so_many_free_places_are_for_the_first_so_many() {
        let mut line = Line::default();
        let (people, now) = people(&mut line, 3);
        let entitled = |line: &mut Line, free| {
            let of = |person: &Person| line.entitles(person.ticket, free, || now);
            people.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(entitled(&mut line, 0), [false; 3]);
        assert_eq!(entitled(&mut line, 2), [true, true, false]);
        assert!(!line.entitles(None, 3, || now), "a newcomer finds them claimed");
        assert!(line.entitles(None, 4, || now), "one more than is claimed");
    }

    #[test]
    fn who_gives_up_is_gone_and_the_next_is_entitled() {
        let mut line = Line::default();
        let (people, now) = people(&mut line, 10_000);
        for person in &people[..9_999] {
            assert!(line.leave(person.ticket.expect("has one")).is_some());
        }
        assert_eq!(line.len(), 1);
        assert!(line.entitles(people[9_999].ticket, 1, || now));
        line.leave(people[9_999].ticket.expect("has one"));
        assert_eq!((line.len(), line.standing.capacity()), (0, 0), "the room goes with them");
    }

    #[test]
    fn a_newcomer_wakes_those_it_must_not_pass_over() {
        let mut line = Line::default();
        let (mut people, now) = people(&mut line, 3);
        assert!(!line.entitles(None, 2, || now));
        let woken = |people: &[Person]| people.iter().map(Person::woken).collect::<Vec<_>>();
        assert_eq!(woken(&people), [1, 1, 0]);
        assert!(!line.entitles(None, 2, || now));
        assert_eq!(woken(&people), [1, 1, 0], "once is enough");
        people[0].waits(&mut line);
        line.wake_first(1);
        assert_eq!(woken(&people), [2, 1, 0], "who has waited again is woken again");
    }

    #[test]
    fn a_claim_ends_with_the_time_of_its_holder() {
        let mut line = Line::default();
        let now = Instant::now();
        let hasty = Person::joins(&mut line, now + Duration::from_secs(1));
        let patient = Person::joins(&mut line, now + Duration::from_secs(9));
        assert!(!line.entitles(patient.ticket, 1, || now));
        let later = now + Duration::from_secs(1);
        assert!(line.entitles(patient.ticket, 1, || later));
        assert_eq!((line.len(), hasty.woken()), (1, 1));
        assert!(!line.entitles(hasty.ticket, 1, || later), "it is a newcomer again");
    }

    #[test]
    fn who_is_dismissed_may_come_again() {
        let mut line = Line::default();
        let (mut people, _) = people(&mut line, 2);
        line.dismiss();
        assert!(line.is_empty() && people.iter().all(|person| person.woken() == 1));
        assert!(line.leave(people[0].ticket.expect("has one")).is_none());
        people[1].waits(&mut line);
        assert_eq!(line.len(), 1);
    }
}
