//! The files of an open store as seen from outside, and what a change of them means.
//!
//! No I/O in here: `guard.rs` looks, this judges. The rule can be strict: while a store is open,
//! only its writer changes the main file, and only in its checkpoints.

use std::fmt;

/// SQLite's page size.
pub(crate) const PAGE: u64 = 4_096;
/// The application id of a task store: `MSTS`.
pub(crate) const APPLICATION: u32 = 0x4d53_5453;
/// Length in bytes to which SQLite cuts a longer write-ahead log.
pub(crate) const LOG_LIMIT: u64 = 64 << 20;
/// The first bytes of every SQLite database (<https://www.sqlite.org/fileformat.html>).
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes read of a database.
pub(crate) const HEADER: usize = 100;
/// The first bytes of a rollback journal.
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// Bytes read of a rollback journal.
pub(crate) const JOURNAL_HEADER: usize = 28;
/// Bytes read of a write-ahead log.
pub(crate) const LOG_HEADER: usize = 32;

/// The identity of a file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// The header of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// The application id; 0 when none was set.
    pub(crate) application: u32,
    /// Counts the openings of the store and the folds of its log: an older copy has a lower one.
    pub(crate) generation: u32,
}

impl Header {
    /// Reads the header of a database; `None` if it is not one of SQLite.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(MAGIC) {
            return None;
        }
        Some(Self { generation: number_at(bytes, 60)?, application: number_at(bytes, 68)? })
    }
}

/// Reads the number at this place of one of SQLite's files, which has them with the highest byte
/// first; `None` behind the end.
pub(crate) fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    four.try_into().ok().map(u32::from_be_bytes)
}

/// The main file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Main {
    pub(crate) id: FileId,
    pub(crate) bytes: u64,
    /// The time of the last write to it: seconds and nanoseconds.
    pub(crate) written: (i64, i64),
    pub(crate) header: Option<Header>,
}

/// The write-ahead log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) id: FileId,
    pub(crate) bytes: u64,
    /// Whether it begins as a log does. Its header tells no more: each connection counts from
    /// zero how often it has begun it anew.
    pub(crate) is_log: bool,
}

impl Log {
    /// Returns whether a file begins as SQLite's logs do.
    pub(crate) fn is_log(bytes: &[u8]) -> bool {
        let whole = bytes.len() == LOG_HEADER;
        whole && matches!(bytes, [0x37, 0x7f, 0x06, 0x82 | 0x83, ..])
    }
}

/// A rollback journal, with which SQLite undoes at the next opening a change that a crash cut
/// short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Journal {
    /// Pages that the database had before.
    pub(crate) pages: u32,
}

impl Journal {
    /// Reads the header of a journal; `None` if SQLite would not apply it, because it is empty or
    /// was blanked when it was done with
    /// (<https://www.sqlite.org/fileformat.html#the_rollback_journal>).
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(&JOURNAL_MAGIC) {
            return None;
        }
        number_at(bytes, 16).map(|pages| Self { pages })
    }
}

/// The files as one look sees them; `None` for a missing one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) main: Option<Main>,
    pub(crate) log: Option<Log>,
    /// SQLite's shared memory.
    pub(crate) index: Option<FileId>,
    pub(crate) lock: Option<FileId>,
}

impl Marks {
    /// Returns the generation of the main file.
    pub(crate) fn generation(&self) -> u32 {
        self.main.as_ref().and_then(|main| main.header).map_or(0, |header| header.generation)
    }
}

/// The changes of the files that the writer itself may have made since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ours {
    /// At most commits, which go into the log.
    Commits,
    /// It has folded its log into the main file.
    Checkpoint,
    /// Its connection was closed and opened again: log and shared memory may be other files.
    Reopened,
}

/// Why nothing may be written any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Loss {
    /// A name leads to another file. The open files are whole, and may be put back.
    Moved(String),
    /// The files do not hold what was written. Only opening the store anew tells more.
    Altered(String),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Moved(what) | Self::Altered(what)) = self;
        f.write_str(what)
    }
}

/// Checks that the files are still those of before.
pub(crate) fn judge(before: &Marks, now: &Marks, ours: Ours) -> Result<(), Loss> {
    let moved = |what: &str| Err(Loss::Moved(what.to_owned()));
    let (Some(was), Some(is)) = (&before.main, &now.main) else {
        return moved("its file was removed or renamed");
    };
    if was.id != is.id {
        return moved("its file was replaced with another one");
    }
    judge_main(was, is, ours)?;
    if before.lock != now.lock {
        return moved("its .lock file was removed, renamed or replaced");
    }
    if ours == Ours::Reopened {
        return Ok(());
    }
    if before.index != now.index {
        return moved("its -shm file was removed, renamed or replaced");
    }
    match (&before.log, &now.log) {
        (Some(was), Some(is)) if was.id == is.id => judge_log(was, is),
        _ => moved("its -wal file was removed, renamed or replaced"),
    }
}

