//! `/api/v1/events`: the events of the node, as server-sent events that can be resumed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::StreamExt;
use ms_core::stream::{About, EventFilter, StreamKind};
use ms_core::task::{TaskChange, TaskId};
use ms_ops::OpError;
use ms_ops::ops::{EventStart, FollowEvents};
use ms_ops::views::PlacedEvent;
use serde::Deserialize;
use utoipa::IntoParams;

use super::asker::{Asker, Routes};
use super::framing::Exchange;
use super::problem::{BAD_PARAMETER, Problem, ProblemDetails, TOO_MANY, UNPROCESSABLE};
use super::schema::{AboutSchema, ChangeSchema, SentEventSchema, TaskIdSchema};

/// Pause after which a silent stream sends a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Delay before a client whose stream was cut comes back, unless it knows better.
const COME_BACK: Duration = Duration::from_secs(1);

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// The subject: `node`, `tasks` or `all`. Without it all, or tasks where one of the below is given.
    #[param(inline, required = false, value_type = AboutSchema)]
    about: Option<About>,
    /// Of the events about tasks, only those about this task.
    #[param(inline, required = false, value_type = TaskIdSchema)]
    task: Option<TaskId>,
    /// Of the events about tasks, only these changes: submitted, assigned, started, completed, failed,
    /// dead, cancelled, lease_lost, taken_back, released, replayed.
    #[param(inline, required = false, value_type = ChangeSchema)]
    change: Option<TaskChange>,
    /// Whether to follow with what happens next; it does unless this is false.
    #[param(value_type = bool, required = false)]
    follow: Option<bool>,
}

impl EventQuery {
    fn filter(&self) -> Result<EventFilter, Problem> {
        let Self { about, task, change, .. } = *self;
        let narrowed = task.is_some() || change.is_some();
        if narrowed && about == Some(About::Node) {
            let detail = "task and change are about tasks; leave about=node out";
            let next = "leave `about` out, or `task` and `change`";
            return Err(Problem::new(&UNPROCESSABLE, detail).next(next));
        }
        // Events of the node have neither field, and would pass a filter that is meant to be
        // narrow.
        let usual = if narrowed { About::Tasks } else { About::All };
        Ok(EventFilter { about: about.unwrap_or(usual), task, change })
    }
}

/// Events of the node and of its tasks. Each has its place as `id`, `LIFE.N.T`: the life of the
/// node, and the numbers of the last event of the node and of the last about a task that were sent
/// or filtered out. A client that was cut off sends it back as `Last-Event-ID` and misses nothing
/// that the node still keeps, which is the last 4,096 and 8,192. An event `gap` or `task_gap` reports
/// what it missed for good; both come first, with `restarted`, when the place is of another life of
/// the node, and all that is kept follows. `0` is the place before everything. Without the header,
/// the stream begins with what happens next; with `follow=false` it has what is kept, and ends.
#[utoipa::path(get, path = "/api/v1/events", tag = "node",
    params(EventQuery, ("Last-Event-ID" = Option<String>, Header, pattern = "^(([0-9a-f]{15}[1-9a-f]\\.)?[0-9]{1,15}\\.[0-9]{1,15}|[0-9]{1,15})$", description = "the place of the last event that was seen")),
    responses((status = 200, description = "events as JSON", content_type = "text/event-stream", body = SentEventSchema),
        (status = 422, description = "a task or a change, and events of the node alone", body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 429, description = "too many streams", body = ProblemDetails<'_>, content_type = "application/problem+json",
         headers(("Retry-After" = u32, description = "seconds to wait")))))]
pub(super) async fn events(
    State(routes): State<Routes>,
    asker: Asker,
    Extension(exchange): Extension<Arc<Exchange>>,
    query: Result<Query<EventQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    let (filter, follow) = (query.filter()?, query.follow.unwrap_or(true));
    let from = Some(start(&headers, follow)?);
    let shared = routes.shared;
    let Ok(room) = Arc::clone(&shared.streams).try_acquire_owned() else {
        let detail = format!("{} event streams are open", shared.limits.streams);
        return Err(Problem::new(&TOO_MANY, detail).retry_after(COME_BACK));
    };
    let items = asker.watch(FollowEvents { follow, from, filter, ..FollowEvents::default() })?;
    // A client that sends no more has left, as far as a stream without end is concerned.
    let (left, drained) = (exchange.hung_up(), shared.stop.drain.clone().cancelled_owned());
    let until = async move {
        tokio::select! {
            () = left, if follow => {}
            () = drained => {}
        }
    };
    let lines =
        items.filter_map(async |item| written(item)).take_until(Box::pin(until)).map(move |line| {
            // The stream holds its room, and gives it back when the client goes.
            let _ = &room;
            Ok::<_, Infallible>(line)
        });
    Ok(Sse::new(lines).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// Returns where a client starts: at the place it was, or, when it names none, with the next event
/// if it follows and with all that is kept if it does not.
fn start(headers: &HeaderMap, follow: bool) -> Result<EventStart, Problem> {
    let Some(place) = headers.get("last-event-id") else {
        return Ok(if follow { EventStart::Next } else { EventStart::BEGINNING });
    };
    let place = place.to_str().ok().and_then(|text| text.trim().parse().ok());
    place.map(EventStart::After).ok_or_else(|| {
        Problem::new(&BAD_PARAMETER, "Last-Event-ID is not the id of an event of this API")
    })
}

/// Writes an item. The status of the answer is sent by then, so that a failure can only end it: the
/// client comes back with the place it has.
fn written(item: Result<Box<PlacedEvent>, OpError>) -> Option<Event> {
    match item {
        Ok(item) => Some(line(&item)),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "an event stream failed");
            None
        }
    }
}

fn line(PlacedEvent { place, event }: &PlacedEvent) -> Event {
    let id = place.to_string();
    let line = Event::default().id(&id).event(name(&event.kind)).retry(COME_BACK);
    // Plain data, which can be written. Should it ever fail, the place still moves on.
    line.json_data(event).unwrap_or_else(|_| Event::default().id(&id))
}

const fn name(kind: &StreamKind) -> &'static str {
    match kind {
        StreamKind::Node(kind) => kind.label(),
        StreamKind::Gap { .. } => "gap",
        StreamKind::Task(_) => "task",
        StreamKind::TaskSteered(_) => "steered",
        StreamKind::TaskGap { .. } => "task_gap",
    }
}
