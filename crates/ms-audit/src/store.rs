//! What is finished, on disk, so that a killed run can be taken up again.
//!
//! One file, written in transactions: after a kill at any moment it holds what
//! the last successful [`Store::put_batch`] left. Every call blocks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition,
};
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::outcome::{FileOutcome, Outcome, Reason};
use crate::scan::{ContentHash, SCAN_VERSION};
use crate::walk::{Fingerprint, SourceFile};

/// Format of the store. A newer one is refused, an older one is begun afresh.
pub const STORE_FORMAT: u32 = 1;

/// Memory the database may use for its pages.
const CACHE_BYTES: usize = 16 << 20;

const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
const OUTCOMES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("outcomes");
const KILLS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("kills");
const IN_FLIGHT: TableDefinition<'_, &str, ()> = TableDefinition::new("in_flight");

/// Identifies an input and the meaning of the answers kept for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunKey(String);

impl RunKey {
    /// The key of an input described by these texts, in this order.
    pub fn of(parts: impl IntoIterator<Item = String>) -> Self {
        let mut all = format!("scan {SCAN_VERSION}");
        for part in parts {
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

/// What was in the store when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opened {
    /// There was no store, or an empty file.
    Created,
    /// The same input: what is finished stays finished.
    Resumed {
        /// Files audited.
        done: u64,
        /// Files set aside.
        quarantined: u64,
        /// Files that were being worked on when the last run ended.
        in_doubt: u64,
    },
    /// Another input or an older format: what was in it is gone.
    Replaced,
}

/// A batch of files, divided by what the store knows of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// Finished earlier, unchanged since.
    pub finished: Vec<FileOutcome>,
    /// To be audited, in the order given.
    pub pending: Vec<SourceFile>,
}

/// The store of one run. Dropping it closes the file.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    db: Database,
}

/// Genuine kills of one file, which another content of it does not inherit.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kills {
    fingerprint: Fingerprint,
    kills: u32,
}

impl Store {
    /// Opens the store at `path`, creating it if there is none. Finished files
    /// are kept if it was written for the same `key`, and dropped otherwise.
    ///
    /// # Errors
    /// A [`StoreError`] that says what to do if the file is a directory, in use,
    /// not writable, no store, damaged, or of a newer tool.
    pub fn open(path: &Path, key: &RunKey) -> Result<(Self, Opened), StoreError> {
        if path.is_dir() {
            return Err(StoreError::IsDirectory { path: path.to_owned() });
        }
        // redb 4.6 panics on some damaged files ("Malformed allocator state").
        let guarded = std::panic::AssertUnwindSafe(|| Self::open_unguarded(path, key));
        std::panic::catch_unwind(guarded).unwrap_or_else(|_| {
            Err(StoreError::Damaged { path: path.to_owned(), detail: "it cannot be read".into() })
        })
    }

