//! The delivery queue of one subscriber: what waits for it over all its subscriptions.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ms_actor::Overflow;
use tokio::sync::Semaphore;

use crate::meters::{Counts, Meters, Outcome};
use crate::order::InOrder;
use crate::payload::AnyEvent;
use crate::sink::Sink;
use crate::subject::Filter;
use crate::tenure::Tenure;

/// How many events of a subscription may wait, and what becomes of one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buffer {
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
    pub(crate) within: std::time::Duration,
}

/// A subscription as its queue knows it.
pub(crate) struct Seat {
    pub(crate) id: u64,
    pub(crate) filter: Filter,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) buffer: Buffer,
    pub(crate) meters: Meters,
    pub(crate) tenure: Tenure,
    /// Room for publishers that wait; used where the buffer blocks, closed with the subscription.
    room: Semaphore,
    /// Set under the lock of its queue: nothing is put in from then on.
    left: AtomicBool,
}

impl Seat {
    pub(crate) fn new(id: u64, filter: Filter, sink: Arc<dyn Sink>, buffer: Buffer) -> Self {
        let buffer = Buffer { capacity: buffer.capacity.max(1), ..buffer };
        let room = Semaphore::new(buffer.capacity.min(Semaphore::MAX_PERMITS));
        let (meters, tenure) = (Meters::default(), Tenure::default());
        Self { id, filter, sink, buffer, meters, tenure, room, left: AtomicBool::new(false) }
    }

    pub(crate) fn blocks(&self) -> bool {
        self.buffer.overflow == Overflow::Block
    }
}

/// Why a queue did not take an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The buffer of the subscription is full.
    Full,
    /// The subscription has left.
    Left,
}

/// What waits for one subscriber. It outlives the actor that empties it.
pub(crate) struct Queue {
    /// The number of the subscription it was made for.
    pub(crate) id: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: InOrder<(Arc<Seat>, AnyEvent)>,
    /// Whether the actor knows that something waits.
    awake: bool,
    /// The life of the actor that may take events: one that was given up may come back.
    life: u64,
    in_hand: Option<Arc<Seat>>,
    /// Those whose event was in hand when a life ended.
    crashed: Vec<u64>,
}

/// An event whose turn it is.
pub(crate) struct Turn {
    pub(crate) seat: Arc<Seat>,
    pub(crate) event: AnyEvent,
}

impl Queue {
    pub(crate) fn new(id: u64) -> Self {
        Self { id, state: Mutex::default() }
    }

    // ---- publishers ------------------------------------------------------------

    /// Puts an event behind all that wait; true when the actor has to be woken.
    pub(crate) fn push(&self, seat: &Arc<Seat>, event: &AnyEvent) -> Result<bool, NotTaken> {
        if !seat.blocks() {
            return self.put(seat, event);
        }
        let permit = seat.room.try_acquire().map_err(|error| match error {
            tokio::sync::TryAcquireError::NoPermits => NotTaken::Full,
            tokio::sync::TryAcquireError::Closed => NotTaken::Left,
        })?;
        let wake = self.put(seat, event)?;
        permit.forget();
        Ok(wake)
    }

    /// As [`Queue::push`], waiting for room in a buffer that blocks.
    ///
    /// Dropped before it is done, the event was not put in.
    pub(crate) async fn push_waiting(
        &self,
        seat: &Arc<Seat>,
        event: &AnyEvent,
    ) -> Result<bool, NotTaken> {
        let permit = seat.room.acquire().await.map_err(|_| NotTaken::Left)?;
        let wake = self.put(seat, event)?;
        permit.forget();
        Ok(wake)
    }

    fn put(&self, seat: &Arc<Seat>, event: &AnyEvent) -> Result<bool, NotTaken> {
        // Declared first, dropped last: what is pushed out is the user's, and may take its time.
        let mut _pushed_out = None;
        let mut state = self.state();
        if seat.left.load(Relaxed) {
            return Err(NotTaken::Left);
        }
        let meters = &seat.meters;
        if state.waiting.len_of(seat.id) >= seat.buffer.capacity {
            match seat.buffer.overflow {
                Overflow::Block | Overflow::Reject => return Err(NotTaken::Full),
                Overflow::DropNewest => {
                    meters.accepted.fetch_add(1, Relaxed);
                    meters.count(Outcome::Dropped, 1);
                    return Ok(false);
                }
                Overflow::DropOldest => {
                    _pushed_out = state.waiting.pop_of(seat.id);
                    meters.count(Outcome::Dropped, 1);
                }
            }
        }
        meters.accepted.fetch_add(1, Relaxed);
        state.waiting.push(seat.id, (Arc::clone(seat), event.clone()));
        Ok(!std::mem::replace(&mut state.awake, true))
    }

    // ---- the actor that empties it ---------------------------------------------

    /// A new life of the actor: only this one is given events from now on. What an earlier one
    /// had in hand is lost.
    pub(crate) fn begin(&self) -> u64 {
        let mut state = self.state();
        state.lose_in_hand();
        state.awake = true;
        state.life += 1;
        state.life
    }

