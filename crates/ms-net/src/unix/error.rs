//! Why a socket file could not be bound, in words that its user knows.

use std::io;
use std::path::PathBuf;

/// Longest socket path, in bytes (`sun_path` without its final zero).
pub const MAX_SOCKET_PATH: usize = 107;

/// The name of a socket in errors and logs, so that its user knows which one is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketName {
    /// Its name: `control` for the control socket.
    pub name: &'static str,
    /// The option with which a user chooses another path: `--control PATH`.
    pub option: &'static str,
}

/// Why a socket file could not be bound.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody listens there.
    #[error(
        "the {} socket {} is in use by another process; stop that process, or use {}",
        socket.name, path.display(), socket.option
    )]
    InUse {
        /// What it is called.
        socket: SocketName,
        /// The socket.
        path: PathBuf,
    },
    /// The path does not fit into a socket address.
    #[error(
        "the {} socket path {} has {len} bytes, and at most {MAX_SOCKET_PATH} fit; \
         use a shorter {}",
        socket.name, path.display(), socket.option
    )]
    PathTooLong {
        /// What it is called.
        socket: SocketName,
        /// The path.
        path: PathBuf,
        /// Its length.
        len: usize,
    },
    /// A file, a directory or a link is in the way; it was not touched.
    #[error(
        "{} exists and is not a socket, so it was left unchanged; use another {}",
        path.display(), socket.option
    )]
    NotASocket {
        /// What it is called.
        socket: SocketName,
        /// The path.
        path: PathBuf,
    },
    /// The file system or the socket failed.
    #[error("the {} socket {} cannot be created: {action}", socket.name, path.display())]
    Io {
        /// What it is called.
        socket: SocketName,
        /// The path.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What came of it.
        #[source]
        source: io::Error,
    },
}
