//! A client for HTTP that keeps its connections and bounds each answer.
//!
//! It follows no redirects, so that a call goes only where its caller says. It does not retry what a
//! server may have seen.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// Longest time an idle connection is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Most idle connections kept to one host.
const IDLE_CONNECTIONS: usize = 4;
/// Longest wait for a connection; the caller's deadline may be shorter.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A call to another service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Outgoing {
    /// Its method.
    pub method: String,
    /// Its target, an absolute URL of `http`.
    pub url: String,
    /// Its headers besides `Host` and `Content-Length`.
    pub headers: BTreeMap<String, String>,
    /// Its body; empty for none.
    pub body: Vec<u8>,
}

/// The answer to a call, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// The status.
    pub status: u16,
    /// The headers that are text; of several with one name, the last.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The call itself is wrong; nothing was sent.
    #[error("{what} is not valid in HTTP: {why}")]
    Malformed {
        /// Which part of the call.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no connection, or it broke.
    #[error("no answer from {host}; check that it is running and reachable")]
    Unreachable {
        /// The host.
        host: String,
        /// The error of the connection.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is over its bound.
    #[error("the answer of {host} is larger than {limit} bytes; request less at a time")]
    TooLarge {
        /// The host.
        host: String,
        /// The bound.
        limit: usize,
    },
}

/// A client for HTTP. Its connections run on the arbiter it was first used on, so each actor that
/// calls needs its own.
pub struct HttpClient {
    inner: Client<HttpConnector, Full<Bytes>>,
    max_answer: usize,
}

impl HttpClient {
    /// Creates a client that takes answers of up to `max_answer` bytes.
    #[must_use]
    pub fn new(max_answer: usize) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_WITHIN));
        connector.set_nodelay(true);
        let inner = Client::builder(TokioExecutor::new())
            // Without a timer, an idle connection is dropped only when a later call comes across
            // it.
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Self { inner, max_answer }
    }

    /// Makes a call and takes the whole answer. Only the connection has a deadline; the caller sets
    /// one for the rest.
    ///
    /// # Errors
    /// [`ClientError`]. An answer whose status is an error is an answer.
    ///
    /// # Cancel safety
    /// The server may have carried the call out when the future is dropped.
    pub async fn send(&self, call: &Outgoing) -> Result<Incoming, ClientError> {
        let request = request(call)?;
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let unreachable = |source| ClientError::Unreachable { host: host.clone(), source };
        let answer = self.inner.request(request).await;
        let answer = answer.map_err(|error| unreachable(error.into()))?;
        let (parts, body) = answer.into_parts();
        let limit = self.max_answer;
        let body = Limited::new(body, limit).collect().await.map_err(|error| match error
            .is::<LengthLimitError>(
        ) {
            true => ClientError::TooLarge { host: host.clone(), limit },
            false => unreachable(error),
        })?;
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        };
        Ok(Incoming {
            status: parts.status.as_u16(),
            headers: parts.headers.iter().filter_map(text).collect(),
            body: body.to_bytes().into(),
        })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpClient").field("max_answer", &self.max_answer).finish_non_exhaustive()
    }
}

impl Outgoing {
    /// Checks that HTTP takes the call, and returns its HOST:PORT, with the default port where the URL
    /// has none.
    ///
    /// # Errors
    /// [`ClientError::Malformed`].
    pub fn check(&self) -> Result<String, ClientError> {
        let request = request(self)?;
        let uri = request.uri();
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        Ok(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
    }
}

fn request(call: &Outgoing) -> Result<Request<Full<Bytes>>, ClientError> {
    let malformed = |what: &str, why: String| ClientError::Malformed { what: what.to_owned(), why };
    let method: Method = call
        .method
        .parse()
        .map_err(|_| malformed("method", "must be the name of a method, such as GET".to_owned()))?;
    if method == Method::CONNECT {
        return Err(malformed("method", "CONNECT is for proxies".to_owned()));
    }
    let uri: Uri = call.url.parse().map_err(|error| malformed("url", format!("{error}")))?;
    let good = uri.scheme_str() == Some("http") && uri.host().is_some_and(|host| !host.is_empty());
    // In `http://allowed@evil/` the host is `evil`, which is easily misread.
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if !good || has_user {
        let why = "must be an absolute URL of http without a user, such as http://host:80/path";
        return Err(malformed("url", why.to_owned()));
    }
    let mut request = Request::new(Full::new(Bytes::from(call.body.clone())));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    for (name, value) in &call.headers {
        let what = format!("headers.{name}");
        let name: HeaderName =
            name.parse().map_err(|_| malformed(&what, "is not the name of a header".to_owned()))?;
        if OWN.contains(&name.as_str()) {
            return Err(malformed(&what, "is set by the client itself".to_owned()));
        }
        let value = HeaderValue::from_str(value).map_err(|_| {
            malformed(&what, "has characters that no header may contain".to_owned())
        })?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// Headers that the client sets itself: they are about the connection, or the end of a message.
const OWN: [&str; 7] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"];

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, url: &str, header: &str) -> Outgoing {
        let headers = [(header.to_owned(), "x".to_owned())].into_iter();
        Outgoing {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: headers.filter(|(name, _)| !name.is_empty()).collect(),
            body: Vec::new(),
        }
    }

    #[test]
    fn a_call_says_for_whom_it_is() {
        for (url, host) in [
            ("http://a.example/x?y", "a.example:80"),
            ("http://A.Example:8080", "a.example:8080"),
            ("http://127.0.0.1:1/", "127.0.0.1:1"),
        ] {
            assert_eq!(call("GET", url, "accept").check().expect(url), host);
        }
    }

    #[test]
    fn what_http_does_not_take_is_named() {
        for (method, url, header, what) in [
            ("G T", "http://a/", "", "method"),
            ("CONNECT", "http://a/", "", "method"),
            ("GET", "/path", "", "url"),
            ("GET", "https://a/", "", "url"),
            ("GET", "file:///etc/passwd", "", "url"),
            ("GET", "http://allowed@evil/", "", "url"),
            ("GET", "http://a b/", "", "url"),
            ("GET", "http://a/", "host", "headers.host"),
            ("GET", "http://a/", "Transfer-Encoding", "headers.Transfer-Encoding"),
            ("GET", "http://a/", "a b", "headers.a b"),
        ] {
            match call(method, url, header).check() {
                Err(ClientError::Malformed { what: found, .. }) => assert_eq!(found, what, "{url}"),
                other => panic!("{method} {url} {header}: {other:?}"),
            }
        }
    }
}