fn judge_main(was: &Main, is: &Main, ours: Ours) -> Result<(), Loss> {
    let altered = |what: String| Err(Loss::Altered(what));
    if is.bytes < was.bytes {
        return altered(format!("its file was truncated from {} to {} bytes", was.bytes, is.bytes));
    }
    let Some(header) = is.header else {
        return altered("its file was overwritten with something else".to_owned());
    };
    let application = was.header.map_or(0, |header| header.application);
    // The id of a new store is only in the log until that is folded in.
    if header.application != application && header.application != APPLICATION {
        return altered("its file was overwritten with the database of another program".to_owned());
    }
    let generation = was.header.map_or(0, |header| header.generation);
    if header.generation < generation {
        let found = header.generation;
        return altered(format!(
            "its file was overwritten with an older copy (generation {found} instead of \
             {generation})"
        ));
    }
    if ours == Ours::Commits && (was.bytes, was.written) != (is.bytes, is.written) {
        return altered("another program wrote into its file".to_owned());
    }
    Ok(())
}

fn judge_log(was: &Log, is: &Log) -> Result<(), Loss> {
    let altered = |what: String| Err(Loss::Altered(what));
    if is.bytes < was.bytes.min(LOG_LIMIT) {
        return altered(format!(
            "its -wal file was truncated from {} to {} bytes",
            was.bytes, is.bytes
        ));
    }
    // An empty log has not been written to yet.
    if is.bytes > 0 && !is.is_log {
        return altered("its -wal file was overwritten with something else".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: FileId = FileId { device: 1, inode: 2 };
    const OTHER: FileId = FileId { device: 1, inode: 3 };

    fn sound() -> Marks {
        let header = Some(Header { application: APPLICATION, generation: 7 });
        Marks {
            main: Some(Main { id: ID, bytes: 40_960, written: (5, 6), header }),
            log: Some(Log { id: ID, bytes: 8_192, is_log: true }),
            index: Some(ID),
            lock: Some(ID),
        }
    }

    fn changed(change: impl FnOnce(&mut Marks)) -> Marks {
        let mut marks = sound();
        change(&mut marks);
        marks
    }

    fn main(change: impl FnOnce(&mut Main)) -> Marks {
        changed(|marks| change(marks.main.as_mut().expect("there")))
    }

    fn log(change: impl FnOnce(&mut Log)) -> Marks {
        changed(|marks| change(marks.log.as_mut().expect("there")))
    }

    /// What a process does with its own files is no loss.
    #[test]
    fn what_the_store_does_itself_is_no_loss() {
        for (now, ours) in [
            (sound(), Ours::Commits),
            (log(|log| log.bytes = 65_536), Ours::Commits),
            (main(|main| (main.bytes, main.written) = (81_920, (9, 9))), Ours::Checkpoint),
            (changed(|marks| (marks.log, marks.index) = (None, Some(OTHER))), Ours::Reopened),
        ] {
            assert_eq!(judge(&sound(), &now, ours), Ok(()), "{now:?}");
        }
        let long = log(|log| log.bytes = LOG_LIMIT * 2);
        let cut = log(|log| log.bytes = LOG_LIMIT);
        assert_eq!(judge(&long, &cut, Ours::Commits), Ok(()), "SQLite cuts it down itself");
    }

    #[test]
    fn what_moved_may_come_back() {
        for now in [
            changed(|marks| marks.main = None),
            main(|main| main.id = OTHER),
            changed(|marks| marks.lock = None),
            changed(|marks| marks.lock = Some(OTHER)),
            changed(|marks| marks.index = None),
            changed(|marks| marks.log = None),
            log(|log| log.id = OTHER),
        ] {
            let lost = judge(&sound(), &now, Ours::Commits);
            assert!(matches!(lost, Err(Loss::Moved(_))), "{now:?}: {lost:?}");
        }
    }

    #[test]
    fn what_was_written_over_or_cut_is_altered() {
        let older = Some(Header { application: APPLICATION, generation: 6 });
        let foreign = Some(Header { application: 5, generation: 9 });
        for (now, words) in [
            (main(|main| main.bytes = 4_096), "truncated"),
            (main(|main| main.header = None), "something else"),
            (main(|main| main.header = foreign), "another program"),
            (main(|main| main.header = older), "older copy"),
            (main(|main| main.written = (5, 7)), "another program"),
            (log(|log| log.bytes = 0), "truncated"),
            (log(|log| log.is_log = false), "something else"),
        ] {
            match judge(&sound(), &now, Ours::Commits) {
                Err(Loss::Altered(what)) => assert!(what.contains(words), "{what}"),
                other => panic!("{now:?}: {other:?}"),
            }
        }
        let touched = main(|main| main.header = older);
        assert!(judge(&sound(), &touched, Ours::Checkpoint).is_err(), "in a checkpoint too");
    }

    #[test]
    fn headers_are_read_as_sqlite_writes_them() {
        let mut bytes = [0; HEADER];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[60..64].copy_from_slice(&9_u32.to_be_bytes());
        bytes[68..72].copy_from_slice(&APPLICATION.to_be_bytes());
        let header = Header { application: APPLICATION, generation: 9 };
        assert_eq!(Header::parse(&bytes), Some(header));
        assert_eq!(Header::parse(&bytes[..40]), None);
        assert_eq!(Header::parse(&[b'x'; HEADER]), None);
        let mut log = [0; LOG_HEADER];
        log[..4].copy_from_slice(&0x377f_0683_u32.to_be_bytes());
        assert!(Log::is_log(&log));
        assert!(!Log::is_log(&log[..16]) && !Log::is_log(&[0; LOG_HEADER]));
    }
}
