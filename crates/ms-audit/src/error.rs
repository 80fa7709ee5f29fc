//! What can go wrong, one enum for each concern. Every message ends with what
//! to do next.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// The input of an audit cannot be determined.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The path given by the user does not exist.
    #[error("{} does not exist; check the spelling of the path", path.display())]
    NotFound {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The path given by the user is neither a directory nor a Rust file.
    #[error("{} is neither a directory nor a .rs file; name a directory of Rust sources", path.display())]
    NotAuditable {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The path exists, but the system refuses to show it.
    #[error("cannot read {}; check its permissions or name another path", path.display())]
    Unreadable {
        /// The path that was refused.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// No `Cargo.lock` in the directory or above it, and none was built in.
    #[error("no Cargo.lock in {} or above it; run inside a Cargo workspace or name a tree with --path DIR", start.display())]
    LockNotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// The lock file has no readable list of packages.
    #[error(
        "{origin}, line {line}: {problem}; run `cargo generate-lockfile`, or name a tree with --path DIR"
    )]
    LockSyntax {
        /// Path of the lock file, or a word for the built-in one.
        origin: String,
        /// Line number, from 1.
        line: usize,
        /// What was found there.
        problem: String,
    },
    /// Neither `CARGO_HOME` nor a home directory is known.
    #[error(
        "cargo's home is unknown: neither CARGO_HOME nor HOME is set; set CARGO_HOME, or name a tree with --path DIR"
    )]
    NoCargoHome,
    /// Cargo has not unpacked anything yet.
    #[error("cargo has unpacked no sources in {}; build something first (`cargo build`), or name a tree with --path DIR", path.display())]
    NothingUnpacked {
        /// The folder that was looked into.
        path: PathBuf,
    },
}

/// The durable store cannot be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A directory stands where the store file should be.
    #[error("{} is a directory, not a store file; name another directory with --state", path.display())]
    IsDirectory {
        /// The path of the store.
        path: PathBuf,
    },
    /// Another process has the store open.
    #[error("{} is in use by another audit; wait for it to end, or name another directory with --state", path.display())]
    Locked {
        /// The path of the store.
        path: PathBuf,
    },
    /// The file or its directory cannot be created or written.
    #[error("cannot write {}; check that the directory exists and is writable, or name another directory with --state", path.display())]
    NotWritable {
        /// The path of the store.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not a store, or it is damaged.
    #[error("{} is not a store or is damaged ({detail}); delete it or pass --fresh to begin again", path.display())]
    Damaged {
        /// The path of the store.
        path: PathBuf,
        /// What the database said.
        detail: String,
    },
    /// The store was written by a newer version of this tool.
    #[error("{} has store format {found}, this tool knows {known}; use the newer tool, delete the file or pass --fresh", path.display())]
    NewerFormat {
        /// The path of the store.
        path: PathBuf,
        /// The format in the file.
        found: u32,
        /// The newest format this tool knows.
        known: u32,
    },
    /// Reading or writing failed while the store was in use.
    #[error("the store {} failed; check the disk for space and errors, then run again: finished files are kept", path.display())]
    Io {
        /// The path of the store.
        path: PathBuf,
        /// What the database said.
        #[source]
        source: redb::Error,
    },
    /// A record could not be encoded.
    #[error(
        "a record for {label} cannot be encoded; this is a fault of the tool, please report it"
    )]
    Encode {
        /// The file the record is about.
        label: String,
        /// What the encoder said.
        #[source]
        source: serde_json::Error,
    },
}

/// The report cannot be encoded or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The report could not be encoded as JSON.
    #[error("the report cannot be encoded; this is a fault of the tool, please report it")]
    Encode(#[source] serde_json::Error),
    /// The report file could not be written.
    #[error("cannot write {}; check that the directory exists and is writable, or name another file", path.display())]
    Write {
        /// The path of the report.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
