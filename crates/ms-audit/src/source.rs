//! The input of an audit: which trees a scope stands for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::SourceError;
use crate::file::is_rust;
use crate::key::RunKey;
use crate::lockfile::{self, LockedPackage};
use crate::path_text::escape;

/// The trees that the user wants audited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// The unpacked sources of the packages in a lock file.
    Lock(LockSource),
    /// Any directory, or one Rust file.
    Path(#[serde(with = "crate::path_text")] PathBuf),
    /// Everything cargo has unpacked.
    All,
}

/// The text of a lock file, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockSource {
    /// Its path, or words for one that was built in.
    pub origin: String,
    /// Its text.
    pub text: String,
}

impl LockSource {
    /// Reads a lock file. Blocks.
    ///
    /// # Errors
    /// [`SourceError::NotFound`] or [`SourceError::Unreadable`].
    pub fn read(path: &Path) -> Result<Self, SourceError> {
        let text = fs::read_to_string(path).map_err(|source| path_error(path, source))?;
        Ok(Self { origin: escape(path), text })
    }

    /// Makes the lock file that a binary was built from.
    pub fn embedded(text: &str) -> Self {
        Self { origin: "the Cargo.lock this tool was built from".into(), text: text.into() }
    }

    /// Finds the nearest `Cargo.lock` from `start` upwards, else the built-in one. Blocks.
    ///
    /// # Errors
    /// [`SourceError::LockNotFound`] if there is neither, and those of [`LockSource::read`].
    pub fn locate(start: &Path, embedded: Option<&str>) -> Result<Self, SourceError> {
        match start.ancestors().map(|dir| dir.join("Cargo.lock")).find(|path| path.is_file()) {
            Some(path) => Self::read(&path),
            None => embedded
                .map(Self::embedded)
                .ok_or_else(|| SourceError::LockNotFound { start: start.to_owned() }),
        }
    }
}

/// The directory in which cargo keeps its downloads, if that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoHome(Option<PathBuf>);

impl CargoHome {
    /// Makes a home of a path given by the caller.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(Some(path.into()))
    }

    /// Takes `CARGO_HOME`, else `.cargo` in the user's home.
    pub fn from_env() -> Self {
        Self::from_values(std::env::var_os("CARGO_HOME"), std::env::home_dir())
    }

    fn from_values(cargo_home: Option<OsString>, home: Option<PathBuf>) -> Self {
        // Cargo, too, takes an empty variable for one that is not set.
        let set = cargo_home.filter(|value| !value.is_empty()).map(PathBuf::from);
        Self(set.or_else(|| home.filter(|h| !h.as_os_str().is_empty()).map(|h| h.join(".cargo"))))
    }

    /// Returns the folder with one folder of sources for each registry.
    ///
    /// # Errors
    /// [`SourceError::NoCargoHome`] if the home is unknown.
    pub fn registry_src(&self) -> Result<PathBuf, SourceError> {
        self.0.as_ref().map(|home| home.join("registry/src")).ok_or(SourceError::NoCargoHome)
    }
}

/// A locked package whose sources are not at hand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MissingPackage {
    /// The package.
    pub package: LockedPackage,
    /// Why it is not audited.
    pub reason: MissingReason,
}

/// Why a locked package is not audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingReason {
    /// Cargo has not unpacked it, usually because it is for another platform.
    NotUnpacked,
    /// It does not come from a registry.
    NotFromRegistry,
}

impl std::fmt::Display for MissingReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotUnpacked => "not unpacked by cargo (often: for another platform)",
            Self::NotFromRegistry => "not from a registry",
        })
    }
}

/// One tree to walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// Directory, or one file.
    #[serde(with = "crate::path_text")]
    pub path: PathBuf,
    /// Begins the label of every file below; empty for a path given by the user.
    pub label: String,
    /// Whether a `Cargo.toml` further down begins a unit of its own.
    pub nested_units: bool,
}

/// The trees of one audit, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// The scope in words, for the report.
    pub description: String,
    /// The trees to walk, sorted by label.
    pub roots: Vec<Root>,
    /// Packages of the scope that are missing.
    pub missing: Vec<MissingPackage>,
}

impl Sources {
    /// Identifies this input, so that a rerun can be distinguished from another audit.
    pub fn run_key(&self) -> RunKey {
        RunKey::of(
            std::iter::once(self.description.clone())
                .chain(self.roots.iter().map(|r| escape(&r.path))),
        )
    }
}

/// Finds the trees that a scope stands for. Blocks.
///
/// # Errors
/// A [`SourceError`] if the scope as a whole cannot be resolved: an unknown path, a text that is
/// not a lock file, no home of cargo, nothing unpacked under `All`. A single missing package is
/// not an error but one of [`Sources::missing`].
pub fn resolve(scope: &Scope, home: &CargoHome) -> Result<Sources, SourceError> {
    match scope {
        Scope::Lock(lock) => resolve_lock(lock, &home.registry_src()?),
        Scope::Path(path) => resolve_path(path),
        Scope::All => resolve_all(&home.registry_src()?),
    }
}

