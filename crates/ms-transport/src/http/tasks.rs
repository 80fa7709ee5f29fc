//! `/api/v1/tasks`: submits, reads, lists, cancels and retries durable tasks.

use axum::Extension;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ms_core::task::{
    AgentKind, IdempotencyKey, MAX_PAGE, NewTask, QueueName, TaskFilter, TaskId, TaskPage,
    TaskState, TaskView,
};
use ms_ops::RequestId;
use ms_ops::ops::{
    CancelTask, GetTask, ListTasks, RetryTask, SubmitBatch, SubmitTask, TaskOutcome,
};
use ms_ops::views::{Submittal, TaskResult};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::asker::Asker;
use super::body::{Json, MaybeJson};
use super::problem::{BAD_PARAMETER, NOT_FOUND, Problem, ProblemDetails, UNPROCESSABLE};
use super::query::NoQuery;
use super::schema::{
    BatchSchema, NewTaskSchema, StateSchema, TaskIdSchema, TaskPageSchema, TaskViewSchema,
};
use super::trace::Traced;

/// The header that marks the answer to a repeat, which is that of the first request.
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The header with the idempotency key of a request.
static KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Advice for a caller who wants to be able to send a batch again.
const KEY_OF_EACH: &str =
    "leave the header out; each task of a batch may have its own `idempotency_key` in the body";

/// An id from the path, not yet parsed: see [`task_id`].
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
    asker: Asker,
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
    let taken = asker.ask(SubmitTask { task: Box::new(task) }).await?;
    let (view, repeated) = (taken.task, taken.repeated);
    let location = [(header::LOCATION, format!("/api/v1/tasks/{}", view.id))];
    let mut response = (StatusCode::CREATED, location, axum::Json(view.id)).into_response();
    if repeated {
        response.headers_mut().insert(&REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The outcome of one task of a batch: its id, or why it was refused.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Submittal)]
