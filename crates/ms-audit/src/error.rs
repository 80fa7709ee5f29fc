//! The errors, one enum for each concern. Every message ends with the next step.

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
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// No `Cargo.lock` in the directory or above it, and none was built in.
    #[error("no Cargo.lock in {} or above it; run inside a Cargo workspace or name a tree with --path DIR", start.display())]
    LockNotFound {
        /// The directory in which the search began.
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
        /// The text that was found there.
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

/// The report cannot be encoded or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The report could not be encoded as JSON.
    #[error("the report cannot be encoded; this is a bug, please report it")]
    Encode(#[source] serde_json::Error),
    /// The report file could not be written.
    #[error("cannot write {}; check that the directory exists and is writable, or name another file", path.display())]
    Write {
        /// The path of the report.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
}
