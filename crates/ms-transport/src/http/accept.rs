//! Connections: taken in up to a bound, served, and ended in order.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
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
use ms_core::accept::AcceptBackoff;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::bind::is_loopback;
use super::framing::{Answering, Exchange, Watched};
use super::head::HeadLimits;
use super::limits::HttpLimits;

/// hyper's own bounds lie this far behind ours, so that ours speak first.
const SLACK: usize = 16 * 1024;

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// How a listener and its connections are told to end.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop {
    /// Take no more connections; finish the request in hand, then close.
    pub(super) drain: CancellationToken,
    /// Close at once.
    pub(super) now: CancellationToken,
}

/// Takes connections until told to drain. Connections live on as tasks of `open`.
pub(super) async fn accept(
    listener: TcpListener,
    app: Router,
    limits: HttpLimits,
    stop: Stop,
    open: TaskTracker,
) {
    let per_ip = PerIp::new(limits.connections_per_ip);
    accept_by(listener, app, limits, per_ip, stop, open).await;
}

async fn accept_by(
    listener: TcpListener,
    app: Router,
    limits: HttpLimits,
    per_ip: PerIp,
    stop: Stop,
    open: TaskTracker,
) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let spare = Spare::new(limits.spare_descriptors);
    let mut backoff = AcceptBackoff::new();
    loop {
        // The permit first: what has no room waits in the kernel's queue, not in ours.
        let next = backoff.next(stop.drain.cancelled(), || take(&listener, &room, spare), pause);
        let Some((stream, peer, permit)) = next.await else { return };
        let Some(place) = per_ip.enter(peer.ip()) else {
            metrics::counter!("ms_framework_http_connections_refused_total").increment(1);
            continue;
        };
        let (app, limits, stop) = (app.clone(), limits.clone(), stop.clone());
        open.spawn(async move {
            serve(stream, peer, app, &limits, stop).await;
            drop((permit, place));
        });
    }
}

/// Out of descriptors or memory: trying again at once would spin.
fn pause(error: io::Error, pause: Duration) -> Sleep {
    tracing::warn!(%error, ?pause, "no connection can be taken; pausing");
    metrics::counter!("ms_framework_http_accept_errors_total").increment(1);
    tokio::time::sleep(pause)
}

