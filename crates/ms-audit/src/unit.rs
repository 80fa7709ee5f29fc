//! The facts of one crate, from its folder and its `Cargo.toml`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::manifest::{self, Item};
use crate::path_text::escape;
use crate::walk::Unit;

/// A manifest larger than this is not read.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// The facts about a crate that a reviewer wants besides its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFacts {
    /// Label of the unit.
    pub label: Arc<str>,
    /// Name in the manifest.
    pub name: Option<String>,
    /// Version in the manifest.
    pub version: Option<String>,
    /// Whether the manifest could be read.
    pub manifest: ManifestState,
    /// Whether building it runs a program of its own.
    pub build_script: bool,
    /// Whether it runs inside the compiler of its users.
    pub proc_macro: bool,
    /// Under which licence it may be used.
    pub licence: Licence,
}

/// Whether a manifest could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ManifestState {
    /// It was read.
    Read,
    /// There is none.
    Absent,
    /// There is one, but it cannot be read.
    Unreadable,
}

/// The licence of a crate, as far as it names one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Licence {
    /// An SPDX expression from the manifest.
    Expression(String),
    /// No expression, but a file with the text.
    File(String),
    /// Neither.
    Missing,
}

impl UnitFacts {
    /// Looks at the folder of a unit. Blocks; what cannot be read is unknown,
    /// never an error.
    pub fn gather(unit: &Unit) -> Self {
        let (manifest, text) = read_manifest(&unit.dir);
        let items = manifest::items(&text);
        let text_of = |key| inherited(&items, key, &unit.dir);
        Self {
            label: unit.label.clone(),
            name: package_item(&items, "name").and_then(Item::text).map(str::to_owned),
            version: text_of("version"),
            manifest,
            build_script: has_build_script(&items, &unit.dir),
            proc_macro: is_proc_macro(&items),
            licence: licence(text_of, &unit.dir),
        }
    }

    /// Makes the facts of a unit of which nothing is known.
    pub fn unknown(label: Arc<str>) -> Self {
        Self {
            label,
            name: None,
            version: None,
            manifest: ManifestState::Absent,
            build_script: false,
            proc_macro: false,
            licence: Licence::Missing,
        }
    }
}

fn read_manifest(dir: &Path) -> (ManifestState, String) {
    let path = dir.join("Cargo.toml");
    match fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return (ManifestState::Absent, String::new());
        }
        // A crate under review may have a FIFO here, and reading it would wait for a writer.
        Ok(meta) if meta.is_file() && meta.len() <= MAX_MANIFEST_BYTES => {}
        _ => return (ManifestState::Unreadable, String::new()),
    }
    match fs::read(&path) {
        Ok(bytes) => (ManifestState::Read, String::from_utf8_lossy(&bytes).into_owned()),
        Err(_) => (ManifestState::Unreadable, String::new()),
    }
}

fn package_item<'a, 'b>(items: &'b [Item<'a>], key: &str) -> Option<&'b Item<'a>> {
    // `[project]` is the old name of `[package]`, which old crates still have.
    items.iter().find(|item| matches!(item.table, "package" | "project") && item.key == key)
}

