//! The state directory: the tasks of one input, and a note of that input.
//!
//! ```text
//! DIR/input        format and key of the input the tasks are of, and the input in words
//! DIR/tasks.db     the durable tasks (ms-store), with -wal, -shm and .lock beside it
//! DIR/crash/       crash reports of emergencies
//! ```
//!
//! Everything here blocks, and runs before anything is started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ms_audit::{RunKey, Sources};
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
    #[error("{} has the results of another input ({whose}), which were left alone: pass --fresh to replace them, or name another directory with --state DIR", path.display())]
    OfAnother { path: PathBuf, whose: String },
    #[error("the tasks in {} cannot be opened; name another directory with --state", path.display())]
    Store { path: PathBuf, source: StoreError },
}

/// The tasks that a state directory has.
#[derive(Debug, PartialEq, Eq)]
enum Kept {
    /// None that are of use: none yet, those of an older format, or those of what the same place
    /// had in it before, say the `Cargo.lock` before `cargo update`.
    Nothing,
    /// Those of the input that is asked for.
    Same,
    /// Those of another place, in words.
    Other(String),
}

/// A state directory that is ready for its input.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) dir: PathBuf,
}

impl State {
    /// Makes `dir` ready for this input. Tasks of the same input are kept, those of another place are
    /// refused, others begin anew; with `fresh` all do.
    ///
    /// # Errors
    /// [`StateError`] says what to do.
    pub(crate) fn prepare(dir: &Path, input: &Sources, fresh: bool) -> Result<Self, StateError> {
        let unusable = |source| StateError::Unusable { path: dir.to_owned(), source };
        fs::create_dir_all(dir).map_err(unusable)?;
        let ignore = dir.join(".gitignore");
        if !ignore.exists() {
            // Only a courtesy: a state directory does not belong in a repository.
            let _ = fs::write(ignore, "*\n");
        }
        let state = Self { dir: fs::canonicalize(dir).map_err(unusable)? };
        let key = &input.run_key();
        let begins = match fresh {
            true => true,
            false => match state.kept(input)? {
                Kept::Nothing => true,
                Kept::Same => {
                    // One of before the note had words has them from now on.
                    state.note(key, &input.description).map_err(unusable)?;
                    false
                }
                // Hours of work may be in it, and one option that was forgotten would cost them.
                Kept::Other(whose) => {
                    // Of two mistakes the one that is told first is that another demo is at work.
                    ms_store::probe(&state.tasks()).map_err(|error| state.fault(error))?;
                    return Err(StateError::OfAnother { path: state.dir, whose });
                }
            },
        };
        if begins {
            // The tasks first: a crash in between must not leave them under the key of another
            // input.
            ms_store::discard(&state.tasks()).map_err(|error| state.fault(error))?;
            state.note(key, &input.description).map_err(unusable)?;
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

    /// Returns what there is, seen from this input.
    fn kept(&self, input: &Sources) -> Result<Kept, StateError> {
        let key = input.run_key();
        let tasks = self.tasks();
        let has_tasks = fs::metadata(&tasks).is_ok_and(|there| there.len() > 0);
        let text = match fs::read_to_string(self.input()) {
            Ok(text) => text,
            // The note is there before the tasks are.
            Err(error) if error.kind() == io::ErrorKind::NotFound && has_tasks => {
                return Err(damaged(tasks, "its input is not known"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::Nothing),
            Err(error) => return Err(damaged(self.input(), &error.to_string())),
        };
        let mut lines = text.lines();
        let format = lines.next().and_then(|line| line.strip_prefix("format ")?.parse().ok());
        let (noted, words) = (lines.next(), lines.next());
        match format {
            None => Err(damaged(self.input(), "it does not say its format")),
            Some(found) if found > FORMAT => {
                Err(StateError::NewerFormat { path: self.dir.clone(), found })
            }
            Some(FORMAT) if has_tasks && noted == Some(&key.to_string()) => Ok(Kept::Same),
            Some(FORMAT) if has_tasks => Ok(match words {
                // Written before the note had words: nobody can say.
                None => Kept::Nothing,
                Some(words) if words == one_line(&input.description) => Kept::Nothing,
                Some(words) => Kept::Other(words.to_owned()),
            }),
            Some(_) => Ok(Kept::Nothing),
        }
    }

    /// Notes the input of the tasks: atomically, by a rename.
    fn note(&self, key: &RunKey, words: &str) -> io::Result<()> {
        let new = self.dir.join("input.new");
        fs::write(&new, format!("format {FORMAT}\n{key}\n{}\n", one_line(words)))?;
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

/// Returns the words of an input on one line, whatever a path has in it.
fn one_line(words: &str) -> String {
    words.escape_debug().to_string()
}

fn damaged(path: PathBuf, what: &str) -> StateError {
    StateError::Damaged { path, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str) -> Sources {
        Sources { description: name.to_owned(), roots: Vec::new(), missing: Vec::new() }
    }

    #[test]
    fn a_note_without_words_has_them_after_the_next_run() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::prepare(dir.path(), &input("a"), false).unwrap();
        fs::write(state.tasks(), format!("SQLite format 3\0{:100} tasks", "")).unwrap();
        let note = fs::read_to_string(state.input()).unwrap();
        fs::write(state.input(), note.strip_suffix("a\n").unwrap()).unwrap();
        State::prepare(dir.path(), &input("a"), false).unwrap();
        assert_eq!(fs::read_to_string(state.input()).unwrap(), note);
        let refused = State::prepare(dir.path(), &input("b"), false).unwrap_err().to_string();
        assert!(refused.contains("another input (a), "), "{refused}");
    }

    #[test]
    fn what_a_place_had_in_it_before_begins_anew() {
        let key = input("a").run_key();
        // Other packages of one lock file, a note of before it had words, and an older format.
        let changed = format!("format {FORMAT}\nother\na\n");
        let wordless = format!("format {FORMAT}\nother\n");
        for note in [changed, wordless, format!("format 1\n{key}\na\n")] {
            let dir = tempfile::tempdir().unwrap();
            let state = State::prepare(dir.path(), &input("a"), false).unwrap();
            fs::write(state.tasks(), format!("SQLite format 3\0{:100} tasks", "")).unwrap();
            fs::write(state.input(), &note).unwrap();
            State::prepare(dir.path(), &input("a"), false).unwrap();
            assert_eq!(fs::read_to_string(state.tasks()).unwrap(), "", "{note}");
        }
    }

    #[test]
    fn the_state_of_another_input_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::prepare(dir.path(), &input("a\nb"), false).unwrap();
        // Nothing was done yet, so there is nothing to lose.
        State::prepare(dir.path(), &input("b"), false).unwrap();
        State::prepare(dir.path(), &input("a\nb"), false).unwrap();
        // Long enough for a database's header: a shorter file is not a database, and is refused.
        let text: &str = &format!("SQLite format 3\0{:100} tasks", "");
        fs::write(state.tasks(), text).unwrap();
        let note = fs::read_to_string(state.input()).unwrap();
        State::prepare(dir.path(), &input("a\nb"), false).unwrap();
        let refused = State::prepare(dir.path(), &input("b"), false).unwrap_err().to_string();
        assert!(
            refused.contains("another input (a\\nb), ") && refused.contains("--fresh"),
            "{refused}"
        );
        assert_eq!(fs::read_to_string(state.tasks()).unwrap(), text);
        assert_eq!(fs::read_to_string(state.input()).unwrap(), note);
        State::prepare(dir.path(), &input("b"), true).unwrap();
        assert_eq!(fs::read_to_string(state.tasks()).unwrap(), "");
    }

    #[test]
    fn what_is_no_state_is_refused_with_advice_and_fresh_begins_again() {
        let dir = tempfile::tempdir().unwrap();
        let state = State { dir: dir.path().to_owned() };
        let refused = |says: &str| {
            let error = State::prepare(dir.path(), &input("a"), false).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        };
        fs::write(state.tasks(), "a letter").unwrap();
        refused("--fresh");
        fs::write(state.input(), "format 99\n").unwrap();
        refused("format 99");
        fs::write(state.input(), "no format\n").unwrap();
        refused("does not say its format");
        State::prepare(dir.path(), &input("a"), true).unwrap();
        fs::write(state.tasks(), "a letter").unwrap();
        refused("not an SQLite database");
        State::prepare(dir.path(), &input("a"), true).unwrap();
        assert!(!state.dir.join("input.new").exists());
    }
}
