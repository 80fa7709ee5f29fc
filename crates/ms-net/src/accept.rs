//! The accept loop: takes connections up to the limits, and hands each to its service.

use std::any::Any;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use crate::connections::{Connections, Stop};
use crate::descriptors::Spare;
use crate::limits::{Limits, Pauses, WhenFull};
use crate::logic::{AcceptBackoff, Full};
use crate::places::{Place, Places};

/// A source of connections.
pub trait Accept: AsFd {
    /// A connection.
    type Stream: Send + 'static;
    /// The kernel's description of the other end.
    type Peer: Send;

    /// Waits for the next connection.
    ///
    /// # Cancel safety
    /// Dropped early it has taken no connection.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, Self::Peer)>> + Send;

    /// The address that a peer counts for, where peers have one.
    fn address(peer: &Self::Peer) -> Option<IpAddr>;
}

/// Serves the connections of a listener.
///
/// It is also notified of what happens to the listener, so that each service logs and counts in its
/// own words. None of these methods may block.
pub trait ConnectionService: Send + Sync + 'static {
    /// The source of its connections.
    type Listener: Accept;
    /// The caller, once identified.
    type Caller: Send + 'static;
    /// Why a connection is not served.
    type Refusal: From<Full>;

    /// Identifies the caller.
    ///
    /// # Errors
    /// Why that caller is not served, whether or not there is room.
    fn identify(
        &self,
        stream: &<Self::Listener as Accept>::Stream,
        peer: <Self::Listener as Accept>::Peer,
    ) -> Result<Self::Caller, Self::Refusal>;

    /// Serves a connection to its end, which comes soon after `stop` says that it drains.
    ///
    /// It is dropped where it stands when `stop` says to close at once.
    fn serve(
        self: Arc<Self>,
        stream: <Self::Listener as Accept>::Stream,
        caller: Self::Caller,
        stop: Stop,
    ) -> impl Future<Output = ()> + Send + 'static;

    /// Turns a connection away; it is closed by dropping it.
    fn refuse(&self, stream: <Self::Listener as Accept>::Stream, refusal: Self::Refusal);

    /// Reports that no connection can be accepted and that the loop pauses for this long.
    fn paused(&self, error: &io::Error, pause: Duration);

    /// Reports that serving a connection panicked.
    fn panicked(&self, message: &str);
}

/// Takes connections until told to drain. They live on as tasks of `connections`.
///
/// It ends only then: what keeps it from accepting makes it pause.
///
/// # Cancel safety
/// Dropped early it takes no more connections; those it has live on.
///
/// # Panics
/// Outside a tokio runtime with I/O and time enabled.
pub async fn accept<S: ConnectionService>(
    mut listener: S::Listener,
    service: Arc<S>,
    limits: Limits,
    connections: Connections,
) {
    let places = Places::new(&limits);
    let spare = Spare::new(limits.spare_descriptors);
    let stop = connections.stop().clone();
    let mut draining = pin!(stop.drain.cancelled());
    let mut backoff = AcceptBackoff::new();
    loop {
        // The stop first: a backlog that never empties must not keep a listener open.
        let taken = tokio::select! {
            biased;
            () = &mut draining => return,
            taken = take(&mut listener, &places, limits.when_full, spare) => taken,
        };
        let error = match taken {
            Ok((stream, peer)) => {
                backoff.succeeded();
                admit(&service, &places, &connections, stream, peer);
                continue;
            }
            Err(error) => error,
        };
        let Some(pause) = backoff.failed(error.kind()) else { continue };
        service.paused(&error, pause);
        tokio::select! {
            biased;
            () = &mut draining => return,
            () = tokio::time::sleep(pause) => {}
            () = places.freed(), if limits.pauses == Pauses::UntilOneEnds => {}
        }
    }
}

type Taken<L> = (<L as Accept>::Stream, <L as Accept>::Peer);

async fn take<L: Accept>(
    listener: &mut L,
    places: &Places,
    when_full: WhenFull,
    spare: Spare,
) -> io::Result<Taken<L>> {
    if when_full == WhenFull::Wait {
        // Before the accept: what has no room waits in the kernel's queue, not in ours.
        places.room().await;
    }
    spare.is_kept_by(listener)?;
    listener.accept().await
}

/// Serves the connection, or turns it away.
fn admit<S: ConnectionService>(
    service: &Arc<S>,
    places: &Arc<Places>,
    connections: &Connections,
    stream: <S::Listener as Accept>::Stream,
    peer: <S::Listener as Accept>::Peer,
) {
    let address = S::Listener::address(&peer);
    // Who it is comes first: a stranger is refused as such even where there is no room, and takes
    // no place.
    let admitted =
        service.identify(&stream, peer).and_then(|caller| Ok((caller, places.enter(address)?)));
    match admitted {
        Ok((caller, place)) => {
            let stop = connections.stop().clone();
            connections.spawn(serve(Arc::clone(service), stream, caller, place, stop));
        }
        Err(refusal) => service.refuse(stream, refusal),
    }
}

async fn serve<S: ConnectionService>(
    service: Arc<S>,
    stream: <S::Listener as Accept>::Stream,
    caller: S::Caller,
    place: Place,
    stop: Stop,
) {
    // Given back when the connection ends, in a panic as well.
    let _held = place;
    // The call within the future, so that a panic before its first wait is caught, too.
    let (of, ends) = (Arc::clone(&service), stop.clone());
    let served = AssertUnwindSafe(async move { of.serve(stream, caller, ends).await });
    let ended = tokio::select! {
        biased;
        () = stop.now.cancelled() => return,
        ended = served.catch_unwind() => ended,
    };
    if let Err(payload) = ended {
        service.panicked(message_of(payload.as_ref()));
    }
}

fn message_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
