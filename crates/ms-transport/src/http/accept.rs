//! Connections: taken in up to a bound, served, and ended in order.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ms_core::accept::AcceptBackoff;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use super::bind::is_loopback;
use super::framing::Watched;
use super::limits::HttpLimits;

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
    let room = Arc::new(Semaphore::new(limits.connections));
    let per_ip = PerIp::new(limits.connections_per_ip);
    let mut backoff = AcceptBackoff::new();
    loop {
        // The permit first: what has no room waits in the kernel's queue, not in ours.
        let next = backoff.next(stop.drain.cancelled(), || take(&listener, &room), pause);
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
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

async fn serve(stream: TcpStream, peer: SocketAddr, app: Router, limits: &HttpLimits, stop: Stop) {
    // Small answers must not wait for more to say.
    let _ = stream.set_nodelay(true);
    let (stream, smuggled) = Watched::new(stream, limits.head_bytes);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(smuggled.clone());
        let mut app = app.clone();
        async move {
            Ok::<_, Infallible>(app.call(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_headers(limits.header_lines)
        .max_buf_size(limits.head_bytes);
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

/// Connections by address. One lock, held for a look-up; addresses of this machine are free.
#[derive(Debug, Clone)]
struct PerIp {
    limit: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// The place of one connection; given back when dropped.
struct Place {
    of: PerIp,
    ip: Option<IpAddr>,
}

impl PerIp {
    fn new(limit: usize) -> Self {
        Self { limit, open: Arc::default() }
    }

    fn enter(&self, ip: IpAddr) -> Option<Place> {
        if is_loopback(ip) {
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
}