fn resolve_path(path: &Path) -> Result<Sources, SourceError> {
    // Follows a link, as grep does for a name on its command line.
    let meta = fs::metadata(path).map_err(|source| path_error(path, source))?;
    let is_rust_file = meta.is_file() && is_rust(path.as_os_str());
    if !meta.is_dir() && !is_rust_file {
        return Err(SourceError::NotAuditable { path: path.to_owned() });
    }
    let full = fs::canonicalize(path).map_err(|source| path_error(path, source))?;
    if meta.is_dir() {
        // Opened once here, so that a directory without permission is refused before the run
        // begins.
        fs::read_dir(&full).map_err(|source| path_error(path, source))?;
    }
    Ok(Sources {
        description: format!("path {}", escape(&full)),
        roots: vec![Root { path: full, label: String::new(), nested_units: true }],
        missing: Vec::new(),
    })
}

fn resolve_lock(lock: &LockSource, src: &Path) -> Result<Sources, SourceError> {
    let packages = lockfile::parse(&lock.origin, &lock.text)?;
    let registries = match registries(src) {
        Ok(found) => found,
        // Cargo has unpacked nothing yet. Every package is missing then, and the report says so.
        Err(SourceError::NotFound { .. }) => Vec::new(),
        Err(other) => return Err(other),
    };
    let mut roots = BTreeMap::new();
    let mut missing = Vec::new();
    for package in packages {
        let folder = package.folder();
        match unpacked(&package, &registries) {
            Ok(path) => {
                roots.insert(folder.clone(), Root { path, label: folder, nested_units: false });
            }
            Err(reason) => missing.push(MissingPackage { package, reason }),
        }
    }
    let description = format!("packages of {}", lock.origin);
    Ok(Sources { description, roots: roots.into_values().collect(), missing })
}

/// Finds the unpacked package: in the folder of its own registry if it is there, else in any other
/// (a mirror).
fn unpacked(package: &LockedPackage, registries: &[PathBuf]) -> Result<PathBuf, MissingReason> {
    if !package.is_from_registry() {
        return Err(MissingReason::NotFromRegistry);
    }
    let host = package.registry_host();
    // Cargo appends a hash: `index.crates.io-1949cf8c6b5b557f`.
    let is_own = |registry: &&PathBuf| file_name(registry).starts_with(host);
    // A mirror unpacks into a folder of another name, so any other registry will do as well.
    let own = registries.iter().filter(is_own);
    let other = registries.iter().filter(|r| !is_own(r));
    own.chain(other)
        .map(|registry| registry.join(package.folder()))
        .find(|path| path.is_dir())
        .ok_or(MissingReason::NotUnpacked)
}

fn resolve_all(src: &Path) -> Result<Sources, SourceError> {
    let nothing = || SourceError::NothingUnpacked { path: src.to_owned() };
    let registries = match registries(src) {
        Err(SourceError::NotFound { .. }) => return Err(nothing()),
        other => other?,
    };
    let mut by_name: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for registry in &registries {
        for folder in folders(registry)? {
            by_name.entry(file_name(&folder)).or_default().push(folder);
        }
    }
    let roots: Vec<Root> =
        by_name.into_iter().flat_map(|(name, paths)| labelled(&name, paths)).collect();
    if roots.is_empty() {
        return Err(nothing());
    }
    let description = format!("everything in {}", escape(src));
    Ok(Sources { description, roots, missing: Vec::new() })
}

/// Labels packages. The same package from two registries gets the registry into its label.
fn labelled(name: &str, paths: Vec<PathBuf>) -> Vec<Root> {
    let is_single = paths.len() == 1;
    let label = |path: &Path| match path.parent() {
        Some(registry) if !is_single => format!("{}/{name}", file_name(registry)),
        _ => name.to_owned(),
    };
    paths.into_iter().map(|path| Root { label: label(&path), path, nested_units: false }).collect()
}

fn registries(src: &Path) -> Result<Vec<PathBuf>, SourceError> {
    folders(src)
}

/// Lists the directories in `dir`, sorted by name; links are not followed.
fn folders(dir: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let unreadable = |source| path_error(dir, source);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_type().map_err(unreadable)?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| escape(Path::new(name))).unwrap_or_default()
}

