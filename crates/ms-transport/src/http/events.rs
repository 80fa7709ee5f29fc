//! `/api/v1/events`: what happens in the node, as server-sent events that can be resumed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream, StreamExt};
use ms_actor::{Entry, EventSource, Node, ReadFrom, read_traces};
use ms_core::NodeLife;
use ms_core::life::{Place, Resumed};
use ms_core::stream::{About, EventFilter, StreamEvent, StreamKind};
use ms_core::task::{TaskChange, TaskId, TaskTransition};
use ms_core::view::EventKind;
use serde::Deserialize;
use utoipa::IntoParams;

use super::framing::Exchange;
use super::gateway::Shared;
use super::problem::{BAD_PARAMETER, Problem, ProblemDetails, TOO_MANY, UNPROCESSABLE};
use super::schema::{AboutSchema, ChangeSchema, SentEventSchema, TaskIdSchema};

/// How often a silent stream says that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a client should come back after the stream was cut, in its own judgement.
const COME_BACK: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Events {
    pub(super) shared: Arc<Shared>,
    pub(super) node: Node,
    /// None where there is no store that tells.
    pub(super) tasks: Option<EventSource<TaskTransition>>,
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Of what: `node`, `tasks`, `all`; all otherwise, or tasks where one of the below is given.
    #[param(inline, required = false, value_type = AboutSchema)]
    about: Option<About>,
    /// Of tasks, only those of this one.
    #[param(inline, required = false, value_type = TaskIdSchema)]
    task: Option<TaskId>,
    /// Of tasks, only those that moved on so: submitted, assigned, started, completed, failed,
    /// dead, cancelled, lease_lost, taken_back, released, replayed.
    #[param(inline, required = false, value_type = ChangeSchema)]
    change: Option<TaskChange>,
    /// Whether to go on with what happens next; it does unless this is false.
    #[param(value_type = bool, required = false)]
    follow: Option<bool>,
}

impl EventQuery {
    fn filter(&self) -> Result<EventFilter, Problem> {
        let Self { about, task, change, .. } = *self;
        let narrowed = task.is_some() || change.is_some();
        if narrowed && about == Some(About::Node) {
            let told = "task and change are about tasks; leave about=node out";
            let next = "leave `about` out, or `task` and `change`";
            return Err(Problem::new(&UNPROCESSABLE, told).next(next));
        }
        let usual = if narrowed { About::Tasks } else { About::All };
        Ok(EventFilter { about: about.unwrap_or(usual), task, change })
    }
}

/// Events of the node and of its tasks. Each has its place as `id`, `LIFE.N.T`: the life of the
/// node, and the numbers of the last event of the node and of the last about a task that the
/// client has been shown or spared. A client that was cut off sends it back as `Last-Event-ID`
/// and misses nothing the node still keeps, which is the last 4,096 and 8,192. What it missed for
/// good is told by an event `gap` or `task_gap`; both come first, with `restarted`, when the place
/// is of another life of the node, and all that is kept follows. `0` is the place before
/// everything. Without the header, the stream begins with what happens next; with `follow=false`
/// it has what is kept, and ends.
#[utoipa::path(get, path = "/api/v1/events", tag = "node",
    params(EventQuery, ("Last-Event-ID" = Option<String>, Header, pattern = "^(([0-9a-f]{15}[1-9a-f]\\.)?[0-9]{1,15}\\.[0-9]{1,15}|[0-9]{1,15})$", description = "the place of the last event that was seen")),
    responses((status = 200, description = "events as JSON", content_type = "text/event-stream", body = SentEventSchema),
        (status = 422, description = "a task or a change, and events of the node alone", body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 429, description = "too many streams", body = ProblemDetails<'_>, content_type = "application/problem+json",
         headers(("Retry-After" = u32, description = "seconds to wait")))))]
