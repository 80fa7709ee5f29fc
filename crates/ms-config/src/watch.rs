//! Noticing that the files may have changed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use notify_debouncer_full::notify::{
    Error, EventKind, RecommendedWatcher, RecursiveMode,
    event::{AccessKind, AccessMode},
};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};

/// How long the directory must be quiet before it is read: half-written files settle.
pub const DEBOUNCE: Duration = Duration::from_millis(200);

/// Watches a directory until it is dropped.
///
/// The directory and not the files in it: editors replace files by renaming, and
/// Kubernetes swaps the symlink `..data` beside them. The news is only "look again".
pub struct DirWatch(#[expect(dead_code, reason = "held for its drop")] Inner);

type Inner = Debouncer<RecommendedWatcher, RecommendedCache>;

impl DirWatch {
    /// Calls `changed` from a thread of its own, once for each burst of changes; with an
    /// error's text when the operating system stops telling.
    ///
    /// # Errors
    /// The directory cannot be watched.
    pub fn start(
        dir: &Path,
        mut changed: impl FnMut(Result<(), String>) + Send + 'static,
    ) -> Result<Self, Error> {
        let told = move |result: DebounceEventResult| match result {
            // Our own reading is an access, too.
            Ok(events) if events.iter().all(|event| is_read(&event.kind)) => {}
            Ok(_) => changed(Ok(())),
            Err(errors) => {
                changed(Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")));
            }
        };
        let mut debouncer = new_debouncer(DEBOUNCE, None, told)?;
        debouncer.watch(dir, RecursiveMode::NonRecursive)?;
        Ok(Self(debouncer))
    }
}

/// Which directory a path leads to at a moment, symlinks followed.
///
/// The operating system watches a directory, not a path: when another directory takes the
/// path over, nothing is told. Whoever watches compares what the path leads to from time to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirId {
    device: u64,
    inode: u64,
    /// Numbers of inodes are used again; `None` where the file system does not tell.
    born: Option<SystemTime>,
}

impl DirId {
    /// What `dir` leads to now. Blocks on the file system.
    ///
    /// # Errors
    /// There is nothing, it is no directory, or it may not be looked at.
    pub fn of(dir: &Path) -> io::Result<Self> {
        let meta = fs::metadata(dir)?;
        if !meta.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self { device: meta.dev(), inode: meta.ino(), born: meta.created().ok() })
    }
}

fn is_read(kind: &EventKind) -> bool {
    let written = AccessKind::Close(AccessMode::Write);
    matches!(kind, EventKind::Access(access) if *access != written)
}

impl std::fmt::Debug for DirWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DirWatch")
    }
}
