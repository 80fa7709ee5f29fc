//! `/api/v1/tasks`: submit, look, list, cancel, try again.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ms_actor::LogLimit;
use ms_core::task::{
    AgentKind, IdempotencyKey, MAX_BATCH, MAX_PAGE, NewTask, QueueName, StoreError, Submitted,
    TaskError, TaskFilter, TaskId, TaskState, TaskView,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body::Json;
use super::ports::TasksPort;
use super::problem::{
    BAD_PARAMETER, CONFLICT, INTERNAL, MALFORMED, NOT_FINISHED, NOT_FOUND, OVERLOADED, Problem,
    ProblemDetails, QUEUE_FULL, TIMED_OUT, TOO_LARGE, UNAVAILABLE, UNPROCESSABLE,
};
use super::query::NoQuery;
use super::schema::{
    BatchSchema, NewTaskSchema, StateSchema, TaskIdSchema, TaskPageSchema, TaskViewSchema,
};
use super::trace::Traced;

/// Says that an idempotency key was known: the answer is that of the first request.
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The header that names a request.
static KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What a caller may do who wants a batch that can be sent again.
const KEY_OF_EACH: &str =
    "leave the header out; each task of a batch may have its own `idempotency_key` in the body";
/// What a caller may do about one field of a task.
const SEE_FIELD: &str = "change the field that `errors` names as it says there";
/// When a caller that met a full queue or a full disk may come again.
const COME_AGAIN: Duration = Duration::from_secs(1);

pub(super) type Tasks = State<Arc<dyn TasksPort>>;
/// An id out of the path, not looked at yet: see [`task_id`].
pub(super) type Id = Result<Path<String>, PathRejection>;

/// Takes a task. The answer is 201 only when the task is on disk: it then survives the end of
/// the process. With an `Idempotency-Key` the same request can be sent again without harm.
#[utoipa::path(post, path = "/api/v1/tasks", tag = "tasks", request_body = NewTaskSchema,
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^([!-~]{1,128}|\"[!-~]{1,128}\")$", description = "names this request; bare, or as a quoted string"),
        ("traceparent" = Option<String>, Header, description = "the trace that the task belongs to (W3C Trace Context); what is none is ignored")),
    responses(
        (status = 201, description = "the id of the task", body = TaskIdSchema, content_type = "application/json",
         headers(("Location" = String, description = "where the task is"),
            ("Idempotency-Replayed" = Option<String>, description = "`true` when the key was known: this is the first task, none was made"))),
        (status = 409, description = "the key belongs to another request", body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 422, description = "no such queue or kind of agent, or settings that contradict one another", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn submit(
    State(tasks): Tasks,
    _: NoQuery,
    Extension(trace): Extension<Traced>,
    headers: HeaderMap,
    Json(mut task): Json<NewTask>,
) -> Result<Response, Problem> {
    task.trace = Some(trace.own);
    if let Some(key) = key_of(&headers)? {
        match &task.idempotency_key {
            Some(other) if *other != key => {
                return Err(Problem::new(
                    &UNPROCESSABLE,
                    "header and body name different idempotency keys",
                )
                .next("send the key once: in the header, or in the body"));
            }
            _ => task.idempotency_key = Some(key),
        }
    }
    task.check().map_err(refused)?;
    let answers = tasks.submit(vec![task]).await.map_err(failed)?;
    let answer = answers.into_iter().next();
    let answer = answer.ok_or_else(|| Problem::new(&INTERNAL, "the store lost an answer"))?;
    let Submitted { view, repeated } = answer.map_err(refused)?;
    let location = [(header::LOCATION, format!("/api/v1/tasks/{}", view.id))];
    let mut response = (StatusCode::CREATED, location, axum::Json(view.id)).into_response();
    if repeated {
        response.headers_mut().insert(&REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// What came of one task of a batch: its id, or why it was refused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Submittal {
    /// It is on disk.
    #[schema(value_type = TaskIdSchema)]
    Id(TaskId),
    /// It was not taken.
    #[schema(value_type = ProblemDetails<'_>)]
    Problem(Problem),
}

/// Takes up to 1,000 tasks with one durable write. 201 when all were taken; 207 when some were
/// refused: the others are on disk. The answers are in the order of the tasks. A batch has no
/// `Idempotency-Key`, and one with that header is refused with 400: each task may have its own
/// `idempotency_key`, with which the same batch can be sent again without harm.
#[utoipa::path(post, path = "/api/v1/tasks/batch", tag = "tasks", request_body = BatchSchema,
    params(("traceparent" = Option<String>, Header, description = "the trace that the tasks belong to (W3C Trace Context); what is none is ignored")),
    responses(
        (status = 201, description = "all were taken", body = Vec<Submittal>),
        (status = 207, description = "some were refused", body = Vec<Submittal>),
        (status = 422, description = "settings of a task contradict one another; nothing was taken", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn submit_batch(
    State(tasks): Tasks,
    _: NoQuery,
    Extension(trace): Extension<Traced>,
    headers: HeaderMap,
    Json(mut batch): Json<Vec<NewTask>>,
) -> Result<Response, Problem> {
    without_key(&headers, "a batch has no key of its own")
        .map_err(|problem| problem.next(KEY_OF_EACH))?;
    batch.iter_mut().for_each(|task| task.trace = Some(trace.own));
    if batch.is_empty() || batch.len() > MAX_BATCH {
        let told = format!("a batch has 1 to {MAX_BATCH} tasks, this one has {}", batch.len());
        return Err(Problem::new(&MALFORMED, told));
    }
    // A value out of bounds is a mistake of the caller's program: nothing of it is taken.
    for (at, task) in batch.iter().enumerate() {
        task.check().map_err(|error| {
            let told = error.to_string();
            refused(error).at(format!("[{at}]"), told)
        })?;
    }
    let answers = tasks.submit(batch).await.map_err(failed)?;
    let all = answers.iter().all(Result::is_ok);
    let answers = answers.into_iter().map(|answer| match answer {
        Ok(submitted) => Submittal::Id(submitted.view.id),
        Err(error) => Submittal::Problem(refused(error)),
    });
    let status = if all { StatusCode::CREATED } else { StatusCode::MULTI_STATUS };
    Ok((status, axum::Json(answers.collect::<Vec<_>>())).into_response())
}

/// A task: where it is in its life, who has it, attempts, timings.
#[utoipa::path(get, path = "/api/v1/tasks/{id}", tag = "tasks", params(("id" = String, Path, format = Uuid, description = "the id of a task")),
    responses((status = 200, body = TaskViewSchema),
        (status = 404, body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn get(
    State(tasks): Tasks,
    id: Id,
    _: NoQuery,
) -> Result<axum::Json<TaskView>, Problem> {
    find(&tasks, task_id(id)?).await.map(axum::Json)
}

/// How a task ended.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaskResult {
    /// Whether it was completed.
    success: bool,
    /// How it ended.
    #[schema(value_type = StateSchema)]
    state: TaskState,
    /// What the agent made, when it was completed.
    #[schema(required = true)]
    output: Option<Value>,
    /// Why not, otherwise.
    #[schema(required = true)]
    error: Option<String>,
}

/// The result of a task that has ended; 409 while it has not.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/result", tag = "tasks", params(("id" = String, Path, format = Uuid, description = "the id of a task")),
    responses((status = 200, body = TaskResult),
        (status = 404, body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 409, description = "not ended yet", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn result(
    State(tasks): Tasks,
    id: Id,
    _: NoQuery,
) -> Result<axum::Json<TaskResult>, Problem> {
    let id = task_id(id)?;
    let view = find(&tasks, id).await?;
    if !view.state.is_ended() {
        return Err(Problem::new(&NOT_FINISHED, format!("task {id} is {}", view.state)));
    }
    let success = view.state == TaskState::Completed;
    let output = if success { tasks.result(id).await.map_err(failed)? } else { None };
    let error = if success { None } else { view.failure.map(|failure| failure.to_string()) };
    Ok(axum::Json(TaskResult { success, state: view.state, output, error }))
}

/// What a list may be asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only of this queue.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    queue: Option<QueueName>,
    /// Only for this kind of agent.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9][a-z0-9_-]{0,63}$")]
    kind: Option<AgentKind>,
    /// Only in this state: pending, assigned, running, completed, failed, cancelled, dead.
    #[param(inline, value_type = StateSchema, required = false)]
    state: Option<TaskState>,
    /// `next` of the page before.
    #[param(inline, value_type = TaskIdSchema, required = false)]
    cursor: Option<TaskId>,
    /// Tasks of a page, 1 to 1,000; 100 otherwise.
    #[param(minimum = 1, maximum = 1_000)]
    limit: Option<usize>,
}

/// Tasks by age, filtered, a page at a time.
#[utoipa::path(get, path = "/api/v1/tasks", tag = "tasks", params(ListQuery),
    responses((status = 200, body = TaskPageSchema)))]
pub(super) async fn list(
    State(tasks): Tasks,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    let limit = query.limit.unwrap_or(0);
    if query.limit == Some(0) || limit > MAX_PAGE {
        return Err(Problem::new(&BAD_PARAMETER, format!("limit must be 1 to {MAX_PAGE}")));
    }
    let filter = TaskFilter {
        queue: query.queue,
        kind: query.kind,
        state: query.state,
        after: query.cursor,
        limit,
    };
    let page = tasks.list(filter).await.map_err(failed)?;
    Ok(axum::Json(page).into_response())
}

/// Gives a task up. An agent that has it is told; its late result is refused.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/cancel", tag = "tasks", params(("id" = String, Path, format = Uuid, description = "the id of a task")),
    responses((status = 200, body = TaskViewSchema),
        (status = 404, body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 409, description = "it has ended", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn cancel(
    State(tasks): Tasks,
    id: Id,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<axum::Json<TaskView>, Problem> {
    without_key(&headers, NO_KEY)?;
    told(tasks.cancel(task_id(id)?).await)
}

/// Tries a task again that failed or is among the dead letters, with all its attempts.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/retry", tag = "tasks", params(("id" = String, Path, format = Uuid, description = "the id of a task")),
    responses((status = 200, body = TaskViewSchema),
        (status = 404, body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 409, description = "it has not failed", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn retry(
    State(tasks): Tasks,
    id: Id,
    _: NoQuery,
    headers: HeaderMap,
) -> Result<axum::Json<TaskView>, Problem> {
    without_key(&headers, NO_KEY)?;
    told(tasks.retry(task_id(id)?).await)
}

/// The state of the task is what keeps it from being done twice.
const NO_KEY: &str = "not taken here, and not needed: sent again, the request is answered with 409";

/// What came of an order that is about one task.
fn told(
    answer: Result<Result<TaskView, TaskError>, StoreError>,
) -> Result<axum::Json<TaskView>, Problem> {
    answer.map_err(failed)?.map(axum::Json).map_err(refused)
}

async fn find(tasks: &Arc<dyn TasksPort>, id: TaskId) -> Result<TaskView, Problem> {
    let found = tasks.get(id).await.map_err(failed)?;
    found.ok_or_else(|| refused(TaskError::NotFound(id)))
}

/// An id that is none is as little there as one that is not known.
fn task_id(path: Id) -> Result<TaskId, Problem> {
    let none = |what: String| Problem::new(&NOT_FOUND, what);
    let Path(text) = path.map_err(|error| none(error.body_text()))?;
    text.parse().map_err(|error: ms_core::task::TaskIdError| none(error.to_string()))
}

fn key_of(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = headers.get(&KEY) else { return Ok(None) };
    let bad = |what: &str| Problem::new(&BAD_PARAMETER, format!("Idempotency-Key: {what}"));
    let text = value.to_str().map_err(|_| bad("not printable ASCII"))?;
    // The draft of the header has it as a quoted string; most send it bare.
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    IdempotencyKey::new(text).map(Some).map_err(|error| bad(&error.to_string()))
}

/// Refuses a request with an `Idempotency-Key` where there is none: whoever sends one counts on it.
pub(super) fn without_key(headers: &HeaderMap, why: &str) -> Result<(), Problem> {
    match headers.contains_key(&KEY) {
        true => Err(Problem::new(&BAD_PARAMETER, format!("Idempotency-Key: {why}"))),
        false => Ok(()),
    }
}

/// A refusal that is about one task.
fn refused(error: TaskError) -> Problem {
    let told = error.to_string();
    match error {
        TaskError::OutOfBounds { what, .. } => {
            Problem::new(&MALFORMED, told.clone()).at(what, told)
        }
        TaskError::Contradiction { what, .. } => {
            Problem::new(&UNPROCESSABLE, told.clone()).at(what, told).next(SEE_FIELD)
        }
        TaskError::UnknownQueue(_) => Problem::new(&UNPROCESSABLE, told.clone())
            .at("queue", told)
            .next("`ms_framework_tasks` in /metrics has the queues of this node; without `queue` it is `default`"),
        TaskError::UnknownKind(_) => Problem::new(&UNPROCESSABLE, told.clone())
            .at("kind", told)
            .next("`msctl tree` shows which kinds of agents there are"),
        TaskError::InvalidPayload { invalid, .. } => {
            let field = match invalid.field.as_str() {
                "." => "payload".to_owned(),
                field if field.starts_with('[') => format!("payload{field}"),
                field => format!("payload.{field}"),
            };
            Problem::new(&UNPROCESSABLE, told).at(&field, invalid.why.clone()).next(SEE_FIELD)
        }
        TaskError::BatchTooLarge { .. } => Problem::new(&MALFORMED, told),
        TaskError::TooLarge { .. } => Problem::new(&TOO_LARGE, told),
        TaskError::QueueFull { .. } => Problem::new(&QUEUE_FULL, told).retry_after(COME_AGAIN),
        TaskError::NotFound(_) => Problem::new(&NOT_FOUND, told),
        TaskError::Unreadable { .. } => Problem::new(&INTERNAL, told),
        // The rest is about the state of the task.
        _ => Problem::new(&CONFLICT, told),
    }
}

/// Each caller is told; the log would say the same for all of them.
static FAILED: LogLimit = LogLimit::new(Duration::from_secs(10));

/// A failure of the store. Its causes are for the log, not for the caller.
fn failed(error: StoreError) -> Problem {
    if let Some(left_out) = FAILED.admit() {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, left_out, "the task store failed a request");
    }
    let told = error.to_string();
    match error {
        StoreError::Overloaded(_) | StoreError::Busy(_) => {
            Problem::new(&OVERLOADED, told).retry_after(COME_AGAIN)
        }
        StoreError::Unknown(_) => Problem::new(&TIMED_OUT, told),
        // No later attempt would read it, and the others can be read.
        StoreError::Unreadable { .. } => Problem::new(&INTERNAL, told),
        StoreError::Away(_) => {
            Problem::new(&UNAVAILABLE, "the task store is down").retry_after(COME_AGAIN)
        }
        StoreError::Full(_) | StoreError::NewerSchema { .. } | StoreError::Other(_) => {
            Problem::new(&UNAVAILABLE, told).retry_after(COME_AGAIN)
        }
        // The texts of the rest name paths of this machine, which are no business of the caller.
        _ => Problem::new(&UNAVAILABLE, "the task store cannot be used").retry_after(COME_AGAIN),
    }
}