    /// The event whose turn it is, at most the one at the place `last`; in hand until it is
    /// settled. `None`: nothing waits, and the next push wakes the actor.
    pub(crate) fn take(&self, life: u64, last: Option<u64>) -> Option<Turn> {
        let mut state = self.state();
        if state.life != life {
            return None;
        }
        let Some((seat, event)) = state.waiting.pop(last) else {
            state.awake = false;
            return None;
        };
        if seat.blocks() {
            seat.room.add_permits(1);
        }
        state.in_hand = Some(Arc::clone(&seat));
        Some(Turn { seat, event })
    }

    /// What became of the event in hand.
    pub(crate) fn settle(&self, life: u64, outcome: Outcome) {
        let mut state = self.state();
        if state.life == life
            && let Some(seat) = state.in_hand.take()
        {
            seat.meters.count(outcome, 1);
        }
    }

    /// A life of the actor has ended; what it had in hand is lost.
    pub(crate) fn life_ended(&self, life: u64) {
        let mut state = self.state();
        if state.life == life {
            state.lose_in_hand();
        }
    }

    /// The place of what came last.
    pub(crate) fn newest(&self) -> u64 {
        self.state().waiting.newest()
    }

    // ---- the bus ---------------------------------------------------------------

    /// A subscription leaves: what waits for it is lost, or was not wanted any more.
    pub(crate) fn leave(&self, seat: &Seat) {
        let outcome = match seat.tenure.is_ended() {
            true => Outcome::Discarded,
            false => Outcome::Lost,
        };
        seat.room.close();
        let mut state = self.state();
        seat.left.store(true, Relaxed);
        let waited = state.waiting.take_all(seat.id);
        seat.meters.count(outcome, waited.len() as u64);
        drop(state);
        // The payloads are of the user: dropped without the lock.
        drop(waited);
    }

    /// Whether an event of this subscription is with the subscriber.
    pub(crate) fn is_in_hand(&self, seat: &Seat) -> bool {
        self.state().has_in_hand(seat)
    }

    /// The subscriptions whose event was in hand when a life ended, since this was asked last.
    pub(crate) fn take_crashed(&self) -> Vec<u64> {
        std::mem::take(&mut self.state().crashed)
    }

    /// What became of the events of a subscription.
    pub(crate) fn counts(&self, seat: &Seat) -> Counts {
        let state = self.state();
        let in_hand = u64::from(state.has_in_hand(seat));
        seat.meters.counts(state.waiting.len_of(seat.id) as u64 + in_hand)
    }

    /// How many events wait.
    pub(crate) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_in_hand(&self, seat: &Seat) -> bool {
        self.in_hand.as_ref().is_some_and(|in_hand| in_hand.id == seat.id)
    }

    fn lose_in_hand(&mut self) {
        if let Some(seat) = self.in_hand.take() {
            seat.meters.count(Outcome::Lost, 1);
            self.crashed.push(seat.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::event::{EventId, Header};
    use crate::payload::Payload;
    use crate::sink::Delivering;
    use crate::subject::Subject;

    /// Nobody is given anything here.
    struct Nobody;

    impl Sink for Nobody {
        fn deliver(&self, _: AnyEvent, _: Duration) -> Delivering {
            Box::pin(std::future::pending())
        }

        fn actor(&self) -> Option<ms_actor::AnyRef> {
            None
        }

        fn takes(&self) -> &'static str {
            "nothing"
        }
    }

    fn event(sequence: u64) -> AnyEvent {
        let header = Header {
            id: EventId::of(0, 1, sequence),
            subject: Subject::new("a").expect("a subject"),
            producer: "test".into(),
            life: Uuid::nil(),
            sequence,
            unix_ms: 0,
            cause: None,
            key: None,
            partition: None,
        };
        AnyEvent { header: Arc::new(header), payload: Payload::of(sequence), replies: None }
    }

    fn taken(queue: &Queue, life: u64) -> Option<u64> {
        queue.take(life, None).map(|turn| turn.event.header.sequence)
    }

    /// A life of the outlet whose thread was blocked, and that comes back when it has a successor.
    #[test]
    fn a_life_that_was_given_up_takes_nothing_and_settles_nothing() {
        let within = Duration::from_secs(1);
        let buffer = Buffer { capacity: 4, overflow: Overflow::Reject, within };
        let filter = Filter::new("a").expect("a filter");
        let seat = Arc::new(Seat::new(1, filter, Arc::new(Nobody), buffer));
        let queue = Queue::new(1);
        let first = queue.begin();
        for sequence in 1..=3 {
            assert_eq!(queue.push(&seat, &event(sequence)), Ok(false), "it is awake");
        }
        assert_eq!(taken(&queue, first), Some(1));
        let second = queue.begin();
        assert_eq!(queue.take_crashed(), [1], "what the first had in hand is lost");
        assert_eq!(taken(&queue, first), None);
        assert_eq!(taken(&queue, second), Some(2));
        queue.settle(first, Outcome::Handled);
        queue.life_ended(first);
        assert!(queue.is_in_hand(&seat) && queue.take_crashed().is_empty());
        queue.settle(second, Outcome::Handled);
        assert_eq!((taken(&queue, second), taken(&queue, second)), (Some(3), None));
        let counts = queue.counts(&seat);
        assert_eq!((counts.handled, counts.lost), (1, 1), "the last is still in hand");
    }
}
