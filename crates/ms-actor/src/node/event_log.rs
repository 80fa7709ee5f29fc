//! A log of events with numbers: a bounded ring of the newest, and readers that resume and lag.
//!
//! One ring serves the past and the present. Publishing never waits: a batch costs one lock and one
//! wake-up, however many readers there are. A reader that falls behind the ring is told once how
//! many events it missed.
//!
//! The publisher owns the [`EventLog`]; readers are given its [`EventSource`], which can only read.
//! Who has one sort of events to add, and is not the publisher, is given an [`EventPort`].

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::stream::{Stream, unfold};
use ms_core::view::{EventKind, Numbered};
use tokio::sync::Notify;

use crate::sync::lock;

/// The writing end of a log. When it is dropped the log has ended, and its readers learn of it.
pub struct EventLog<T>(EventSource<T>);

/// The reading end of a log. Cheap to clone.
pub struct EventSource<T>(Arc<Shared<T>>);

/// The end of a log that its owner hands out: all of it can be read, and events of the sort `E` can be
/// published in it, but no others. Cheap to clone, and it does not keep the log from its end.
pub struct EventPort<T, E> {
    source: EventSource<T>,
    sort: PhantomData<fn(E)>,
}

struct Shared<T> {
    ring: Mutex<Ring<T>>,
    // Not a `watch`: that wakes its receivers in a random order, and a run with virtual time must
    // come out the same every time.
    published: Notify,
    readers: AtomicUsize,
}

struct Ring<T> {
    newest: u64,
    kept: VecDeque<Numbered<T>>,
    capacity: usize,
    has_ended: bool,
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom {
    /// With the oldest event that is kept; those before it do not count as missed.
    Oldest,
    /// Behind the event with this number; those behind it that are no longer kept count as missed.
    /// A number that was never given is no place, and is taken for 0.
    After(u64),
    /// With the next event that is published.
    Next,
}

/// What a reader is given.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<T> {
    /// An event.
    Event(Numbered<T>),
    /// Events were let go before they were read.
    Missed {
        /// How many.
        missed: u64,
        /// The number of the last of them.
        seq: u64,
        /// The time of the event that follows.
        at_ms: u64,
    },
}

/// Reads the events of a log one by one, in their order.
pub struct EventReader<T> {
    source: EventSource<T>,
    /// The number of the last event that was taken out of the ring.
    last: u64,
    /// What was taken out of the ring and not handed out yet.
    ahead: VecDeque<Entry<T>>,
}

/// Reads the events of a node.
///
/// A node publishes starts and clean ends of actors only while somebody holds one of these.
pub type NodeEvents = EventReader<EventKind>;

impl<T> EventLog<T> {
    /// Creates a log that keeps this many events.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let ring = Ring {
            newest: 0,
            // All the room at once: memory that is not touched costs nothing, and nobody who
            // publishes pays for moving thousands of events to a larger place.
            kept: VecDeque::with_capacity(capacity),
            capacity,
            has_ended: false,
        };
        let (ring, published) = (Mutex::new(ring), Notify::new());
        Self(EventSource(Arc::new(Shared { ring, published, readers: AtomicUsize::new(0) })))
    }

    /// Appends a batch and wakes the readers once.
    ///
    /// `at_ms` gives the time of the batch, in milliseconds since the node booted. It is asked under
    /// the log's lock, as `events` is, so that times never go back along the numbers; neither may
    /// use the log.
    pub fn publish(&self, events: impl IntoIterator<Item = T>, at_ms: impl FnOnce() -> u64) {
        {
            let mut ring = lock(&self.0.0.ring);
            let (before, at_ms) = (ring.newest, at_ms());
            events.into_iter().for_each(|event| ring.push(event, at_ms));
            if ring.newest == before {
                return;
            }
        }
        self.0.wake();
    }

    /// Returns an end by which others publish events of the sort `E` in it.
    #[must_use]
    pub fn port<E: Into<T>>(&self) -> EventPort<T, E> {
        EventPort { source: self.0.clone(), sort: PhantomData }
    }

    /// Returns the reading end.
    #[must_use]
    pub const fn source(&self) -> &EventSource<T> {
        &self.0
    }

    /// Returns whether anybody follows the log.
    #[must_use]
    pub fn has_readers(&self) -> bool {
        self.0.has_readers()
    }
}

