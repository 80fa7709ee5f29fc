//! Problems: the answers to requests that are not carried out (problem details, RFC 9457).

use std::borrow::Cow;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ms_actor::LogLimit;
use ms_ops::codes::problem::Sort;
use ms_ops::{Kind, OpError, Place, brief};
use serde::Serialize;
use utoipa::ToSchema;

pub(super) use ms_ops::codes::problem::{
    BAD_PARAMETER, CODING, FOREIGN, HEAD_TOO_LARGE, INTERNAL, MALFORMED, MALFORMED_REQUEST,
    MEDIA_TYPE, METHOD, NO_SUCH_PATH, NOT_FOUND, NOT_SERVING, OVERLOADED, SLOW_BODY, STREAMED,
    TIMED_OUT, TOO_LARGE, TOO_MANY, UNAUTHENTICATED, UNPROCESSABLE, VERSION,
};

/// The media type of a [`Problem`].
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// The reason why a request was not carried out, and advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    sort: &'static Sort,
    detail: String,
    errors: Vec<FieldError>,
    /// Advice, where that of the sort does not fit.
    next: Option<Cow<'static, str>>,
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

/// The headers of an answer beside the problem itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Answering {
    retry_after: Option<Duration>,
    close: bool,
}

impl Problem {
    /// Creates a problem of this sort; `detail` says what happened this time.
    #[must_use]
    pub(super) fn new(sort: &'static Sort, detail: impl Into<String>) -> Self {
        let (detail, after) = (brief(detail), Answering::default());
        Self { sort, detail, errors: Vec::new(), next: None, after }
    }

    fn http(&self) -> StatusCode {
        StatusCode::from_u16(self.sort.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn details(&self) -> ProblemDetails<'_> {
        ProblemDetails {
            kind: format!("urn:ms-framework:problem:{}", self.sort.name),
            title: self.sort.title,
            status: self.sort.status,
            code: self.sort.name,
            detail: &self.detail,
            next: self.next.as_deref().unwrap_or(self.sort.next),
            errors: &self.errors,
        }
    }

    /// Adds a mistake at a place of the body.
    #[must_use]
    pub(super) fn at(mut self, at: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { at: brief(at), detail: brief(detail) });
        self
    }

    /// Sets advice of its own.
    #[must_use]
    pub(super) fn next(mut self, next: impl Into<Cow<'static, str>>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// Sets the delay before another try (in whole seconds, at least one).
    #[must_use]
    pub(super) const fn retry_after(mut self, delay: Duration) -> Self {
        self.after.retry_after = Some(delay);
        self
    }

    /// Closes the connection after the answer, because the rest on it cannot be trusted or is too long.
    #[must_use]
    pub(super) const fn closing(mut self) -> Self {
        self.after.close = true;
        self
    }
}

/// Writes it as it is sent, for the answers of a batch.
impl Serialize for Problem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.details().serialize(serializer)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.http();
        // Plain strings and numbers: this cannot fail.
        let body = serde_json::to_vec(&self.details()).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(delay) = self.after.retry_after {
            // Whole seconds (RFC 9110, 10.2.3); a 0 would bring the caller back at once.
            headers.insert(header::RETRY_AFTER, delay.as_secs().max(1).into());
        }
        if self.after.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if status == StatusCode::UNAUTHORIZED {
            // A 401 must name a scheme (RFC 9110, 15.5.2).
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Bounds the log: each caller gets the answer, and the log would repeat it for all of them.
static FAILED: LogLimit = LogLimit::new(Duration::from_secs(10));

/// Keeps the wording for callers who are not the operator. Causes go to the log.
impl From<OpError> for Problem {
    fn from(error: OpError) -> Self {
        if let (Kind::Internal, Some(cause)) = (error.kind(), &error.source)
            && let Some(left_out) = FAILED.admit()
        {
            let (what, cause) = (&error.what, &**cause as &dyn std::error::Error);
            tracing::warn!(error = cause, left_out, what, "a request failed");
        }
        let errors = error
            .places
            .iter()
            .map(|Place { at, detail }| FieldError { at: at.clone(), detail: detail.clone() });
        Self {
            sort: error.code.sort,
            detail: error.public().to_owned(),
            errors: errors.collect(),
            next: Some(error.code.advice().into()),
            after: Answering { retry_after: error.retry_after, close: false },
        }
    }
}

#[cfg(test)]
impl Problem {
    pub(super) const fn status(&self) -> u16 {
        self.sort.status
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }
}

#[cfg(test)]
mod tests {
    use ms_ops::codes::problem::QUEUE_FULL;

    use super::*;

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
