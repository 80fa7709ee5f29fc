//! The directory of all saves: it writes a save, and finds the newest good state.
//!
//! ```text
//! dir/HEAD                                          sealed: the highest sequence ever
//! dir/20261124T134952Z-00000000000000000042/
//!     5f2c…e1.state                                 sealed: one component's state
//!     MANIFEST                                      sealed, last: what belongs to it
//! ```

use std::io;
use std::path::{Path, PathBuf};

use ms_core::ActorPath;
use zeroize::Zeroizing;

use crate::audit::Audit;
use crate::error::{SaveError, StoreError};
use crate::fs::{Folder, Hook, Step};
use crate::keyring::Keyring;
use crate::logic::layout::{HEAD, MANIFEST, checksum, folder, sequence_of, state_file};
use crate::logic::retention::{GoodSave, to_remove};
use crate::manifest::{Manifest, Saved};
use crate::seal::{self, Kind, MAX_STATE, Stamp};

/// Largest sealed file: a state, its header and its tag.
const MAX_FILE: usize = MAX_STATE + 1024;
/// The owners of files that belong to no component. They cannot be taken for a path, which begins
/// with `/`.
const MANIFEST_OWNER: &str = "manifest";
const HEAD_OWNER: &str = "head";

/// The state of one component, to be saved.
#[derive(Clone)]
pub struct Item {
    /// The path of the component.
    pub id: ActorPath,
    /// The incarnation of the component.
    pub incarnation: u64,
    /// The schema of `state`.
    pub schema: u32,
    /// The state, in clear. It is overwritten when dropped.
    pub state: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Item({} #{}, schema {}, [redacted])", self.id, self.incarnation, self.schema)
    }
}

/// The result of a save.
#[derive(Debug)]
pub struct SaveReport {
    /// The sequence of the save: one more than the highest before.
    pub sequence: u64,
    /// The name of its folder.
    pub folder: String,
    /// The components that were saved.
    pub saved: Vec<Saved>,
    /// The components that were not saved, with the error of each. The others are unaffected.
    pub failed: Vec<(ActorPath, SaveError)>,
}

/// A state that was restored.
pub struct Found {
    /// The state, in clear. It is overwritten when dropped.
    pub state: Zeroizing<Vec<u8>>,
    /// The schema of the state.
    pub schema: u32,
    /// The incarnation of the component that saved it.
    pub incarnation: u64,
    /// The sequence of the save it is from.
    pub sequence: u64,
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Found(save {}, schema {}, [redacted])", self.sequence, self.schema)
    }
}

/// The saves of one directory. All methods block, so they must not be called on an arbiter.
///
/// Open only one store for a directory: two that save at once would take the same sequence.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    root: Folder,
    ring: Keyring,
    keep: usize,
}

impl Store {
    /// Opens a directory, which must exist, belong to the user of this process, and be writable
    /// for nobody else. It keeps `keep` saves, at least 2.
    ///
    /// # Errors
    /// [`StoreError`] when the directory cannot be opened, or others could write into it.
    pub fn open(dir: &Path, ring: Keyring, keep: usize) -> Result<Self, StoreError> {
        let root = Folder::root(dir, None)?;
        Ok(Self { path: dir.to_owned(), root, ring, keep: keep.max(2) })
    }

    /// Opens a directory as [`Store::open`] does, and calls `hook` before every system call that
    /// changes the disk: for tests that let one fail, or end the process there.
    ///
    /// # Errors
    /// [`StoreError`], in the cases of [`Store::open`].
    #[doc(hidden)]
    pub fn open_with(
        dir: &Path,
        ring: Keyring,
        keep: usize,
        hook: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let hook: Hook = std::sync::Arc::new(hook);
        let root = Folder::root(dir, Some(hook))?;
        Ok(Self { path: dir.to_owned(), root, ring, keep: keep.max(2) })
    }

    /// Returns the keys in force.
    #[must_use]
    pub const fn ring(&self) -> &Keyring {
        &self.ring
    }

    /// Seals with these keys from now on, if they can open the last save. Returns whether they can.
    #[must_use]
    pub fn rotate(&mut self, ring: Keyring) -> bool {
        let may = ring.may_follow(&self.ring);
        if may {
            self.ring = ring;
        }
        may
    }