fn path_error(path: &Path, source: io::Error) -> SourceError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => SourceError::NotFound { path },
        _ => SourceError::Unreadable { path, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(root: &Path, packages: &[&str]) -> CargoHome {
        for package in packages {
            fs::create_dir_all(root.join("registry/src").join(package)).unwrap();
        }
        CargoHome::at(root)
    }

    fn lock(packages: &[(&str, &str)]) -> Scope {
        let mut text = String::from("version = 4\n");
        for (name, source) in packages {
            text += &format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"{source}\"\n"
            );
        }
        Scope::Lock(LockSource::embedded(&text))
    }

    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

    #[test]
    fn locked_packages_are_found_or_listed_as_missing() {
        let dir = tempfile::tempdir().unwrap();
        let home =
            registry(dir.path(), &["index.crates.io-1/a-1.0.0", "index.crates.io-1/z-9.0.0"]);
        let scope = lock(&[("b", CRATES_IO), ("a", CRATES_IO), ("g", "git+https://e.com/g")]);
        let found = resolve(&scope, &home).unwrap();
        assert_eq!(found.roots.iter().map(|r| r.label.as_str()).collect::<Vec<_>>(), ["a-1.0.0"]);
        let missing: Vec<_> =
            found.missing.iter().map(|m| (m.package.name.as_str(), m.reason)).collect();
        assert_eq!(
            missing,
            [("b", MissingReason::NotUnpacked), ("g", MissingReason::NotFromRegistry)]
        );
    }

    #[test]
    fn the_registry_of_the_lock_file_is_preferred() {
        let dir = tempfile::tempdir().unwrap();
        let home = registry(
            dir.path(),
            &["a.mirror-1/a-1.0.0", "index.crates.io-1/a-1.0.0", "a.mirror-1/b-1.0.0"],
        );
        let found = resolve(&lock(&[("a", CRATES_IO), ("b", CRATES_IO)]), &home).unwrap();
        assert!(found.roots[0].path.ends_with("index.crates.io-1/a-1.0.0"));
        assert!(found.roots[1].path.ends_with("a.mirror-1/b-1.0.0"));
    }

    #[test]
    fn without_a_registry_every_package_is_missing_and_all_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let home = CargoHome::at(dir.path());
        assert_eq!(resolve(&lock(&[("a", CRATES_IO)]), &home).unwrap().missing.len(), 1);
        assert!(matches!(resolve(&Scope::All, &home), Err(SourceError::NothingUnpacked { .. })));
        assert!(matches!(resolve(&Scope::All, &CargoHome(None)), Err(SourceError::NoCargoHome)));
    }

    #[test]
    fn all_takes_every_registry_and_keeps_labels_apart() {
        let dir = tempfile::tempdir().unwrap();
        let home = registry(dir.path(), &["one/a-1.0.0", "two/a-1.0.0", "two/b-1.0.0"]);
        let found = resolve(&Scope::All, &home).unwrap();
        let labels: Vec<_> = found.roots.iter().map(|r| r.label.as_str()).collect();
        assert_eq!(labels, ["one/a-1.0.0", "two/a-1.0.0", "b-1.0.0"]);
    }

    #[test]
    fn bad_paths_have_errors_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("a.txt");
        fs::write(&text, "x").unwrap();
        let home = CargoHome(None);
        let gone = resolve(&Scope::Path(dir.path().join("no")), &home).unwrap_err();
        assert!(matches!(gone, SourceError::NotFound { .. }), "{gone}");
        let other = resolve(&Scope::Path(text), &home).unwrap_err();
        assert!(matches!(other, SourceError::NotAuditable { .. }), "{other}");
    }

    #[test]
    fn the_lock_file_is_looked_for_upwards_then_built_in() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(LockSource::locate(&deep, Some("version = 4")).unwrap().text, "version = 4");
        assert!(matches!(LockSource::locate(&deep, None), Err(SourceError::LockNotFound { .. })));
        fs::write(dir.path().join("Cargo.lock"), "version = 3").unwrap();
        assert_eq!(LockSource::locate(&deep, None).unwrap().text, "version = 3");
    }

    #[test]
    fn cargo_home_is_taken_before_home() {
        let home = Some(PathBuf::from("/h"));
        let from =
            |value: Option<&str>, home| CargoHome::from_values(value.map(OsString::from), home);
        assert_eq!(from(Some("/c"), home.clone()), CargoHome::at("/c"));
        assert_eq!(from(Some(""), home.clone()), CargoHome::at("/h/.cargo"));
        assert_eq!(from(None, None), CargoHome(None));
    }

    #[test]
    fn another_input_has_another_run_key() {
        let dir = tempfile::tempdir().unwrap();
        let home = registry(dir.path(), &["one/a-1.0.0"]);
        let before = resolve(&Scope::All, &home).unwrap().run_key();
        assert_eq!(before, resolve(&Scope::All, &home).unwrap().run_key());
        registry(dir.path(), &["one/b-1.0.0"]);
        assert_ne!(before, resolve(&Scope::All, &home).unwrap().run_key());
    }
}
