//! Follows the messages of one actor, or the events of the node.

use std::collections::HashSet;
use std::future::ready;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt};
use ms_actor::{AnyRef, Entry, EventSource, ReadFrom, read_traces};
use ms_core::life::{Place, Resumed};
use ms_core::stream::{StreamEvent, StreamKind};
use ms_core::view::{Tier, TraceLine};
use ms_core::{ActorPath, NodeLife};
use ms_ops::ops::{EventStart, FollowEvents, TraceMessages};
use ms_ops::views::PlacedEvent;
use ms_ops::{OpError, Sink};

use super::NodeControl;
use super::error::not_running;

/// The actors that are being traced, one trace each.
// The kernel has one trace per actor: a second would silently end the first one's lines.
#[derive(Debug, Default)]
pub(super) struct Traces(Mutex<HashSet<ActorPath>>);

impl Traces {
    fn with<R>(&self, code: impl FnOnce(&mut HashSet<ActorPath>) -> R) -> R {
        code(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Ends the trace of an actor when it is dropped.
// In `drop`, because a reader that disconnects drops the whole future: no line after an `await`
// would run.
struct Traced<'a> {
    traces: &'a Traces,
    actor: AnyRef,
}

impl Drop for Traced<'_> {
    fn drop(&mut self) {
        // There is no call to end a trace. One of zero length replaces it and is over at once.
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

    /// Returns the events that were asked for. Where they start is settled before this returns, so
    /// that a door which then tells its caller that the stream is there has told the truth.
    pub(super) fn events(&self, op: &FollowEvents) -> impl Stream<Item = PlacedEvent> + use<> {
        let (node, tasks) = (&self.0.node, self.0.exposed.task_events.as_ref());
        let tasks = tasks.map(|port| port.source().clone());
        let (life, follow, filter) = (node.life(), op.follow, op.filter);
        let newest = (node.events().newest(), tasks.as_ref().map_or(0, EventSource::newest));
        let start = Start::of(op, life, newest);
        let at_ms = node.now().as_millis();
        let lost = start.restarted.then(StreamKind::restarted).into_iter().flatten();
        let lost = lost.map(move |kind| StreamEvent { seq: 0, at_ms, kind });
        // A log that nobody wants is not read, and costs nothing.
        let of_node = match filter.node() {
            true => entries(node.events(), start.node, follow)
                .map(|entry| entry.fold(StreamKind::Node, StreamKind::gap))
                .boxed(),
            false => stream::empty().boxed(),
        };
        let of_tasks = match (filter.tasks(), tasks) {
            (true, Some(log)) => entries(&log, start.tasks, follow)
                .map(|entry| entry.fold(StreamKind::from, StreamKind::task_gap))
                .boxed(),
            // None happen; who waits for them is not sent away.
            (true, None) if follow => stream::pending().boxed(),
            _ => stream::empty().boxed(),
        };
        let (mut of, mut about) = (start.node.unwrap_or(0), start.tasks.unwrap_or(0));
        // Places are given in the order in which events leave, so that none passes over an event
        // of the other log that is still to come.
        let placed =
            stream::iter(lost).chain(stream::select(of_node, of_tasks)).map(move |event| {
                match event.kind.is_about_tasks() {
                    true => about = event.seq,
                    false => of = event.seq,
                }
                let place = Place { life: Some(life), node: of, tasks: Some(about) };
                PlacedEvent { place, event }
            });
        placed.filter(move |item| ready(filter.takes(&item.event.kind))).then(async |item| {
            read_traces(item.event.kind.reason()).await;
            item
        })
    }
}

/// Passes items on until there are none or nobody takes them.
pub(super) async fn pass_on<T>(items: impl Stream<Item = T>, sink: Sink<Box<T>>) {
    let mut items = pin!(items);
    loop {
        let item = tokio::select! {
            item = items.next() => item,
            () = sink.closed() => return,
        };
        let Some(item) = item else { return };
        if sink.send(Box::new(item)).await.is_err() {
            return;
        }
    }
}

/// The numbers after which to begin, of the node and about tasks; `None` for the oldest kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start {
    node: Option<u64>,
    tasks: Option<u64>,
    /// The reader comes from another life of the node, and what it had not seen of that is lost.
    restarted: bool,
}

impl Start {
    fn of(op: &FollowEvents, life: NodeLife, newest: (u64, u64)) -> Self {
        let after = |node, tasks| Self { node: Some(node), tasks: Some(tasks), restarted: false };
        match op.from {
            Some(EventStart::Next) => after(newest.0, newest.1),
            Some(EventStart::After(place)) => match place.resumed(life, newest) {
                Resumed::After { node, tasks } => after(node, tasks.unwrap_or(newest.1)),
                Resumed::Beginning => after(0, 0),
                Resumed::AnotherLife => Self { restarted: true, ..after(0, 0) },
            },
            None if op.life.is_some_and(|other| other != life) => {
                // None of what there is was seen.
                let all = |since: Option<u64>| since.map(|_| 0);
                Self { node: all(op.since_seq), tasks: all(op.since_task), restarted: true }
            }
            None => {
                // Behind a number that was not given yet is what is to come.
                let node = op.since_seq.map(|since| since.min(newest.0));
                Self { node, tasks: op.since_task, restarted: false }
            }
        }
    }
}

/// Reads what a log has behind a number, or all of it, and what is to come if that is waited for.
fn entries<T: Clone>(
    log: &EventSource<T>,
    since: Option<u64>,
    follow: bool,
) -> impl Stream<Item = Entry<T>> + use<T> {
    // Who asks for the oldest kept has missed nothing.
    let from = since.map_or(ReadFrom::Oldest, ReadFrom::After);
    match follow {
        true => log.reader(from).stream().left_stream(),
        false => stream::iter(log.read(from)).right_stream(),
    }
}

#[cfg(test)]
mod tests {
    use ms_actor::EventLog;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_missed_events_learns_how_many() {
        let log = EventLog::new(2);
        log.publish(0..7, || 0);
        let mut seen = Vec::new();
        for since in [Some(3), None] {
            let read = entries(log.source(), since, false).map(|entry| match entry {
                Entry::Event(event) => (event.seq, 0),
                Entry::Missed { missed, seq, .. } => (seq, missed),
            });
            seen.extend(read.collect::<Vec<_>>().await);
        }
        assert_eq!(seen, [(5, 2), (6, 0), (7, 0), (6, 0), (7, 0)]);
    }

