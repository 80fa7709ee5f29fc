//! The lines of the audit: everything that was found wrong on disk.

use std::fmt;

use crate::error::SealError;

/// One thing on disk that is not as the store left it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audit {
    /// A save without a manifest: the process ended in the middle of it.
    Incomplete {
        /// The folder of the save.
        folder: String,
    },
    /// A file that does not open.
    Damaged {
        /// The file, relative to the directory.
        file: String,
        /// What is wrong with it.
        why: SealError,
    },
    /// A file that is authentic and does not belong there: swapped or renamed.
    Misplaced {
        /// The file, relative to the directory.
        file: String,
        /// What is wrong with its place.
        why: String,
    },
    /// A file that cannot be read, for example a symlink.
    Unreadable {
        /// The file, relative to the directory.
        file: String,
        /// What the file system reports.
        why: String,
    },
    /// The newest save is gone: an older state of the directory was put back, or it was deleted.
    RolledBack {
        /// The highest sequence ever written.
        expected: u64,
        /// The highest sequence there is.
        found: u64,
    },
    /// The record of the highest sequence is gone though there are saves.
    HeadMissing,
    /// The state of a component was taken from an older save than the newest.
    Older {
        /// The sequence of that save.
        sequence: u64,
        /// The sequence of the newest save.
        newest: u64,
    },
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { folder } => write!(f, "{folder} has no manifest and is skipped"),
            Self::Damaged { file, why } => write!(f, "{file} is refused: {why}"),
            Self::Misplaced { file, why } => write!(f, "{file} is out of place: {why}"),
            Self::Unreadable { file, why } => write!(f, "{file} cannot be read: {why}"),
            Self::RolledBack { expected, found } => {
                write!(f, "save {expected} is gone, the newest is {found}: rolled back or deleted")
            }
            Self::HeadMissing => f.write_str("HEAD is missing: a rollback would go unnoticed"),
            Self::Older { sequence, newest } => {
                write!(f, "save {sequence} is used, not the newest {newest}")
            }
        }
    }
}
