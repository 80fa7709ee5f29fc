//! `/api/v1/events`: what happens in the node, as server-sent events that can be resumed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use ms_actor::{Node, read_traces};
use ms_core::view::{EventKind, NodeEvent};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::gateway::Shared;
use super::problem::{BAD_PARAMETER, Problem, ProblemDetails, TOO_MANY};

/// How often a silent stream says that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a client should come back after the stream was cut, in its own judgement.
const COME_BACK: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Events {
    pub(super) shared: Arc<Shared>,
    pub(super) node: Node,
}

/// Events of the node. Each has its number as `id`; a client that was cut off sends it back as
/// `Last-Event-ID` and misses nothing the node still keeps. What it missed for good is told
/// by an event `gap`. Without the header, the stream begins with what happens next.
#[utoipa::path(get, path = "/api/v1/events", tag = "node",
    params(("Last-Event-ID" = Option<u64>, Header, description = "the last event that was seen")),
    responses((status = 200, description = "events as JSON", content_type = "text/event-stream", body = String),
        (status = 429, description = "too many streams", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn events(
    State(events): State<Events>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = match headers.get("last-event-id").map(|value| value.to_str()) {
        None => None,
        Some(Ok(text)) => Some(text.trim().parse::<u64>().map_err(|_| {
            Problem::new(&BAD_PARAMETER, "Last-Event-ID is not the number of an event")
        })?),
        Some(Err(_)) => return Err(Problem::new(&BAD_PARAMETER, "Last-Event-ID is no text")),
    };
    let Ok(place) = Arc::clone(&events.shared.streams).try_acquire_owned() else {
        let told = format!("{} event streams are open", events.shared.limits.streams);
        return Err(Problem::new(&TOO_MANY, told).retry_after(COME_BACK));
    };
    let told = follow(&events.node, seen);
    let until = events.shared.stop.drain.clone().cancelled_owned();
    let read = |event: NodeEvent| async move {
        read_traces(event.reason()).await;
        event
    };
    let told = told.then(read).take_until(until).map(move |event| {
        // The place is the stream's: given back when the client goes.
        let _ = &place;
        Ok::<_, Infallible>(line(&event))
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// The events after `seen` and all to come; a gap where some are lost.
fn follow(node: &Node, seen: Option<u64>) -> impl Stream<Item = NodeEvent> + use<> {
    // A number from before a restart of the node is beyond its newest: all there is is new.
    let seen = seen.map(|seq| if seq > node.last_event() { 0 } else { seq });
    let (past, coming) = node.events_since(seen.unwrap_or_else(|| node.last_event()));
    let mut last = seen.unwrap_or_else(|| past.first().map_or(node.last_event(), |e| e.seq - 1));
    let coming = stream::unfold(coming, next);
    stream::iter(past).chain(coming).flat_map(move |event| {
        let expected = last + 1;
        let told = match event.seq {
            // Told of already, out of the past.
            seq if seq < expected => vec![],
            seq if seq > expected => vec![gap(event.seq - 1, event.seq - expected, &event), event],
            _ => vec![event],
        };
        last = told.last().map_or(last, |event| event.seq);
        stream::iter(told)
    })
}

async fn next(mut coming: Receiver<NodeEvent>) -> Option<(NodeEvent, Receiver<NodeEvent>)> {
    loop {
        match coming.recv().await {
            Ok(event) => return Some((event, coming)),
            // The numbers tell of it.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

fn gap(seq: u64, missed: u64, next: &NodeEvent) -> NodeEvent {
    NodeEvent { seq, at_ms: next.at_ms, kind: EventKind::Gap { missed } }
}

fn line(event: &NodeEvent) -> Event {
    let line = Event::default().id(event.seq.to_string()).event(name(&event.kind)).retry(COME_BACK);
    // Plain data; and should it ever fail, the number still moves on.
    line.json_data(event).unwrap_or_else(|_| Event::default().id(event.seq.to_string()))
}

const fn name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Started { .. } => "started",
        EventKind::Exited { .. } => "exited",
        EventKind::Decided { .. } => "decided",
        EventKind::Escalated { .. } => "escalated",
        EventKind::Steered { .. } => "steered",
        EventKind::ArbiterWedged { .. } => "arbiter_wedged",
        EventKind::Noted { .. } => "noted",
        EventKind::Gap { .. } => "gap",
    }
}