enum OneOfBatch {
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
        (status = 201, description = "all were taken", body = Vec<OneOfBatch>),
        (status = 207, description = "some were refused", body = Vec<OneOfBatch>),
        (status = 422, description = "settings of a task contradict one another; nothing was taken", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn submit_batch(
    asker: Asker,
    _: NoQuery,
    Extension(trace): Extension<Traced>,
    headers: HeaderMap,
    Json(mut batch): Json<Vec<NewTask>>,
) -> Result<Response, Problem> {
    without_key(&headers, "a batch has no key of its own")
        .map_err(|problem| problem.next(KEY_OF_EACH))?;
    batch.iter_mut().for_each(|task| task.trace = Some(trace.own));
    let answers = asker.ask(SubmitBatch { tasks: batch }).await?;
    let all = answers.iter().all(|answer| matches!(answer, Submittal::Taken(_)));
    let answers = answers.into_iter().map(|answer| match answer {
        Submittal::Taken(taken) => OneOfBatch::Id(taken.task.id),
        Submittal::Refused(error) => OneOfBatch::Problem((*error).into()),
    });
    // 207 even if all were refused: the request itself was carried out, and each answer counts.
    let status = if all { StatusCode::CREATED } else { StatusCode::MULTI_STATUS };
    Ok((status, axum::Json(answers.collect::<Vec<_>>())).into_response())
}

/// A task: its state, agent, attempts and timings.
#[utoipa::path(get, path = "/api/v1/tasks/{id}", tag = "tasks", params(("id" = String, Path, format = Uuid, description = "the id of a task")),
    responses((status = 200, body = TaskViewSchema),
        (status = 404, body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn get(asker: Asker, id: Id, _: NoQuery) -> Result<axum::Json<TaskView>, Problem> {
    asker.ask(GetTask { id: task_id(id)? }).await.map(axum::Json)
}

/// The end of a task.
#[derive(ToSchema)]
#[schema(as = TaskResult)]
#[allow(dead_code, reason = "described, never made: the values are ms-ops's")]
struct TaskResultSchema {
    /// Whether it was completed.
    success: bool,
    /// Its state.
    state: StateSchema,
    /// The agent's result, when it was completed.
    #[schema(required = true)]
    output: Option<Value>,
    /// Why it was not, otherwise.
    #[schema(required = true)]
    error: Option<String>,
}

/// The result of a task that has ended; 409 while it has not.
#[utoipa::path(get, path = "/api/v1/tasks/{id}/result", tag = "tasks", params(("id" = String, Path, format = Uuid, description = "the id of a task")),
    responses((status = 200, body = TaskResultSchema),
        (status = 404, body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 409, description = "not ended yet", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn result(
    asker: Asker,
    id: Id,
    _: NoQuery,
) -> Result<axum::Json<TaskResult>, Problem> {
    asker.ask(TaskOutcome { id: task_id(id)? }).await.map(axum::Json)
}

/// The filter and the page of a list.
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
    asker: Asker,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<axum::Json<TaskPage>, Problem> {
    let Query(query) = query.map_err(|error| Problem::new(&BAD_PARAMETER, error.body_text()))?;
    let limit = query.limit.unwrap_or(0);
    // 0 is how a `TaskFilter` asks for the default; a client that writes it means something else.
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
    asker.ask(ListTasks { filter }).await.map(axum::Json)
}

/// Why a task is steered. The whole body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskSteering)]
pub(super) struct Why {
    /// Why, for the record.
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// The id of this request: sent again with it, the request is answered as the first was, and is
    /// not carried out again.
    #[schema(value_type = Option<String>, pattern = "^[!-~]{1,128}$", max_length = 128)]
    request_id: Option<RequestId>,
}

/// Cancels a task. An agent that has it is notified; its late result is refused. A task that is
/// cancelled already stays so, and is answered with 200 as well. The body may say why, and name the
/// request; an `Idempotency-Key` is refused with 400.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/cancel", tag = "tasks", params(("id" = String, Path, format = Uuid, description = "the id of a task")),
    request_body = Option<Why>,
    responses((status = 200, description = "it is cancelled, now or before", body = TaskViewSchema),
        (status = 404, body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 409, description = "it has ended in another way (completed, failed or dead), or its `request_id` is that of another request", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn cancel(
    asker: Asker,
    Steered(id): Steered,
    MaybeJson(why): MaybeJson<Why>,
) -> Result<axum::Json<TaskView>, Problem> {
    let Why { reason, request_id } = why.unwrap_or_default();
    asker.ask(CancelTask { id, reason, request_id }).await.map(axum::Json)
}

/// Tries a task again that failed or is among the dead letters, with all its attempts. Once it waits
/// again, another retry is refused with 409, unless it is the same request with its `request_id`. The
/// body may say why, and name the request; an `Idempotency-Key` is refused with 400.
#[utoipa::path(post, path = "/api/v1/tasks/{id}/retry", tag = "tasks", params(("id" = String, Path, format = Uuid, description = "the id of a task")),
    request_body = Option<Why>,
    responses((status = 200, description = "it waits to be tried again", body = TaskViewSchema),
        (status = 404, body = ProblemDetails<'_>, content_type = "application/problem+json"),
        (status = 409, description = "it is neither failed nor dead (it has not ended, or is completed or cancelled), or its `request_id` is that of another request", body = ProblemDetails<'_>, content_type = "application/problem+json")))]
pub(super) async fn retry(
    asker: Asker,
    Steered(id): Steered,
    MaybeJson(why): MaybeJson<Why>,
) -> Result<axum::Json<TaskView>, Problem> {
    let Why { reason, request_id } = why.unwrap_or_default();
    asker.ask(RetryTask { id, reason, request_id }).await.map(axum::Json)
}

/// The advice to a cancel or retry with a key.
const NO_KEY: &str =
    "not taken here; a `request_id` in the body keeps a repeat from being done twice";

/// The task of a steering request, which has no query and no key.
pub(super) struct Steered(TaskId);

impl<S: Send + Sync> FromRequestParts<S> for Steered {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::from_request_parts(parts, state).await;
        NoQuery::from_request_parts(parts, state).await?;
        without_key(&parts.headers, NO_KEY)?;
        task_id(id).map(Self)
    }
}

/// Parses an id. A malformed one is answered like an unknown one: there is no such task.
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

/// Refuses a request with an `Idempotency-Key` where it has no effect: its sender would rely on it.
pub(super) fn without_key(headers: &HeaderMap, why: &str) -> Result<(), Problem> {
    match headers.contains_key(&KEY) {
        true => Err(Problem::new(&BAD_PARAMETER, format!("Idempotency-Key: {why}"))),
        false => Ok(()),
    }
}
