//! The locks of a store, and the check that its file is the one that was here before.

use std::fs::{File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ms_core::task::StoreError;

use crate::file_locks::{self, FileLock, LockError, id_of};
use crate::marks::{
    APPLICATION, FileId, HEADER, Header, JOURNAL_HEADER, Journal, LOG_HEADER, Log, Main, Marks,
    PAGE,
};
use crate::witness::Witness;

/// Longest text read from a lock file, in bytes.
const MAX_LOCK: u64 = 64;
/// Mode bits that give others than the owner access to a file.
const OTHERS: u32 = 0o077;
/// Mode bits that let everybody replace the files of a directory.
const ANYBODY_WRITES: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The files of a store, for as long as it is open: its lock file, which remembers what the
/// database was, so that one that vanished is not made anew; and the database itself.
#[derive(Debug)]
pub(crate) struct Guard {
    path: PathBuf,
    lock: File,
    file: FileLock,
    /// SQLite's log, once it was opened.
    log: Mutex<Option<(FileId, File)>>,
    /// The contents of the lock file, if the store existed before.
    pub(crate) known: Option<Known>,
    /// Its making was cut short: SQLite empties it again, and it is made anew.
    pub(crate) unmade: bool,
}

/// The contents of a lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) identity: String,
    /// The highest generation that was seen in the main file.
    pub(crate) generation: u32,
    /// The highest one that was committed: in the log, until that is folded in.
    pub(crate) committed: u32,
}

impl Known {
    /// Returns the text of the lock file. It always has the same length, because it is written over
    /// the one before.
    fn text(&self) -> String {
        format!("{}\n{:010}\n{:010}\n", self.identity, self.generation, self.committed)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let identity = lines.next().filter(|identity| !identity.is_empty())?.to_owned();
        // Earlier releases wrote no generation, or one only.
        let mut generation = || lines.next().and_then(|line| line.parse().ok()).unwrap_or(0);
        let (generation, committed) = (generation(), generation());
        Some(Self { identity, generation, committed: committed.max(generation) })
    }
}

/// Checks whether a store in this file could be opened now: no other process has it, and the file
/// looks like a store. Where there is no file, none is made. Blocks; for programs that want to
/// report this before they start.
///
/// # Errors
/// [`StoreError::Locked`], [`StoreError::Corrupt`], [`StoreError::ReadOnly`], or the
/// error of the system. Damage inside the file is found when it is opened.
pub fn probe(path: &Path) -> Result<(), StoreError> {
    let path = &file_path(path)?;
    refuse_open_directory(path)?;
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    if is_there(path) || is_there(&beside(path, ".lock")) {
        Guard::take(path)?.close();
    }
    Ok(())
}

/// Removes the store in this file with all its tasks, if there is one and no process has it.
/// Blocks.
///
/// # Errors
/// [`StoreError::Locked`] when a process has it; the error of the system otherwise.
pub fn discard(path: &Path) -> Result<(), StoreError> {
    let path = &file_path(path)?;
    let (_, lock) = lock_file(path)?;
    let file = match file_locks::lock(path) {
        Ok(file) => Some(file),
        Err(LockError::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(not_locked(path, error)),
    };
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let part = beside(path, suffix);
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unusable(&part, error));
            }
            _ => {}
        }
    }
    if let Some(file) = file {
        file.close();
    }
    // The lock file stays, or two processes could hold one each; only its contents go.
    lock.set_len(0).and_then(|()| lock.sync_all()).map_err(|error| unusable(path, error))
}

/// Returns the absolute path of a store's file: SQLite never takes a name that begins with `/` for
/// a database in memory or for a URI.
pub(crate) fn file_path(path: &Path) -> Result<PathBuf, StoreError> {
    let text = path.as_os_str().to_string_lossy();
    let what = if text.starts_with(':') {
        "SQLite keeps what begins with a colon in memory, where it ends with the process"
    } else if text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("file:")) {
        "it is a URI, whose parameters could keep it in memory"
    } else if path.file_name().is_none() {
        "it names no file"
    } else {
        return std::path::absolute(path).map_err(|error| unusable(path, error));
    };
    Err(unsuitable(path, format!("{what}; give the path of a file")))
}

