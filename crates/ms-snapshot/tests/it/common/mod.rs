//! A directory and a keyring.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test program uses its part; a broken fixture fails the test"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ms_core::ActorPath;
use ms_snapshot::{Item, Keyring, Store};

pub(crate) const KEEP: usize = 3;

pub(crate) fn ring() -> Keyring {
    Keyring::parse(&format!("k1 {}\n", "ab".repeat(32))).unwrap()
}

/// An empty directory as a store wants it.
pub(crate) fn dir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    dir
}

pub(crate) fn store(dir: &Path) -> Store {
    Store::open(dir, ring(), KEEP).unwrap()
}

pub(crate) fn id(name: &str) -> ActorPath {
    ActorPath::new(format!("/root/{name}")).unwrap()
}

pub(crate) fn item(name: &str, state: &str) -> Item {
    Item { id: id(name), incarnation: 1, schema: 1, state: state.as_bytes().to_vec().into() }
}

pub(crate) fn text(found: &ms_snapshot::Found) -> String {
    String::from_utf8(found.state.to_vec()).unwrap()
}

/// The folders of saves, oldest first.
pub(crate) fn folders(dir: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders
}

/// The only state file of a folder.
pub(crate) fn state_file(folder: &Path) -> PathBuf {
    let is_state = |path: &PathBuf| path.extension().is_some_and(|end| end == "state");
    let mut files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(is_state).unwrap()
}