async fn take(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    spare: Spare,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    spare.is_kept_by(listener)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

/// Descriptors that connections leave to others.
#[derive(Debug, Clone, Copy)]
struct Spare {
    /// The first number that a connection may not have; none without a limit.
    from: Option<u64>,
}

impl Spare {
    fn new(spare: u64) -> Self {
        let limit = getrlimit(Resource::Nofile).current;
        Self { from: limit.map(|limit| limit - spare.min(limit / 8)) }
    }

    /// Fails when the next connection would get one of them. The kernel gives the lowest
    /// number that is free, so a duplicate tells which one is next.
    fn is_kept_by(self, listener: &TcpListener) -> io::Result<()> {
        let Some(from) = self.from else { return Ok(()) };
        let next = listener.as_fd().try_clone_to_owned()?;
        let number = u64::try_from(next.as_raw_fd()).unwrap_or(u64::MAX);
        match number < from {
            true => Ok(()),
            false => Err(io::Error::other(
                "the file descriptors left are spared for probes and storage; raise `ulimit -n`",
            )),
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, app: Router, limits: &HttpLimits, stop: Stop) {
    // Small answers must not wait for more to say.
    let _ = stream.set_nodelay(true);
    let heads = HeadLimits { bytes: limits.head_bytes, lines: limits.header_lines };
    let (stream, exchange) = Watched::new(stream, heads, stop.drain.clone());
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let answering = exchange.begin();
        let arriving = |body| Arriving::new(body, Arc::clone(&exchange));
        let mut request: Request = request.map(|body| Body::new(arriving(body)));
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(Arc::clone(&exchange));
        let mut app = app.clone();
        async move {
            let response = app.call(request).await.unwrap_or_else(|never| match never {});
            Ok::<_, Infallible>(response.map(|body| Leaving { body, _answering: answering }))
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_headers(limits.header_lines)
        .max_buf_size(limits.head_bytes + SLACK);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased;
        () = stop.now.cancelled() => return,
        ended = connection.as_mut() => ended,
        () = stop.drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                () = stop.now.cancelled() => return,
                ended = connection => ended,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

/// The body of a request, which tells when all of it is there.
struct Arriving {
    body: Incoming,
    exchange: Arc<Exchange>,
}

impl Arriving {
    fn new(body: Incoming, exchange: Arc<Exchange>) -> Self {
        let arriving = Self { body, exchange };
        arriving.tell();
        arriving
    }

    fn tell(&self) {
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
            Poll::Ready(Some(_)) => self.tell(),
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

/// The body of an answer; the request is answered when it is dropped.
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

/// Connections by address. One lock, held for a look-up; addresses of this machine are free.
#[derive(Debug, Clone)]
struct PerIp {
    limit: usize,
    /// Which addresses may have any number.
    is_free: fn(IpAddr) -> bool,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// The place of one connection; given back when dropped.
struct Place {
    of: PerIp,
    ip: Option<IpAddr>,
}

impl PerIp {
    fn new(limit: usize) -> Self {
        Self { limit, is_free: is_loopback, open: Arc::default() }
    }

    fn enter(&self, ip: IpAddr) -> Option<Place> {
        if (self.is_free)(ip) {
            return Some(Place { of: self.clone(), ip: None });
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(ip).or_insert(0);
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        Some(Place { of: self.clone(), ip: Some(ip) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(ip) = self.ip else { return };
        let mut open = self.of.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                open.remove(&ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[test]
    fn an_address_gets_its_places_and_no_more() {
        let per_ip = PerIp::new(2);
        let ip = IpAddr::from([192, 0, 2, 1]);
        let first = per_ip.enter(ip);
        let second = per_ip.enter(ip);
        assert!(first.is_some() && second.is_some() && per_ip.enter(ip).is_none());
        assert!(per_ip.enter(IpAddr::from([192, 0, 2, 2])).is_some());
        drop(first);
        assert!(per_ip.enter(ip).is_some());
        let local: Vec<_> = (0..10).map(|_| per_ip.enter(IpAddr::from([127, 0, 0, 1]))).collect();
        assert!(local.iter().all(Option::is_some));
        drop((second, local));
        assert!(per_ip.open.lock().expect("unpoisoned").is_empty());
    }

    /// A connection keeps its place until it is closed, and one beyond the limit is closed at once.
    #[test]
    fn a_connection_has_its_place_for_as_long_as_it_is_open() {
        const SOON: Duration = Duration::from_secs(60);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let addr = listener.local_addr().expect("bound");
            let connect = || async { TcpStream::connect(addr).await.expect("connects") };
            // This machine's own addresses are not free here.
            let per_ip = PerIp { is_free: |_| false, ..PerIp::new(2) };
            let (stop, open) = (Stop::default(), TaskTracker::new());
            let (limits, of) = (HttpLimits::default(), per_ip.clone());
            let taking = accept_by(listener, Router::new(), limits, of, stop.clone(), open);
            let taking = tokio::spawn(taking);
            let places = async |count: usize| {
                let have = || per_ip.open.lock().expect("unpoisoned").values().sum::<usize>();
                let reached = async {
                    while have() != count {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                tokio::time::timeout(SOON, reached).await.expect("so many have a place");
            };
            let (first, second) = (connect().await, connect().await);
            places(2).await;
            let mut third = connect().await;
            let read = tokio::time::timeout(SOON, third.read(&mut [0])).await.expect("is closed");
            assert!(!matches!(read, Ok(1)), "{read:?}");
            drop(first);
            places(1).await;
            let _fourth = connect().await;
            places(2).await;
            drop(second);
            stop.now.cancel();
            stop.drain.cancel();
            tokio::time::timeout(SOON, taking).await.expect("it ends").expect("in order");
        });
    }
}
