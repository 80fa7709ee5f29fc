//! What was found wrong on disk: each is a line of the audit.

use std::fmt;

use crate::error::SealError;

/// One thing that was not as it was left.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Audit {
    /// A save that has no manifest: the process ended in the middle of it.
    Incomplete {
        /// Its folder.
        folder: String,
    },
    /// A file that does not open.
    Damaged {
        /// Which file, below the directory.
        file: String,
        /// What is wrong with it.
        why: SealError,
    },
    /// A file that is authentic and does not belong there: swapped or renamed.
    Misplaced {
        /// Which file, below the directory.
        file: String,
        /// What it should be.
        why: String,
    },
    /// A file that cannot be read; a symlink, for one.
    Unreadable {
        /// Which file, below the directory.
        file: String,
        /// Why.
        why: String,
    },
    /// The newest save is gone: an older state of the directory was put back.
    RolledBack {
        /// The highest sequence ever written.
        expected: u64,
        /// The highest there is.
        found: u64,
    },
    /// The record of the highest sequence is gone though there are saves.
    HeadMissing,
    /// An older save than the newest one is used for a component.
    Older {
        /// Of which sequence.
        sequence: u64,
        /// The newest one.
        newest: u64,
    },
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete { folder } => write!(f, "{folder} has no manifest and is passed over"),
            Self::Damaged { file, why } => write!(f, "{file} is refused: {why}"),
            Self::Misplaced { file, why } => write!(f, "{file} is out of place: {why}"),
            Self::Unreadable { file, why } => write!(f, "{file} cannot be read: {why}"),
            Self::RolledBack { expected, found } => {
                write!(f, "save {expected} is gone, the newest is {found}: rolled back or deleted")
            }
            Self::HeadMissing => f.write_str("HEAD is gone: a roll-back would go unnoticed"),
            Self::Older { sequence, newest } => {
                write!(f, "save {sequence} is used, not the newest {newest}")
            }
        }
    }
}
