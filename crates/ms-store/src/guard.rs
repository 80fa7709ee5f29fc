//! Who may have the file, and whether it is the one that was here before.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ms_core::task::StoreError;

/// Longest identity read from a lock file, in bytes.
const MAX_IDENTITY: u64 = 64;
/// How every SQLite database begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The lock file beside a database: held for as long as the store is open, and
/// carrying the identity of the database, so that one that vanished is not recreated.
#[derive(Debug)]
pub(crate) struct Guard {
    file: File,
    /// The identity that was written here, if the store existed before.
    pub(crate) known: Option<String>,
}

impl Guard {
    /// Takes the lock and looks at what is there. Blocks for file operations only.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        let lock = lock_path(path);
        refuse_links(path)?;
        refuse_links(&lock)?;
        let file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&lock);
        let mut file = file.map_err(|error| unusable(&lock, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked(path.display().to_string()));
            }
            Err(TryLockError::Error(error)) => return Err(unusable(&lock, error)),
        }
        let mut known = String::new();
        let read = Read::by_ref(&mut file).take(MAX_IDENTITY).read_to_string(&mut known);
        read.map_err(|error| unusable(&lock, error))?;
        let known = (!known.is_empty()).then_some(known);
        let size = std::fs::metadata(path).map_or(0, |found| found.len());
        if known.is_some() && size == 0 {
            let what = "it is gone or empty, but a store was here".to_owned();
            return Err(StoreError::Corrupt { path: path.display().to_string(), what });
        }
        if size > 0 && !has_magic(path).map_err(|error| unusable(path, error))? {
            // SQLite would take a very short file for an empty database.
            let what = "it is no SQLite database".to_owned();
            return Err(StoreError::Corrupt { path: path.display().to_string(), what });
        }
        if known.is_none() && size == 0 {
            // Made here, for its mode; SQLite takes an empty file for a new database.
            private(OpenOptions::new().write(true).create(true).truncate(false))
                .open(path)
                .map_err(|error| unusable(path, error))?;
        }
        Ok(Self { file, known })
    }

    /// Remembers the identity of the database, durably.
    pub(crate) fn remember(&mut self, identity: &str) -> io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(identity.as_bytes())?;
        self.file.sync_all()?;
        self.known = Some(identity.to_owned());
        Ok(())
    }
}

/// Whether a file begins as SQLite's do (<https://www.sqlite.org/fileformat.html>).
fn has_magic(path: &Path) -> io::Result<bool> {
    let mut start = Vec::with_capacity(MAGIC.len());
    File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start == MAGIC)
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// A link could lead the store out of its directory.
fn refuse_links(path: &Path) -> Result<(), StoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            let what = "it is a link or no ordinary file".to_owned();
            Err(StoreError::Corrupt { path: path.display().to_string(), what })
        }
        _ => Ok(()),
    }
}

fn unusable(path: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory => StoreError::ReadOnly(path.display().to_string()),
        io::ErrorKind::StorageFull => StoreError::Full(Arc::new(error)),
        _ => StoreError::Other(Arc::new(error)),
    }
}

/// Readable by its owner only: payloads may be private.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
