//! The checks that every request passes before it reaches its handler.
//!
//! In this order: refused heads, header fields that contradict each other, credentials and origin,
//! the gate of the node, room, time. Health and metrics need no credentials and are answered while
//! the node starts and drains.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use uuid::Uuid;

use super::accept::Peer;
use super::admission::Gate;
use super::asker::Pass;
use super::bind::Access;
use super::framing::Exchange;
use super::gateway::Shared;
use super::problem::{
    FOREIGN, MALFORMED_REQUEST, NOT_SERVING, OVERLOADED, Problem, TIMED_OUT, UNAUTHENTICATED,
};
use super::trace::Traced;

/// The header that joins a request, its answer and the log.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest id of a caller that is kept.
const REQUEST_ID_MAX: usize = 64;
/// Header fields with one value. A second is refused, because a proxy in front may have checked the
/// other one.
static SINGLE: [HeaderName; 7] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::EXPECT,
    header::ORIGIN,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("last-event-id"),
];
/// Delay before a caller that was refused for lack of room tries again.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// Guards a whole listener, as its middleware.
pub(super) async fn pass(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers());
    let method = request.method().clone();
    // The pattern, never the path: labels come from a closed set.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".to_owned());
    let peer = request.extensions().get::<Peer>().map(|peer| tracing::field::display(peer.0));
    let trace = Traced::of(request.headers());
    request.extensions_mut().insert(trace);
    let (trace_id, span_id) = (trace.own.trace_id(), trace.own.span_id());
    let parent_id = trace.caller.map(|caller| tracing::field::display(caller.span_id()));
    let span =
        tracing::info_span!("http", %id, %method, route, peer, %trace_id, %span_id, parent_id);
    let close = request.headers().contains_key(header::TRANSFER_ENCODING);

    let answer = async {
        let response = admit(&shared, request, next, &route).await;
        tracing::debug!(status = response.status().as_u16(), "answered");
        response
    };
    let mut response = answer.instrument(span).await;

    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(&REQUEST_ID, id);
    }
    trace.tell(headers);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if close {
        // RFC 9112, 6.1: what follows a chunked body is not trusted, because a proxy may have seen another end.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    count(&method, route, response.status().as_u16(), began.elapsed());
    response
}

async fn admit(shared: &Shared, mut request: Request, next: Next, route: &str) -> Response {
    if let Err(problem) = framing(&request) {
        return problem.into_response();
    }
    // For probes, which have no credentials and must see a node that does not serve.
    if route.starts_with("/health/") || route == "/metrics" {
        return next.run(request).await;
    }
    if let Err(problem) = known(&shared.access, request.uri(), request.headers()) {
        return problem.into_response();
    }
    let inside = match shared.enter() {
        Ok(inside) => Pass::new(inside),
        Err(gate) => return closed(gate).into_response(),
    };
    // Refused at once: a caller in a queue may have given up before its turn comes.
    let Ok(_room) = shared.room.try_acquire() else {
        return Problem::new(&OVERLOADED, "the node's limit of requests in progress is reached")
            .retry_after(COME_AGAIN)
            .into_response();
    };
    // Work that goes on without its caller keeps the request inside until it is done.
    request.extensions_mut().insert(inside);
    let within = shared.limits.body_within.saturating_add(shared.limits.answer_within);
    match tokio::time::timeout(within, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::new(&TIMED_OUT, format!("not answered within {within:?}")).into_response()
        }
    }
}

/// Refuses a bad head, which `head.rs` has found, and header fields that came twice.
fn framing(request: &Request) -> Result<(), Problem> {
    let exchange = request.extensions().get::<Arc<Exchange>>();
    if let Some(refusal) = exchange.and_then(|exchange| exchange.refusal(request.method())) {
        return Err(refusal.problem());
    }
    let twice = |name: &&HeaderName| request.headers().get_all(*name).iter().count() > 1;
    match SINGLE.iter().find(twice) {
        Some(name) => {
            Err(Problem::new(&MALFORMED_REQUEST, format!("there is more than one {name} header")))
        }
        None => Ok(()),
    }
}

fn known(access: &Access, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match access {
        Access::Token(token) => match text(header::AUTHORIZATION).and_then(bearer) {
            // No look at the origin: a browser sends cookies by itself, but never a bearer token.
            Some(given) if token.admits(given) => Ok(()),
            _ => Err(Problem::new(&UNAUTHENTICATED, "the token is missing or wrong")),
        },
        // Without a token, a web page that is open on this machine must not get in: neither by its
        // own origin, nor by a name of its own that resolves to loopback.
        Access::Loopback => {
            let foreign = |what| Err(Problem::new(&FOREIGN, what));
            // An absolute target outranks the Host header (RFC 9112, 3.2.2).
            let host = uri.authority().map(|named| named.as_str());
            match (host.or_else(|| text(header::HOST)), text(header::ORIGIN)) {
                (Some(host), _) if !local(host) => {
                    foreign("the Host header does not name this machine")
                }
                (_, Some(origin))
                    if !origin.split_once("://").is_some_and(|(_, host)| local(host)) =>
                {
                    foreign("the Origin header names another machine")
                }
                _ => Ok(()),
            }
        }
    }
}

/// Returns the token of an `Authorization: Bearer TOKEN`. The name of the scheme ignores case (RFC
/// 9110, 11.1).
fn bearer(credentials: &str) -> Option<&str> {
    let (scheme, token) = credentials.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

/// Returns whether `HOST[:PORT]` names this machine.
fn local(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.eq_ignore_ascii_case("localhost")
        || host.trim_start_matches('[').trim_end_matches(']').parse().is_ok_and(ms_net::is_loopback)
}

fn closed(gate: Gate) -> Problem {
    let detail = match gate {
        Gate::Starting => "the node has not finished its start",
        Gate::Serving | Gate::Draining => "the node is stopping",
    };
    Problem::new(&NOT_SERVING, detail).retry_after(COME_AGAIN).closing()
}

fn request_id(headers: &HeaderMap) -> String {
    let theirs = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    // An id goes into the log and back to the caller, so it must not forge a line in either.
    let plain = |id: &&str| {
        !id.is_empty()
            && id.len() <= REQUEST_ID_MAX
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    theirs.filter(plain).map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn count(method: &Method, route: String, status: u16, took: Duration) {
    let method = match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        // Any token is a method (RFC 9110, 9.1), and labels come from a closed set.
        _ => "other",
    };
    metrics::counter!("ms_framework_http_requests_total",
        "method" => method, "route" => route.clone(), "status" => status.to_string())
    .increment(1);
    metrics::histogram!("ms_framework_http_request_duration_seconds", "route" => route)
        .record(took.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_known() {
        for ours in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:9", "[::1]", "127.9.9.9"]
        {
            assert!(local(ours), "{ours}");
        }
        for foreign in ["evil.example", "localhost.evil.example:80", "192.0.2.1", "", "[::2]:80"] {
            assert!(!local(foreign), "{foreign}");
        }
    }

    #[test]
    fn an_id_of_the_callers_is_taken_over_if_it_is_plain() {
        let id = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(&REQUEST_ID, HeaderValue::from_str(value).expect("a value"));
            request_id(&headers)
        };
        assert_eq!(id("a-1_b.2"), "a-1_b.2");
        for odd in ["a b", "a\u{1b}[0m", &"x".repeat(65)] {
            if let Ok(value) = HeaderValue::from_str(odd) {
                let mut headers = HeaderMap::new();
                headers.insert(&REQUEST_ID, value);
                assert_ne!(request_id(&headers), odd);
            }
        }
    }
}