impl<T> Drop for EventLog<T> {
    fn drop(&mut self) {
        lock(&self.0.0.ring).has_ended = true;
        self.0.0.published.notify_waiters();
    }
}

impl<T> Ring<T> {
    fn push(&mut self, kind: T, at_ms: u64) {
        self.newest += 1;
        if self.kept.len() >= self.capacity {
            self.kept.pop_front();
        }
        self.kept.push_back(Numbered { seq: self.newest, at_ms, kind });
    }

    /// Returns the number behind which to read.
    fn place(&self, from: ReadFrom) -> u64 {
        match from {
            ReadFrom::Oldest => self.kept.front().map_or(self.newest, |oldest| oldest.seq - 1),
            ReadFrom::After(number) if number > self.newest => 0,
            ReadFrom::After(number) => number,
            ReadFrom::Next => self.newest,
        }
    }
}

impl<T: Clone> Ring<T> {
    /// Returns the entries behind this number, after one that says how many of them are lost, if
    /// any.
    fn after(&self, last: u64) -> VecDeque<Entry<T>> {
        let unread = usize::try_from(self.newest.saturating_sub(last)).unwrap_or(usize::MAX);
        let first = self.kept.len().saturating_sub(unread);
        let mut read = VecDeque::new();
        if let Some(next) = self.kept.get(first) {
            // One more than there are events, for what was missed.
            read.reserve_exact(self.kept.len() - first + 1);
            let missed = next.seq - last - 1;
            if missed > 0 {
                let (seq, at_ms) = (next.seq - 1, next.at_ms);
                read.push_back(Entry::Missed { missed, seq, at_ms });
            }
            read.extend(self.kept.range(first..).cloned().map(Entry::Event));
        }
        read
    }
}

impl<T> EventSource<T> {
    /// Returns the number of the newest event; 0 before the first.
    #[must_use]
    pub fn newest(&self) -> u64 {
        lock(&self.0.ring).newest
    }

    fn has_readers(&self) -> bool {
        self.0.readers.load(Ordering::Acquire) > 0
    }

    fn wake(&self) {
        // A reader counts itself before it looks into the ring: one that is not seen here has yet
        // to look, and finds what was published.
        if self.has_readers() {
            self.0.published.notify_waiters();
        }
    }
}

impl<T, E: Into<T>> EventPort<T, E> {
    /// Returns the reading end.
    #[must_use]
    pub const fn source(&self) -> &EventSource<T> {
        &self.source
    }

    /// Appends an event, at the time that `at_ms` gives, as [`EventLog::publish`] does.
    ///
    /// # Errors
    /// The event, when the log has ended: nobody would read it there.
    pub fn publish(&self, event: E, at_ms: impl FnOnce() -> u64) -> Result<(), E> {
        {
            let mut ring = lock(&self.source.0.ring);
            if ring.has_ended {
                return Err(event);
            }
            let at_ms = at_ms();
            ring.push(event.into(), at_ms);
        }
        self.source.wake();
        Ok(())
    }
}

impl<T: Clone> EventSource<T> {
    /// Returns all events that are kept.
    #[must_use]
    pub fn kept(&self) -> Vec<Numbered<T>> {
        lock(&self.0.ring).kept.iter().cloned().collect()
    }

    /// Returns what a reader that begins there would find now, without following the log.
    #[must_use]
    pub fn read(&self, from: ReadFrom) -> VecDeque<Entry<T>> {
        let ring = lock(&self.0.ring);
        ring.after(ring.place(from))
    }

