//! A listener that makes its socket file anew when it is gone.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use ms_core::time::later;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::bind::bind;
use super::file::SocketFile;
use crate::accept::Accept;

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Listens on a socket file, and creates it again when somebody has removed or renamed it. Without
/// that nobody could reach the node any more, and all one could do would be to kill it.
#[derive(Debug)]
pub struct FileListener {
    listener: UnixListener,
    file: SocketFile,
    looks: Interval,
    /// Why the file could not be created again last time: the same error is not logged each second.
    logged: Option<String>,
}

impl FileListener {
    /// Takes over what [`bind`] made.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    #[must_use]
    pub fn new(listener: UnixListener, file: SocketFile) -> Self {
        let mut looks = interval_at(later(Instant::now(), LOOK_EVERY), LOOK_EVERY);
        // After a time without a turn one look is enough.
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { listener, file, looks, logged: None }
    }

    /// Creates the file again, unless it is in its place.
    async fn look(&mut self) {
        if self.file.is_in_place() {
            self.logged = None;
            return;
        }
        let (path, name) = (self.file.path().to_owned(), self.file.name());
        match bind(&path, name).await {
            Ok((listener, made)) => {
                let path = path.display();
                tracing::warn!(
                    %path,
                    "the {} socket had disappeared and was created again",
                    name.name
                );
                self.file.become_like(&made);
                self.listener = listener;
            }
            Err(error) => {
                let error = error.to_string();
                if self.logged.as_ref() != Some(&error) {
                    let name = name.name;
                    tracing::error!(
                        error,
                        "the {name} socket has disappeared and cannot be created again"
                    );
                }
                self.logged = Some(error);
            }
        }
    }
}

impl AsFd for FileListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Accept for FileListener {
    type Stream = UnixStream;
    type Peer = SocketAddr;

    async fn accept(&mut self) -> io::Result<(UnixStream, SocketAddr)> {
        loop {
            tokio::select! {
                // The look first: a busy socket may have lost its name all the same.
                biased;
                _ = self.looks.tick() => self.look().await,
                accepted = self.listener.accept() => return accepted,
            }
        }
    }

    fn address(_: &SocketAddr) -> Option<IpAddr> {
        None
    }
}
