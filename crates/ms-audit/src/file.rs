//! One file of the input, as it was listed.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Tells whether a file is the one that was audited before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Length in bytes.
    pub len: u64,
    /// Time of the last change, in nanoseconds since 1970; 0 if unknown.
    pub modified_ns: i64,
}

impl Fingerprint {
    pub(crate) fn of(meta: &Metadata) -> Self {
        let since_1970 = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ns = since_1970.map_or(0, |d| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX));
        Self { len: meta.len(), modified_ns }
    }
}

/// One file to audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Unique within one audit, printable: `serde-1.0.229/src/lib.rs`.
    pub label: Arc<str>,
    /// Label of the unit it belongs to.
    pub unit: Arc<str>,
    /// Whether it is outside `tests`, `benches` and `examples` of its unit.
    pub shipped: bool,
    /// Its path on disk.
    #[serde(with = "crate::path_text")]
    pub path: PathBuf,
    /// Its length and time of change when it was listed.
    pub fingerprint: Fingerprint,
}

/// Returns whether the name ends in `.rs`, as `--include=*.rs` sees it.
pub(crate) fn is_rust(name: &OsStr) -> bool {
    // Not by `Path::extension`: a file called `.rs` has none, and grep reads it.
    name.as_encoded_bytes().ends_with(b".rs")
}
