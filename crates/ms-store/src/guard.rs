//! Who may have the file, and whether it is the one that was here before.

use std::fs::{File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ms_core::task::StoreError;

use crate::held::{self, Hold, NotHeld, id_of};
use crate::marks::{
    FileId, HEADER, Header, JOURNAL_HEADER, Journal, LOG_HEADER, Log, Main, Marks, PAGE,
};
use crate::witness::Witness;

/// Longest text read from a lock file, in bytes.
const MAX_LOCK: u64 = 64;
/// Modes by which others than the owner get at a file.
const OTHERS: u32 = 0o077;
/// Modes by which everybody may replace the files of a directory.
const ANYBODY_WRITES: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// The files of a store, for as long as it is open: its lock file, which remembers what the
/// database was, so that one that vanished is not made anew; and the database itself.
#[derive(Debug)]
pub(crate) struct Guard {
    path: PathBuf,
    lock: File,
    hold: Hold,
    /// SQLite's log, once it was looked at.
    log: Mutex<Option<(FileId, File)>>,
    /// What was written into the lock file, if the store existed before.
    pub(crate) known: Option<Known>,
    /// Its making was cut short: SQLite empties it again, and it is made anew.
    pub(crate) unmade: bool,
}

/// What a lock file remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) identity: String,
    /// The highest generation that was seen in the main file.
    pub(crate) generation: u32,
    /// The highest one that was committed: in the log, until that is folded in.
    pub(crate) committed: u32,
}

impl Known {
    /// Always of the same length: it is written over what was there.
    fn text(&self) -> String {
        format!("{}\n{:010}\n{:010}\n", self.identity, self.generation, self.committed)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let identity = lines.next().filter(|identity| !identity.is_empty())?.to_owned();
        // Stores of before have written no generation, or one only.
        let mut generation = || lines.next().and_then(|line| line.parse().ok()).unwrap_or(0);
        let (generation, committed) = (generation(), generation());
        Some(Self { identity, generation, committed: committed.max(generation) })
    }
}

/// Whether a store in this file could be had now: nobody else has it, and what is there looks like
/// one. Where nothing is, nothing is made. Blocks; for programs that want to say so before they
/// start anything.
///
/// # Errors
/// [`StoreError::Locked`], [`StoreError::Corrupt`], [`StoreError::ReadOnly`], or what the
/// system says. Damage inside the file is found when it is opened.
pub fn probe(path: &Path) -> Result<(), StoreError> {
    let path = &file_path(path)?;
    refuse_open_directory(path)?;
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    if is_there(path) || is_there(&beside(path, ".lock")) {
        Guard::take(path)?.close();
    }
    Ok(())
}