/// Opens and locks the lock file beside a database.
fn lock_file(path: &Path) -> Result<(PathBuf, File), StoreError> {
    let lock = beside(path, ".lock");
    refuse_links(path)?;
    refuse_links(&lock)?;
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&lock);
    let file = file.map_err(|error| unusable(&lock, error))?;
    match file.try_lock() {
        Ok(()) => Ok((lock, file)),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(path.display().to_string())),
        Err(TryLockError::Error(error)) => Err(unusable(&lock, error)),
    }
}

impl Guard {
    /// Takes the locks and checks the files. Blocks for file operations only.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        refuse_open_directory(path)?;
        let (lock_path, lock) = lock_file(path)?;
        let mut known = String::new();
        let read = (&lock).take(MAX_LOCK).read_to_string(&mut known);
        read.map_err(|error| unusable(&lock_path, error))?;
        let known = Known::parse(&known);
        let size = std::fs::metadata(path).map_or(0, |found| found.len());
        let corrupt =
            |what: String| Err(StoreError::Corrupt { path: path.display().to_string(), what });
        if known.is_some() && size == 0 {
            return corrupt("it is gone or empty, but a store was here".to_owned());
        }
        if known.is_none() && size == 0 {
            // Made here to set its mode; SQLite takes an empty file for a new database.
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            options.open(path).map_err(|error| unusable(path, error))?;
        }
        let file = file_locks::lock(path).map_err(|error| not_locked(path, error))?;
        let (path, log) = (path.to_owned(), Mutex::new(None));
        let guard = Self { path, lock, file, log, known, unmade: false };
        match guard.check() {
            Ok(unmade) => Ok(Self { unmade, ..guard }),
            Err(error) => {
                // No connection has it yet.
                guard.close();
                Err(error)
            }
        }
    }

    /// Checks that the file begins as a store's, that it is the store that was here, and no older
    /// copy. Returns whether it is one whose making was cut short.
    fn check(&self) -> Result<bool, StoreError> {
        let path = &self.path;
        let found = self.file.file.metadata().map_err(|error| unusable(path, error))?;
        close_to_others(path, &self.file.file, &found)?;
        if found.len() == 0 {
            return Ok(false);
        }
        let header = self.header().map_err(|error| unusable(path, error))?;
        if let Some(journal) = self.journal().map_err(|error| unusable(path, error))? {
            return self.undone_by(journal, found.len(), header).map(|()| true);
        }
        let corrupt =
            |what: String| Err(StoreError::Corrupt { path: path.display().to_string(), what });
        let Some(header) = header else {
            // SQLite would take a very short file for an empty database.
            return corrupt("it is not an SQLite database".to_owned());
        };
        if let Some(known) = &self.known
            && header.generation < known.generation
        {
            return corrupt(format!(
                "it is an older copy of the store that was here (generation {} instead of {}), \
                 and what was written since is not in it; if that is intended, remove the .lock \
                 file beside it",
                header.generation, known.generation
            ));
        }
        Ok(false)
    }

    /// Checks that a rollback journal would undo no more than the making of a store. A store has
    /// one only while SQLite makes its first page; from then on it keeps a log. A process that was
    /// killed there leaves one behind, and a connection that only reads cannot undo it. Any other
    /// journal would undo tasks, or the data of another program.
    fn undone_by(
        &self,
        journal: Journal,
        bytes: u64,
        header: Option<Header>,
    ) -> Result<(), StoreError> {
        let path = &self.path;
        if self.known.is_some() {
            let what =
                "a -journal file beside it is not the store's, and SQLite would use it to roll \
                 back what was written; move that file away"
                    .to_owned();
            return Err(StoreError::Corrupt { path: path.display().to_string(), what });
        }
        // After a power cut the first page may hold no header.
        let nobodys = header.is_none_or(|header| header.application == 0);
        if journal.pages == 0 && bytes <= PAGE && nobodys {
            return Ok(());
        }
        // A store whose lock file was removed: the database itself says that it is one.
        let what = if header.is_some_and(|header| header.application == APPLICATION) {
            "its .lock file is gone, and the -journal file beside it is not the store's: SQLite \
             would use it to roll back what was written; move that file away"
        } else {
            "another program was interrupted while writing to it, as the -journal file beside it \
             shows, so it was left unchanged; give the task store a file of its own"
        };
        Err(unsuitable(path, what.to_owned()))
    }

    /// Reads the rollback journal beside the database, if SQLite would apply it.
    fn journal(&self) -> io::Result<Option<Journal>> {
        let mut bytes = [0; JOURNAL_HEADER];
        let read = match File::open(beside(&self.path, "-journal")) {
            Ok(file) => read_start(&file, &mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Journal::parse(&bytes[..read]))
    }

    /// Reads the header of the database; `None` when it is not SQLite's.
    pub(crate) fn header(&self) -> io::Result<Option<Header>> {
        let mut bytes = [0; HEADER];
        let read = read_start(&self.file.file, &mut bytes)?;
        Ok(Header::parse(&bytes[..read]))
    }

    /// Looks at all files of the store by their names. Blocks for file operations only.
    pub(crate) fn look(&self) -> io::Result<Marks> {
        let found = |suffix| match std::fs::symlink_metadata(beside(&self.path, suffix)) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let main = match found("")? {
            None => None,
            Some(found) => {
                let id = id_of(&found);
                // Nothing more has to be known about another file.
                let header = if id == self.file.id { self.header()? } else { None };
                let written = (found.mtime(), found.mtime_nsec());
                Some(Main { id, bytes: found.len(), written, header })
            }
        };
        Ok(Marks {
            main,
            log: found("-wal")?.map(|found| self.log(&found)).transpose()?,
            index: found("-shm")?.as_ref().map(id_of),
            lock: found(".lock")?.as_ref().map(id_of),
        })
    }

    /// Reads the log, which is opened once and not at every look: descriptors may be scarce. SQLite
    /// has no POSIX locks on it that closing it would drop.
    fn log(&self, found: &Metadata) -> io::Result<Log> {
        let (id, size) = (id_of(found), found.len());
        if !found.is_file() || size == 0 {
            return Ok(Log { id, bytes: size, is_log: false });
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.as_ref().is_none_or(|(open, _)| *open != id) {
            *log = Some((id, File::open(beside(&self.path, "-wal"))?));
        }
        let mut bytes = [0; LOG_HEADER];
        let read = match &*log {
            Some((_, file)) => read_start(file, &mut bytes)?,
            None => 0,
        };
        Ok(Log { id, bytes: size, is_log: Log::is_log(&bytes[..read]) })
    }

    /// Remembers pages of the database that its log does not have, as they are now.
    pub(crate) fn witness(&self) -> io::Result<Witness> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        Witness::of(&self.file.file, log.as_ref().map(|(_, log)| log))
    }

    /// Returns whether the pages of `witness` are unchanged.
    pub(crate) fn agrees(&self, witness: &Witness) -> io::Result<bool> {
        witness.agrees(&self.file.file)
    }

    /// Returns whether the file that is open lies in its place. Blocks for file operations only.
    pub(crate) fn is_in_place(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|found| id_of(&found) == self.file.id)
    }

    /// Returns the identity of the lock file.
    pub(crate) fn lock_id(&self) -> io::Result<FileId> {
        self.lock.metadata().map(|found| id_of(&found))
    }

    /// Remembers what the database is.
    pub(crate) fn remember(&self, known: &Known) -> io::Result<()> {
        self.note(known)?;
        self.lock.sync_data()
    }

    /// Remembers what the database is as [`Self::remember`] does, but for the next process only and
    /// not for the next boot of the machine.
    pub(crate) fn note(&self, known: &Known) -> io::Result<()> {
        let text = known.text();
        self.lock.write_all_at(text.as_bytes(), 0)?;
        self.lock.set_len(text.len() as u64)
    }

    /// Writes to the disk what the lock file has already. Blocks for as long as the disk takes.
    pub(crate) fn touch(&self) -> io::Result<()> {
        let mut text = [0; MAX_LOCK as usize];
        let read = read_start(&self.lock, &mut text)?;
        self.lock.write_all_at(&text[..read], 0)?;
        self.lock.sync_data()
    }

    /// Lets a successor have the files, even while others still share this guard.
    pub(crate) fn leave(&self) {
        self.file.leave();
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the lock file of the task store was not unlocked");
        }
    }

    /// Lets go of the file: all connections to it are closed.
    pub(crate) fn close(&self) {
        self.file.close();
    }
}

