//! The listening socket of a gateway, which outlives its incarnations.
//!
//! An incarnation whose thread is blocked for good is abandoned with all it has, so a socket
//! of its own would keep the port from its successor for ever. The socket is bound once
//! and kept here; each incarnation listens on a duplicate.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ms_actor::{OpenResource, Resources};

/// Bound at the first [`Socket::listen`], until [`Socket::close`].
#[derive(Debug, Default)]
pub(super) struct Socket(Mutex<Option<Bound>>);

/// A bound socket, on the list of what is open.
#[derive(Debug)]
struct Bound {
    listener: TcpListener,
    _listed: OpenResource,
}

impl Socket {
    /// A listener on the kept socket, which is bound to `addr` if there is none.
    ///
    /// # Cancel safety
    /// Dropped early it has bound nothing, or what it bound is kept.
    pub(super) async fn listen(
        &self,
        addr: SocketAddr,
        open: &Resources,
    ) -> io::Result<tokio::net::TcpListener> {
        if let Some(kept) = self.duplicate()? {
            return tokio::net::TcpListener::from_std(kept);
        }
        let bound = tokio::net::TcpListener::bind(addr).await?.into_std()?;
        let listener = bound.try_clone()?;
        let listed = open.open(format!("listener at {}", bound.local_addr()?));
        *self.kept() = Some(Bound { listener: bound, _listed: listed });
        tokio::net::TcpListener::from_std(listener)
    }

    /// Has the kernel refuse connections from now on. It holds for all duplicates, those of
    /// abandoned threads included, and frees the port.
    pub(super) fn close(&self) {
        let Some(Bound { listener, .. }) = self.kept().take() else { return };
        // As a stream, because `std` shuts down only those; to the kernel it is the same call.
        let ended = TcpStream::from(OwnedFd::from(listener)).shutdown(Shutdown::Both);
        if let Err(error) = ended {
            tracing::debug!(%error, "a listening socket was not shut down");
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.kept().is_some()
    }

    fn duplicate(&self) -> io::Result<Option<TcpListener>> {
        self.kept().as_ref().map(|bound| bound.listener.try_clone()).transpose()
    }

    fn kept(&self) -> MutexGuard<'_, Option<Bound>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_listener_has_the_port_of_one_that_was_never_dropped() {
        let (socket, open) = (Socket::default(), Resources::default());
        let abandoned = socket.listen(([127, 0, 0, 1], 0).into(), &open).await.expect("binds");
        let addr = abandoned.local_addr().expect("bound");
        let successor = socket.listen(addr, &open).await.expect("though the other is there still");
        assert_eq!(successor.local_addr().expect("bound"), addr);
        let client = tokio::net::TcpStream::connect(addr).await.expect("is listened to");
        let (_, peer) = successor.accept().await.expect("gets it");
        assert_eq!(peer, client.local_addr().expect("connected"));
        drop(abandoned);
    }

    #[tokio::test]
    async fn a_closed_socket_refuses_and_frees_its_port_whoever_has_a_duplicate() {
        let (socket, open) = (Socket::default(), Resources::default());
        let abandoned = socket.listen(([127, 0, 0, 1], 0).into(), &open).await.expect("binds");
        let addr = abandoned.local_addr().expect("bound");
        assert_eq!(open.list(), [format!("listener at {addr}")]);
        socket.close();
        assert!(open.list().is_empty());
        let refused = tokio::net::TcpStream::connect(addr).await.expect_err("closed");
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let again = socket.listen(addr, &open).await.expect("the port is free");
        assert_eq!(again.local_addr().expect("bound"), addr);
        drop(abandoned);
    }
}
