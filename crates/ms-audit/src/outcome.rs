//! The outcome of one file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::file::{Fingerprint, SourceFile};
use crate::scan::{FileReport, scan};

/// A larger file is quarantined instead of read. The largest `.rs` file that
/// cargo has here is 6 MB.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// A file that killed its auditor this often is quarantined.
pub const MAX_KILLS: u32 = 3;

/// The end of the audit of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was audited.
    Done(FileReport),
    /// It was set aside, and is reported.
    Quarantined(Reason),
}

/// Why a file was set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The system refused to list or to read it.
    Unreadable {
        /// The error of the system.
        detail: String,
    },
    /// It is larger than [`MAX_FILE_BYTES`].
    TooLarge {
        /// Its length.
        bytes: u64,
    },
    /// It killed its auditor too often.
    KilledAuditor {
        /// The number of auditors that it killed.
        kills: u32,
        /// The message of the last crash.
        last: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { detail } => write!(f, "unreadable: {detail}"),
            Self::TooLarge { bytes } => {
                write!(f, "too large: {bytes} bytes, limit {MAX_FILE_BYTES}")
            }
            Self::KilledAuditor { kills, last } => {
                write!(f, "killed its auditor {kills} times, last: {last}")
            }
        }
    }
}

impl Reason {
    /// Returns whether another run may end otherwise although the file is unchanged.
    pub fn is_worth_retrying(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }
}

/// One file with its outcome: the unit of work that is stored and reduced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOutcome {
    /// Label of the file, unique within one audit.
    pub label: Arc<str>,
    /// Label of its unit.
    pub unit: Arc<str>,
    /// Whether it is outside `tests`, `benches` and `examples`.
    pub shipped: bool,
    /// The file as it was when it was listed.
    pub fingerprint: Fingerprint,
    /// The end of its audit.
    pub outcome: Outcome,
}

impl SourceFile {
    /// Returns the record of this file with its outcome.
    pub fn outcome(&self, outcome: Outcome) -> FileOutcome {
        FileOutcome {
            label: self.label.clone(),
            unit: self.unit.clone(),
            shipped: self.shipped,
            fingerprint: self.fingerprint,
            outcome,
        }
    }
}

/// Reads and audits one file. Blocks; every failure is an outcome.
pub fn audit_file(file: &SourceFile) -> FileOutcome {
    let outcome = match read_limited(file, MAX_FILE_BYTES) {
        Ok(Some(bytes)) => Outcome::Done(scan(&bytes)),
        Ok(None) => Outcome::Quarantined(Reason::TooLarge { bytes: file.fingerprint.len }),
        Err(error) => Outcome::Quarantined(Reason::Unreadable { detail: error.to_string() }),
    };
    file.outcome(outcome)
}

/// Reads the bytes of a file, or returns `None` if there are more than `limit`.
fn read_limited(file: &SourceFile, limit: u64) -> io::Result<Option<Vec<u8>>> {
    if file.fingerprint.len > limit {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(file.fingerprint.len + 1).unwrap_or(0));
    // One byte beyond the limit tells whether there is more: the file may have grown since.
    File::open(&file.path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn file(path: PathBuf, len: u64) -> SourceFile {
        let fingerprint = Fingerprint { len, modified_ns: 0 };
        SourceFile { label: "l".into(), unit: "u".into(), shipped: true, path, fingerprint }
    }

    #[test]
    fn a_file_that_is_gone_or_a_directory_is_quarantined() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().join("gone.rs"), dir.path().to_owned()] {
            let outcome = audit_file(&file(path, 0)).outcome;
            let Outcome::Quarantined(reason) = outcome else { panic!("{outcome:?}") };
            assert!(reason.to_string().starts_with("unreadable: "), "{reason}");
            assert!(reason.is_worth_retrying());
        }
    }

    #[test]
    fn more_than_the_limit_is_not_read_even_if_it_grew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.rs");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_limited(&file(path.clone(), 0), 4).unwrap(), None);
        assert_eq!(read_limited(&file(path.clone(), 5), 4).unwrap(), None);
        assert_eq!(read_limited(&file(path, 0), 5).unwrap().unwrap(), b"12345");
    }
}
