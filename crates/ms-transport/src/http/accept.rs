//! HTTP connections: hyper serves each until it ends or the listener drains.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ms_net::{ConnectionService, Full, Pauses, Stop, WhenFull};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

use super::framing::{Answering, Exchange, Watched};
use super::head::HeadLimits;
use super::limits::HttpLimits;

/// hyper's own bounds lie this far behind ours, so that ours apply first and answer with a problem.
const SLACK: usize = 16 * 1024;

/// The address at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// What every connection of a listener shares.
pub(super) struct HttpService {
    pub(super) app: Router,
    pub(super) limits: HttpLimits,
}

impl HttpLimits {
    /// Returns the limits that the listener applies.
    pub(super) const fn of_listener(&self) -> ms_net::Limits {
        ms_net::Limits {
            connections: self.connections,
            per_address: Some(self.connections_per_ip),
            spare_descriptors: self.spare_descriptors,
            when_full: WhenFull::Wait,
            pauses: Pauses::InFull,
        }
    }
}

impl ConnectionService for HttpService {
    type Listener = TcpListener;
    type Caller = Peer;
    type Refusal = Full;

    fn identify(&self, _: &TcpStream, peer: SocketAddr) -> Result<Peer, Full> {
        Ok(Peer(peer))
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: Peer, stop: Stop) {
        serve(stream, peer, self.app.clone(), &self.limits, stop).await;
    }

    fn refuse(&self, _: TcpStream, _: Full) {
        metrics::counter!("ms_framework_http_connections_refused_total").increment(1);
    }

    /// The process is out of descriptors or memory, and trying again at once would spin.
    fn paused(&self, error: &io::Error, pause: Duration) {
        tracing::warn!(%error, ?pause, "cannot accept connections; pausing");
        metrics::counter!("ms_framework_http_accept_errors_total").increment(1);
    }

    fn panicked(&self, message: &str) {
        tracing::error!(error = message, "a connection failed");
    }
}

async fn serve(stream: TcpStream, peer: Peer, app: Router, limits: &HttpLimits, stop: Stop) {
    // Small answers must not wait for more bytes to send.
    let _ = stream.set_nodelay(true);
    let heads = HeadLimits { bytes: limits.head_bytes, lines: limits.header_lines };
    let (stream, exchange) = Watched::new(stream, heads, stop.drain.clone());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let answering = exchange.begin();
        let arriving = |body| Arriving::new(body, Arc::clone(&exchange));
        let mut request: Request = request.map(|body| Body::new(arriving(body)));
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Arc::clone(&exchange));
        let mut app = app.clone();
        async move {
            let response = app.call(request).await.unwrap_or_else(|never| match never {});
            Ok::<_, Infallible>(response.map(|body| Leaving { body, _answering: answering }))
        }
    });
    // HTTP/1 alone, whose heads `framing.rs` can check byte by byte before hyper acts on them.
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_headers(limits.header_lines)
        .max_buf_size(limits.head_bytes + SLACK);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = stop.drain.cancelled() => {
            // The request in progress is answered; a connection that is idle ends at once.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        let Peer(peer) = peer;
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

/// The body of a request, which reports when all of it has arrived.
struct Arriving {
    body: Incoming,
    exchange: Arc<Exchange>,
}

impl Arriving {
    fn new(body: Incoming, exchange: Arc<Exchange>) -> Self {
        let arriving = Self { body, exchange };
        arriving.report();
        arriving
    }

    fn report(&self) {
        if self.body.is_end_stream() {
            self.exchange.arrived();
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match frame {
            Poll::Ready(None) => self.exchange.arrived(),
            Poll::Ready(Some(_)) => self.report(),
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer. The request counts as answered when it is dropped.
struct Leaving {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
