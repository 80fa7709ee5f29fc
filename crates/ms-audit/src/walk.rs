//! The files of the input, in order and in batches.
//!
//! The rules are those of `grep -r --include=*.rs`, which is the oracle of the
//! audit: hidden folders and `target` are entered, links met on the way are
//! not followed, and only regular files count.

use std::ffi::OsString;
use std::fs::{self, DirEntry, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::file::{Fingerprint, SourceFile, is_rust};
use crate::outcome::{FileOutcome, Outcome, Reason};
use crate::path_text::escape;
use crate::source::{Root, Sources};

/// A batch ends after this many directories even if it is not full, so that a
/// tree without Rust files cannot hold the caller up.
pub const MAX_DIRS_PER_BATCH: usize = 512;

/// A crate, or a directory that stands for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Unique within one audit: `serde-1.0.229`, or a path below the one given.
    pub label: Arc<str>,
    /// Its directory.
    #[serde(with = "crate::path_text")]
    pub dir: PathBuf,
}

/// The findings of the walker since the last batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Units met for the first time.
    pub units: Vec<Unit>,
    /// Files to audit.
    pub files: Vec<SourceFile>,
    /// Files and directories that could not be read, with their outcome. Each counts as one
    /// input.
    pub unreadable: Vec<FileOutcome>,
}

impl Batch {
    /// Counts what this batch adds to the input of the audit.
    pub fn input(&self) -> u64 {
        (self.files.len() + self.unreadable.len()) as u64
    }
}

/// Counts of what the walker passed over without counting it as input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkStats {
    /// Directories entered.
    pub directories: u64,
    /// Links not followed.
    pub links_skipped: u64,
    /// Pipes, sockets and devices with a name that ends in `.rs`.
    pub special_skipped: u64,
}

/// Walks the trees of an audit, depth first, sorted by name.
///
/// It blocks for one directory at a time and holds one open listing for each
/// level, so it can be kept in an actor and asked for a batch at a time.
#[derive(Debug)]
pub struct Walker {
    roots: std::vec::IntoIter<Root>,
    frames: Vec<Frame>,
    stats: WalkStats,
}

/// A directory that is being worked through.
#[derive(Debug)]
struct Frame {
    path: PathBuf,
    /// Begins the label of what is inside; empty or with a slash at its end.
    prefix: String,
    unit: UnitInWalk,
    entries: std::vec::IntoIter<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: OsString,
    kind: EntryKind,
}

#[derive(Debug)]
enum EntryKind {
    Dir,
    Rust(Fingerprint),
    Unreadable(io::Error),
}

/// The unit of a subtree, and how its files are labelled.
#[derive(Debug, Clone)]
struct UnitInWalk {
    unit: Unit,
    nested: bool,
}

impl Walker {
    /// Makes a walker at the beginning of `sources`.
    pub fn new(sources: &Sources) -> Self {
        Self {
            roots: sources.roots.clone().into_iter(),
            frames: Vec::new(),
            stats: WalkStats::default(),
        }
    }

    /// Returns what was passed over so far.
    pub fn stats(&self) -> WalkStats {
        self.stats
    }

    /// Returns the next files, at most `max` of them but at least one place; `None` when all trees
    /// are done. A batch may be empty before the end. Blocks.
    pub fn next_batch(&mut self, max: usize) -> Option<Batch> {
        let mut batch = Step { out: Batch::default(), stats: &mut self.stats };
        let (max, first_dirs) = (max.max(1) as u64, batch.stats.directories);
        while batch.out.input() < max
            && batch.stats.directories - first_dirs < MAX_DIRS_PER_BATCH as u64
        {
            let Some(frame) = self.frames.last_mut() else {
                let Some(root) = self.roots.next() else {
                    return (batch.out != Batch::default()).then_some(batch.out);
                };
                self.frames.extend(batch.enter_root(root));
                continue;
            };
            match frame.entries.next() {
                Some(entry) => {
                    let inner = batch.visit(frame, entry);
                    self.frames.extend(inner);
                }
                None => {
                    self.frames.pop();
                }
            }
        }
        Some(batch.out)
    }
}

/// One call of [`Walker::next_batch`], with its findings.
struct Step<'a> {
    out: Batch,
    stats: &'a mut WalkStats,
}

