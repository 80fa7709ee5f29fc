//! The errors of snapshots, one enum for each concern.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use ms_actor::AskFailure;
use ms_core::{ActorPath, ExitReason};
use ms_json::EncodeError;

use crate::key_id::KeyId;

/// Largest number of keys in a keyring.
pub const MAX_KEYS: usize = 16;

/// Why a keyring is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The file cannot be read.
    #[error("the key file {} cannot be read", .file.display())]
    Io {
        /// The key file.
        file: PathBuf,
        /// What the file system reports.
        #[source]
        source: io::Error,
    },
    /// The file is not private, or not a plain file.
    #[error("the key file {} cannot hold keys: {reason}", .file.display())]
    Exposed {
        /// The key file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A line is not a key.
    #[error("line {line} of the key file is not a key: {reason}; write an id and 64 hex digits")]
    BadLine {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it; never the text of the line.
        reason: &'static str,
    },
    /// There is no key, or there are too many.
    #[error("a key file has 1 to {MAX_KEYS} keys, this one has {0}")]
    Count(usize),
    /// The operating system has no randomness.
    #[error("the operating system's random number generator failed")]
    Random(#[source] getrandom::Error),
}

/// Why a file cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// The file is shorter than its own header.
    #[error("it is truncated")]
    Truncated,
    /// The file is not a snapshot.
    #[error("it is not a snapshot")]
    NotOurs,
    /// The file has a format that this version does not know.
    #[error("it has format {0}, which this version does not know")]
    Format(u8),
    /// The file was sealed with a key that is not in the keyring.
    #[error("it was sealed with key {0}, which is not in the keyring; add it back")]
    UnknownKey(KeyId),
    /// The file was changed, or belongs to another component.
    #[error("it is not authentic: it was modified, or belongs to another component")]
    NotAuthentic,
    /// The state is too large to be sealed.
    #[error("it has more than {max} bytes")]
    TooLarge {
        /// The largest size, in bytes.
        max: usize,
    },
    /// The operating system has no randomness for the nonce.
    #[error("the operating system's random number generator failed")]
    Random(#[source] getrandom::Error),
    /// The cipher refused to seal.
    #[error("the encryption failed")]
    Cipher,
}

/// Why a directory is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory cannot be opened.
    #[error("the snapshot directory {} cannot be opened", .dir.display())]
    Open {
        /// The directory.
        dir: PathBuf,
        /// What the file system reports.
        #[source]
        source: io::Error,
    },
    /// The directory belongs to somebody else, or others may write into it.
    #[error("the snapshot directory {} is refused: {reason}", .dir.display())]
    Refused {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
}

/// Why a component gave no state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The component is down.
    #[error("the actor is down: {0}")]
    Down(ExitReason),
    /// There was no answer in time.
    #[error("there was no answer")]
    Unanswered(#[source] AskFailure),
    /// The state cannot be encoded.
    #[error("the state cannot be encoded")]
    Encode(#[source] EncodeError),
    /// The component refused, for this reason.
    #[error("it refused: {0}")]
    Refused(String),
}

/// Why a save, or the save of one component, failed. Earlier saves are untouched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The file system is full.
    #[error("no space is left for {what}; the older saves stay, the next save tries again")]
    Full {
        /// The file or folder that was being written.
        what: String,
    },
    /// The file system is read-only.
    #[error("{what} cannot be written: the file system is read-only")]
    ReadOnly {
        /// The file or folder that was being written.
        what: String,
    },
    /// The file system failed in another way.
    #[error("{what} cannot be written")]
    Io {
        /// The file or folder that was being written.
        what: String,
        /// What the file system reports.
        #[source]
        source: io::Error,
    },
    /// The state could not be sealed.
    #[error("the state cannot be sealed")]
    Seal(#[from] SealError),
    /// The component gave no state.
    #[error("{id} returned no state")]
    NotExtracted {
        /// The path of the component.
        id: ActorPath,
        /// Why it gave none.
        #[source]
        source: ExtractError,
    },
    /// No component has a state to save.
    #[error("no component returned a state, so there is nothing to save")]
    Nothing,
    /// The manifest could not be encoded.
    #[error("the manifest cannot be encoded")]
    Manifest(#[source] serde_json::Error),
    /// The highest possible sequence is used.
    #[error("the sequence numbers for saves are used up")]
    OutOfSequences,
    /// The thread that saves did not finish.
    #[error("the save was aborted")]
    Aborted(#[source] Box<dyn Error + Send + Sync>),
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
    #[error("the snapshots cannot be read")]
    Io(#[from] io::Error),
    /// The state was written by a newer version of the component.
    #[error("the snapshot has schema {found}, newer than {ours}; start the newer version")]
    Newer {
        /// The schema of the state.
        found: u32,
        /// The newest schema that this version knows.
        ours: u32,
    },
    /// A migration is missing.
    #[error("no migration from schema {from} is registered; add one to `Persist::MIGRATIONS`")]
    NoMigration {
        /// The schema without a migration to the next.
        from: u32,
    },
    /// A migration failed.
    #[error("the migration from schema {from} failed: {why}")]
    Migration {
        /// The schema it migrates from.
        from: u32,
        /// What the migration reports.
        why: String,
    },
    /// The state does not fit its schema.
    #[error("the snapshot does not fit its schema")]
    Decode(#[from] serde_json::Error),
    /// The read took longer than a start may wait.
    #[error("the snapshots could not be read in time")]
    TimedOut,
}
