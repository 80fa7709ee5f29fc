//! What a caller is told when a request is not carried out: problem details (RFC 9457).

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of a [`Problem`].
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not carried out, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    sort: &'static Sort,
    detail: String,
    errors: Vec<FieldError>,
    /// What to do, where the sort's own advice does not fit.
    next: Option<&'static str>,
    after: Answering,
}

/// A [`Problem`] as it is sent: problem details (RFC 9457).
///
/// `type` is `urn:ms-framework:problem:` and the code; codes are never given another meaning.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDetails<'a> {
    /// A URI for the sort of problem.
    #[serde(rename = "type")]
    kind: String,
    /// One line for the sort of problem.
    title: &'a str,
    /// The HTTP status, again.
    status: u16,
    /// The sort of problem, for programs.
    code: &'a str,
    /// What happened this time.
    detail: &'a str,
    /// What the caller can do.
    next: &'a str,
    /// Where in the body it went wrong, where it did.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

/// One mistake in a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// Where, as a path from the top: `payload.url`, `[3].queue`.
    pub(super) at: String,
    /// What is wrong there.
    pub(super) detail: String,
}

/// What the answer says beside the problem itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Answering {
    retry_after: Option<Duration>,
    close: bool,
}

/// A sort of problem: one line of the table below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sort {
    code: &'static str,
    status: StatusCode,
    title: &'static str,
    next: &'static str,
}

macro_rules! sorts {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:ident, $title:literal, $next:literal;)*) => {
        $($(#[$doc])* pub(super) static $name: Sort =
            Sort { code: $code, status: StatusCode::$status, title: $title, next: $next };)*
        /// Every sort of problem.
        #[cfg(test)]
        static SORTS: &[&Sort] = &[$(&$name),*];
    };
}

sorts! {
    /// The body is no JSON, or not of the right shape.
    MALFORMED = "malformed-body", BAD_REQUEST, "the body is not what this path takes",
        "see /api/v1/openapi.json for the shape";
    /// The request line or a header field is not what HTTP allows, or could be read in two ways.
    MALFORMED_REQUEST = "malformed-request", BAD_REQUEST, "the request is not well-formed HTTP",
        "send one Host, one length, and each of the other header fields once; see RFC 9112";
    /// A value in path or query is out of its bounds.
    BAD_PARAMETER = "bad-parameter", BAD_REQUEST, "a parameter is not valid",
        "see /api/v1/openapi.json for the parameters";
    /// No or wrong credentials.
    UNAUTHENTICATED = "unauthenticated", UNAUTHORIZED, "who asks is not known",
        "send `Authorization: Bearer TOKEN` with the token of this node's token file";
    /// A browser of somebody else's page, or a name that is not ours.
    FOREIGN = "foreign-origin", FORBIDDEN, "the request comes from a foreign page",
        "call the API from the node's own origin, or without an Origin header";
    /// Nothing at that path.
    NO_SUCH_PATH = "no-such-path", NOT_FOUND, "there is nothing at this path",
        "see /api/v1/openapi.json for the paths";
    /// No such thing.
    NOT_FOUND = "not-found", NOT_FOUND, "there is no such thing",
        "check the id; finished tasks are kept for a limited time";
    /// No budget for a path.
    NO_BUDGET = "no-such-budget", NOT_FOUND, "there is no budget for this path",
        "GET /api/v1/budgets has the budgets of this node, and their units";
    /// Wrong method.
    METHOD = "method-not-allowed", METHOD_NOT_ALLOWED, "this path does not take that method",
        "see the Allow header";
    /// The body did not arrive in time.
    SLOW_BODY = "body-too-slow", REQUEST_TIMEOUT, "the body did not arrive in time",
        "send it faster, or in smaller parts";
    /// It contradicts what is there.
    CONFLICT = "conflict", CONFLICT, "the request contradicts what is there",
        "look at the task's state, or use another idempotency key";
    /// There is no result yet.
    NOT_FINISHED = "not-finished", CONFLICT, "the task has no result yet",
        "ask again later, or follow /api/v1/events";
    /// Body too large.
    TOO_LARGE = "body-too-large", PAYLOAD_TOO_LARGE, "the body is over its limit",
        "send less; large data belongs into a store, and its address into the task";
    /// Not JSON.
    MEDIA_TYPE = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "the body is not of a type this path takes",
        "send `Content-Type: application/json`, plain or with `Content-Encoding: gzip`";
    /// More of a head than is read.
    HEAD_TOO_LARGE = "head-too-large", REQUEST_HEADER_FIELDS_TOO_LARGE, "the head of the request is too large",
        "send fewer or shorter header fields and a shorter path";
    /// A transfer coding that is not chunked.
    CODING = "unsupported-transfer-coding", NOT_IMPLEMENTED, "the transfer coding is not known here",
        "send the body with its length, or chunked; gzip goes into Content-Encoding";
    /// Another major version of HTTP.
    VERSION = "http-version", HTTP_VERSION_NOT_SUPPORTED, "this version of HTTP is not spoken here",
        "use HTTP/1.1";
    /// It is of the right shape, and contradicts itself or this node.
    UNPROCESSABLE = "unprocessable", UNPROCESSABLE_ENTITY, "the request cannot be carried out here",
        "change what `detail` names; the same request would be refused again";
    /// Too many requests for a limit of the caller's own.
    TOO_MANY = "too-many", TOO_MANY_REQUESTS, "too many at a time",
        "close what is not needed and try again";
    /// A bug.
    INTERNAL = "internal", INTERNAL_SERVER_ERROR, "a fault inside the node",
        "the node goes on; its log has the cause, report it with the request id";
    /// Full, busy.
    OVERLOADED = "overloaded", SERVICE_UNAVAILABLE, "the node takes no more right now",
        "try again after the time in Retry-After";
    /// The queue is at its bound.
    QUEUE_FULL = "queue-full", SERVICE_UNAVAILABLE, "the queue is full",
        "try again after the time in Retry-After; nothing was stored";
    /// Not yet, or not any more.
    NOT_SERVING = "not-serving", SERVICE_UNAVAILABLE, "the node is starting or stopping",
        "try another node, or again after the time in Retry-After";
    /// Storage is refused: full disk and the like.
    UNAVAILABLE = "storage-unavailable", SERVICE_UNAVAILABLE, "what this needs is unavailable",
        "nothing was stored; /health/ready says what is wrong";
    /// Not done in time.
    TIMED_OUT = "timed-out", GATEWAY_TIMEOUT, "not done in time",
        "it may still be carried out: look, or repeat it with the same idempotency key";
}

