//! The actor `relay`: publishes the events of the node on the bus.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::{Actor, AsyncContext, StreamHandler};
use futures_util::stream::{Stream, StreamExt};
use ms_actor::{Context, Entry, Node, ReadFrom};
use ms_bus::{BusClient, Event, Producer, Subject};
use ms_core::view::{EventKind, NodeEvent};
use serde::{Deserialize, Serialize};

/// An event of the node on the bus: a crash, a restart, a supervisor that gave up, a component
/// whose health changed.
///
/// Its subject is `node.KIND`, with the kind as in `msctl events`: `node.exited`, `node.started`,
/// `node.escalated`. Events of components are `node.noted.TOPIC`, such as
/// `node.noted.health_changed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedNodeEvent {
    /// The subject.
    pub subject: String,
    /// The event of the node.
    pub event: NodeEvent,
}

impl Event for PublishedNodeEvent {
    const SUBJECT: &'static str = "node.>";

    fn subject(&self) -> Cow<'static, str> {
        self.subject.clone().into()
    }
}

impl PublishedNodeEvent {
    fn of(event: NodeEvent) -> Self {
        let kind = kind_of(&event.kind);
        let subject = match &event.kind {
            EventKind::Noted { topic, .. } => format!("node.{kind}.{topic}"),
            _ => format!("node.{kind}"),
        };
        // The framework's topics are tokens of a subject. One that is not must not suppress the event.
        let subject = match Subject::new(&subject) {
            Ok(_) => subject,
            Err(_) => format!("node.{kind}"),
        };
        Self { subject, event }
    }
}

/// Returns the kind as it is serialised, so that a new kind needs no change here.
fn kind_of(kind: &EventKind) -> String {
    let written = serde_json::to_value(kind).ok();
    let name = written.as_ref().and_then(|value| value["event"].as_str());
    name.unwrap_or("unknown").to_owned()
}

/// Publishes the events of the node, each once over all its lives, as long as the node keeps them.
#[derive(Debug, Clone)]
pub(super) struct Relay {
    bus: BusClient,
    /// The event published last; 0 before the first life.
    last_published: Arc<AtomicU64>,
}

/// One life of a [`Relay`].
pub(super) struct Relaying {
    last_published: Arc<AtomicU64>,
    producer: Producer,
}

impl Relay {
    pub(super) fn new(bus: BusClient) -> Self {
        Self { bus, last_published: Arc::default() }
    }

    pub(super) fn begin(&self) -> Relaying {
        let last_published = Arc::clone(&self.last_published);
        Relaying { last_published, producer: self.bus.producer("node") }
    }
}

impl Actor for Relaying {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let node = ctx.node().clone();
        // Events before the first life are not published: nobody could have subscribed to them.
        let (last, newest) = (&self.last_published, node.events().newest());
        let _ = last.compare_exchange(0, newest, Ordering::Relaxed, Ordering::Relaxed);
        ctx.add_stream(events_after(&node, last.load(Ordering::Relaxed)));
    }
}

impl StreamHandler<NodeEvent> for Relaying {
    fn handle(&mut self, event: NodeEvent, _: &mut Self::Context) {
        let seq = event.seq;
        match self.producer.publish(PublishedNodeEvent::of(event)) {
            // The bus counts the subscribers that are behind.
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "an event of the node was not published"),
        }
        self.last_published.store(seq, Ordering::Relaxed);
    }
}

/// Returns the events after `seq`, the kept ones first; a warning counts those no longer kept.
fn events_after(node: &Node, seq: u64) -> impl Stream<Item = NodeEvent> + use<> {
    let entries = node.events().reader(ReadFrom::After(seq)).stream();
    entries.filter_map(async |entry| {
        if let Entry::Missed { missed, .. } = entry {
            tracing::warn!(missed, "events of the node were not published");
        }
        entry.event()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(kind: EventKind) -> PublishedNodeEvent {
        PublishedNodeEvent::of(NodeEvent { seq: 1, at_ms: 2, kind })
    }

    #[test]
    fn the_subject_is_the_kind_as_it_is_written() {
        let path: ms_core::ActorPath = "/root/a".parse().unwrap();
        let noted = |topic: &str| {
            let (path, topic, text) = (path.clone(), topic.to_owned(), String::new());
            published(EventKind::Noted { path, topic, text })
        };
        assert_eq!(noted("health_changed").subject, "node.noted.health_changed");
        assert_eq!(noted("not a token").subject, "node.noted");
        let wedged = EventKind::ArbiterWedged { arbiter: 1, evacuated: 2 };
        assert_eq!(published(wedged).subject, "node.arbiter_wedged");
    }

    #[test]
    fn a_published_event_survives_a_wire() {
        let sent = published(EventKind::ArbiterWedged { arbiter: 1, evacuated: 2 });
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<PublishedNodeEvent>(&text).unwrap(), sent);
    }
}
