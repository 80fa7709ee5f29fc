//! A socket file that we made, known by its identity and not by its path.

use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::logic::owner_or_root;
use crate::unix::error::SocketName;

/// A socket file that we made. Clones are one file: when it is made anew, for all of them.
#[derive(Debug, Clone)]
pub struct SocketFile {
    name: SocketName,
    path: PathBuf,
    made: Arc<Mutex<Metadata>>,
}

impl SocketFile {
    pub(super) fn new(name: SocketName, path: PathBuf, made: Metadata) -> Self {
        Self { name, path, made: Arc::new(Mutex::new(made)) }
    }

    /// Returns its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether `uid` may connect: the owner of the file, which is ourselves, and root.
    #[must_use]
    pub fn serves(&self, uid: u32) -> bool {
        owner_or_root(uid, self.made().uid())
    }

    /// Removes the file, if it is still the one we made.
    pub fn remove(&self) {
        // Inode numbers are used again at once; the time of change tells two of them apart.
        let identity = |file: &Metadata| (file.dev(), file.ino(), file.ctime(), file.ctime_nsec());
        let made = identity(&self.made());
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == made);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            let path = self.path.display();
            tracing::warn!(%path, %error, "{} socket not removed", self.name.name);
        }
    }

    pub(super) const fn name(&self) -> SocketName {
        self.name
    }

    /// Returns whether the file is still in its place, whatever its mode and owner are by now.
    pub(super) fn is_in_place(&self) -> bool {
        // Without the time of change, which `chmod` and `chown` set.
        let identity = |file: &Metadata| (file.dev(), file.ino());
        let made = identity(&self.made());
        fs::symlink_metadata(&self.path)
            .is_ok_and(|found| found.file_type().is_socket() && identity(&found) == made)
    }

    /// Takes over the identity of the file that was made in its place.
    pub(super) fn become_like(&self, other: &Self) {
        let made = other.made().clone();
        *self.made() = made;
    }

    /// Locks the identity, which no panic leaves half done.
    fn made(&self) -> MutexGuard<'_, Metadata> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