impl Problem {
    /// A problem of this sort; `detail` says what happened this time.
    #[must_use]
    pub(super) fn new(sort: &'static Sort, detail: impl Into<String>) -> Self {
        let (detail, after) = (detail.into(), Answering::default());
        Self { sort, detail, errors: Vec::new(), next: None, after }
    }

    fn details(&self) -> ProblemDetails<'_> {
        ProblemDetails {
            kind: format!("urn:ms-framework:problem:{}", self.sort.code),
            title: self.sort.title,
            status: self.sort.status.as_u16(),
            code: self.sort.code,
            detail: &self.detail,
            next: self.next.unwrap_or(self.sort.next),
            errors: &self.errors,
        }
    }

    /// The same with a mistake at a place of the body.
    #[must_use]
    pub(super) fn at(mut self, at: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { at: at.into(), detail: detail.into() });
        self
    }

    /// The same with advice of its own.
    #[must_use]
    pub(super) const fn next(mut self, next: &'static str) -> Self {
        self.next = Some(next);
        self
    }

    /// The same, saying when to try again (in whole seconds, at least one).
    #[must_use]
    pub(super) const fn retry_after(mut self, delay: Duration) -> Self {
        self.after.retry_after = Some(delay);
        self
    }

    /// The same, closing the connection: what else is on it cannot be trusted or is too long.
    #[must_use]
    pub(super) const fn closing(mut self) -> Self {
        self.after.close = true;
        self
    }
}

/// As it is sent, for the answers of a batch.
impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.details().serialize(serializer)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.sort.status;
        // Plain strings and numbers: this cannot fail.
        let body = serde_json::to_vec(&self.details()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(delay) = self.after.retry_after {
            headers.insert(header::RETRY_AFTER, delay.as_secs().max(1).into());
        }
        if self.after.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
impl Problem {
    pub(super) fn status(&self) -> u16 {
        self.sort.status.as_u16()
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_every_problem_says_what_to_do() {
        for (at, sort) in SORTS.iter().enumerate() {
            assert!(SORTS[..at].iter().all(|other| other.code != sort.code), "{}", sort.code);
            assert!(!sort.next.is_empty() && sort.status.as_u16() >= 400, "{}", sort.code);
        }
    }

    #[test]
    fn a_problem_is_problem_json_with_its_headers() {
        let problem =
            Problem::new(&QUEUE_FULL, "1000 tasks wait").retry_after(Duration::from_millis(20));
        let response = problem.closing().into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["content-type"], PROBLEM_JSON);
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(response.headers()["connection"], "close");
    }
}
