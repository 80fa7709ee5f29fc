//! Requests that take no query.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::problem::{BAD_PARAMETER, Problem};

/// Refuses a request with a query, which would have no effect.
pub(super) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.uri.query() {
            None | Some("") => Ok(Self),
            // Not repeated in the answer, because it may be long or secret.
            Some(_) => {
                let (method, path) = (&parts.method, parts.uri.path());
                let what = format!("{method} {path} takes no parameters after `?`");
                Err(Problem::new(&BAD_PARAMETER, what).next(LEAVE_OUT))
            }
        }
    }
}

const LEAVE_OUT: &str = "leave the query out; /api/v1/openapi.json has what each request takes";