/// Reads the beginning of a file, as much of it as there is.
fn read_start(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], read as u64)? {
            0 => break,
            more => read += more,
        }
    }
    Ok(read)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Refuses links: one could lead the store out of its directory.
fn refuse_links(path: &Path) -> Result<(), StoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            let what = "it is a link or not a regular file".to_owned();
            Err(StoreError::Corrupt { path: path.display().to_string(), what })
        }
        _ => Ok(()),
    }
}

/// Refuses a directory in which everybody may rename files: anybody could replace the store.
fn refuse_open_directory(path: &Path) -> Result<(), StoreError> {
    let Some(directory) = path.parent() else { return Ok(()) };
    // A missing directory is reported when the file is opened.
    let Ok(found) = std::fs::metadata(directory) else { return Ok(()) };
    if found.mode() & ANYBODY_WRITES != 0 && found.mode() & STICKY == 0 {
        let directory = directory.display();
        let what = format!("all users may replace files in {directory}; run `chmod o-w` on it");
        return Err(unsuitable(path, what));
    }
    Ok(())
}

/// Closes a database to others that may read or write it, because payloads may be private. It is
/// refused where its mode cannot be changed.
fn close_to_others(path: &Path, file: &File, found: &Metadata) -> Result<(), StoreError> {
    let open = found.mode() & OTHERS;
    if open == 0 {
        return Ok(());
    }
    let mode = found.mode() & 0o700;
    match file.set_permissions(Permissions::from_mode(mode)) {
        Ok(()) => {
            let (path, was) = (path.display(), format!("{:04o}", found.mode() & 0o7777));
            tracing::warn!(%path, was, now = format!("{mode:04o}"), "the task store was open to others");
            Ok(())
        }
        Err(_) if open & 0o007 == 0 => Ok(()),
        Err(error) => {
            let what = format!(
                "everybody has access to it (mode {:04o}), and that cannot be changed: {error}; \
                 chown it to the process's user, or chmod 0600 it",
                found.mode() & 0o7777
            );
            Err(unsuitable(path, what))
        }
    }
}