pub(super) async fn events(
    State(events): State<Events>,
    Extension(exchange): Extension<Arc<Exchange>>,
    query: Result<Query<EventQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    let (filter, follow) = (query.filter()?, query.follow.unwrap_or(true));
    let place = headers.get("last-event-id").map(|value| {
        let place = value.to_str().ok().and_then(|text| text.trim().parse().ok());
        place.ok_or_else(|| {
            Problem::new(&BAD_PARAMETER, "Last-Event-ID is not the id of an event of this API")
        })
    });
    let asked = Asked { filter, place: place.transpose()?, follow };
    let Ok(room) = Arc::clone(&events.shared.streams).try_acquire_owned() else {
        let told = format!("{} event streams are open", events.shared.limits.streams);
        return Err(Problem::new(&TOO_MANY, told).retry_after(COME_BACK));
    };
    let told = told(&events, asked);
    // Who sends no more has left, as far as a stream without end is concerned.
    let (left, drained) = (exchange.hung_up(), events.shared.stop.drain.clone().cancelled_owned());
    let until = async move {
        tokio::select! {
            () = left, if follow => {}
            () = drained => {}
        }
    };
    let told = told.take_until(Box::pin(until)).map(move |event| {
        // The room is the stream's: given back when the client goes.
        let _ = &room;
        Ok::<_, Infallible>(event)
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// What a client asked for.
#[derive(Debug, Clone, Copy)]
struct Asked {
    filter: EventFilter,
    /// Where it was; `None` when it does not say.
    place: Option<Place>,
    /// Whether it waits for what is to come.
    follow: bool,
}

impl Asked {
    /// Where to begin: after which event of the node, after which about a task, and whether
    /// something of another life is lost.
    fn begin(&self, life: NodeLife, newest: (u64, u64)) -> ((u64, u64), bool) {
        match self.place.map(|place| place.resumed(life, newest)) {
            Some(Resumed::After { node, tasks }) => ((node, tasks.unwrap_or(newest.1)), false),
            Some(Resumed::Beginning) => ((0, 0), false),
            Some(Resumed::AnotherLife) => ((0, 0), true),
            // Who follows wants what happens next; who does not wants what there is.
            None if self.follow => (newest, false),
            None => ((0, 0), false),
        }
    }
}

/// The events that were asked for, as lines with their place.
fn told(events: &Events, asked: Asked) -> impl Stream<Item = Event> + use<> {
    let (node, tasks) = (&events.node, events.tasks.as_ref());
    let (life, filter, follow) = (node.life(), asked.filter, asked.follow);
    let newest = (node.events().newest(), tasks.map_or(0, EventSource::newest));
    let (mut place, restarted) = asked.begin(life, newest);
    let at_ms = node.now().as_millis();
    let lost = restarted.then(StreamKind::restarted).into_iter().flatten();
    let lost = lost.map(move |kind| StreamEvent { seq: 0, at_ms, kind });
    // A part that nobody wants is not read, and costs nothing.
    let of_node = match filter.node() {
        true => of_node(node, place.0, follow).boxed(),
        false => stream::empty().boxed(),
    };
    let of_tasks = match (filter.tasks(), tasks) {
        (true, Some(log)) => of_tasks(log, place.1, follow).boxed(),
        // None happen; who waits for them is not sent away.
        (true, None) if follow => stream::pending().boxed(),
        _ => stream::empty().boxed(),
    };
    let all = stream::select(of_node, of_tasks);
    stream::iter(lost).chain(all).filter_map(move |event| {
        match event.kind.is_about_tasks() {
            true => place.1 = event.seq,
            false => place.0 = event.seq,
        }
        let at = Place { life: Some(life), node: place.0, tasks: Some(place.1) };
        std::future::ready(filter.takes(&event.kind).then(|| line(&event, at)))
    })
}

/// What a log has behind a number, and what is to come if that is waited for.
fn entries<T: Clone>(
    log: &EventSource<T>,
    after: u64,
    follow: bool,
) -> impl Stream<Item = Entry<T>> + use<T> {
    let from = ReadFrom::After(after);
    match follow {
        true => log.reader(from).stream().left_stream(),
        false => stream::iter(log.read(from)).right_stream(),
    }
}

fn of_node(node: &Node, after: u64, follow: bool) -> impl Stream<Item = StreamEvent> + use<> {
    entries(node.events(), after, follow).then(async |entry| {
        let event = entry.fold(StreamKind::Node, StreamKind::gap);
        read_traces(event.kind.reason()).await;
        event
    })
}

fn of_tasks(
    log: &EventSource<TaskTransition>,
    after: u64,
    follow: bool,
) -> impl Stream<Item = StreamEvent> + use<> {
    entries(log, after, follow).map(|entry| entry.fold(StreamKind::Task, StreamKind::task_gap))
}

fn line(event: &StreamEvent, at: Place) -> Event {
    let id = at.to_string();
    let line = Event::default().id(&id).event(name(&event.kind)).retry(COME_BACK);
    // Plain data; and should it ever fail, the number still moves on.
    line.json_data(event).unwrap_or_else(|_| Event::default().id(&id))
}

const fn name(kind: &StreamKind) -> &'static str {
    match kind {
        StreamKind::Node(EventKind::Started { .. }) => "started",
        StreamKind::Node(EventKind::Exited { .. }) => "exited",
        StreamKind::Node(EventKind::Decided { .. }) => "decided",
        StreamKind::Node(EventKind::Escalated { .. }) => "escalated",
        StreamKind::Node(EventKind::Steered { .. }) => "steered",
        StreamKind::Node(EventKind::ArbiterWedged { .. }) => "arbiter_wedged",
        StreamKind::Node(EventKind::Noted { .. }) => "noted",
        StreamKind::Gap { .. } => "gap",
        StreamKind::Task(_) => "task",
        StreamKind::TaskGap { .. } => "task_gap",
    }
}