impl Step<'_> {
    fn enter_root(&mut self, root: Root) -> Option<Frame> {
        let prefix = if root.label.is_empty() { String::new() } else { format!("{}/", root.label) };
        if !root.path.is_dir() && root.path.is_file() {
            self.root_file(&root);
            return None;
        }
        let (label, dir) = match root.label.is_empty() {
            true => {
                // The path may be a folder inside a crate, such as its `src`.
                (".".to_owned(), manifest_above(&root.path).unwrap_or_else(|| root.path.clone()))
            }
            false => (root.label, root.path.clone()),
        };
        let unit =
            UnitInWalk { unit: Unit { label: label.into(), dir }, nested: root.nested_units };
        // A package is reported even if it has no files. Other units are announced with their first
        // file.
        if !unit.nested {
            self.out.units.push(unit.unit.clone());
        }
        self.list(root.path, prefix, unit, true)
    }

    /// Enters a single file given by the user.
    fn root_file(&mut self, root: &Root) {
        let parent = root.path.parent().unwrap_or(Path::new("/"));
        let dir = manifest_above(parent).unwrap_or_else(|| parent.to_owned());
        let unit = UnitInWalk { unit: Unit { label: ".".into(), dir }, nested: true };
        let name = root.path.file_name().unwrap_or_default().to_owned();
        let kind = match fs::metadata(&root.path) {
            Ok(meta) => EntryKind::Rust(Fingerprint::of(&meta)),
            Err(error) => EntryKind::Unreadable(error),
        };
        let entries = Vec::new().into_iter();
        let frame = Frame { path: parent.to_owned(), prefix: String::new(), unit, entries };
        self.visit(&frame, Entry { name, kind });
    }

    /// Records one entry, and returns the frame of a directory to enter.
    fn visit(&mut self, frame: &Frame, entry: Entry) -> Option<Frame> {
        let path = frame.path.join(&entry.name);
        let label = format!("{}{}", frame.prefix, escape(Path::new(&entry.name)));
        match entry.kind {
            EntryKind::Dir => {
                return self.list(path, format!("{label}/"), frame.unit.clone(), false);
            }
            EntryKind::Rust(fingerprint) => {
                self.announce(&frame.unit);
                let shipped = is_shipped(&path, &frame.unit.unit.dir);
                let unit = frame.unit.unit.label.clone();
                self.out.files.push(SourceFile {
                    label: label.into(),
                    unit,
                    shipped,
                    path,
                    fingerprint,
                });
            }
            EntryKind::Unreadable(error) => self.unreadable(label, &frame.unit, &error),
        }
        None
    }

    /// Lists a directory; its own failures are recorded, never dropped.
    fn list(
        &mut self,
        path: PathBuf,
        prefix: String,
        parent: UnitInWalk,
        is_root: bool,
    ) -> Option<Frame> {
        self.stats.directories += 1;
        let label = if prefix.is_empty() { "./".to_owned() } else { prefix.clone() };
        let listing = match fs::read_dir(&path) {
            Ok(listing) => listing,
            Err(error) => {
                self.unreadable(label, &parent, &error);
                return None;
            }
        };
        let mut entries = Vec::new();
        let mut has_manifest = false;
        let mut broken = None;
        for item in listing {
            match item {
                Ok(item) => {
                    has_manifest |= item.file_name() == "Cargo.toml";
                    entries.extend(self.entry(&item));
                }
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        // `read_dir` has no order, and two runs must list the same files in the same order.
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let unit = match parent.nested && has_manifest && !is_root {
            true => UnitInWalk {
                unit: Unit { label: prefix.trim_end_matches('/').into(), dir: path.clone() },
                nested: true,
            },
            false => parent,
        };
        if let Some(error) = broken {
            self.unreadable(label, &unit, &error);
        }
        Some(Frame { path, prefix, unit, entries: entries.into_iter() })
    }

    /// Classifies an entry of a directory; `None` if the audit passes over it.
    fn entry(&mut self, item: &DirEntry) -> Option<Entry> {
        let name = item.file_name();
        let kind = match item.file_type() {
            Ok(kind) if kind.is_dir() => EntryKind::Dir,
            // As `grep -r`: a link could lead out of the tree, or round in a circle.
            Ok(kind) if kind.is_symlink() => {
                self.stats.links_skipped += 1;
                return None;
            }
            Ok(_) | Err(_) if !is_rust(&name) => return None,
            Ok(kind) => self.rust_file(item, kind)?,
            Err(error) => EntryKind::Unreadable(error),
        };
        Some(Entry { name, kind })
    }

    fn rust_file(&mut self, item: &DirEntry, kind: FileType) -> Option<EntryKind> {
        if !kind.is_file() {
            self.stats.special_skipped += 1;
            return None;
        }
        Some(match item.metadata() {
            Ok(meta) => EntryKind::Rust(Fingerprint::of(&meta)),
            Err(error) => EntryKind::Unreadable(error),
        })
    }

    fn unreadable(&mut self, label: String, unit: &UnitInWalk, error: &io::Error) {
        self.announce(unit);
        self.out.unreadable.push(FileOutcome {
            label: label.into(),
            unit: unit.unit.label.clone(),
            shipped: true,
            fingerprint: Fingerprint::default(),
            outcome: Outcome::Quarantined(Reason::Unreadable { detail: error.to_string() }),
        });
    }

    /// Announces a unit found on the way with its first file. It may be announced again in a later
    /// batch.
    fn announce(&mut self, unit: &UnitInWalk) {
        if unit.nested && !self.out.units.contains(&unit.unit) {
            self.out.units.push(unit.unit.clone());
        }
    }
}

/// Finds the nearest directory with a `Cargo.toml`, from `dir` upwards.
fn manifest_above(dir: &Path) -> Option<PathBuf> {
    dir.ancestors().find(|above| above.join("Cargo.toml").is_file()).map(Path::to_owned)
}

/// Tests, benches and examples of a crate never run in the product of its user.
fn is_shipped(path: &Path, unit_dir: &Path) -> bool {
    // Only the first folder counts: `src/tests` is compiled into the product.
    let first = path.strip_prefix(unit_dir).ok().and_then(|inside| inside.components().next());
    let name = first.map(|component| component.as_os_str().as_encoded_bytes());
    !matches!(name, Some(b"tests" | b"benches" | b"examples"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{CargoHome, Scope, resolve};

    fn write(dir: &Path, name: &str) {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "fn main() {}\n").unwrap();
    }

    fn walk(path: &Path, max: usize) -> Batch {
        let sources = resolve(&Scope::Path(path.to_owned()), &CargoHome::at("/")).unwrap();
        let mut walker = Walker::new(&sources);
        let mut all = Batch::default();
        while let Some(batch) = walker.next_batch(max) {
            assert!(batch.files.len() <= max.max(1));
            all.units.extend(batch.units);
            all.files.extend(batch.files);
            all.unreadable.extend(batch.unreadable);
        }
        assert!(walker.next_batch(max).is_none());
        all
    }

    fn labels(batch: &Batch) -> Vec<(&str, &str)> {
        batch.files.iter().map(|f| (&*f.unit, &*f.label)).collect()
    }

    #[test]
    fn files_are_sorted_and_belong_to_the_nearest_manifest() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b.rs",
            "a/Cargo.toml",
            "a/src/x.rs",
            "a/src/.hid/.rs",
            "a/tests/t.rs",
            "target/t.rs",
            "n.txt",
        ] {
            write(dir.path(), name);
        }
        let all = walk(dir.path(), 2);
        let expected = [
            ("a", "a/src/.hid/.rs"),
            ("a", "a/src/x.rs"),
            ("a", "a/tests/t.rs"),
            (".", "b.rs"),
            (".", "target/t.rs"),
        ];
        assert_eq!(labels(&all), expected);
        assert_eq!(
            all.files.iter().map(|f| f.shipped).collect::<Vec<_>>(),
            [true, true, false, true, true]
        );
        assert_eq!(walk(dir.path(), 1).files, walk(dir.path(), 1000).files);
        assert_eq!(walk(dir.path(), 0).files, all.files);
    }

    #[test]
    fn a_path_inside_a_crate_belongs_to_that_crate() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "Cargo.toml");
        write(dir.path(), "src/lib.rs");
        let all = walk(&dir.path().join("src"), 10);
        assert_eq!(all.units[0].dir, dir.path().canonicalize().unwrap());
        let one = walk(&dir.path().join("src/lib.rs"), 10);
        assert_eq!(labels(&one), [(".", "lib.rs")]);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_loops_are_not_followed_but_the_root_is() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "tree/a.rs");
        symlink(".", dir.path().join("tree/loop")).unwrap();
        symlink("a.rs", dir.path().join("tree/link.rs")).unwrap();
        symlink("tree", dir.path().join("alias")).unwrap();
        assert_eq!(labels(&walk(&dir.path().join("alias"), 10)), [(".", "a.rs")]);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_text_are_kept_apart() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let dir = tempfile::tempdir().unwrap();
        for name in [&b"a\xff.rs"[..], b"a\xfe.rs", b"a\n.rs"] {
            fs::write(dir.path().join(OsStr::from_bytes(name)), "x").unwrap();
        }
        let all = walk(dir.path(), 10);
        assert_eq!(labels(&all), [(".", "a\\x0a.rs"), (".", "a\\xfe.rs"), (".", "a\\xff.rs")]);
        let text = serde_json::to_string(&all.files).unwrap();
        assert_eq!(serde_json::from_str::<Vec<SourceFile>>(&text).unwrap(), all.files);
    }

    #[test]
    fn an_empty_tree_ends_at_once() {
        let dir = tempfile::tempdir().unwrap();
        assert!(walk(dir.path(), 10).files.is_empty());
    }
}
