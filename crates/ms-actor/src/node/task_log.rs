//! The node's log of what happened to durable tasks.
//!
//! It is apart from the log of the node itself, with numbers of its own: tasks come by the ten
//! thousand a second, and would push the end of an actor out of a common one before anybody
//! has looked. One bounded ring serves the past and the present: who publishes never waits, a
//! batch costs one lock and one wake-up, and a reader that falls behind the ring is told how much
//! it missed.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use ms_core::task::TaskNews;
use ms_core::view::{EventKind, NodeEvent};
use tokio::sync::watch;

use crate::sync::lock;

/// Events about tasks that are kept for readers that come later, or lag.
pub const KEPT_TASK_EVENTS: usize = 8192;

#[derive(Debug)]
pub(crate) struct TaskLog {
    ring: Mutex<Ring>,
    /// The number of the newest event.
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    newest: u64,
    kept: VecDeque<NodeEvent>,
}

impl Default for TaskLog {
    fn default() -> Self {
        Self { ring: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

impl TaskLog {
    /// Appends a batch and wakes the readers once.
    pub(crate) fn publish(&self, news: Vec<TaskNews>, at_ms: u64) {
        if news.is_empty() {
            return;
        }
        let newest = {
            let mut ring = lock(&self.ring);
            for news in news {
                ring.newest += 1;
                if ring.kept.len() == KEPT_TASK_EVENTS {
                    ring.kept.pop_front();
                }
                let event = NodeEvent { seq: ring.newest, at_ms, kind: EventKind::Task(news) };
                ring.kept.push_back(event);
            }
            ring.newest
        };
        // Two publishers may come here in the other order.
        self.newest.send_modify(|told| *told = newest.max(*told));
    }

    pub(crate) fn newest(&self) -> u64 {
        lock(&self.ring).newest
    }

    pub(crate) fn reader(self: &Arc<Self>, after: u64) -> TaskEvents {
        // A number that was never given is no place: all there is is new.
        let after = if after > self.newest() { 0 } else { after };
        TaskEvents { log: Arc::clone(self), newest: self.newest.subscribe(), last: after }
    }
}

/// Reads the events about a node's tasks, in their order.
pub struct TaskEvents {
    log: Arc<TaskLog>,
    newest: watch::Receiver<u64>,
    last: u64,
}

impl TaskEvents {
    /// The number of the last event that was read.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// What is kept and was not read; before it a [`EventKind::TaskGap`], if some is lost.
    pub fn kept(&mut self) -> Vec<NodeEvent> {
        let mut read = Vec::new();
        let ring = lock(&self.log.ring);
        let unread = usize::try_from(ring.newest.saturating_sub(self.last)).unwrap_or(usize::MAX);
        let first = ring.kept.len().saturating_sub(unread);
        if let Some(next) = ring.kept.get(first) {
            let missed = next.seq - self.last - 1;
            if missed > 0 {
                let kind = EventKind::TaskGap { missed, restarted: false };
                read.push(NodeEvent { seq: next.seq - 1, at_ms: next.at_ms, kind });
            }
            read.extend(ring.kept.range(first..).cloned());
        }
        self.last = ring.newest;
        read
    }

    /// As [`TaskEvents::kept`], once there is something.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Vec<NodeEvent> {
        loop {
            // Marked before the look: what comes after it wakes again.
            self.newest.borrow_and_update();
            let read = self.kept();
            if !read.is_empty() {
                return read;
            }
            // The log is held by this very reader, so its end cannot come.
            drop(self.newest.changed().await);
        }
    }
}

impl fmt::Debug for TaskEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskEvents").field("last", &self.last).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ms_core::task::{AgentKind, QueueName, TaskChange, TaskId, TaskState};

    fn news(count: usize) -> Vec<TaskNews> {
        let one = TaskNews {
            change: TaskChange::Submitted,
            id: TaskId::new(Default::default()),
            queue: QueueName::default(),
            kind: AgentKind::new("mailer").expect("valid"),
            state: TaskState::Pending,
            attempt: 0,
            max_attempts: 3,
            agent: None,
            failure: None,
            retry_in_ms: None,
        };
        vec![one; count]
    }

    fn numbers(events: &[NodeEvent]) -> (u64, u64) {
        (events.first().map_or(0, |event| event.seq), events.last().map_or(0, |event| event.seq))
    }

    #[tokio::test]
    async fn a_reader_is_woken_and_goes_on_where_it_was() {
        let log = Arc::new(TaskLog::default());
        log.publish(news(3), 5);
        let mut late = log.reader(1);
        assert_eq!(numbers(&late.next().await), (2, 3));
        assert!(late.kept().is_empty());
        let (read, ()) = tokio::join!(late.next(), async { log.publish(news(2), 6) });
        assert_eq!((numbers(&read), read.len(), late.last()), ((4, 5), 2, 5));
        assert_eq!(numbers(&log.reader(77).kept()), (1, 5), "a number that was never given");
    }

    #[test]
    fn what_the_ring_has_let_go_is_told_once() {
        let log = Arc::new(TaskLog::default());
        let mut slow = log.reader(0);
        log.publish(news(10), 5);
        log.publish(news(KEPT_TASK_EVENTS), 5);
        let read = slow.kept();
        assert_eq!(read[0].kind, EventKind::TaskGap { missed: 10, restarted: false });
        assert_eq!((read[0].seq, read[1].seq, read.len()), (10, 11, KEPT_TASK_EVENTS + 1));
        log.publish(news(1), 5);
        assert_eq!(slow.kept().len(), 1);
    }
}
