//! TCP: listeners, and listening sockets that outlive whoever listens on them.

use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::accept::Accept;

impl Accept for tokio::net::TcpListener {
    type Stream = tokio::net::TcpStream;
    type Peer = SocketAddr;

    async fn accept(&mut self) -> io::Result<(Self::Stream, Self::Peer)> {
        tokio::net::TcpListener::accept(self).await
    }

    fn address(peer: &SocketAddr) -> Option<IpAddr> {
        Some(peer.ip())
    }
}

/// A listening socket that is bound at the first [`listen`](Self::listen) and kept until
/// [`close`](Self::close), with a `Listing` that lives as long.
///
/// An actor whose thread is blocked for good is abandoned with all it has, so a socket of its
/// own would keep the port from its successor for ever. Each incarnation listens on a
/// duplicate of the one that is kept here.
#[derive(Debug)]
pub struct KeptListener<Listing>(Mutex<Option<Bound<Listing>>>);

#[derive(Debug)]
struct Bound<Listing> {
    listener: TcpListener,
    _listing: Listing,
}

impl<Listing> KeptListener<Listing> {
    /// Keeps nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Returns a listener on the kept socket, which is bound to `addr` if there is none;
    /// `list` is then given the address it came to.
    ///
    /// # Errors
    /// What kept the socket from being bound or duplicated.
    ///
    /// # Cancel safety
    /// Dropped early it has bound nothing, or what it bound is kept.
    pub async fn listen(
        &self,
        addr: SocketAddr,
        list: impl FnOnce(SocketAddr) -> Listing,
    ) -> io::Result<tokio::net::TcpListener> {
        if let Some(kept) = self.duplicate()? {
            return tokio::net::TcpListener::from_std(kept);
        }
        let bound = tokio::net::TcpListener::bind(addr).await?.into_std()?;
        let listener = bound.try_clone()?;
        let listing = list(bound.local_addr()?);
        *self.kept() = Some(Bound { listener: bound, _listing: listing });
        tokio::net::TcpListener::from_std(listener)
    }

    /// Makes the kernel refuse connections from now on, for all duplicates, those of abandoned
    /// threads included, and frees the port.
    pub fn close(&self) {
        let Some(Bound { listener, .. }) = self.kept().take() else { return };
        // As a stream, because `std` shuts down only those; to the kernel it is the same call.
        let ended = TcpStream::from(OwnedFd::from(listener)).shutdown(Shutdown::Both);
        if let Err(error) = ended {
            tracing::debug!(%error, "a listening socket was not shut down");
        }
    }

    /// Returns whether a socket is bound and kept.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.kept().is_some()
    }

    fn duplicate(&self) -> io::Result<Option<TcpListener>> {
        self.kept().as_ref().map(|bound| bound.listener.try_clone()).transpose()
    }

    fn kept(&self) -> MutexGuard<'_, Option<Bound<Listing>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Listing> Default for KeptListener<Listing> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const ANY_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

    #[tokio::test]
    async fn a_second_listener_has_the_port_of_one_that_was_never_dropped() {
        let socket = KeptListener::default();
        let abandoned = socket.listen(ANY_PORT.into(), |_| ()).await.expect("binds");
        let addr = abandoned.local_addr().expect("bound");
        let successor = socket.listen(addr, |_| ()).await.expect("though the other is there still");
        assert_eq!(successor.local_addr().expect("bound"), addr);
        let client = tokio::net::TcpStream::connect(addr).await.expect("is listened to");
        let (_, peer) = successor.accept().await.expect("gets it");
        assert_eq!(peer, client.local_addr().expect("connected"));
        drop(abandoned);
    }

    #[tokio::test]
    async fn a_closed_socket_refuses_and_frees_its_port_whoever_has_a_duplicate() {
        let (socket, listing) = (KeptListener::default(), Arc::new(()));
        let listed = |_| Arc::clone(&listing);
        let abandoned = socket.listen(ANY_PORT.into(), listed).await.expect("binds");
        let addr = abandoned.local_addr().expect("bound");
        assert!(Arc::strong_count(&listing) == 2 && socket.is_open());
        socket.close();
        assert!(Arc::strong_count(&listing) == 1 && !socket.is_open());
        let refused = tokio::net::TcpStream::connect(addr).await.expect_err("closed");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let again = socket.listen(addr, listed).await.expect("the port is free");
        assert_eq!(again.local_addr().expect("bound"), addr);
        drop(abandoned);
    }
}
