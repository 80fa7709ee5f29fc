//! The actor `relay`: what happens in the node, as events of the bus.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use actix::{Actor, AsyncContext, StreamHandler};
use futures_util::stream::{Stream, StreamExt};
use ms_actor::{Context, Entry, Node, ReadFrom};
use ms_bus::{BusClient, Event, Producer, Subject};
use ms_core::view::{EventKind, NodeEvent};
use serde::{Deserialize, Serialize};

/// Something that happened in the node: a crash, a restart, a supervisor that gave up, a
/// component whose health changed.
///
/// Its subject is `node.KIND`, with the kind as `msctl events` names it: `node.exited`,
/// `node.started`, `node.escalated`; news of components are `node.noted.TOPIC`, such as
/// `node.noted.health_changed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeNews {
    /// The subject.
    pub subject: String,
    /// What happened.
    pub event: NodeEvent,
}

impl Event for NodeNews {
    const SUBJECT: &'static str = "node.>";

    fn subject(&self) -> Cow<'static, str> {
        self.subject.clone().into()
    }
}

impl NodeNews {
    fn of(event: NodeEvent) -> Self {
        let kind = kind_of(&event.kind);
        let subject = match &event.kind {
            EventKind::Noted { topic, .. } => format!("node.{kind}.{topic}"),
            _ => format!("node.{kind}"),
        };
        // Topics are of a closed set; one that is no token must not silence the news.
        let subject = match Subject::new(&subject) {
            Ok(_) => subject,
            Err(_) => format!("node.{kind}"),
        };
        Self { subject, event }
    }
}

/// The kind as it is written, so that kinds to come need nothing here.
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
    told: Arc<AtomicU64>,
}

/// The life of a [`Relay`].
pub(super) struct Relaying {
    told: Arc<AtomicU64>,
    producer: Producer,
}

impl Relay {
    pub(super) fn new(bus: BusClient) -> Self {
        Self { bus, told: Arc::default() }
    }

    pub(super) fn begin(&self) -> Relaying {
        Relaying { told: Arc::clone(&self.told), producer: self.bus.producer("node") }
    }
}

impl Actor for Relaying {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let node = ctx.node().clone();
        // What was before the first life is history: nobody could have subscribed to it.
        let newest = node.events().newest();
        let _ = self.told.compare_exchange(0, newest, Ordering::Relaxed, Ordering::Relaxed);
        ctx.add_stream(events_after(&node, self.told.load(Ordering::Relaxed)));
    }
}

impl StreamHandler<NodeEvent> for Relaying {
    fn handle(&mut self, event: NodeEvent, _: &mut Self::Context) {
        let seq = event.seq;
        match self.producer.publish(NodeNews::of(event)) {
            // Who is behind is counted by the bus.
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "an event of the node was not published"),
        }
        self.told.store(seq, Ordering::Relaxed);
    }
}

/// The events behind `seq`, those kept first; what is not kept any more is said to be missed.
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

    fn news(kind: EventKind) -> NodeNews {
        NodeNews::of(NodeEvent { seq: 1, at_ms: 2, kind })
    }

    #[test]
    fn the_subject_is_the_kind_as_it_is_written() {
        let path: ms_core::ActorPath = "/root/a".parse().unwrap();
        let noted = |topic: &str| {
            let (path, topic, text) = (path.clone(), topic.to_owned(), String::new());
            news(EventKind::Noted { path, topic, text })
        };
        assert_eq!(noted("health_changed").subject, "node.noted.health_changed");
        assert_eq!(noted("not a token").subject, "node.noted");
        let wedged = EventKind::ArbiterWedged { arbiter: 1, evacuated: 2 };
        assert_eq!(news(wedged).subject, "node.arbiter_wedged");
    }

    #[test]
    fn news_survive_a_wire() {
        let sent = news(EventKind::ArbiterWedged { arbiter: 1, evacuated: 2 });
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(serde_json::from_str::<NodeNews>(&text).unwrap(), sent);
    }
}
