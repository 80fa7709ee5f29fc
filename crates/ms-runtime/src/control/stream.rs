//! Following: the messages of one actor, the events of the node.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ms_actor::{AnyRef, Entry, EventSource, ReadFrom, read_traces};
use ms_core::ActorPath;
use ms_core::stream::{EventFilter, StreamEvent, StreamKind};
use ms_core::view::{Tier, TraceLine};
use ms_ops::ops::{FollowEvents, TraceMessages};
use ms_ops::{OpError, Sink};

use super::NodeControl;
use super::error::not_running;

/// Who is being traced; one trace an actor, for a second would end the first.
#[derive(Debug, Default)]
pub(super) struct Traces(Mutex<HashSet<ActorPath>>);

impl Traces {
    fn with<R>(&self, code: impl FnOnce(&mut HashSet<ActorPath>) -> R) -> R {
        code(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Ends the trace of an actor when its reader is gone, whatever the reason.
struct Traced<'a> {
    traces: &'a Traces,
    actor: AnyRef,
}

impl Drop for Traced<'_> {
    fn drop(&mut self) {
        // A trace without time takes the place of the one that runs, and is over at once.
        drop(self.actor.trace(1, Duration::ZERO));
        self.traces.with(|all| all.remove(self.actor.path()));
    }
}

impl NodeControl {
    pub(super) async fn trace(
        &self,
        TraceMessages { path, max, for_ms }: TraceMessages,
        sink: Sink<TraceLine>,
    ) -> Result<(), OpError> {
        let actor = self.find(&path).await?;
        if !actor.is_alive() {
            return Err(not_running(&path, "it handles no messages"));
        }
        if actor.tier() == Tier::Actix {
            return Err(OpError::refused(format!("the messages of {path} cannot be traced"))
                .why("an unchanged actix actor takes them out of its mailbox unseen")
                .next("`type Context = ms_actor::Context<Self>` in it makes them visible"));
        }
        if !self.0.traces.with(|all| all.insert(path.clone())) {
            return Err(OpError::refused(format!("{path} is being traced already"))
                .next("end that trace first, or wait for its limit"));
        }
        let traced = Traced { traces: &self.0.traces, actor };
        let mut lines = traced.actor.trace(u64::from(max), Duration::from_millis(for_ms));
        while let Some(line) = lines.recv().await {
            if sink.send(line).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    pub(super) async fn events(
        &self,
        FollowEvents { follow, since_seq, since_task, life, filter }: FollowEvents,
        sink: Sink<Box<StreamEvent>>,
    ) -> Result<(), OpError> {
        let mut since = Since { node: since_seq, task: since_task };
        let passing = Passing { follow, filter, sink };
        if life.is_some_and(|life| life != self.0.node.life()) {
            // Told of what is lost; and of all there is, for none of it was seen.
            since = Since { node: since.node.map(|_| 0), task: since.task.map(|_| 0) };
            let at_ms = self.0.node.now().as_millis();
            for kind in StreamKind::restarted() {
                if passing.send(StreamEvent { seq: 0, at_ms, kind }).await.is_err() {
                    return Ok(());
                }
            }
        }
        // A reader that leaves ends both.
        let _ = tokio::join!(
            self.node_events(since.node, &passing),
            self.task_events(since.task, &passing)
        );
        Ok(())
    }

    /// The events of the node itself, until there are none or nobody wants more.
    async fn node_events(&self, since: Option<u64>, passing: &Passing) -> Result<(), Left> {
        if !passing.filter.node() {
            return Ok(());
        }
        let events = self.0.node.events();
        // Behind a number that was not given yet is what is to come.
        let since = since.map(|since| since.min(events.newest()));
        passing.pass(events, since, |entry| entry.fold(StreamKind::Node, StreamKind::gap)).await
    }

    /// The events about tasks, likewise. Without a store there are none, and none will come.
    async fn task_events(&self, since: Option<u64>, passing: &Passing) -> Result<(), Left> {
        if !passing.filter.tasks() {
            return Ok(());
        }
        let Some(events) = &self.0.shown.task_events else { return passing.nothing().await };
        passing
            .pass(events, since, |entry| entry.fold(StreamKind::Task, StreamKind::task_gap))
            .await
    }
}

/// After which events to begin: of the node, and about tasks.
#[derive(Debug, Clone, Copy)]
struct Since {
    node: Option<u64>,
    task: Option<u64>,
}

/// The reader left.
struct Left;

/// Passes events on to a reader.
struct Passing {
    /// Whether the reader waits for what is to come.
    follow: bool,
    filter: EventFilter,
    sink: Sink<Box<StreamEvent>>,
}

impl Passing {
    /// Passes on what a log has behind a number, or all of it, and what is to come.
    async fn pass<T: Clone>(
        &self,
        log: &EventSource<T>,
        since: Option<u64>,
        item: impl Fn(Entry<T>) -> StreamEvent,
    ) -> Result<(), Left> {
        // Who asks for the oldest kept has missed nothing.
        let from = since.map_or(ReadFrom::Oldest, ReadFrom::After);
        if !self.follow {
            for entry in log.read(from) {
                self.send(item(entry)).await?;
            }
            return Ok(());
        }
        let mut entries = log.reader(from);
        loop {
            let entry = tokio::select! {
                entry = entries.next() => entry,
                () = self.sink.closed() => return Err(Left),
            };
            let Some(entry) = entry else { return Ok(()) };
            self.send(item(entry)).await?;
        }
    }

    /// Passes nothing on, for as long as the reader waits.
    async fn nothing(&self) -> Result<(), Left> {
        if self.follow {
            self.sink.closed().await;
        }
        Ok(())
    }

    async fn send(&self, event: StreamEvent) -> Result<(), Left> {
        if !self.filter.takes(&event.kind) {
            return Ok(());
        }
        read_traces(event.kind.reason()).await;
        self.sink.send(Box::new(event)).await.map_err(|_| Left)
    }
}

#[cfg(test)]
mod tests {
    use ms_actor::EventLog;
    use ms_core::view::EventKind;
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_missed_events_is_told_how_many() {
        let log = EventLog::new(2);
        log.publish(0..7, || 0);
        let (sink, mut items) = mpsc::channel(16);
        let passing = Passing { follow: false, filter: EventFilter::default(), sink };
        let wedged = |arbiter| StreamKind::Node(EventKind::ArbiterWedged { arbiter, evacuated: 0 });
        for since in [Some(3), None] {
            let item = |entry: Entry<u32>| entry.fold(wedged, StreamKind::gap);
            assert!(passing.pass(log.source(), since, item).await.is_ok());
        }
        drop(passing);
        let mut seen = Vec::new();
        while let Some(event) = items.recv().await {
            let missed = match event.kind {
                StreamKind::Gap { missed, .. } => missed,
                _ => 0,
            };
            seen.push((event.seq, missed));
        }
        assert_eq!(seen, [(5, 2), (6, 0), (7, 0), (6, 0), (7, 0)]);
    }
}