/// Returns a text of `[package]`, or that of `[workspace.package]` above if it says `KEY.workspace
/// = true`.
fn inherited(items: &[Item<'_>], key: &str, dir: &Path) -> Option<String> {
    if let Some(item) = package_item(items, key) {
        // As in `license = { workspace = true }`. The other form, `license.workspace = true`, is a
        // key of its own.
        let is_inline = item.value.starts_with('{') && item.value.contains("workspace");
        if !is_inline {
            return item.text().map(str::to_owned);
        }
    } else {
        let dotted = format!("{key}.workspace");
        package_item(items, &dotted).and_then(Item::flag).filter(|&flag| flag)?;
    }
    // The workspace may be rooted in the package itself.
    dir.ancestors().find_map(|above| {
        let (_, text) = read_manifest(above);
        let items = manifest::items(&text);
        items
            .iter()
            .find(|i| i.table == "workspace.package" && i.key == key)?
            .text()
            .map(str::to_owned)
    })
}

fn has_build_script(items: &[Item<'_>], dir: &Path) -> bool {
    match package_item(items, "build") {
        // `build = false` switches it off, and any text names its file.
        Some(item) => item.flag().unwrap_or(true),
        None => dir.join("build.rs").is_file(),
    }
}

fn is_proc_macro(items: &[Item<'_>]) -> bool {
    // Cargo takes both spellings.
    let is_key = |key| matches!(key, "proc-macro" | "proc_macro");
    items.iter().any(|item| item.table == "lib" && is_key(item.key) && item.flag() == Some(true))
}

fn licence(text_of: impl Fn(&'static str) -> Option<String>, dir: &Path) -> Licence {
    let is_set = |text: &String| !text.trim().is_empty();
    if let Some(expression) = text_of("license").filter(is_set) {
        return Licence::Expression(expression);
    }
    match text_of("license-file").filter(is_set).or_else(|| licence_file(dir)) {
        Some(name) => Licence::File(name),
        None => Licence::Missing,
    }
}

/// Returns the first file, by name, that looks like the text of a licence.
fn licence_file(dir: &Path) -> Option<String> {
    let names =
        fs::read_dir(dir).ok()?.flatten().map(|entry| escape(Path::new(&entry.file_name())));
    // `read_dir` has no order, and two runs must give the same report.
    names.filter(|name| is_licence_name(name)).min()
}

fn is_licence_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    ["LICENSE", "LICENCE", "COPYING", "UNLICENSE"].iter().any(|stem| upper.starts_with(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(files: &[(&str, &str)], inner: &str) -> UnitFacts {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        UnitFacts::gather(&Unit { label: "u".into(), dir: dir.path().join(inner) })
    }

    #[test]
    fn a_published_manifest_is_read() {
        let text = "[package]\nname = \"a\"\nversion = \"1.2.3\"\nbuild = false\nlicense = \"MIT OR Apache-2.0\"\n[lib]\nname = \"b\"\nproc-macro = true\n";
        let found = facts(&[("Cargo.toml", text), ("build.rs", "")], "");
        assert_eq!((found.name.as_deref(), found.version.as_deref()), (Some("a"), Some("1.2.3")));
        assert_eq!((found.build_script, found.proc_macro), (false, true));
        assert_eq!(found.licence, Licence::Expression("MIT OR Apache-2.0".into()));
    }

    #[test]
    fn a_build_script_is_found_by_name_or_by_key() {
        assert!(facts(&[("Cargo.toml", "[package]\n"), ("build.rs", "")], "").build_script);
        assert!(facts(&[("Cargo.toml", "[package]\nbuild = \"b/x.rs\"\n")], "").build_script);
        assert!(!facts(&[("Cargo.toml", "[package]\n")], "").build_script);
    }

    #[test]
    fn a_licence_is_looked_for_in_key_file_and_folder() {
        let of = |files: &[(&str, &str)]| facts(files, "").licence;
        assert_eq!(
            of(&[("Cargo.toml", "[package]\nlicense-file = \"L.txt\"")]),
            Licence::File("L.txt".into())
        );
        assert_eq!(
            of(&[("Licence.md", ""), ("LICENSE-MIT", "")]),
            Licence::File("LICENSE-MIT".into())
        );
        assert_eq!(of(&[("Cargo.toml", "[package]\nlicense = \" \"")]), Licence::Missing);
    }

    #[test]
    fn a_workspace_passes_its_licence_down() {
        let root = ("Cargo.toml", "[workspace.package]\nversion = \"4.0.0\"\nlicense = \"MIT\"\n");
        for line in [
            "license.workspace = true\nversion.workspace = true",
            "license = { workspace = true }\nversion = {workspace=true}",
        ] {
            let found = facts(&[root, ("c/a/Cargo.toml", &format!("[package]\n{line}\n"))], "c/a");
            assert_eq!(
                (found.licence, found.version.as_deref()),
                (Licence::Expression("MIT".into()), Some("4.0.0"))
            );
        }
    }

    #[test]
    fn a_folder_without_manifest_is_known_as_such() {
        assert_eq!(facts(&[("a.rs", "")], "").manifest, ManifestState::Absent);
        assert_eq!(facts(&[("Cargo.toml/x", "")], "").manifest, ManifestState::Unreadable);
        assert_eq!(facts(&[], "gone").licence, Licence::Missing);
    }
}