    /// Takes what is behind `last` out of the ring, unless some of it is `ahead` still. Returns
    /// whether the log has ended.
    fn look(&self, last: &mut u64, ahead: &mut VecDeque<Entry<T>>) -> bool {
        if !ahead.is_empty() {
            return false;
        }
        let ring = lock(&self.0.ring);
        *ahead = ring.after(*last);
        *last = ring.newest;
        ring.has_ended
    }

    /// Follows the log: what is kept, and what is to come.
    #[must_use]
    pub fn reader(&self, from: ReadFrom) -> EventReader<T> {
        self.0.readers.fetch_add(1, Ordering::AcqRel);
        let last = lock(&self.0.ring).place(from);
        EventReader { source: self.clone(), last, ahead: VecDeque::new() }
    }
}

impl<T> Entry<T> {
    /// Returns the event, if it is one.
    #[must_use]
    pub fn event(self) -> Option<Numbered<T>> {
        match self {
            Self::Event(event) => Some(event),
            Self::Missed { .. } => None,
        }
    }

    /// Makes one kind of both.
    pub fn fold<K>(self, event: impl FnOnce(T) -> K, missed: impl FnOnce(u64) -> K) -> Numbered<K> {
        match self {
            Self::Event(one) => one.map(event),
            Self::Missed { missed: count, seq, at_ms } => {
                Numbered { seq, at_ms, kind: missed(count) }
            }
        }
    }
}

impl<T: Clone> EventReader<T> {
    /// Waits for the next entry; `None` once the log has ended and all of it is read.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Entry<T>> {
        // Whoever publishes without a pause must not keep the others of this thread from their turn.
        tokio::task::coop::consume_budget().await;
        let Self { source, last, ahead } = self;
        loop {
            // Made before the look: what is published after it wakes.
            let published = source.0.published.notified();
            let has_ended = source.look(last, ahead);
            if let Some(entry) = ahead.pop_front() {
                return Some(entry);
            }
            if has_ended {
                return None;
            }
            published.await;
        }
    }

    /// Returns the next entry, if there is one now.
    pub fn try_next(&mut self) -> Option<Entry<T>> {
        self.source.look(&mut self.last, &mut self.ahead);
        self.ahead.pop_front()
    }

    /// Waits for the next event, as [`next`](Self::next) does, and passes over what was missed: for
    /// readers to whom single events do not matter.
    ///
    /// # Cancel safety
    /// As [`next`](Self::next).
    pub async fn next_event(&mut self) -> Option<Numbered<T>> {
        loop {
            if let Some(event) = self.next().await?.event() {
                return Some(event);
            }
        }
    }

    /// Turns it into a stream, which ends with the log.
    pub fn stream(self) -> impl Stream<Item = Entry<T>> {
        unfold(self, async |mut reader| Some((reader.next().await?, reader)))
    }
}

impl<T> Drop for EventReader<T> {
    fn drop(&mut self) {
        self.source.0.readers.fetch_sub(1, Ordering::AcqRel);
    }
}

impl<T> Clone for EventSource<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T, E> Clone for EventPort<T, E> {
    fn clone(&self) -> Self {
        Self { source: self.source.clone(), sort: PhantomData }
    }
}

