//! The server: one socket, a bounded number of connections, one desk.
//!
//! `ms-net` binds the socket and accepts; `service` decides who is let in, and `conn` serves one
//! connection.

mod conn;
mod service;
mod stream;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ms_net::unix::{self, FileListener, SocketFile};
use ms_net::{Connections, Drained};
use ms_ops::Desk;
use tokio::task::JoinHandle;

pub use ms_net::unix::{BindError, MAX_SOCKET_PATH};

use crate::proto::{MAX_REQUEST, MAX_RESPONSE};
use service::SOCKET;

/// The peer of a connection, as the kernel names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peer {
    /// Its user.
    uid: u32,
    /// Its process, where the platform knows it.
    pid: Option<i32>,
}

/// What every connection shares.
struct ControlService {
    desk: Desk,
    limits: Limits,
    socket: SocketFile,
}

/// The limits of a server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time.
    pub max_connections: usize,
    /// Longest time for a request that names none, on top of what its operation takes by its nature.
    pub request_deadline: Duration,
    /// The longest time a request may ask for.
    pub longest_deadline: Duration,
    /// Longest time from the first byte of a frame to its last.
    pub frame_deadline: Duration,
    /// Longest time to hand one frame to a slow reader.
    pub write_deadline: Duration,
    /// Time after which a connection without a request is closed.
    pub idle_deadline: Duration,
    /// Longest time a graceful stop waits for requests in progress.
    pub stop_deadline: Duration,
    /// Largest frame read.
    pub max_request: usize,
    /// Largest frame sent.
    pub max_response: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 64,
            request_deadline: Duration::from_secs(2),
            longest_deadline: Duration::from_secs(300),
            frame_deadline: Duration::from_secs(5),
            write_deadline: Duration::from_secs(5),
            idle_deadline: Duration::from_secs(60),
            stop_deadline: Duration::from_secs(3),
            max_request: MAX_REQUEST,
            max_response: MAX_RESPONSE,
        }
    }
}

/// A bound control socket and the tasks that serve it.
///
/// Dropping it ends every connection at once and removes the socket, if it is still ours;
/// [`stop`](Self::stop) lets requests in progress finish.
#[derive(Debug)]
pub struct ControlServer {
    socket: SocketFile,
    connections: Connections,
    accept: JoinHandle<()>,
    grace: Duration,
}

impl ControlServer {
    /// Binds `path` with mode 0600 and serves it on the current tokio runtime.
    ///
    /// A socket file on which nobody listens is replaced. A live one, and anything that is no socket,
    /// is left alone.
    ///
    /// # Errors
    /// [`BindError`] names what is in the way.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time enabled.
    pub async fn bind(
        path: impl AsRef<Path>,
        desk: Desk,
        limits: Limits,
    ) -> Result<Self, BindError> {
        let (listener, socket) = unix::bind(path.as_ref(), SOCKET).await?;
        let (connections, grace) = (Connections::default(), limits.stop_deadline);
        let granted = limits.of_listener();
        let service = Arc::new(ControlService { desk, limits, socket: socket.clone() });
        tracing::info!(path = %socket.path().display(), "control endpoint is open");
        let listener = FileListener::new(listener, socket.clone());
        let accept = tokio::spawn(ms_net::accept(listener, service, granted, connections.clone()));
        Ok(Self { socket, connections, accept, grace })
    }

    /// Returns the path it listens on.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.socket.path()
    }

    /// Takes no more connections, lets requests in progress finish within the stop deadline, ends
    /// streams, and removes the socket.
    pub async fn stop(mut self) {
        let drained = self.connections.drain(self.grace);
        self.socket.remove();
        let closed = tokio::time::timeout(self.grace, &mut self.accept);
        let (Drained { cut }, closed) = tokio::join!(drained, closed);
        if cut > 0 || closed.is_err() {
            tracing::warn!("control connections did not close in time and were dropped");
        }
        // The listener binds it anew when it is removed, and may have done so a moment ago.
        self.socket.remove();
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.connections.cut();
        self.accept.abort();
        self.socket.remove();
    }
}
