//! Making the socket file.
//!
//! A Unix socket takes connections only after `listen`, so the mode is set between `bind` and
//! `listen`. Two nodes that start at once are kept apart by a lock on the directory, held only
//! while binding.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use ms_core::time::later;
use tokio::net::{UnixListener, UnixSocket};
use tokio::time::{Instant, sleep};

use super::error::{BindError, MAX_SOCKET_PATH, SocketName};
use super::file::SocketFile;
use super::probe::probe;
use crate::logic::Occupant;

/// How long another node may hold the directory.
const LOCK_WITHIN: Duration = Duration::from_secs(2);
/// Connections that may wait for the accept loop.
const BACKLOG: u32 = 128;

/// Binds `path` with mode 0600 and listens on it.
///
/// A socket file that nobody listens on is replaced; a live one, and anything that is no
/// socket, is left alone.
///
/// # Errors
/// [`BindError`] says what is in the way.
///
/// # Cancel safety
/// Dropped early it has made no file.
///
/// # Panics
/// Outside a tokio runtime with I/O and time enabled.
pub async fn bind(
    path: &Path,
    socket: SocketName,
) -> Result<(UnixListener, SocketFile), BindError> {
    let len = path.as_os_str().len();
    if len > MAX_SOCKET_PATH {
        return Err(BindError::PathTooLong { socket, path: path.to_owned(), len });
    }
    let fail =
        |action| move |source| BindError::Io { socket, path: path.to_owned(), action, source };
    let lock = lock_directory(path).await.map_err(fail("its directory cannot be locked"))?;
    clear(path, socket).await?;
    // No wait from here on: a file that is made is also handed out.
    let unbound = UnixSocket::new_stream().map_err(fail("no socket"))?;
    unbound.bind(path).map_err(fail("it cannot be bound"))?;
    fs::set_permissions(path, Permissions::from_mode(0o600))
        .map_err(fail("its mode cannot be set"))?;
    let made = fs::symlink_metadata(path).map_err(fail("it vanished"))?;
    let listener = unbound.listen(BACKLOG).map_err(fail("it cannot listen"))?;
    drop(lock);
    Ok((listener, SocketFile::new(socket, path.to_owned(), made)))
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
async fn clear(path: &Path, socket: SocketName) -> Result<(), BindError> {
    let fail =
        |action| move |source| BindError::Io { socket, path: path.to_owned(), action, source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail("its metadata cannot be read")(error)),
        Ok(file) if !file.file_type().is_socket() => {
            return Err(BindError::NotASocket { socket, path: path.to_owned() });
        }
        Ok(_) => {}
    }
    match probe(path).await {
        Ok(Occupant::Gone) => {
            tracing::info!(path = %path.display(), "replacing a stale {} socket", socket.name);
            fs::remove_file(path).map_err(fail("the stale socket cannot be removed"))
        }
        Ok(_) => Err(BindError::InUse { socket, path: path.to_owned() }),
        Err(error) => Err(fail("the socket in its place cannot be probed")(error)),
    }
}
