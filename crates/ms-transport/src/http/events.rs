//! `/api/v1/events`: what happens in the node, as server-sent events that can be resumed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use ms_actor::{Node, read_traces};
use ms_core::task::{TaskChange, TaskId};
use ms_core::view::{About, EventFilter, EventKind, NodeEvent};
use serde::Deserialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use utoipa::IntoParams;

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

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Of what: `node`, `tasks`, `all`; all otherwise, or tasks where one of the below is given.
    #[param(value_type = Option<String>)]
    about: Option<About>,
    /// Of tasks, only those of this one.
    #[param(value_type = Option<String>)]
    task: Option<TaskId>,
    /// Of tasks, only those that moved on so: submitted, assigned, started, completed, failed,
    /// dead, cancelled, lease_lost, taken_back, released, replayed.
    #[param(value_type = Option<String>)]
    change: Option<TaskChange>,
}

impl EventQuery {
    fn filter(&self) -> Result<EventFilter, Problem> {
        let Self { about, task, change } = *self;
        let narrowed = task.is_some() || change.is_some();
        if narrowed && about == Some(About::Node) {
            let told = "task and change are about tasks; leave about=node out";
            return Err(Problem::new(&BAD_PARAMETER, told));
        }
        let usual = if narrowed { About::Tasks } else { About::All };
        Ok(EventFilter { about: about.unwrap_or(usual), task, change })
    }
}

/// Events of the node and of its tasks. Each has its place as `id`, `N.T`: the numbers of the last
/// event of the node and of the last about a task that the client has been shown or spared. A
/// client that was cut off sends it back as `Last-Event-ID` and misses nothing the node still
/// keeps, which is the last 4,096 and 8,192. What it missed for good is told by an event `gap` or
/// `task_gap`. `N` alone is the node's number. Without the header, the stream begins with what
/// happens next.
#[utoipa::path(get, path = "/api/v1/events", tag = "node",
    params(EventQuery, ("Last-Event-ID" = Option<String>, Header, description = "the last event that was seen")),
    responses((status = 200, description = "events as JSON", content_type = "text/event-stream", body = String),
        (status = 400, body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 429, description = "too many streams", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn events(
    State(events): State<Events>,
    query: Result<Query<EventQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    let filter = query.filter()?;
    let seen = match headers.get("last-event-id").map(|value| value.to_str()) {
        None => None,
        Some(Ok(text)) => Some(Seen::read(text.trim()).ok_or_else(|| {
            Problem::new(&BAD_PARAMETER, "Last-Event-ID is not the number of an event")
        })?),
        Some(Err(_)) => return Err(Problem::new(&BAD_PARAMETER, "Last-Event-ID is no text")),
    };
    let Ok(place) = Arc::clone(&events.shared.streams).try_acquire_owned() else {
        let told = format!("{} event streams are open", events.shared.limits.streams);
        return Err(Problem::new(&TOO_MANY, told).retry_after(COME_BACK));
    };
    let told = told(&events.node, seen, filter);
    let until = events.shared.stop.drain.clone().cancelled_owned();
    let told = told.take_until(until).map(move |event| {
        // The place is the stream's: given back when the client goes.
        let _ = &place;
        Ok::<_, Infallible>(event)
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// What a client has seen: of the node, and of its tasks if it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    node: u64,
    tasks: Option<u64>,
}

impl Seen {
    fn read(text: &str) -> Option<Self> {
        let (node, tasks) = match text.split_once('.') {
            Some((node, tasks)) => (node, Some(tasks.parse().ok()?)),
            None => (text, None),
        };
        Some(Self { node: node.parse().ok()?, tasks })
    }
}

/// The events after `seen` and all to come, as lines with their place.
fn told(node: &Node, seen: Option<Seen>, filter: EventFilter) -> impl Stream<Item = Event> + use<> {
    let of_tasks = seen.and_then(|seen| seen.tasks);
    let mut place = (
        begin(seen.map(|seen| seen.node), node.last_event()),
        begin(of_tasks, node.last_task_event()),
    );
    let tasks = node.task_events(place.1);
    let tasks = stream::unfold(tasks, async |mut tasks| Some((tasks.next().await, tasks)));
    let tasks = tasks.flat_map(stream::iter);
    let of_node = follow(node, place.0).then(|event: NodeEvent| async move {
        read_traces(event.reason()).await;
        event
    });
    // A part that nobody wants is not read, and costs nothing.
    let of_node =
        if filter.node() { of_node.left_stream() } else { stream::empty().right_stream() };
    let tasks = if filter.tasks() { tasks.left_stream() } else { stream::empty().right_stream() };
    stream::select(of_node, tasks).filter_map(move |event| {
        match event.kind {
            EventKind::Task(_) | EventKind::TaskGap { .. } => place.1 = event.seq,
            _ => place.0 = event.seq,
        }
        std::future::ready(filter.takes(&event.kind).then(|| line(&event, place)))
    })
}

/// After which event to begin. A number from before a restart of the node is beyond its newest:
/// all there is is new.
fn begin(seen: Option<u64>, newest: u64) -> u64 {
    seen.map_or(newest, |seen| if seen > newest { 0 } else { seen })
}

/// The node's events after `last` and all to come; a gap where some are lost.
fn follow(node: &Node, mut last: u64) -> impl Stream<Item = NodeEvent> + use<> {
    let (past, coming) = node.events_since(last);
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

fn line(event: &NodeEvent, (node, tasks): (u64, u64)) -> Event {
    let id = format!("{node}.{tasks}");
    let line = Event::default().id(&id).event(name(&event.kind)).retry(COME_BACK);
    // Plain data; and should it ever fail, the number still moves on.
    line.json_data(event).unwrap_or_else(|_| Event::default().id(&id))
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
        EventKind::Task(_) => "task",
        EventKind::TaskGap { .. } => "task_gap",
    }
}
