//! Following: the messages of one actor, the events of the node.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ms_actor::{AnyRef, read_traces};
use ms_core::view::{EventFilter, EventKind, NodeEvent, Tier, TraceLine};
use ms_core::ActorPath;
use ms_ops::ops::{FollowEvents, Trace};
use ms_ops::{OpError, Sink};
use tokio::sync::broadcast::error::RecvError;

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
        Trace { path, max, for_ms }: Trace,
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
        sink: Sink<Box<NodeEvent>>,
    ) -> Result<(), OpError> {
        let mut since = Since { node: since_seq, task: since_task };
        if life.is_some_and(|life| life != self.0.node.life()) {
            // Told of what is lost; and of all there is, for none of it was seen.
            since = Since { node: since.node.map(|_| 0), task: since.task.map(|_| 0) };
            for kind in [
                EventKind::Gap { missed: 0, restarted: true },
                EventKind::TaskGap { missed: 0, restarted: true },
            ] {
                let at_ms = self.0.node.now().as_millis();
                let gap = Box::new(NodeEvent { seq: 0, at_ms, kind });
                if filter.takes(&gap.kind) && sink.send(gap).await.is_err() {
                    return Ok(());
                }
            }
        }
        let node = self.node_events(follow, since.node, filter, sink.clone());
        let tasks = self.task_events(follow, since.task, filter, sink);
        tokio::join!(node, tasks);
        Ok(())
    }

    /// The events of the node itself, until there are none or nobody wants more.
    async fn node_events(
        &self,
        follow: bool,
        since: Option<u64>,
        filter: EventFilter,
        sink: Sink<Box<NodeEvent>>,
    ) {
        if !filter.node() {
            return;
        }
        let (past, live) = self.0.node.events_since(since.unwrap_or(0));
        // A receiver makes the node publish more: only one who follows holds it.
        let live = follow.then_some(live);
        let mut reader = Reader { sink, last: since };
        for event in past {
            if reader.pass(event).await.is_err() {
                return;
            }
        }
        let Some(mut live) = live else { return };
        loop {
            let event = tokio::select! {
                event = live.recv() => event,
                () = reader.sink.closed() => return,
            };
            let passed = match event {
                Ok(event) => reader.pass(event).await,
                // How many were missed shows the number of the next.
                Err(RecvError::Lagged(_)) => Ok(()),
                Err(RecvError::Closed) => return,
            };
            if passed.is_err() {
                return;
            }
        }
    }

    /// The events about tasks, likewise.
    async fn task_events(
        &self,
        follow: bool,
        since: Option<u64>,
        filter: EventFilter,
        sink: Sink<Box<NodeEvent>>,
    ) {
        if !filter.tasks() {
            return;
        }
        let mut events = self.0.node.task_events(since.unwrap_or(0));
        let mut read = events.kept();
        if since.is_none() {
            // Who asks for the oldest kept has missed nothing.
            read.retain(|event| !matches!(event.kind, EventKind::TaskGap { .. }));
        }
        loop {
            for event in read.into_iter().filter(|event| filter.takes(&event.kind)) {
                if sink.send(Box::new(event)).await.is_err() {
                    return;
                }
            }
            if !follow {
                return;
            }
            read = tokio::select! {
                read = events.next() => read,
                () = sink.closed() => return,
            };
        }
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

/// Passes events on, and says where some are missing.
struct Reader {
    sink: Sink<Box<NodeEvent>>,
    /// Number of the last event passed on; `None` before the first.
    last: Option<u64>,
}

impl Reader {
    async fn pass(&mut self, event: NodeEvent) -> Result<(), Left> {
        let expected = self.last.map_or(event.seq, |last| last + 1);
        let missed = event.seq.saturating_sub(expected);
        if missed > 0 {
            let gap = NodeEvent {
                seq: event.seq - 1,
                at_ms: event.at_ms,
                kind: EventKind::Gap { missed, restarted: false },
            };
            self.send(gap).await?;
        }
        self.last = Some(event.seq);
        self.send(event).await
    }

    async fn send(&self, event: NodeEvent) -> Result<(), Left> {
        read_traces(event.reason()).await;
        self.sink.send(Box::new(event)).await.map_err(|_| Left)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_missed_events_is_told_how_many() {
        let (sink, mut items) = mpsc::channel(16);
        let mut reader = Reader { sink, last: Some(3) };
        let path = ActorPath::new("/root").expect("valid");
        for seq in [4, 7] {
            let kind =
                EventKind::Started { path: path.clone(), incarnation: ms_core::Incarnation(1) };
            assert!(reader.pass(NodeEvent { seq, at_ms: 0, kind }).await.is_ok());
        }
        drop(reader);
        let mut seen = Vec::new();
        while let Some(event) = items.recv().await {
            let missed = match event.kind {
                EventKind::Gap { missed, .. } => missed,
                _ => 0,
            };
            seen.push((event.seq, missed));
        }
        assert_eq!(seen, [(4, 0), (6, 2), (7, 0)]);
    }
}