    /// Saves states in a new folder. A state that cannot be saved does not affect the others. The
    /// save counts from the moment its manifest has its name.
    ///
    /// # Errors
    /// [`SaveError`] when nothing was saved. The saves before are untouched.
    pub fn save(&self, items: &[Item], unix_ms: u64) -> Result<SaveReport, SaveError> {
        if items.is_empty() {
            return Err(SaveError::Nothing);
        }
        // Everything is done by handle, which a moved directory keeps valid. Without this check the
        // saves would go to a place where the next start does not look.
        let there = self.root.is_at(&self.path);
        if !there.map_err(|error| SaveError::io("the directory", error))? {
            let moved = "it was removed, renamed or replaced; put it back, or restart";
            return Err(SaveError::io("the directory", io::Error::other(moved)));
        }
        let last = self.last_sequence().map_err(|error| SaveError::io("the directory", error))?;
        let sequence = last.checked_add(1).ok_or(SaveError::OutOfSequences)?;
        let name = folder(unix_ms, sequence);
        let made = self.make(&name).map_err(|error| SaveError::io(&name, error))?;
        match self.fill(&made, items, sequence, unix_ms) {
            Ok((saved, failed)) => {
                self.root.sync().map_err(|error| SaveError::io(&name, error))?;
                self.write_head(sequence)?;
                self.prune(sequence);
                Ok(SaveReport { sequence, folder: name, saved, failed })
            }
            Err(error) => {
                drop(self.root.remove(&name));
                Err(error)
            }
        }
    }

    /// Makes the folder of a save. A folder of the same name is there when the save before was
    /// killed within this second: it had the same sequence. It is removed.
    fn make(&self, name: &str) -> io::Result<Folder> {
        match self.root.make(name) {
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists && self.is_unfinished(name) =>
            {
                self.root.remove(name)?;
                self.root.make(name)
            }
            made => made,
        }
    }

    /// Writes the states, then the manifest.
    #[allow(clippy::type_complexity, reason = "both halves of the report")]
    fn fill(
        &self,
        made: &Folder,
        items: &[Item],
        sequence: u64,
        unix_ms: u64,
    ) -> Result<(Vec<Saved>, Vec<(ActorPath, SaveError)>), SaveError> {
        let (mut saved, mut failed) = (Vec::new(), Vec::new());
        for item in items {
            match self.write_state(made, item, sequence) {
                Ok(line) => saved.push(line),
                Err(error) => failed.push((item.id.clone(), error)),
            }
        }
        if saved.is_empty() {
            // At least one has failed, because `save` refuses to begin without items.
            return Err(failed.pop().map_or(SaveError::Nothing, |(_, error)| error));
        }
        let manifest = Manifest { unix_ms, files: saved };
        let text = serde_json::to_vec(&manifest).map_err(SaveError::Manifest)?;
        let stamp = Stamp { kind: Kind::Manifest, incarnation: 0, sequence, schema: 0 };
        let sealed = seal::seal(&self.ring, MANIFEST_OWNER, stamp, &text)?;
        made.write(MANIFEST, &sealed).map_err(|error| SaveError::io("the manifest", error))?;
        Ok((manifest.files, failed))
    }

    fn write_state(&self, made: &Folder, item: &Item, sequence: u64) -> Result<Saved, SaveError> {
        let Item { id, incarnation, schema, state } = item;
        let stamp =
            Stamp { kind: Kind::State, incarnation: *incarnation, sequence, schema: *schema };
        let sealed = seal::seal(&self.ring, id.as_str(), stamp, state)?;
        let file = state_file(id);
        made.write(&file, &sealed).map_err(|error| SaveError::io(id.as_str(), error))?;
        let (size, checksum) = (sealed.len() as u64, checksum(&sealed));
        Ok(Saved { id: id.clone(), file, size, checksum })
    }

    fn write_head(&self, sequence: u64) -> Result<(), SaveError> {
        let stamp = Stamp { kind: Kind::Head, incarnation: 0, sequence, schema: 0 };
        let sealed = seal::seal(&self.ring, HEAD_OWNER, stamp, b"")?;
        self.root.write(HEAD, &sealed).map_err(|error| SaveError::io(HEAD, error))
    }

    /// Returns the newest good state of a component, and everything that was found wrong on the
    /// way to it.
    ///
    /// # Errors
    /// An [`io::Error`] when the directory itself cannot be read.
    pub fn restore(&self, id: &ActorPath) -> io::Result<(Option<Found>, Vec<Audit>)> {
        let mut audit = Vec::new();
        let folders = self.folders()?;
        let newest = folders.first().map_or(0, |(sequence, _)| *sequence);
        self.check_head(newest, &mut audit);
        for (sequence, name) in folders {
            if let Some(found) = self.in_folder(&name, sequence, id, &mut audit) {
                if sequence != newest {
                    audit.push(Audit::Older { sequence, newest });
                }
                return Ok((Some(found), audit));
            }
        }
        Ok((None, audit))
    }

