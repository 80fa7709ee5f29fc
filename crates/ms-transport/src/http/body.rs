//! Bodies of requests: bounded in bytes and time, plain or gzip, JSON as [`ms_json`] reads it.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRef, FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::gateway::Shared;
use super::limits::HttpLimits;
use super::problem::{
    MALFORMED, MEDIA_TYPE, NOT_SERVING, Problem, SLOW_BODY, TOO_LARGE, UNPROCESSABLE,
};

/// Time for a body that is on its way once the node takes no more work.
const LAST_CALL: Duration = Duration::from_secs(5);

/// A JSON body of type `T`.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T>
where
    Arc<Shared>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let shared = Arc::<Shared>::from_ref(state);
        let (head, body) = request.into_parts();
        // Before the body is read: what cannot be used need not arrive.
        let coding = coding(&head.headers)?;
        let body = whole(body, &shared).await?;
        parse(body, coding, &shared.limits).map(Self)
    }
}

/// A JSON body of type `T`, or none at all; what type an absent body would have does not matter.
pub(super) struct MaybeJson<T>(pub(super) Option<T>);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for MaybeJson<T>
where
    Arc<Shared>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let shared = Arc::<Shared>::from_ref(state);
        let (head, body) = request.into_parts();
        // A chunked body is known to be empty only when it has ended.
        let body = whole(body, &shared).await?;
        if body.is_empty() {
            return Ok(Self(None));
        }
        parse(body, coding(&head.headers)?, &shared.limits).map(|body| Self(Some(body)))
    }
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Plain,
    Gzip,
}

/// Checks what the head says of a body.
fn coding(headers: &HeaderMap) -> Result<Coding, Problem> {
    media_type(headers)?;
    Ok(if packed(headers)? { Coding::Gzip } else { Coding::Plain })
}

/// Waits for a body, as long as the node takes work.
async fn whole(body: Body, shared: &Shared) -> Result<Bytes, Problem> {
    tokio::select! {
        body = arrive(body, &shared.limits) => body,
        () = last_call(shared) => Err(half_sent()),
    }
}

fn parse<T: DeserializeOwned>(
    body: Bytes,
    coding: Coding,
    limits: &HttpLimits,
) -> Result<T, Problem> {
    let body = match coding {
        Coding::Gzip => unpack(&body, limits)?,
        Coding::Plain => body,
    };
    ms_json::from_slice(&body, limits.json_depth).map_err(|error| {
        let kind = if error.is_unfit() { &UNPROCESSABLE } else { &MALFORMED };
        let problem = Problem::new(kind, error.to_string());
        match error.at() {
            "" => problem,
            at => problem.at(at, error.what()),
        }
    })
}

/// Checks that the body is JSON, which is UTF-8 by definition (RFC 8259, 8.1): one that declares
/// another character set would be misread.
fn media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let mut parts = text.unwrap_or_default().split(';').map(str::trim);
    if !parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::new(&MEDIA_TYPE, "the Content-Type is not application/json"));
    }
    let mut sets = parts
        .filter_map(|parameter| parameter.split_once('='))
        .filter(|(name, _)| name.trim_end().eq_ignore_ascii_case("charset"))
        .map(|(_, set)| set.trim().trim_matches('"'));
    match sets.all(|set| set.eq_ignore_ascii_case("utf-8")) {
        true => Ok(()),
        false => Err(Problem::new(&MEDIA_TYPE, "the charset is not utf-8, and JSON has no other")),
    }
}

fn packed(headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(coding) = headers.get(header::CONTENT_ENCODING) else { return Ok(false) };
    // Codings are the same in any case (RFC 9110, 8.4.1).
    match coding.as_bytes().to_ascii_lowercase().as_slice() {
        b"identity" => Ok(false),
        b"gzip" => Ok(true),
        _ => Err(Problem::new(&MEDIA_TYPE, "the Content-Encoding is neither gzip nor identity")),
    }
}

/// Resolves when a request that has not arrived is too late to be taken.
async fn last_call(shared: &Shared) {
    shared.closing().await;
    tokio::time::sleep(LAST_CALL).await;
}

fn half_sent() -> Problem {
    Problem::new(&NOT_SERVING, "the node is stopping, and the body has not arrived")
        .retry_after(LAST_CALL)
        .closing()
}

async fn arrive(body: Body, limits: &HttpLimits) -> Result<Bytes, Problem> {
    // Its own header says that it is too long: there is nothing to wait for.
    if body.size_hint().lower() > limits.body_bytes as u64 {
        return Err(too_large(limits));
    }
    let collected = Limited::new(body, limits.body_bytes).collect();
    match tokio::time::timeout(limits.body_within, collected).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(limits)),
        Ok(Err(error)) => {
            Err(Problem::new(&MALFORMED, format!("the body ended early: {error}")).closing())
        }
        Err(_) => {
            let detail = format!("the body did not arrive within {:?}", limits.body_within);
            Err(Problem::new(&SLOW_BODY, detail).closing())
        }
    }
}

/// Unpacks at most as much as may be sent plain, so that a bomb costs no more than a body.
fn unpack(packed: &[u8], limits: &HttpLimits) -> Result<Bytes, Problem> {
    let most = limits.body_bytes as u64;
    let mut plain = Vec::new();
    let read = GzDecoder::new(packed).take(most + 1).read_to_end(&mut plain);
    match read {
        Ok(_) if plain.len() > limits.body_bytes => Err(too_large(limits)),
        Ok(_) => Ok(plain.into()),
        Err(error) => Err(Problem::new(&MALFORMED, format!("the body is not valid gzip: {error}"))),
    }
}

fn too_large(limits: &HttpLimits) -> Problem {
    Problem::new(
        &TOO_LARGE,
        format!("a body may have at most {} bytes, also after decompression", limits.body_bytes),
    )
    .closing()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[test]
    fn json_is_utf_8_and_nothing_else() {
        let taken = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().expect("a value"));
            media_type(&headers).map_err(|problem| problem.status())
        };
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=\"UTF-8\"; x=y",
        ] {
            assert_eq!(taken(good), Ok(()), "{good}");
        }
        for bad in
            ["text/json", "application/json; charset=utf-16", "application/json;Charset=latin1"]
        {
            assert_eq!(taken(bad), Err(415), "{bad}");
        }
        assert!(media_type(&HeaderMap::new()).is_err());
    }

    /// RELIABILITY 4.
    #[test]
    fn a_bomb_is_refused_after_what_a_body_may_have() {
        let limits = HttpLimits { body_bytes: 1_000, ..HttpLimits::default() };
        let bomb = gzip(&vec![b' '; 4 * 1024 * 1024]);
        assert!(bomb.len() < 8_192);
        assert_eq!(unpack(&bomb, &limits).expect_err("refused").status(), 413);
        assert_eq!(unpack(&gzip(&[b' '; 1_000]), &limits).expect("fits").len(), 1_000);
        assert_eq!(unpack(b"no gzip", &limits).expect_err("refused").status(), 400);
    }
}
