//! Database files that this process keeps open beside SQLite, to check and to lock them.
//!
//! The process holds them, not one life of the store: when any descriptor of a file is closed,
//! POSIX drops every `fcntl` lock that the process has on it, those of SQLite's connections
//! included. So a descriptor is closed only when no such connection can be left.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;

use crate::marks::FileId;

static LOCKED: Mutex<BTreeMap<FileId, Entry>> = Mutex::new(BTreeMap::new());

struct Entry {
    file: Arc<File>,
    /// Whether a store uses it, or one used it last that did not end in order.
    used: bool,
}

/// A database file that is locked for a store. Dropping it lets another store of this process
/// have the file, but closes nothing; see [`FileLock::close`].
#[derive(Debug)]
pub(crate) struct FileLock {
    pub(crate) id: FileId,
    pub(crate) file: Arc<File>,
    /// Set once it was given back.
    left: AtomicBool,
}

/// Why a file was not locked.
pub(crate) enum LockError {
    /// Another store has it.
    Locked,
    Io(io::Error),
}

fn locked() -> MutexGuard<'static, BTreeMap<FileId, Entry>> {
    // No panic can leave a map half changed here.
    LOCKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the id of a file.
pub(crate) fn id_of(found: &Metadata) -> FileId {
    FileId { device: found.dev(), inode: found.ino() }
}

/// Opens a database file and locks it against others, or takes over the lock of an earlier life.
///
/// On Linux the lock is on the file itself: removing the lock file beside it does not open the
/// store to another process. Elsewhere `flock` may interfere with SQLite's own locks.
pub(crate) fn lock(path: &Path) -> Result<FileLock, LockError> {
    let mut locked = locked();
    let found = std::fs::symlink_metadata(path).map_err(LockError::Io)?;
    if let Some(entry) = locked.get_mut(&id_of(&found)) {
        if std::mem::replace(&mut entry.used, true) {
            return Err(LockError::Locked);
        }
        let file = Arc::clone(&entry.file);
        return Ok(FileLock { id: id_of(&found), file, left: AtomicBool::new(false) });
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    let file = options.open(path).map_err(LockError::Io)?;
    let id = file.metadata().map(|found| id_of(&found)).map_err(LockError::Io)?;
    if cfg!(target_os = "linux") {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Locked),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
    }
    let file = Arc::new(file);
    locked.insert(id, Entry { file: Arc::clone(&file), used: true });
    Ok(FileLock { id, file, left: AtomicBool::new(false) })
}

impl FileLock {
    /// Closes the file: no connection of this process has it open any more.
    pub(crate) fn close(&self) {
        locked().remove(&self.id);
    }
}

impl FileLock {
    /// Lets another store of this process have the file; once.
    pub(crate) fn leave(&self) {
        if self.left.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(entry) = locked().get_mut(&self.id)
            && Arc::ptr_eq(&entry.file, &self.file)
        {
            entry.used = false;
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        self.leave();
    }
}
