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

/// Whether a store in this file could be had now: nobody else has it, and what is there
/// looks like one. Blocks; for programs that want to say so before they start anything.
///
/// # Errors
/// [`StoreError::Locked`], [`StoreError::Corrupt`], [`StoreError::ReadOnly`], or what the
/// system says. Damage inside the file is found when it is opened.
pub fn probe(path: &Path) -> Result<(), StoreError> {
    Guard::take(path).map(drop)
}

/// Removes the store in this file, if there is one and nobody has it: all its tasks are
/// gone. Blocks.
///
/// # Errors
/// [`StoreError::Locked`] when somebody has it; what the system says otherwise.
pub fn discard(path: &Path) -> Result<(), StoreError> {
    let (_, lock) = lock_file(path)?;
    for suffix in ["", "-wal", "-shm"] {
        let part = beside(path, suffix);
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unusable(&part, error));
            }
            _ => {}
        }
    }
    // The lock file stays, or two could hold it; only what it remembers goes.
    lock.set_len(0).and_then(|()| lock.sync_all()).map_err(|error| unusable(path, error))
}

/// The lock file beside a database, locked.
fn lock_file(path: &Path) -> Result<(PathBuf, File), StoreError> {
    let lock = beside(path, ".lock");
    refuse_links(path)?;
    refuse_links(&lock)?;
    let file =
        private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(&lock);
    let file = file.map_err(|error| unusable(&lock, error))?;
    match file.try_lock() {
        Ok(()) => Ok((lock, file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(unusable(&lock, error)),
    }
}

impl Guard {
    /// Takes the lock and looks at what is there. Blocks for file operations only.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        let (lock, mut file) = lock_file(path)?;
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

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
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
