//! The file system by handle: no path is resolved twice, and no symlink is followed.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, fstat, fsync, mkdirat, openat, renameat, unlinkat,
};

use crate::error::StoreError;

/// Largest number of directory entries that are read.
const MAX_ENTRIES: usize = 10_000;
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// A system call that changes the disk and is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// `mkdirat` of a save's folder.
    MakeFolder,
    /// `openat` of a new temporary file.
    Create,
    /// `write` into it.
    Write,
    /// `fsync` of it.
    SyncFile,
    /// `renameat` to its name.
    Rename,
    /// `fsync` of a directory.
    SyncDir,
    /// `unlinkat`.
    Remove,
}

/// A function called before each [`Step`]. Its error is taken for one of the system call.
pub(crate) type Hook = Arc<dyn Fn(Step) -> io::Result<()> + Send + Sync>;

/// An open directory.
pub(crate) struct Folder {
    fd: OwnedFd,
    hook: Option<Hook>,
}

impl Folder {
    /// Opens the directory of a store, which must belong to this user and not be writable for
    /// others.
    pub(crate) fn root(path: &Path, hook: Option<Hook>) -> Result<Self, StoreError> {
        let open = |source: io::Error| StoreError::Open { dir: path.to_owned(), source };
        let refused =
            |reason: &str| StoreError::Refused { dir: path.to_owned(), reason: reason.to_owned() };
        let fd = rustix::fs::open(path, folder_flags(), Mode::empty());
        let fd = fd.map_err(|error| open(error.into()))?;
        let stat = fstat(&fd).map_err(|error| open(error.into()))?;
        if stat.st_uid != rustix::process::geteuid().as_raw() {
            return Err(refused("it belongs to another user; chown it to the process's user"));
        }
        if stat.st_mode & 0o022 != 0 {
            return Err(refused("other users may write into it; run `chmod 0700` on it"));
        }
        Ok(Self { fd, hook })
    }

    /// Returns whether the path still leads to this directory. A handle follows a directory that was
    /// moved, and what is written there is not found again.
    pub(crate) fn is_at(&self, path: &Path) -> io::Result<bool> {
        let (mine, there) = (fstat(&self.fd)?, rustix::fs::lstat(path));
        match there {
            Ok(there) => Ok((mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)),
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn step(&self, step: Step) -> io::Result<()> {
        self.hook.as_ref().map_or(Ok(()), |hook| hook(step))
    }

    /// Opens a folder in this directory.
    pub(crate) fn open(&self, name: &str) -> io::Result<Self> {
        let fd = openat(&self.fd, name, folder_flags(), Mode::empty())?;
        Ok(Self { fd, hook: self.hook.clone() })
    }

    /// Makes a folder in this directory, and opens it.
    pub(crate) fn make(&self, name: &str) -> io::Result<Self> {
        self.step(Step::MakeFolder)?;
        mkdirat(&self.fd, name, Mode::from_raw_mode(FOLDER_MODE))?;
        self.open(name)
    }

    /// Writes a file so that it either has all of `bytes` or does not exist: a temporary file,
    /// `fsync`, rename, `fsync` of the directory.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = format!(".{name}.tmp");
        let written = self.write_and_rename(&temporary, name, bytes);
        if written.is_err() {
            // On a full disk the half-written file would take the room of the next try.
            let _ = unlinkat(&self.fd, &temporary, AtFlags::empty());
        }
        written
    }

    fn write_and_rename(&self, temporary: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
        // Left by a process that ended in the middle of a write.
        match unlinkat(&self.fd, temporary, AtFlags::empty()) {
            Err(error) if error != rustix::io::Errno::NOENT => return Err(error.into()),
            _ => {}
        }
        self.step(Step::Create)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(&self.fd, temporary, flags, Mode::from_raw_mode(FILE_MODE))?;
        let mut file = File::from(fd);
        self.step(Step::Write)?;
        file.write_all(bytes)?;
        self.step(Step::SyncFile)?;
        file.sync_all()?;
        self.step(Step::Rename)?;
        renameat(&self.fd, temporary, &self.fd, name)?;
        self.sync()
    }

    /// Makes changes of names in this directory durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.step(Step::SyncDir)?;
        Ok(fsync(&self.fd)?)
    }

    /// Reads a regular file of at most `limit` bytes.
    pub(crate) fn read(&self, name: &str, limit: usize) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let fd = openat(&self.fd, name, flags, Mode::empty())?;
        let stat = fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file"));
        }
        let mut bytes = Vec::new();
        File::from(fd).take(limit as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large"));
        }
        Ok(bytes)
    }

    /// Returns the names in this directory.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(self.fd.as_fd())?.take(MAX_ENTRIES) {
            // A name that is not UTF-8 is not one of ours.
            if let Ok(name) = entry?.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Removes a folder in this directory, and the files in it.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        let folder = self.open(name)?;
        for file in folder.names()? {
            self.step(Step::Remove)?;
            unlinkat(&folder.fd, &file, AtFlags::empty())?;
        }
        self.step(Step::Remove)?;
        Ok(unlinkat(&self.fd, name, AtFlags::REMOVEDIR)?)
    }
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

impl fmt::Debug for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Folder({:?})", self.fd)
    }
}
