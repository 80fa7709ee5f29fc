//! The server side: one socket, a bounded number of connections, one desk.
//!
//! `bind` makes the socket, the accept loop here admits connections, `conn`
//! serves one of them.

mod bind;
mod conn;
mod stream;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ms_core::accept::AcceptBackoff;
use ms_core::time::later;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};

pub use bind::{BindError, MAX_SOCKET_PATH};

use ms_ops::{Desk, codes};

use crate::error::ControlError;
use crate::proto::{MAX_REQUEST, MAX_RESPONSE};
use bind::Socket;
pub(crate) use bind::{Probe, probe};

/// Who connected, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peer {
    /// Its user.
    uid: u32,
    /// Its process, where the platform tells.
    pid: Option<i32>,
}

/// How often the socket is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The limits of a server.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time.
    pub max_connections: usize,
    /// How long a request may take that asks for no time, its nature aside.
    pub request_deadline: Duration,
    /// The longest time a request may ask for.
    pub longest_deadline: Duration,
    /// Longest time from the first byte of a frame to its last.
    pub frame_deadline: Duration,
    /// Longest time to hand one frame to a slow reader.
    pub write_deadline: Duration,
    /// A connection without a request is closed after so long.
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
/// Dropping it ends every connection at once and removes the socket, if it is
/// still ours; [`stop`](Self::stop) lets requests in progress finish.
#[derive(Debug)]
pub struct ControlServer {
    path: PathBuf,
    socket: Arc<Mutex<Socket>>,
    stop: watch::Sender<bool>,
    accept: JoinHandle<()>,
    grace: Duration,
}

impl ControlServer {
    /// Binds `path` with mode 0600 and serves it on the current tokio runtime.
    ///
    /// A socket file nobody listens on is replaced; a live one, and anything
    /// that is no socket, is left alone.
    ///
    /// # Errors
    /// [`BindError`] says what is in the way.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and time enabled.
    pub async fn bind(
        path: impl AsRef<Path>,
        desk: Desk,
        limits: Limits,
    ) -> Result<Self, BindError> {
        let (listener, socket) = bind::bind(path.as_ref()).await?;
        let (stop, stopped) = watch::channel(false);
        let grace = limits.stop_deadline;
        let shared = Shared { desk, limits: Arc::new(limits), owner: socket.uid(), stopped };
        tracing::info!(path = %socket.path().display(), "control endpoint is open");
        let path = socket.path().to_owned();
        let socket = Arc::new(Mutex::new(socket));
        let accept = tokio::spawn(accept(listener, Arc::clone(&socket), shared));
        Ok(Self { path, socket, stop, accept, grace })
    }

    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes no more connections, lets requests in progress finish within the
    /// stop deadline, ends streams, and removes the socket.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        present(&self.socket).remove();
        if tokio::time::timeout(self.grace, &mut self.accept).await.is_err() {
            tracing::warn!("control connections did not end in time and were cut");
        }
        // One that was made anew at that very moment.
        present(&self.socket).remove();
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.accept.abort();
        present(&self.socket).remove();
    }
}

/// What every connection shares.
#[derive(Clone)]
struct Shared {
    desk: Desk,
    limits: Arc<Limits>,
    owner: u32,
    stopped: watch::Receiver<bool>,
}

/// Resolves once the server stops.
async fn stop_of(stopped: &mut watch::Receiver<bool>) {
    // A server that is gone has stopped, too.
    drop(stopped.wait_for(|stop| *stop).await);
}

/// The socket as it is; it is whole whoever panicked beside it.
fn present(socket: &Mutex<Socket>) -> MutexGuard<'_, Socket> {
    socket.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a socket anew that was removed or renamed, so that the node can be reached. `told` is
/// why that failed last.
async fn made_anew(socket: &Mutex<Socket>, told: &mut Option<String>) -> Option<UnixListener> {
    let path = {
        let socket = present(socket);
        if socket.is_in_place() {
            *told = None;
            return None;
        }
        socket.path().to_owned()
    };
    match bind::bind(&path).await {
        Ok((listener, made)) => {
            tracing::warn!(path = %path.display(), "the control socket was gone and is made anew");
            *present(socket) = made;
            Some(listener)
        }
        Err(error) => {
            let error = error.to_string();
            if told.as_ref() != Some(&error) {
                tracing::error!(error, "the control socket is gone and cannot be made anew");
            }
            *told = Some(error);
            None
        }
    }
}

/// Admits connections until told to stop, then waits for those it has.
async fn accept(mut listener: UnixListener, socket: Arc<Mutex<Socket>>, mut shared: Shared) {
    let mut connections = JoinSet::new();
    let mut looks = tokio::time::interval_at(later(Instant::now(), LOOK_EVERY), LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = None;
    let mut backoff = AcceptBackoff::new();
    loop {
        let pause = |error: io::Error, pause| {
            tracing::warn!(%error, ?pause, "control endpoint cannot accept");
            tokio::time::sleep(pause)
        };
        let next = backoff.next(stop_of(&mut shared.stopped), || listener.accept(), pause);
        // An end during a pause cuts it short: it gave a descriptor back.
        tokio::select! {
            Some(ended) = connections.join_next() => report(ended),
            _ = looks.tick() => {
                if let Some(anew) = made_anew(&socket, &mut told).await {
                    listener = anew;
                }
            }
            accepted = next => match accepted {
                Some((stream, _)) => admit(stream, &shared, &mut connections),
                None => break,
            },
        }
    }
    drop(listener);
    while let Some(ended) = connections.join_next().await {
        report(ended);
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a control connection failed");
    }
}

/// Serves the connection, or tells it why not.
fn admit(stream: UnixStream, shared: &Shared, connections: &mut JoinSet<()>) {
    let refusal = match stream.peer_cred() {
        Ok(cred) if !may_connect(cred.uid(), shared.owner) => not_you(cred.uid()),
        Ok(_) if connections.len() >= shared.limits.max_connections => {
            too_many(shared.limits.max_connections)
        }
        Ok(cred) => {
            let peer = Peer { uid: cred.uid(), pid: cred.pid() };
            connections.spawn(conn::serve(stream, peer, shared.clone()));
            return;
        }
        Err(error) => ControlError::internal("the peer is unknown").why(error.to_string()),
    };
    tracing::warn!(what = refusal.what, "control connection refused");
    conn::refuse(&stream, refusal);
}

/// The owner of the socket, and root.
const fn may_connect(uid: u32, owner: u32) -> bool {
    uid == owner || uid == 0
}

fn not_you(uid: u32) -> ControlError {
    ControlError::new(&codes::NOT_YOU, format!("user {uid} may not use this control socket"))
        .why("it serves the user that runs the node, and root")
        .next("run msctl as the node's user")
}

fn too_many(max: usize) -> ControlError {
    ControlError::new(&codes::TOO_MANY, format!("all {max} control connections are taken"))
        .next("end a --watch or --follow that nobody looks at, and try again")
}

#[cfg(test)]
mod tests {
    use super::may_connect;

    #[test]
    fn only_the_owner_and_root_may_connect() {
        assert!(may_connect(1000, 1000) && may_connect(0, 1000) && may_connect(0, 0));
        assert!(!may_connect(1001, 1000) && !may_connect(1000, 0));
    }
}