    /// Checks that the newest save is not older than the highest sequence ever written.
    fn check_head(&self, newest: u64, audit: &mut Vec<Audit>) {
        let file = || HEAD.to_owned();
        match self.root.read(HEAD, MAX_FILE) {
            Ok(bytes) => match seal::open(&self.ring, HEAD_OWNER, Kind::Head, &bytes) {
                Ok((stamp, _)) if stamp.sequence > newest => {
                    audit.push(Audit::RolledBack { expected: stamp.sequence, found: newest });
                }
                Ok(_) => {}
                Err(why) => audit.push(Audit::Damaged { file: file(), why }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if newest > 0 {
                    audit.push(Audit::HeadMissing);
                }
            }
            Err(error) => audit.push(Audit::Unreadable { file: file(), why: error.to_string() }),
        }
    }

    /// Returns the state of a component out of one save, if it is there and good.
    fn in_folder(
        &self,
        name: &str,
        sequence: u64,
        id: &ActorPath,
        audit: &mut Vec<Audit>,
    ) -> Option<Found> {
        let opened = self.root.open(name);
        let folder = opened
            .map_err(|error| {
                audit.push(Audit::Unreadable { file: name.to_owned(), why: error.to_string() });
            })
            .ok()?;
        let manifest = self.manifest(&folder, name, sequence).map_err(|found| audit.push(found));
        let line = manifest.ok()?.files.into_iter().find(|line| line.id == *id)?;
        self.state(&folder, name, sequence, &line).map_err(|found| audit.push(found)).ok()
    }

    fn manifest(&self, folder: &Folder, name: &str, sequence: u64) -> Result<Manifest, Audit> {
        let file = || format!("{name}/{MANIFEST}");
        let bytes = folder.read(MANIFEST, MAX_FILE).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Audit::Incomplete { folder: name.to_owned() },
            _ => Audit::Unreadable { file: file(), why: error.to_string() },
        })?;
        let (stamp, text) = seal::open(&self.ring, MANIFEST_OWNER, Kind::Manifest, &bytes)
            .map_err(|why| Audit::Damaged { file: file(), why })?;
        let misplaced = |why: String| Audit::Misplaced { file: file(), why };
        if stamp.sequence != sequence {
            return Err(misplaced(format!("it is the manifest of save {}", stamp.sequence)));
        }
        serde_json::from_slice(&text).map_err(|error| misplaced(error.to_string()))
    }

    fn state(
        &self,
        folder: &Folder,
        name: &str,
        sequence: u64,
        line: &Saved,
    ) -> Result<Found, Audit> {
        // Computed and not taken from the manifest: authentic or not, a name out of a file does not
        // decide which file is opened.
        let file = state_file(&line.id);
        let at = || format!("{name}/{file}");
        let bytes = folder
            .read(&file, MAX_FILE)
            .map_err(|error| Audit::Unreadable { file: at(), why: error.to_string() })?;
        let (stamp, state) = seal::open(&self.ring, line.id.as_str(), Kind::State, &bytes)
            .map_err(|why| Audit::Damaged { file: at(), why })?;
        // Authentic, and yet it may be an older file of the same component that was put back.
        if stamp.sequence != sequence || checksum(&bytes) != line.checksum {
            let why = format!("it is of save {}, not what the manifest lists", stamp.sequence);
            return Err(Audit::Misplaced { file: at(), why });
        }
        let Stamp { incarnation, schema, .. } = stamp;
        Ok(Found { state, schema, incarnation, sequence })
    }

    /// Returns the folders of saves, highest sequence first.
    fn folders(&self) -> io::Result<Vec<(u64, String)>> {
        let names = self.root.names()?;
        let mut folders: Vec<(u64, String)> =
            names.into_iter().filter_map(|name| Some((sequence_of(&name)?, name))).collect();
        folders.sort_by(|a, b| b.cmp(a));
        Ok(folders)
    }

    /// Returns the saves whose manifest is authentic and their own, newest first.
    fn good_saves(&self) -> io::Result<Vec<GoodSave>> {
        let good = |(sequence, folder): (u64, String)| {
            let opened = self.root.open(&folder).ok()?;
            let manifest = self.manifest(&opened, &folder, sequence).ok()?;
            Some(GoodSave { sequence, folder, manifest })
        };
        Ok(self.folders()?.into_iter().filter_map(good).collect())
    }

    fn last_sequence(&self) -> io::Result<u64> {
        let head = self.root.read(HEAD, MAX_FILE).ok();
        let head = head
            .and_then(|bytes| seal::open(&self.ring, HEAD_OWNER, Kind::Head, &bytes).ok())
            .map_or(0, |(stamp, _)| stamp.sequence);
        // Good saves only: a folder with a forged name must not move the sequence.
        let newest = self.good_saves()?.first().map_or(0, |save| save.sequence);
        Ok(head.max(newest))
    }

    /// Removes the saves that are no longer kept. A failure here is not a failure of the save: what
    /// is left is removed next time.
    fn prune(&self, newest: u64) {
        let (Ok(all), Ok(good)) = (self.folders(), self.good_saves()) else { return };
        for name in to_remove(&all, &good, self.keep, newest, |name| self.is_unfinished(name)) {
            if let Err(error) = self.root.remove(name) {
                tracing::warn!(%error, folder = name, "an old save could not be removed");
            }
        }
    }

    fn is_unfinished(&self, name: &str) -> bool {
        let Ok(folder) = self.root.open(name) else { return false };
        folder.read(MANIFEST, MAX_FILE).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    }
}