impl<T, E> fmt::Debug for EventPort<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventPort").field("newest", &self.source.newest()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for EventLog<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog").field("newest", &self.0.newest()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for EventSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventSource").field("newest", &self.newest()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for EventReader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReader").field("last", &self.last).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(feature = "model")))]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn publish(log: &EventLog<u64>, count: u64) {
        log.publish(0..count, || 5);
    }

    /// The numbers of what is there now, those of events as such, and how many were missed.
    fn ready(reader: &mut EventReader<u64>) -> (Vec<u64>, u64) {
        let (mut numbers, mut missed) = (Vec::new(), 0);
        while let Some(entry) = reader.try_next() {
            match entry {
                Entry::Event(event) => numbers.push(event.seq),
                Entry::Missed { missed: more, .. } => missed += more,
            }
        }
        (numbers, missed)
    }

    #[tokio::test]
    async fn a_reader_is_woken_and_goes_on_where_it_was() {
        let log = EventLog::new(8);
        publish(&log, 3);
        let mut late = log.source().reader(ReadFrom::After(1));
        assert_eq!(ready(&mut late), (vec![2, 3], 0));
        let (read, ()) = tokio::join!(late.next(), async { publish(&log, 2) });
        assert_eq!(read, Some(Entry::Event(Numbered { seq: 4, at_ms: 5, kind: 0 })));
        assert_eq!(ready(&mut late), (vec![5], 0));
        let mut never = log.source().reader(ReadFrom::After(77));
        assert_eq!(ready(&mut never), (vec![1, 2, 3, 4, 5], 0), "a number that was never given");
    }

    #[test]
    fn what_the_ring_has_let_go_is_reported_once() {
        let log = EventLog::new(8);
        let mut slow = log.source().reader(ReadFrom::After(0));
        publish(&log, 18);
        let gap = Entry::Missed { missed: 10, seq: 10, at_ms: 5 };
        assert_eq!(slow.next().now_or_never(), Some(Some(gap)));
        assert_eq!(ready(&mut slow), ((11..=18).collect(), 0));
        publish(&log, 1);
        assert_eq!(ready(&mut slow), (vec![19], 0));
    }

    #[test]
    fn a_reader_begins_where_it_is_to() {
        let log = EventLog::new(2);
        let source = log.source();
        assert_eq!((source.newest(), source.read(ReadFrom::Oldest).len()), (0, 0));
        publish(&log, 5);
        assert_eq!(ready(&mut source.reader(ReadFrom::Oldest)), (vec![4, 5], 0));
        assert_eq!(ready(&mut source.reader(ReadFrom::After(2))), (vec![4, 5], 1));
        let mut next = source.reader(ReadFrom::Next);
        publish(&log, 1);
        assert_eq!(ready(&mut next), (vec![6], 0));
        assert_eq!(source.kept().iter().map(|event| event.seq).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(source.read(ReadFrom::After(0)).len(), 3, "what was missed, and two");
    }

    #[test]
    fn who_follows_is_counted_and_who_only_looks_is_not() {
        let log = EventLog::new(2);
        publish(&log, 1);
        drop((log.source().clone(), log.source().kept(), log.source().read(ReadFrom::Oldest)));
        assert!(!log.has_readers());
        let reader = log.source().reader(ReadFrom::Next);
        assert!(log.has_readers());
        drop(reader);
        assert!(!log.has_readers());
    }

    #[tokio::test]
    async fn a_reader_reads_to_the_end_of_its_log_and_learns_of_it() {
        let log = EventLog::new(4);
        let mut reader = log.source().reader(ReadFrom::Next);
        let source = log.source().clone();
        publish(&log, 1);
        assert!(reader.next().await.is_some());
        let (end, ()) = tokio::join!(reader.next(), async { drop(log) });
        assert_eq!(end, None);
        assert_eq!(
            source.reader(ReadFrom::Oldest).next().await.and_then(Entry::event),
            Some(Numbered { seq: 1, at_ms: 5, kind: 0 })
        );
    }

    #[tokio::test]
    async fn a_port_publishes_its_sort_until_the_log_has_ended() {
        let log = EventLog::<u64>::new(4);
        let port = log.port::<u32>();
        let mut reader = port.source().reader(ReadFrom::Next);
        let (read, taken) = tokio::join!(reader.next(), async { port.publish(7, || 5) });
        let event = Numbered { seq: 1, at_ms: 5, kind: 7 };
        assert_eq!((read, taken), (Some(Entry::Event(event)), Ok(())));
        drop(log);
        assert_eq!(port.publish(8, || 6), Err(8));
        assert_eq!((port.source().newest(), reader.next().await), (1, None));
    }

    #[tokio::test]
    async fn nothing_is_lost_when_a_wait_is_given_up() {
        let log = EventLog::new(4);
        let mut reader = log.source().reader(ReadFrom::Next);
        assert!(reader.next().now_or_never().is_none());
        publish(&log, 2);
        assert_eq!(ready(&mut reader), (vec![1, 2], 0));
    }
}
