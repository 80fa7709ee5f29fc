//! Making the socket file: private from its first moment, never over a live one.
//!
//! A Unix socket takes connections only after `listen`, so the mode is set
//! between `bind` and `listen`. Two nodes that start at once are kept apart by a
//! lock on the directory, held only while binding.

use std::fs::{self, File, Metadata, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ms_core::time::later;
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::time::{Instant, sleep, timeout};

use ms_ops::codes;
use crate::error::ControlError;

/// Longest socket path, in bytes (`sun_path` without its final zero).
pub const MAX_SOCKET_PATH: usize = 107;
/// How long another node may hold the directory.
const LOCK_WITHIN: Duration = Duration::from_secs(2);
/// How long a socket in the way may take to accept.
const PROBE_WITHIN: Duration = Duration::from_millis(500);
/// Connections that may wait for the accept loop.
const BACKLOG: u32 = 128;

/// Why the control socket could not be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody listens there.
    #[error(
        "the control socket {} is in use: another node runs; stop it, or use --control PATH",
        path.display()
    )]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// The path does not fit into a socket address.
    #[error(
        "the control socket path {} has {len} bytes, and at most {MAX_SOCKET_PATH} fit; \
         use a shorter --control PATH",
        path.display()
    )]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
    /// A file, a directory or a link is in the way; it was not touched.
    #[error("{} exists and is no socket; it was left alone; use another --control PATH", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The file system or the socket failed.
    #[error("the control socket {} cannot be made: {action}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What came of it.
        #[source]
        source: io::Error,
    },
}

impl From<&BindError> for ControlError {
    fn from(error: &BindError) -> Self {
        let info = match error {
            BindError::InUse { .. } => &codes::IN_USE,
            _ => &codes::BAD_PATH,
        };
        let why = std::error::Error::source(error).map(ToString::to_string);
        Self::new(info, error.to_string()).why(why.unwrap_or_default())
    }
}

/// A socket file we made, by its identity.
#[derive(Debug)]
pub(super) struct Socket {
    path: PathBuf,
    made: Metadata,
}

impl Socket {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The user that owns it: ourselves.
    pub(super) fn uid(&self) -> u32 {
        self.made.uid()
    }

    /// Whether the file lies in its place still, whatever its mode and owner are by now.
    pub(super) fn is_in_place(&self) -> bool {
        let identity = |file: &Metadata| (file.dev(), file.ino());
        fs::symlink_metadata(&self.path).is_ok_and(|found| {
            found.file_type().is_socket() && identity(&found) == identity(&self.made)
        })
    }

    /// Removes the file, if it is still the one we made.
    pub(super) fn remove(&self) {
        // Inode numbers are used again at once; the time of change tells two of them apart.
        let identity = |file: &Metadata| (file.dev(), file.ino(), file.ctime(), file.ctime_nsec());
        let ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|found| identity(&found) == identity(&self.made));
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "control socket not removed");
        }
    }
}

pub(super) async fn bind(path: &Path) -> Result<(UnixListener, Socket), BindError> {
    let len = path.as_os_str().len();
    if len > MAX_SOCKET_PATH {
        return Err(BindError::PathTooLong { path: path.to_owned(), len });
    }
    let fail = |action| move |source| BindError::Io { path: path.to_owned(), action, source };
    let lock = lock_directory(path).await.map_err(fail("its directory cannot be locked"))?;
    clear(path).await?;
    let socket = UnixSocket::new_stream().map_err(fail("no socket"))?;
    socket.bind(path).map_err(fail("it cannot be bound"))?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(fail("its mode is stuck"))?;
    let made = fs::symlink_metadata(path).map_err(fail("it vanished"))?;
    let listener = socket.listen(BACKLOG).map_err(fail("it cannot listen"))?;
    drop(lock);
    Ok((listener, Socket { path: path.to_owned(), made }))
}

/// Locks the directory of `path`; dropping the file unlocks it.
async fn lock_directory(path: &Path) -> io::Result<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(parent.unwrap_or(Path::new(".")))?;
    let until = later(Instant::now(), LOCK_WITHIN);
    loop {
        match directory.try_lock() {
            Ok(()) => return Ok(directory),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                sleep(Duration::from_millis(5)).await;
            }
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Makes room: removes a socket nobody listens on, and nothing else.
async fn clear(path: &Path) -> Result<(), BindError> {
    let fail = |action| move |source| BindError::Io { path: path.to_owned(), action, source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail("it cannot be looked at")(error)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(BindError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match probe(path).await {
        Probe::Live => Err(BindError::InUse { path: path.to_owned() }),
        Probe::Failed(error) => Err(fail("the socket in its place cannot be probed")(error)),
        Probe::Dead => {
            tracing::info!(path = %path.display(), "replacing a stale control socket");
            fs::remove_file(path).map_err(fail("the stale socket cannot be removed"))
        }
    }
}

/// What listens on a socket file.
#[derive(Debug)]
pub(crate) enum Probe {
    Live,
    Dead,
    Failed(io::Error),
}

/// Connects and hangs up. A full backlog, or no answer in time, is a live one.
pub(crate) async fn probe(path: &Path) -> Probe {
    match timeout(PROBE_WITHIN, UnixStream::connect(path)).await {
        Ok(Ok(_)) | Err(_) => Probe::Live,
        Ok(Err(error)) => match error.kind() {
            io::ErrorKind::WouldBlock => Probe::Live,
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Probe::Dead,
            _ => Probe::Failed(error),
        },
    }
}
