//! The packages named in a `Cargo.lock`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::SourceError;
use crate::manifest;

/// One package of a lock file that came from outside the workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LockedPackage {
    /// Name of the package.
    pub name: String,
    /// Exact version.
    pub version: String,
    /// The place that cargo got it from, as written: `registry+https://..`, `git+https://..`.
    pub source: String,
}

impl LockedPackage {
    /// Returns the name of the folder that cargo unpacks the package into.
    pub fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// Returns whether a registry served it, so that cargo unpacks it into `registry/src`.
    pub fn is_from_registry(&self) -> bool {
        self.source.starts_with("registry+") || self.source.starts_with("sparse+")
    }

    /// Returns the host of the source, as it begins the name of cargo's registry folder.
    pub(crate) fn registry_host(&self) -> &str {
        let url = self.source.split_once("://").map_or("", |(_, rest)| rest);
        let host = url.split(['/', ':', '?', '#']).next().unwrap_or(url);
        // The git index and the sparse index of crates.io hold the same packages.
        if url.starts_with("github.com/rust-lang/crates.io-index") {
            "index.crates.io"
        } else {
            host
        }
    }
}

/// Returns the packages of a lock file with a source, sorted and without repetition. Members of the
/// workspace itself have none and are left out.
///
/// # Errors
/// [`SourceError::LockSyntax`] if a package lacks a name or a version, or if
/// text that is not empty names no package at all.
pub fn parse(origin: &str, text: &str) -> Result<Vec<LockedPackage>, SourceError> {
    let fault = |line, problem: &str| SourceError::LockSyntax {
        origin: origin.to_owned(),
        line,
        problem: problem.to_owned(),
    };
    let mut packages: BTreeMap<usize, Fields<'_>> = BTreeMap::new();
    for item in manifest::items(text).iter().filter(|item| item.table == "package") {
        let fields = packages.entry(item.section).or_insert_with(|| Fields::at(item.line));
        match item.key {
            "name" => fields.name = item.text(),
            "version" => fields.version = item.text(),
            "source" => fields.source = item.text(),
            _ => {}
        }
    }
    // An audit of nothing would succeed, whatever the file is.
    if packages.is_empty() && !is_empty_lock(text) {
        return Err(fault(1, "no [[package]] found, so this is not a Cargo.lock"));
    }
    let mut found = Vec::new();
    for fields in packages.values() {
        let name = fields.name.ok_or_else(|| fault(fields.line, "a package without a name"))?;
        let version =
            fields.version.ok_or_else(|| fault(fields.line, "a package without a version"))?;
        if !is_folder_name(name) || !is_folder_name(version) {
            return Err(fault(
                fields.line,
                "a name or version with characters cargo does not allow",
            ));
        }
        if let Some(source) = fields.source {
            found.push(LockedPackage {
                name: name.into(),
                version: version.into(),
                source: source.into(),
            });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

struct Fields<'a> {
    line: usize,
    name: Option<&'a str>,
    version: Option<&'a str>,
    source: Option<&'a str>,
}

impl Fields<'_> {
    fn at(line: usize) -> Self {
        Self { line, name: None, version: None, source: None }
    }
}

/// Returns whether the text is an empty lock file: even a workspace without packages has a version
/// line.
fn is_empty_lock(text: &str) -> bool {
    text.trim().is_empty()
        || manifest::items(text).iter().any(|i| i.table.is_empty() && i.key == "version")
}

/// Returns whether a name may become part of a path without leading out of its folder.
fn is_folder_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'+' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"# generated
version = 4

[[package]]
name = "wasi"
version = "0.11.1+wasi-snapshot-preview1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "00"
dependencies = [
 "name = 1",
]

[[package]]
name = "ours"
version = "0.1.0"

[[package]]
name = "forked"
version = "2.0.0"
source = "git+https://example.com/x?rev=1#abc"

[metadata]
name = "not a package"
"#;

    #[test]
    fn packages_with_a_source_are_listed_in_order() {
        let found = parse("Cargo.lock", LOCK).unwrap();
        let names: Vec<_> = found.iter().map(LockedPackage::folder).collect();
        assert_eq!(names, ["forked-2.0.0", "wasi-0.11.1+wasi-snapshot-preview1"]);
        assert!(!found[0].is_from_registry());
        assert_eq!(found[1].registry_host(), "index.crates.io");
    }

    #[test]
    fn windows_line_ends_are_no_matter() {
        assert_eq!(parse("l", &LOCK.replace('\n', "\r\n")).unwrap(), parse("l", LOCK).unwrap());
    }

    #[test]
    fn other_files_are_refused_with_a_line() {
        for text in ["hello", "[package]\nversion = \"1\"", "[[package]]\nname = \"a\""] {
            let error = parse("x.lock", text).unwrap_err();
            assert!(matches!(error, SourceError::LockSyntax { .. }), "{text}: {error}");
        }
        let error = parse("x.lock", "\n[[package]]\nversion = \"1\"").unwrap_err().to_string();
        assert!(error.starts_with("x.lock, line 3: a package without a name; run"), "{error}");
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_registry() {
        for name in ["../../etc", "..", "a/b", ""] {
            let text = format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"registry+x\""
            );
            assert!(parse("l", &text).is_err(), "{name}");
        }
    }

    #[test]
    fn a_lock_without_packages_is_empty() {
        assert!(parse("l", "version = 4\n").unwrap().is_empty());
        assert!(parse("l", "").unwrap().is_empty());
    }
}
