//! The directories that lead from a configuration directory to its files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

/// Largest number of links followed on the way to one file: as many as Linux follows.
const MAX_HOPS: usize = 40;
/// Largest number of directories that are watched.
const MAX_DIRS: usize = 64;

/// The directories that a configuration is read through: its own, and those that the links in
/// it lead through (`base.toml` to another directory, Kubernetes' `..data`).
///
/// The operating system watches directories and not paths. It reports nothing when a link is
/// changed to another directory, or when another directory is moved to the path. So a watcher
/// has to compare the places from time to time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    home: PathBuf,
    dirs: BTreeMap<PathBuf, DirId>,
    /// The links and the files at their ends, by their real paths.
    entries: BTreeSet<PathBuf>,
}

/// The identity of the directory that a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DirId {
    device: u64,
    inode: u64,
    /// Needed because inode numbers are reused. `None` where the file system does not know it.
    born: Option<SystemTime>,
}

impl DirId {
    fn of(dir: &Path) -> io::Result<Self> {
        let meta = fs::metadata(dir)?;
        if !meta.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { device: meta.dev(), inode: meta.ino(), born: meta.created().ok() })
    }
}

impl Places {
    /// Finds the places of the files of `dir`. It blocks on the file system.
    ///
    /// # Errors
    /// An [`io::Error`] when `dir` does not exist, is not a directory, or cannot be read.
    pub fn of(dir: &Path) -> io::Result<Self> {
        let home = fs::canonicalize(dir)?;
        let id = DirId::of(&home)?;
        let dirs = BTreeMap::from([(home.clone(), id)]);
        let mut places = Self { home, dirs, entries: BTreeSet::new() };
        for entry in fs::read_dir(&places.home)? {
            let name = entry?.file_name();
            if is_configuration(&name) {
                places.follow(name);
            }
        }
        Ok(places)
    }

    /// Returns the directories to watch.
    pub fn dirs(&self) -> impl Iterator<Item = &Path> {
        self.dirs.keys().map(PathBuf::as_path)
    }

    /// Returns whether a change of `path` may concern the configuration. In its own directory every
    /// change does. The directories of link targets may be busy with other things, so there only
    /// known entries count.
    pub(crate) fn concern(&self, path: &Path) -> bool {
        path.parent() == Some(&self.home)
            || self.dirs.contains_key(path)
            || self.entries.contains(path)
    }

    /// Records each link on the way to a file, and the file.
    fn follow(&mut self, name: OsString) {
        let mut at = self.home.clone();
        let mut rest = vec![name];
        let mut hops = 0;
        while let Some(name) = rest.pop() {
            let next = at.join(&name);
            match fs::read_link(&next) {
                // `read_link` and not `canonicalize`: every link on the way has to be watched.
                Ok(target) if hops < MAX_HOPS => {
                    hops += 1;
                    self.note(&at, next);
                    push(&mut rest, &target);
                }
                _ if name == ".." => drop(at.pop()),
                _ => at = next,
            }
        }
        if let Some(dir) = at.parent().map(Path::to_owned) {
            self.note(&dir, at);
        }
    }

    fn note(&mut self, dir: &Path, entry: PathBuf) {
        // Each is a watch of the kernel, of which a process has a limited number.
        if self.dirs.len() == MAX_DIRS {
            return;
        }
        // A directory that does not exist yet is found by the next comparison.
        if let Ok(id) = DirId::of(dir) {
            self.dirs.insert(dir.to_owned(), id);
            self.entries.insert(entry);
        }
    }
}

fn is_configuration(name: &OsStr) -> bool {
    let ending = Path::new(name).extension();
    ending.is_some_and(|ending| ending == "toml" || ending == "yaml")
}

/// Pushes the parts of a link's target, last part first, so that they are walked next.
fn push(rest: &mut Vec<OsString>, target: &Path) {
    let parts = target.components().filter(|part| *part != Component::CurDir);
    let parts: Vec<OsString> = parts.map(|part| part.as_os_str().to_owned()).collect();
    rest.extend(parts.into_iter().rev());
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn dirs(places: &Places, root: &Path) -> Vec<String> {
        let below = |dir: &Path| dir.strip_prefix(root).map(|dir| dir.display().to_string());
        places.dirs().map(|dir| below(dir).expect("below the root")).collect()
    }

    #[test]
    fn every_directory_that_a_link_leads_through_is_a_place() {
        let root = tempfile::tempdir().expect("a directory");
        let root = fs::canonicalize(root.path()).expect("it is there");
        for dir in ["conf/..v1", "elsewhere", "a/deep/real"] {
            fs::create_dir_all(root.join(dir)).expect("created");
        }
        for file in ["conf/..v1/base.toml", "elsewhere/test.toml", "a/deep/real/other.yaml"] {
            fs::write(root.join(file), "").expect("written");
        }
        let link = |from: &str, to: &str| symlink(to, root.join(from)).expect("linked");
        link("conf/..data", "..v1");
        link("conf/base.toml", "..data/base.toml");
        link("conf/test.toml", "../elsewhere/test.toml");
        link("a/link", "deep");
        link("conf/other.yaml", &root.join("a/link/real/other.yaml").display().to_string());
        link("conf/ring.toml", "ring.toml");
        link("conf/dangling.toml", "../none/x.toml");
        let places = Places::of(&root.join("conf")).expect("it is there");
        assert_eq!(dirs(&places, &root), ["a", "a/deep/real", "conf", "conf/..v1", "elsewhere"]);
        assert!(places.concern(&root.join("elsewhere/test.toml")));
        assert!(places.concern(&root.join("conf/anything")));
        assert!(!places.concern(&root.join("elsewhere/other")), "a busy neighbour");

        fs::create_dir(root.join("conf/..v2")).expect("created");
        fs::rename(root.join("conf/..v1/base.toml"), root.join("conf/..v2/base.toml"))
            .expect("moved");
        fs::remove_file(root.join("conf/..data")).expect("removed");
        link("conf/..data", "..v2");
        assert_ne!(Places::of(&root.join("conf")).expect("there"), places, "a swap is seen");
        assert!(Places::of(&root.join("conf/base.toml")).is_err());
    }
}