    fn open_unguarded(path: &Path, key: &RunKey) -> Result<(Self, Opened), StoreError> {
        let is_new = fs::metadata(path).map_or(true, |meta| meta.len() == 0);
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE_BYTES);
        let mut db = builder.create(path).map_err(|error| open_error(path, error))?;
        // Without this a flipped bit in a page is read as if it were right.
        db.check_integrity().map_err(|error| open_error(path, error))?;
        let store = Self { path: path.to_owned(), db };
        let opened = match store.kept_for(key).map_err(|error| store.opening_fault(error))? {
            _ if is_new => Opened::Created,
            Some(kept) => return Ok((store, kept)),
            None => Opened::Replaced,
        };
        store.begin_afresh(key)?;
        Ok((store, opened))
    }

    /// Removes the store file, if there is one: what `--fresh` asks for.
    ///
    /// # Errors
    /// [`StoreError::IsDirectory`] or [`StoreError::NotWritable`].
    pub fn discard(path: &Path) -> Result<(), StoreError> {
        if path.is_dir() {
            return Err(StoreError::IsDirectory { path: path.to_owned() });
        }
        match fs::remove_file(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::NotWritable { path: path.to_owned(), source })
            }
            _ => Ok(()),
        }
    }

    /// Divides files into finished and pending. A changed file is pending, and
    /// so is one that could not be read: it may be readable now.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Damaged`].
    pub fn resume(&self, files: Vec<SourceFile>) -> Result<Resume, StoreError> {
        let mut resume = Resume::default();
        let outcomes = self.read(|tx| Ok(tx.open_table(OUTCOMES)?))?;
        for file in files {
            let stored = outcomes.get(&*file.label).map_err(|error| self.io(error))?;
            match stored.map(|value| self.decode::<FileOutcome>(value.value())).transpose()? {
                Some(known) if is_settled(&known, &file) => {
                    resume.finished.push(file.outcome(known.outcome))
                }
                _ => resume.pending.push(file),
            }
        }
        Ok(resume)
    }

    /// Records outcomes in one transaction: all of them or none. Recording one
    /// twice changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Io`], for example if the disk is full; nothing is recorded then.
    pub fn put_batch(&self, outcomes: &[FileOutcome]) -> Result<(), StoreError> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let records: Vec<_> = outcomes
            .iter()
            .map(|o| Ok((&*o.label, encode(&o.label, o)?)))
            .collect::<Result<_, StoreError>>()?;
        self.write(|tx| {
            let mut table = tx.open_table(OUTCOMES)?;
            let mut in_flight = tx.open_table(IN_FLIGHT)?;
            for (label, record) in &records {
                table.insert(label, record.as_slice())?;
                in_flight.remove(label)?;
            }
            Ok(())
        })
    }

    /// Records, in one transaction, that these files are about to be worked on.
    /// What is still in flight when the store is opened again is in doubt.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn put_in_flight(&self, files: &[SourceFile]) -> Result<(), StoreError> {
        if files.is_empty() {
            return Ok(());
        }
        self.write(|tx| {
            let mut in_flight = tx.open_table(IN_FLIGHT)?;
            for file in files {
                in_flight.insert(&*file.label, ())?;
            }
            Ok(())
        })
    }

    /// Labels of the files that were being worked on and have no outcome, sorted.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn in_doubt(&self) -> Result<Vec<String>, StoreError> {
        self.read(|tx| {
            let mut labels = Vec::new();
            for entry in tx.open_table(IN_FLIGHT)?.iter()? {
                labels.push(entry?.0.value().to_owned());
            }
            Ok(labels)
        })
    }

    /// Records that `file` killed its auditor and tells how often it has done
    /// so. Only genuine kills may be recorded, not injected ones: they are
    /// remembered over runs, as long as the file is unchanged.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn record_kill(&self, file: &SourceFile) -> Result<u32, StoreError> {
        let kills = self.kills(file)?.saturating_add(1);
        let record = encode(&file.label, &Kills { fingerprint: file.fingerprint, kills })?;
        self.write(|tx| {
            tx.open_table(KILLS)?.insert(&*file.label, record.as_slice())?;
            Ok(())
        })?;
        Ok(kills)
    }

    /// How often `file`, as it is, has killed its auditor.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Damaged`].
    pub fn kills(&self, file: &SourceFile) -> Result<u32, StoreError> {
        let bytes = self
            .read(|tx| Ok(tx.open_table(KILLS)?.get(&*file.label)?.map(|v| v.value().to_vec())))?;
        let Some(bytes) = bytes else { return Ok(0) };
        let record: Kills = self.decode(&bytes)?;
        Ok(if record.fingerprint == file.fingerprint { record.kills } else { 0 })
    }

    /// Every recorded outcome, sorted by label. Those of files that are gone
    /// since are among them.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Damaged`].
    pub fn outcomes(&self) -> Result<Vec<FileOutcome>, StoreError> {
        let table = self.read(|tx| Ok(tx.open_table(OUTCOMES)?))?;
        let mut found = Vec::new();
        for entry in table.iter().map_err(|error| self.io(error))? {
            let (_, value) = entry.map_err(|error| self.io(error))?;
            found.push(self.decode(value.value())?);
        }
        Ok(found)
    }

    /// What is kept for this key; `None` if it was written for another one.
    fn kept_for(&self, key: &RunKey) -> Result<Option<Opened>, StoreError> {
        let meta = |name| {
            self.read(|tx| match tx.open_table(META) {
                Ok(table) => Ok(table.get(name)?.map(|value| value.value().to_owned())),
                Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
                Err(other) => Err(other.into()),
            })
        };
        let Some(format) = meta("format")? else { return Ok(None) };
        let found = format.parse().map_err(|_| self.damaged("its format is no number"))?;
        if found > STORE_FORMAT {
            return Err(StoreError::NewerFormat {
                path: self.path.clone(),
                found,
                known: STORE_FORMAT,
            });
        }
        if found != STORE_FORMAT || meta("run_key")?.as_deref() != Some(&key.0) {
            return Ok(None);
        }
        let in_doubt = self.read(|tx| Ok(tx.open_table(IN_FLIGHT)?.len()?))?;
        let outcomes = self.outcomes()?;
        let done = outcomes.iter().filter(|o| matches!(o.outcome, Outcome::Done(_))).count() as u64;
        Ok(Some(Opened::Resumed { done, quarantined: outcomes.len() as u64 - done, in_doubt }))
    }

    fn begin_afresh(&self, key: &RunKey) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.delete_table(OUTCOMES)?;
            tx.delete_table(KILLS)?;
            tx.delete_table(IN_FLIGHT)?;
            tx.open_table(OUTCOMES)?;
            tx.open_table(KILLS)?;
            tx.open_table(IN_FLIGHT)?;
            let mut meta = tx.open_table(META)?;
            meta.insert("format", STORE_FORMAT.to_string().as_str())?;
            meta.insert("run_key", key.0.as_str())?;
            Ok(())
        })
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&redb::ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let tx = self.db.begin_read().map_err(|error| self.io(error))?;
        work(&tx).map_err(|error| self.io(error))
    }

    /// Runs `work` in a transaction that is on disk when this returns.
    fn write(
        &self,
        work: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let tx = self.db.begin_write().map_err(|error| self.io(error))?;
        work(&tx).map_err(|error| self.io(error))?;
        tx.commit().map_err(|error| self.io(error))
    }

    fn decode<'a, T: Deserialize<'a>>(&self, bytes: &'a [u8]) -> Result<T, StoreError> {
        serde_json::from_slice(bytes).map_err(|_| self.damaged("a record cannot be read"))
    }

    fn io(&self, error: impl Into<redb::Error>) -> StoreError {
        match error.into() {
            redb::Error::Corrupted(detail) => self.damaged(&detail),
            source => StoreError::Io { path: self.path.clone(), source },
        }
    }

    /// While the store is being opened, anything unreadable means a damaged
    /// file, or one of another program.
    fn opening_fault(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Io {
                source:
                    source @ (redb::Error::TableTypeMismatch { .. } | redb::Error::TableDoesNotExist(_)),
                ..
            } => self.damaged(&source.to_string()),
            other => other,
        }
    }

    fn damaged(&self, detail: &str) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), detail: detail.to_owned() }
    }
}

/// Whether what is known of a file is still the answer for it.
fn is_settled(known: &FileOutcome, file: &SourceFile) -> bool {
    let is_final = match &known.outcome {
        Outcome::Done(_) => true,
        Outcome::Quarantined(reason) => !Reason::is_worth_retrying(reason),
    };
    is_final && known.fingerprint == file.fingerprint
}

fn encode<T: Serialize>(label: &str, record: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record)
        .map_err(|source| StoreError::Encode { label: label.to_owned(), source })
}

/// Tells a file that cannot be had from a file that is no store.
fn open_error(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::Locked { path },
        DatabaseError::Storage(redb::StorageError::Io(source)) => match source.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidInput => {
                StoreError::Damaged { path, detail: source.to_string() }
            }
            _ => StoreError::NotWritable { path, source },
        },
        other => StoreError::Damaged { path, detail: other.to_string() },
    }
}