pub(crate) fn unsuitable(path: &Path, what: String) -> StoreError {
    StoreError::Unsuitable { path: path.display().to_string(), what }
}

fn not_locked(path: &Path, error: LockError) -> StoreError {
    match error {
        LockError::Locked => StoreError::Locked(path.display().to_string()),
        LockError::Io(error) => unusable(path, error),
    }
}

pub(crate) fn unusable(path: &Path, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory => StoreError::ReadOnly(path.display().to_string()),
        io::ErrorKind::StorageFull => StoreError::Full(Arc::new(error)),
        _ => StoreError::Other(Arc::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_sqlite_would_keep_in_memory_are_refused() {
        for bad in [":memory:", ":anything", "file:x?mode=memory", "FILE:tasks.db", "", "/", ".."] {
            let refused = file_path(Path::new(bad));
            assert!(matches!(refused, Err(StoreError::Unsuitable { .. })), "{bad}: {refused:?}");
        }
        for good in ["tasks.db", "a/:memory:", "/x/file:y", "a?mode=memory"] {
            let path = file_path(Path::new(good)).expect("a file");
            assert!(path.is_absolute(), "{good}: {path:?}");
        }
    }

    #[test]
    fn lock_files_of_before_are_read() {
        let identity = "0190".repeat(8);
        let known = |generation, committed| {
            Some(Known { identity: identity.clone(), generation, committed })
        };
        let text = known(12, 15).map(|known| known.text()).expect("some");
        assert!(text.len() as u64 <= MAX_LOCK, "{text}");
        assert_eq!(Known::parse(&text), known(12, 15));
        assert_eq!(Known::parse(&format!("{identity}\n0000000012\n")), known(12, 12));
        assert_eq!(Known::parse(&identity), known(0, 0));
        assert_eq!(Known::parse(""), None);
    }
}
