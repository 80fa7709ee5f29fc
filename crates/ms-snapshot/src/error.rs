//! What can go wrong, one enum a concern.

use std::io;
use std::path::PathBuf;

use ms_core::ActorPath;

use crate::keyring::{KeyId, MAX_KEYS};

/// Why a keyring is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read.
    #[error("the key file {} cannot be read: {source}", .file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is none in which secrets may stand.
    #[error("the key file {} cannot hold keys: {reason}", .file.display())]
    Exposed {
        /// Which file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A line is no key.
    #[error("line {line} of the key file is no key: {reason}; write an id and 64 hex digits")]
    BadLine {
        /// Which line, from 1.
        line: usize,
        /// What is wrong; never the line.
        reason: &'static str,
    },
    /// There is no key, or too many.
    #[error("a key file has 1 to {MAX_KEYS} keys, this one has {0}")]
    Count(usize),
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Random(String),
}

/// Why a sealed file is not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It is shorter than its own header.
    #[error("it is cut off")]
    Truncated,
    /// It is no snapshot.
    #[error("it is no snapshot")]
    NotOurs,
    /// It has a format this version does not know.
    #[error("it has format {0}, which this version does not know")]
    Format(u8),
    /// It was sealed with a key that is not in the keyring.
    #[error("it was sealed with key {0}, which is not in the keyring; add it back")]
    UnknownKey(KeyId),
    /// It was changed, or belongs to somebody else.
    #[error("it is not authentic: changed, or another component's")]
    NotAuthentic,
    /// No randomness for the nonce, or a state too large.
    #[error("it cannot be sealed: {0}")]
    Seal(String),
}

/// Why a directory is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It cannot be opened.
    #[error("the snapshot directory {} cannot be opened: {source}", .dir.display())]
    Open {
        /// Which directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It belongs to somebody else, or others may write into it.
    #[error("the snapshot directory {} is refused: {reason}", .dir.display())]
    Refused {
        /// Which directory.
        dir: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
}

/// Why a save, or one part of it, failed. What was saved before is untouched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The file system is full.
    #[error("no space is left for {what}; the older saves stay, the next save tries again")]
    Full {
        /// What was being written.
        what: String,
    },
    /// The directory is read-only.
    #[error("{what} cannot be written: the file system is read-only")]
    ReadOnly {
        /// What was being written.
        what: String,
    },
    /// Another failure of the file system.
    #[error("{what} cannot be written: {source}")]
    Io {
        /// What was being written.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The state could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The component gave no state.
    #[error("{id} gave no state: {why}")]
    NotExtracted {
        /// Which component.
        id: ActorPath,
        /// Why not.
        why: String,
    },
    /// There was nothing to save.
    #[error("no component gave a state, so there is nothing to save")]
    Nothing,
    /// The blocking work did not end well.
    #[error("saving was broken off: {0}")]
    Broken(String),
}

impl SaveError {
    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        let what = what.into();
        match source.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::Full { what },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { what },
            _ => Self::Io { what, source },
        }
    }
}

/// Why a state that was found cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// The directory cannot be read.
    #[error("the snapshots cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It was written by a newer version of the component.
    #[error("the snapshot has schema {found}, newer than {ours}; start the newer version")]
    Newer {
        /// Its schema.
        found: u32,
        /// The newest this version knows.
        ours: u32,
    },
    /// No function brings it up.
    #[error("no migration from schema {from} is registered; add one to `Persist::MIGRATIONS`")]
    NoMigration {
        /// From which schema.
        from: u32,
    },
    /// A migration refused.
    #[error("the migration from schema {from} failed: {why}")]
    Migration {
        /// From which schema.
        from: u32,
        /// Why.
        why: String,
    },
    /// It is not what the schema says.
    #[error("the snapshot does not fit its schema: {0}")]
    Decode(#[from] serde_json::Error),
    /// It took longer than a start may wait.
    #[error("the snapshots could not be read in time")]
    TimedOut,
}
