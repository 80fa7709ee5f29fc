//! Keys that identify an input, and a file as it was listed.

use serde::{Deserialize, Serialize};

use crate::file::SourceFile;
use crate::scan::{ContentHash, SCAN_VERSION};

/// Identifies an input and the meaning of the answers kept for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunKey(String);

impl RunKey {
    /// Makes the key of an input described by these texts, in this order.
    pub fn of(parts: impl IntoIterator<Item = String>) -> Self {
        let mut all = format!("scan {SCAN_VERSION}");
        for part in parts {
            // A byte that no part has: `a`, `bc` and `ab`, `c` are different inputs.
            all.push('\0');
            all.push_str(&part);
        }
        Self(ContentHash::of(all.as_bytes()).to_string())
    }
}

impl std::fmt::Display for RunKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl SourceFile {
    /// Identifies the file as it was listed, within one input: 32 hex digits. Another length, time
    /// of change, unit or place gives another key.
    pub fn key(&self) -> String {
        let Self { label, unit, shipped, path, fingerprint } = self;
        let (path, print) = (crate::path_text::escape(path), fingerprint);
        let text =
            format!("{label}\0{unit}\0{shipped}\0{path}\0{}\0{}", print.len, print.modified_ns);
        ContentHash::of(text.as_bytes()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Fingerprint;

    #[test]
    fn whatever_is_known_of_a_file_is_in_its_key() {
        let file = SourceFile {
            label: "u/a.rs".into(),
            unit: "u".into(),
            shipped: true,
            path: "/x/u/a.rs".into(),
            fingerprint: Fingerprint { len: 1, modified_ns: 2 },
        };
        assert_eq!(file.key(), file.clone().key());
        let fingerprint = |len, modified_ns| Fingerprint { len, modified_ns };
        let others = [
            SourceFile { label: "u/b.rs".into(), ..file.clone() },
            SourceFile { unit: "v".into(), ..file.clone() },
            SourceFile { shipped: false, ..file.clone() },
            SourceFile { path: "/y/u/a.rs".into(), ..file.clone() },
            SourceFile { fingerprint: fingerprint(2, 2), ..file.clone() },
            SourceFile { fingerprint: fingerprint(1, 3), ..file.clone() },
        ];
        let mut keys: Vec<_> = others.iter().chain([&file]).map(SourceFile::key).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 7);
    }
}