    #[test]
    fn a_start_is_settled_by_a_place_or_by_numbers() {
        let (life, other) = (NodeLife::new(1), NodeLife::new(2));
        let start = |op| {
            let Start { node, tasks, restarted } = Start::of(&op, life, (10, 20));
            (node, tasks, restarted)
        };
        let from = |text: &str| {
            let from = Some(text.parse().expect("a start"));
            start(FollowEvents { from, ..FollowEvents::default() })
        };
        assert_eq!(from("next"), (Some(10), Some(20), false));
        assert_eq!(from("0"), (Some(0), Some(0), false));
        assert_eq!(from(&format!("{life}.3.4")), (Some(3), Some(4), false));
        for lost in [format!("{other}.3.4"), format!("{life}.11.4"), "3.4".to_owned()] {
            assert_eq!(from(&lost), (Some(0), Some(0), true), "{lost}");
        }
        let numbered = |since_seq, since_task, life| {
            start(FollowEvents { since_seq, since_task, life, ..FollowEvents::default() })
        };
        assert_eq!(numbered(None, None, None), (None, None, false));
        assert_eq!(numbered(Some(3), Some(4), Some(life)), (Some(3), Some(4), false));
        assert_eq!(numbered(Some(99), None, None), (Some(10), None, false), "what is to come");
        assert_eq!(numbered(Some(3), None, Some(other)), (Some(0), None, true));
    }
}
