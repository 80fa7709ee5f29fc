//! Database files that this process holds open beside SQLite, to look at and to lock them.
//!
//! They are held by the process, not by one life of the store: when any descriptor of a file is
//! closed, POSIX drops every `fcntl` lock that the process has on it, those of SQLite's
//! connections included. So a descriptor is closed only when none of them can be left.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;

use crate::marks::FileId;

static HELD: Mutex<BTreeMap<FileId, Entry>> = Mutex::new(BTreeMap::new());

struct Entry {
    file: Arc<File>,
    /// Whether a store has it, or one that ended out of order had it last.
    used: bool,
}

/// A database file that is held for a store. Dropping it lets another store of this process
/// have the file, but closes nothing; see [`Hold::close`].
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) id: FileId,
    pub(crate) file: Arc<File>,
    /// It is another's to give back.
    left: AtomicBool,
}

/// Why a file is not to be had.
pub(crate) enum NotHeld {
    /// Another store holds it.
    Locked,
    Io(io::Error),
}

fn held() -> MutexGuard<'static, BTreeMap<FileId, Entry>> {
    // A map is whole whoever panicked beside it.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which file this is.
pub(crate) fn id_of(found: &Metadata) -> FileId {
    FileId { device: found.dev(), inode: found.ino() }
}

/// Opens a database file and keeps others from it, or takes over what is held of it.
///
/// On Linux the lock is on the file itself: who removes the lock file beside it does not get
/// the store. Elsewhere `flock` may be in the way of SQLite's own locks.
pub(crate) fn hold(path: &Path) -> Result<Hold, NotHeld> {
    let mut held = held();
    let found = std::fs::symlink_metadata(path).map_err(NotHeld::Io)?;
    if let Some(entry) = held.get_mut(&id_of(&found)) {
        if std::mem::replace(&mut entry.used, true) {
            return Err(NotHeld::Locked);
        }
        let file = Arc::clone(&entry.file);
        return Ok(Hold { id: id_of(&found), file, left: AtomicBool::new(false) });
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    let file = options.open(path).map_err(NotHeld::Io)?;
    let id = file.metadata().map(|found| id_of(&found)).map_err(NotHeld::Io)?;
    if cfg!(target_os = "linux") {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NotHeld::Locked),
            Err(TryLockError::Error(error)) => return Err(NotHeld::Io(error)),
        }
    }
    let file = Arc::new(file);
    held.insert(id, Entry { file: Arc::clone(&file), used: true });
    Ok(Hold { id, file, left: AtomicBool::new(false) })
}

impl Hold {
    /// Closes the file: no connection of this process has it open any more.
    pub(crate) fn close(&self) {
        held().remove(&self.id);
    }
}

impl Hold {
    /// Lets another store of this process have the file; once.
    pub(crate) fn leave(&self) {
        if self.left.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(entry) = held().get_mut(&self.id)
            && Arc::ptr_eq(&entry.file, &self.file)
        {
            entry.used = false;
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.leave();
    }
}
