//! The state directory: the tasks of one input, and a note of that input.
//!
//! ```text
//! DIR/input        format and key of the input the tasks are of
//! DIR/tasks.db     the durable tasks (ms-store), with -wal, -shm and .lock beside it
//! DIR/crash/       crash reports of emergencies
//! ```
//!
//! Everything here blocks, and runs before anything is started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ms_audit::RunKey;
use ms_core::task::StoreError;

/// Format of the state directory. A newer one is refused, an older one is begun afresh.
const FORMAT: u32 = 2;

/// The state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("the state directory {} cannot be created or written; choose another one with --state DIR", path.display())]
    Unusable { path: PathBuf, source: io::Error },
    #[error("{} is in use by another audit; wait for it to end, or name another directory with --state", path.display())]
    Locked { path: PathBuf },
    #[error("{} is not a store or is damaged ({what}); delete it or pass --fresh to begin again", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{} has format {found}, but this version reads only {FORMAT}; use the newer version, or pass --fresh", path.display())]
    NewerFormat { path: PathBuf, found: u32 },
    #[error("the tasks in {} cannot be opened; name another directory with --state", path.display())]
    Store { path: PathBuf, source: StoreError },
}

/// A state directory that is ready for its input.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) dir: PathBuf,
}

impl State {
    /// Makes `dir` ready for the input of this key. Tasks of the same input are kept, those
    /// of another one, or of an older format, are gone; with `fresh` all are.
    ///
    /// # Errors
    /// [`StateError`] says what to do.
    pub(crate) fn prepare(dir: &Path, key: &RunKey, fresh: bool) -> Result<Self, StateError> {
        let unusable = |source| StateError::Unusable { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(unusable)?;
        let ignore = dir.join(".gitignore");
        if !ignore.exists() {
            // Only a courtesy: a state directory does not belong in a repository.
            let _ = fs::write(ignore, "*\n");
        }
        let state = Self { dir: fs::canonicalize(dir).map_err(unusable)? };
        if fresh || !state.is_of(key)? {
            // The tasks first: a crash in between must not leave them under the key of another
            // input.
            ms_store::discard(&state.tasks()).map_err(|error| state.fault(error))?;
            state.note(key).map_err(unusable)?;
        }
        ms_store::probe(&state.tasks()).map_err(|error| state.fault(error))?;
        Ok(state)
    }

    /// Returns the file of the tasks.
    pub(crate) fn tasks(&self) -> PathBuf {
        self.dir.join("tasks.db")
    }

    /// Returns the directory of crash reports.
    pub(crate) fn crash(&self) -> PathBuf {
        self.dir.join("crash")
    }

    fn input(&self) -> PathBuf {
        self.dir.join("input")
    }

    /// Returns whether the tasks are those of this input.
    fn is_of(&self, key: &RunKey) -> Result<bool, StateError> {
        let text = match fs::read_to_string(self.input()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let tasks = self.tasks();
                // The note is there before the tasks are.
                return match fs::metadata(&tasks).map_or(0, |there| there.len()) {
                    0 => Ok(false),
                    _ => Err(damaged(tasks, "its input is not known")),
                };
            }
            Err(error) => return Err(damaged(self.input(), &error.to_string())),
        };
        let mut lines = text.lines();
        let format = lines.next().and_then(|line| line.strip_prefix("format ")?.parse().ok());
        match format {
            None => Err(damaged(self.input(), "it does not say its format")),
            Some(found) if found > FORMAT => {
                Err(StateError::NewerFormat { path: self.dir.clone(), found })
            }
            Some(found) => Ok(found == FORMAT && lines.next() == Some(&key.to_string())),
        }
    }

    /// Notes the input of the tasks: atomically, by a rename.
    fn note(&self, key: &RunKey) -> io::Result<()> {
        let new = self.dir.join("input.new");
        fs::write(&new, format!("format {FORMAT}\n{key}\n"))?;
        // Synced before the rename, or a power cut could leave the name without its text.
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, self.input())
    }

    fn fault(&self, error: StoreError) -> StateError {
        let path = self.tasks();
        match error {
            StoreError::Locked(_) => StateError::Locked { path },
            StoreError::Corrupt { what, .. } => StateError::Damaged { path, what },
            source => StateError::Store { path, source },
        }
    }
}

fn damaged(path: PathBuf, what: &str) -> StateError {
    StateError::Damaged { path, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> RunKey {
        RunKey::of([name.to_owned()])
    }

    #[test]
    fn another_input_begins_afresh_and_the_same_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::prepare(dir.path(), &key("a"), false).unwrap();
        // Long enough for a database's header: a shorter file is not a database, and is refused.
        let text: &str = &format!("SQLite format 3\0{:100} tasks", "");
        fs::write(state.tasks(), text).unwrap();
        State::prepare(dir.path(), &key("a"), false).unwrap();
        assert_eq!(fs::read_to_string(state.tasks()).unwrap(), text);
        for (input, fresh) in [("b", false), ("b", true)] {
            fs::write(state.tasks(), text).unwrap();
            State::prepare(dir.path(), &key(input), fresh).unwrap();
            assert_eq!(fs::read_to_string(state.tasks()).unwrap(), "");
        }
    }

    #[test]
    fn what_is_no_state_is_refused_with_advice_and_fresh_begins_again() {
        let dir = tempfile::tempdir().unwrap();
        let state = State { dir: dir.path().to_owned() };
        let refused = |says: &str| {
            let error = State::prepare(dir.path(), &key("a"), false).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        };
        fs::write(state.tasks(), "a letter").unwrap();
        refused("--fresh");
        fs::write(state.input(), "format 99\n").unwrap();
        refused("format 99");
        fs::write(state.input(), "no format\n").unwrap();
        refused("does not say its format");
        State::prepare(dir.path(), &key("a"), true).unwrap();
        fs::write(state.tasks(), "a letter").unwrap();
        refused("not an SQLite database");
        State::prepare(dir.path(), &key("a"), true).unwrap();
        assert!(!state.dir.join("input.new").exists());
    }
}
