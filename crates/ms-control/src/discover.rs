//! Places of control sockets, and their discovery.
//!
//! A node binds `$MS_CONTROL`, or `<name>.sock` in the default directory:
//! `$XDG_RUNTIME_DIR/ms-framework`, else `/tmp/ms-framework-<uid>`. The default directory is refused
//! unless it belongs to our user alone (mode 0700): in `/tmp` anybody could have made it first. A
//! client takes the path it was given, `$MS_CONTROL`, or the only live socket of that directory.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use ms_core::ChildId;
use ms_net::unix::is_live;

use crate::error::ControlError;
use ms_ops::codes;

/// Most sockets that discovery probes.
const MAX_CANDIDATES: usize = 64;

/// The places that the environment names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// `$MS_CONTROL`.
    pub control: Option<PathBuf>,
    /// The default directory; `None` when neither the variable nor our user is known.
    pub directory: Option<PathBuf>,
}

impl Places {
    /// Reads the environment of this process.
    #[must_use]
    pub fn from_env() -> Self {
        let path = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        // As the XDG Base Directory Specification wants it: an empty or relative value is ignored.
        let runtime = path("XDG_RUNTIME_DIR").filter(|dir| dir.is_absolute());
        let in_tmp = || Some(PathBuf::from(format!("/tmp/ms-framework-{}", own_uid()?)));
        Self {
            control: path("MS_CONTROL"),
            directory: runtime.map(|dir| dir.join("ms-framework")).or_else(in_tmp),
        }
    }

    /// Returns the path that the node `name` binds, and creates the default directory if it is needed.
    ///
    /// # Errors
    /// `BadRequest` when `name` is no id, or the directory is not ours alone.
    pub fn socket_of(&self, name: &str) -> Result<PathBuf, ControlError> {
        if let Some(control) = &self.control {
            return Ok(control.clone());
        }
        let name = ChildId::new(name)
            .map_err(|error| ControlError::new(&codes::BAD_PATH, error.to_string()))?;
        let directory = self.directory()?;
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(bad_directory(directory, &error.to_string()));
            }
            // Checked also when it was just created: another user may have replaced it since.
            _ => check(directory)?,
        }
        Ok(directory.join(format!("{name}.sock")))
    }

    /// Finds the socket a client should connect to.
    ///
    /// # Errors
    /// `Unreachable` when there is none, `BadRequest` when there are several.
    pub async fn find(&self, given: Option<&Path>) -> Result<PathBuf, ControlError> {
        if let Some(path) = given.or(self.control.as_deref()) {
            return Ok(path.to_owned());
        }
        let directory = self.directory()?;
        let mut live = live_sockets(directory).await?;
        match (live.pop(), live.len()) {
            (None, _) => Err(none(directory)),
            (Some(only), 0) => Ok(only),
            (Some(last), _) => {
                live.push(last);
                Err(several(&live))
            }
        }
    }

    fn directory(&self) -> Result<&Path, ControlError> {
        self.directory.as_deref().ok_or_else(|| {
            ControlError::new(&codes::BAD_PATH, "no default directory is known on this platform")
                .next("set MS_CONTROL, or pass --control PATH")
        })
    }
}

/// Finds the sockets in `directory` on which somebody listens, sorted by name.
async fn live_sockets(directory: &Path) -> Result<Vec<PathBuf>, ControlError> {
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        _ => check(directory)?,
    }
    let entries = fs::read_dir(directory).map_err(|e| bad_directory(directory, &e.to_string()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sock"))
        // Each is connected to, and dead nodes leave their sockets behind.
        .take(MAX_CANDIDATES)
        .collect();
    found.sort();
    let mut live = Vec::new();
    for path in found {
        if is_live(&path).await {
            live.push(path);
        }
    }
    Ok(live)
}

/// Checks that a directory is a real one, ours, and closed to everybody else.
fn check(directory: &Path) -> Result<(), ControlError> {
    // Links are not followed: whoever made the link could change where it leads after the check.
    let found = fs::symlink_metadata(directory)
        .map_err(|error| bad_directory(directory, &error.to_string()))?;
    if !found.is_dir() {
        return Err(bad_directory(directory, "it is not a directory"));
    }
    if own_uid().is_some_and(|uid| uid != found.uid()) {
        return Err(bad_directory(directory, &format!("it belongs to user {}", found.uid())));
    }
    match found.mode() & 0o077 {
        0 => Ok(()),
        _ => Err(bad_directory(directory, "others may use it; its mode must be 0700")),
    }
}

/// Returns our user, the owner of our entry in `/proc`: the standard library has no `getuid`.
fn own_uid() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|me| me.uid())
}

fn bad_directory(directory: &Path, why: &str) -> ControlError {
    let what = format!("the directory {} is not fit for control sockets", directory.display());
    ControlError::new(&codes::BAD_PATH, what)
        .why(why)
        .next("fix it, or choose another path with --control PATH or MS_CONTROL")
}

fn none(directory: &Path) -> ControlError {
    let what = format!("no running node was found in {}", directory.display());
    ControlError::new(&codes::UNREACHABLE, what)
        .next("start the node, or pass the path it printed with --control PATH")
}

fn several(live: &[PathBuf]) -> ControlError {
    let list: Vec<String> = live.iter().map(|path| path.display().to_string()).collect();
    ControlError::new(&codes::AMBIGUOUS, format!("{} nodes are running", live.len()))
        .why(list.join(", "))
        .next("choose one with --control PATH")
}