/// Removes the store in this file, if there is one and nobody has it: all its tasks are
/// gone. Blocks.
///
/// # Errors
/// [`StoreError::Locked`] when somebody has it; what the system says otherwise.
pub fn discard(path: &Path) -> Result<(), StoreError> {
    let path = &file_path(path)?;
    let (_, lock) = lock_file(path)?;
    let hold = match held::hold(path) {
        Ok(hold) => Some(hold),
        Err(NotHeld::Io(error)) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(not_held(path, error)),
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
    if let Some(hold) = hold {
        hold.close();
    }
    // The lock file stays, or two could hold it; only what it remembers goes.
    lock.set_len(0).and_then(|()| lock.sync_all()).map_err(|error| unusable(path, error))
}

/// The path of a store's file, absolute: SQLite takes no name that begins with `/` for a
/// database in memory or for a URI.
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

/// The lock file beside a database, locked.
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
    /// Takes the locks and looks at what is there. Blocks for file operations only.
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
            // Made here, for its mode; SQLite takes an empty file for a new database.
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false).mode(0o600);
            options.open(path).map_err(|error| unusable(path, error))?;
        }
        let hold = held::hold(path).map_err(|error| not_held(path, error))?;
        let (path, log) = (path.to_owned(), Mutex::new(None));
        let guard = Self { path, lock, hold, log, known, unmade: false };
        match guard.check() {
            Ok(unmade) => Ok(Self { unmade, ..guard }),
            Err(error) => {
                // No connection has it yet.
                guard.close();
                Err(error)
            }
        }
    }

    /// Whether what the file begins with is a store's, the one that was here, and no older copy;
    /// or, which is the answer, one whose making was cut short.
    fn check(&self) -> Result<bool, StoreError> {
        let path = &self.path;
        let found = self.hold.file.metadata().map_err(|error| unusable(path, error))?;
        close_to_others(path, &self.hold.file, &found)?;
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
            return corrupt("it is no SQLite database".to_owned());
        };
        if let Some(known) = &self.known
            && header.generation < known.generation
        {
            return corrupt(format!(
                "it is an older copy of the store that was here (generation {}, it had come to {}), and \
                 what was written since is not in it; if that is meant, remove the .lock file beside it",
                header.generation, known.generation
            ));
        }
        Ok(false)
    }

    /// Whether no more than the making of a store is undone by a rollback journal. A store has one
    /// only while SQLite makes its first page, and then keeps a log; it is killed there, and
    /// whoever only reads cannot undo it. By any other journal tasks would be undone, or what is
    /// another program's.
    fn undone_by(
        &self,
        journal: Journal,
        bytes: u64,
        header: Option<Header>,
    ) -> Result<(), StoreError> {
        let path = &self.path;
        if self.known.is_some() {
            let what =
                "a -journal file lies beside it, which is none of the store's: SQLite would \
                        undo by it what was written; move that file away"
                    .to_owned();
            return Err(StoreError::Corrupt { path: path.display().to_string(), what });
        }
        // What a power cut leaves of the first page may be no header.
        let nobodys = header.is_none_or(|header| header.application == 0);
        if journal.pages == 0 && bytes <= PAGE && nobodys {
            return Ok(());
        }
        let what = "another program was writing to it and was cut short, as the -journal file \
                    beside it says; it was left as it is, give the task store a file of its own"
            .to_owned();
        Err(unsuitable(path, what))
    }

    /// The rollback journal beside the database, if SQLite would go by it.
    fn journal(&self) -> io::Result<Option<Journal>> {
        let mut bytes = [0; JOURNAL_HEADER];
        let read = match File::open(beside(&self.path, "-journal")) {
            Ok(file) => read_start(&file, &mut bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        Ok(Journal::parse(&bytes[..read]))
    }

    /// What the database begins with; `None` when that is nothing of SQLite's.
    pub(crate) fn header(&self) -> io::Result<Option<Header>> {
        let mut bytes = [0; HEADER];
        let read = read_start(&self.hold.file, &mut bytes)?;
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
                // Of another file nothing more has to be known.
                let header = if id == self.hold.id { self.header()? } else { None };
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

    /// The log, which is opened once and not at every look: descriptors may be short. SQLite has
    /// no POSIX locks on it that closing it would drop.
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

    /// Pages of the database that its log does not have, as they are now.
    pub(crate) fn witness(&self) -> io::Result<Witness> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        Witness::of(&self.hold.file, log.as_ref().map(|(_, log)| log))
    }

    /// Whether these pages are as they were.
    pub(crate) fn agrees(&self, witness: &Witness) -> io::Result<bool> {
        witness.agrees(&self.hold.file)
    }

    /// Whether the file that is open lies in its place. Blocks for file operations only.
    pub(crate) fn is_in_place(&self) -> bool {
        std::fs::symlink_metadata(&self.path).is_ok_and(|found| id_of(&found) == self.hold.id)
    }

    /// Which file the lock is.
    pub(crate) fn lock_id(&self) -> io::Result<FileId> {
        self.lock.metadata().map(|found| id_of(&found))
    }

    /// Remembers what the database is.
    pub(crate) fn remember(&self, known: &Known) -> io::Result<()> {
        self.note(known)?;
        self.lock.sync_data()
    }

    /// As [`Self::remember`], for the next process and not for the next boot of the machine.
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

    /// Lets a successor have the files, whoever has a share of this still.
    pub(crate) fn leave(&self) {
        self.hold.leave();
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the lock file of the task store was not unlocked");
        }
    }

    /// Lets go of the file: all connections to it are closed.
    pub(crate) fn close(&self) {
        self.hold.close();
    }
}

/// As much of the beginning of a file as there is.
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

/// In a directory where everybody may rename files, a store is whoever's that wants it.
fn refuse_open_directory(path: &Path) -> Result<(), StoreError> {
    let Some(directory) = path.parent() else { return Ok(()) };
    // One that is not there is told by who opens the file.
    let Ok(found) = std::fs::metadata(directory) else { return Ok(()) };
    if found.mode() & ANYBODY_WRITES != 0 && found.mode() & STICKY == 0 {
        let directory = directory.display();
        let what = format!("everybody may replace files in {directory}; chmod o-w it");
        return Err(unsuitable(path, what));
    }
    Ok(())
}

/// Payloads may be private: a database that others may read or write is closed to them where
/// it is ours, and refused where it is not.
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
                "everybody gets at it (mode {:04o}), and that cannot be changed: {error}; \
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

fn not_held(path: &Path, error: NotHeld) -> StoreError {
    match error {
        NotHeld::Locked => StoreError::Locked(path.display().to_string()),
        NotHeld::Io(error) => unusable(path, error),
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
