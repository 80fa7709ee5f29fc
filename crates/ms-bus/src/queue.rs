//! The queue of one subscriber: the events that wait for it, over all its subscriptions.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ms_actor::Overflow;
use tokio::sync::Semaphore;

use crate::event::AnyEvent;
use crate::logic::order::InOrder;
use crate::meters::{Counts, Meters, Outcome};
use crate::ownership::Ownership;
use crate::sink::Sink;
use crate::subject::Filter;

/// The bounds of one subscription: how many events may wait, what happens to one more, and how
/// long the subscriber may take for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buffer {
    pub(crate) capacity: usize,
    pub(crate) overflow: Overflow,
    pub(crate) within: std::time::Duration,
}

/// What the table, the queue and the handles of a subscription share.
pub(crate) struct SubscriptionState {
    pub(crate) id: u64,
    pub(crate) filter: Filter,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) buffer: Buffer,
    pub(crate) meters: Meters,
    pub(crate) ownership: Ownership,
    /// The free places of a buffer that blocks, for publishers to wait on. Closed when the
    /// subscription leaves.
    room: Semaphore,
    /// Set under the lock of the queue: no event is put in after that.
    left: AtomicBool,
}

impl SubscriptionState {
    pub(crate) fn new(id: u64, filter: Filter, sink: Arc<dyn Sink>, buffer: Buffer) -> Self {
        let buffer = Buffer { capacity: buffer.capacity.max(1), ..buffer };
        let room = Semaphore::new(buffer.capacity.min(Semaphore::MAX_PERMITS));
        let (meters, ownership) = (Meters::default(), Ownership::default());
        Self { id, filter, sink, buffer, meters, ownership, room, left: AtomicBool::new(false) }
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

/// The events that wait for one subscriber.
///
/// The queue is no part of the actor that empties it, so that a crash of the outlet loses the one
/// event in hand and not all that wait.
pub(crate) struct Queue {
    /// The number of the first subscription, for which the queue was made.
    pub(crate) id: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: InOrder<(Arc<SubscriptionState>, AnyEvent)>,
    /// Whether the outlet knows that something waits. Only the push that sets this wakes it: one
    /// message wakes it for a whole burst.
    awake: bool,
    /// The life of the outlet that may take events. A life whose thread was blocked is given up,
    /// and may come back when its successor is at work.
    life: u64,
    in_hand: Option<Arc<SubscriptionState>>,
    /// Subscriptions whose event was in hand when a life ended.
    crashed: Vec<u64>,
}

/// The event that was taken out to be delivered, and its subscription.
pub(crate) struct Taken {
    pub(crate) sub: Arc<SubscriptionState>,
    pub(crate) event: AnyEvent,
}

impl Queue {
    pub(crate) fn new(id: u64) -> Self {
        Self { id, state: Mutex::default() }
    }

    // ---- publishers ------------------------------------------------------------

    /// Puts an event behind all that wait. Returns true when the outlet has to be woken.
    pub(crate) fn push(
        &self,
        sub: &Arc<SubscriptionState>,
        event: &AnyEvent,
    ) -> Result<bool, NotTaken> {
        if !sub.blocks() {
            return self.put(sub, event);
        }
        let permit = sub.room.try_acquire().map_err(|error| match error {
            tokio::sync::TryAcquireError::NoPermits => NotTaken::Full,
            tokio::sync::TryAcquireError::Closed => NotTaken::Left,
        })?;
        // Forgotten only when the event is in: `take` gives the place back when the event leaves.
        let wake = self.put(sub, event)?;
        permit.forget();
        Ok(wake)
    }

    /// Puts an event behind all that wait, once there is room in a buffer that blocks. Returns
    /// true when the outlet has to be woken.
    ///
    /// # Cancel safety
    /// Dropped while it waits, the event was not put in.
    pub(crate) async fn push_waiting(
        &self,
        sub: &Arc<SubscriptionState>,
        event: &AnyEvent,
    ) -> Result<bool, NotTaken> {
        let permit = sub.room.acquire().await.map_err(|_| NotTaken::Left)?;
        let wake = self.put(sub, event)?;
        permit.forget();
        Ok(wake)
    }

    fn put(&self, sub: &Arc<SubscriptionState>, event: &AnyEvent) -> Result<bool, NotTaken> {
        // Declared before the guard, so dropped after it: the payload is the user's type, and its
        // drop may be slow or use the bus.
        let mut _pushed_out = None;
        let mut state = self.state();
        if sub.left.load(Relaxed) {
            return Err(NotTaken::Left);
        }
        let meters = &sub.meters;
        if state.waiting.len_of(sub.id) >= sub.buffer.capacity {
            match sub.buffer.overflow {
                Overflow::Block | Overflow::Reject => return Err(NotTaken::Full),
                // Counted as accepted and dropped, so that the sums of `Counts` hold.
                Overflow::DropNewest => {
                    meters.accepted.fetch_add(1, Relaxed);
                    meters.count(Outcome::Dropped, 1);
                    return Ok(false);
                }
                Overflow::DropOldest => {
                    _pushed_out = state.waiting.pop_of(sub.id);
                    meters.count(Outcome::Dropped, 1);
                }
            }
        }
        meters.accepted.fetch_add(1, Relaxed);
        state.waiting.push(sub.id, (Arc::clone(sub), event.clone()));
        Ok(!std::mem::replace(&mut state.awake, true))
    }

    // ---- the outlet ------------------------------------------------------------

    /// Begins a life of the outlet: from now on only this one can take events. What an earlier
    /// life had in hand counts as lost.
    pub(crate) fn begin(&self) -> u64 {
        let mut state = self.state();
        state.lose_in_hand();
        state.awake = true;
        state.life += 1;
        state.life
    }

    /// Takes the next event, unless it came after the place `last`. It is in hand until it is
    /// settled. After `None` the next push wakes the outlet.
    pub(crate) fn take(&self, life: u64, last: Option<u64>) -> Option<Taken> {
        let mut state = self.state();
        // A life that was given up must not take events away from its successor.
        if state.life != life {
            return None;
        }
        let Some((sub, event)) = state.waiting.pop(last) else {
            state.awake = false;
            return None;
        };
        if sub.blocks() {
            sub.room.add_permits(1);
        }
        state.in_hand = Some(Arc::clone(&sub));
        Some(Taken { sub, event })
    }

    /// Records the outcome of the event in hand.
    pub(crate) fn settle(&self, life: u64, outcome: Outcome) {
        let mut state = self.state();
        if state.life == life
            && let Some(sub) = state.in_hand.take()
        {
            sub.meters.count(outcome, 1);
        }
    }

    /// Ends a life of the outlet; what it had in hand counts as lost.
    pub(crate) fn life_ended(&self, life: u64) {
        let mut state = self.state();
        if state.life == life {
            state.lose_in_hand();
        }
    }

    /// Returns the place of the event that came last.
    pub(crate) fn newest(&self) -> u64 {
        self.state().waiting.newest()
    }

    // ---- the bus ---------------------------------------------------------------

    /// Removes a subscription. What waits for it is discarded when its handle ended it, and lost
    /// when its subscriber is gone.
    pub(crate) fn leave(&self, sub: &SubscriptionState) {
        let outcome = match sub.ownership.is_ended() {
            true => Outcome::Discarded,
            false => Outcome::Lost,
        };
        sub.room.close();
        let mut state = self.state();
        sub.left.store(true, Relaxed);
        let waited = state.waiting.take_all(sub.id);
        sub.meters.count(outcome, waited.len() as u64);
        drop(state);
        // After the lock, as in `put`: these are the user's types.
        drop(waited);
    }

    /// Returns whether the subscriber is handling an event of this subscription.
    pub(crate) fn is_in_hand(&self, sub: &SubscriptionState) -> bool {
        self.state().has_in_hand(sub)
    }

    /// Returns the subscriptions whose event was in hand when a life ended, since the last call.
    pub(crate) fn take_crashed(&self) -> Vec<u64> {
        std::mem::take(&mut self.state().crashed)
    }

    /// Returns the counts of a subscription.
    pub(crate) fn counts(&self, sub: &SubscriptionState) -> Counts {
        let state = self.state();
        let in_hand = u64::from(state.has_in_hand(sub));
        sub.meters.counts(state.waiting.len_of(sub.id) as u64 + in_hand)
    }

    /// Returns how many events wait.
    pub(crate) fn len(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_in_hand(&self, sub: &SubscriptionState) -> bool {
        self.in_hand.as_ref().is_some_and(|in_hand| in_hand.id == sub.id)
    }

    fn lose_in_hand(&mut self) {
        if let Some(sub) = self.in_hand.take() {
            sub.meters.count(Outcome::Lost, 1);
            self.crashed.push(sub.id);
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

    /// A sink that never delivers.
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
        queue.take(life, None).map(|taken| taken.event.header.sequence)
    }

    /// A life of the outlet whose thread was blocked, and that comes back when it has a successor.
    #[test]
    fn a_life_that_was_given_up_takes_nothing_and_settles_nothing() {
        let within = Duration::from_secs(1);
        let buffer = Buffer { capacity: 4, overflow: Overflow::Reject, within };
        let filter = Filter::new("a").expect("a filter");
        let sub = Arc::new(SubscriptionState::new(1, filter, Arc::new(Nobody), buffer));
        let queue = Queue::new(1);
        let first = queue.begin();
        for sequence in 1..=3 {
            assert_eq!(queue.push(&sub, &event(sequence)), Ok(false), "it is awake");
        }
        assert_eq!(taken(&queue, first), Some(1));
        let second = queue.begin();
        assert_eq!(queue.take_crashed(), [1], "what the first had in hand is lost");
        assert_eq!(taken(&queue, first), None);
        assert_eq!(taken(&queue, second), Some(2));
        queue.settle(first, Outcome::Handled);
        queue.life_ended(first);
        assert!(queue.is_in_hand(&sub) && queue.take_crashed().is_empty());
        queue.settle(second, Outcome::Handled);
        assert_eq!((taken(&queue, second), taken(&queue, second)), (Some(3), None));
        let counts = queue.counts(&sub);
        assert_eq!((counts.handled, counts.lost), (1, 1), "the last is still in hand");
    }
}
