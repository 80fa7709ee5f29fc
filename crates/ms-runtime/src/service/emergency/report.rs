//! The crash report on disk.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use ms_actor::unix_ms;
use rustix::fs::{self, AtFlags, Mode, OFlags};
use serde::Serialize;

use crate::service::logic::emergency::EmergencyReason;

/// Why no crash report was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmergencyError {
    /// The file could not be written.
    #[error("the crash report {} was not written", .path.display())]
    NotWritten {
        /// The path of the report.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The emergency did not get as far as the report.
    #[error("no crash report was written: {why}")]
    NotDone {
        /// Why not.
        why: String,
    },
}

/// The outcome of a procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome", content = "why")]
pub enum ProcedureOutcome {
    /// It is done.
    Done,
    /// It failed.
    Failed(String),
    /// It panicked.
    Panicked,
    /// It was not done when the time was over.
    TimedOut,
}

/// The crash report of a node that gave up.
#[derive(Debug, Serialize)]
pub struct CrashReport<'a> {
    /// The version of this layout.
    pub schema: u32,
    /// The version of the framework.
    pub version: &'static str,
    /// The node's name.
    pub node: &'a str,
    /// The process.
    pub pid: u32,
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The reason of the emergency.
    pub reason: &'a EmergencyReason,
    /// The exit code.
    pub code: u8,
    /// The outcomes of the emergency procedures.
    pub procedures: &'a [(String, ProcedureOutcome)],
    /// The outcomes of the cleanup handlers that had their turn, in that order.
    pub cleanup: Vec<(String, String)>,
    /// Resources that were still open.
    pub open: Vec<String>,
    /// The tree at the end, line by line, if it could be read.
    pub tree: Option<Vec<&'a str>>,
}

impl<'a> CrashReport<'a> {
    pub(super) fn new(
        node: &'a str,
        reason: &'a EmergencyReason,
        procedures: &'a [(String, ProcedureOutcome)],
        tree: Option<&'a str>,
    ) -> Self {
        Self {
            schema: 1,
            version: env!("CARGO_PKG_VERSION"),
            node,
            pid: std::process::id(),
            unix_ms: unix_ms(),
            reason,
            code: reason.exit_code(),
            procedures,
            cleanup: Vec::new(),
            open: Vec::new(),
            tree: tree.map(|tree| tree.lines().collect()),
        }
    }

    pub(super) fn with_resources(self, cleanup: Vec<(String, String)>, open: Vec<String>) -> Self {
        Self { cleanup, open, ..self }
    }

    /// Writes the report atomically, readable by this user only, and removes the oldest reports.
    // The directory is opened once, and everything is done relative to it: an attacker who replaces
    // it by a link meanwhile gains nothing.
    pub(super) fn write(&self, directory: &Path, keep: usize) -> Result<PathBuf, EmergencyError> {
        let name = format!("crash-{:013}-{}.json", self.unix_ms, self.pid);
        let path = directory.join(&name);
        let open = open(directory);
        let written = open.and_then(|open| self.write_in(&open, &name).map(|()| open));
        let open =
            written.map_err(|source| EmergencyError::NotWritten { path: path.clone(), source })?;
        if let Err(error) = prune(&open, keep) {
            tracing::warn!(%error, "old crash reports were not removed");
        }
        Ok(path)
    }

    fn write_in(&self, directory: &OwnedFd, name: &str) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        let half = format!("{name}.tmp");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(fs::openat(directory, &*half, flags, Mode::RUSR | Mode::WUSR)?);
        let written = file
            .write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(fs::renameat(directory, &*half, directory, name)?))
            .and_then(|()| Ok(fs::fsync(directory)?));
        if written.is_err() {
            // Half a report is of no use. An error of this clean-up would hide the first one, which
            // says what happened.
            let _ = fs::unlinkat(directory, &*half, AtFlags::empty());
        }
        written
    }
}

/// Opens the directory, and creates it if needed. Refuses a symbolic link.
fn open(directory: &Path) -> io::Result<OwnedFd> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::open(directory, flags, Mode::empty())?)
}

/// Removes all crash reports but the latest.
fn prune(directory: &OwnedFd, keep: usize) -> io::Result<()> {
    let entries = fs::Dir::read_from(directory)?;
    let mut reports: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_owned))
        .filter(|name| name.starts_with("crash-") && name.ends_with(".json"))
        .collect();
    reports.sort_unstable();
    let old = reports.len().saturating_sub(keep.max(1));
    for name in &reports[..old] {
        fs::unlinkat(directory, &**name, AtFlags::empty())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn report(
        reason: &EmergencyReason,
        directory: &Path,
        keep: usize,
    ) -> Result<PathBuf, EmergencyError> {
        CrashReport::new("n", reason, &[], Some("/root\n/root/a")).write(directory, keep)
    }

    #[test]
    fn a_report_is_whole_private_and_the_oldest_go() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let reason = EmergencyReason::SecurityBreach("x".to_owned());
        for old in ["crash-0000000000001-1.json", "crash-0000000000002-1.json", "other.json"] {
            fs::write(directory.path().join(old), "{}").expect("written");
        }
        let path = report(&reason, directory.path(), 2).expect("written");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).expect("readable");
        let json: serde_json::Value = serde_json::from_str(&text).expect("whole");
        assert_eq!((&json["code"], &json["tree"][1]), (&104.into(), &"/root/a".into()));
        let left = |name: &str| directory.path().join(name).exists();
        assert!(!left("crash-0000000000001-1.json") && left("crash-0000000000002-1.json"));
        assert!(left("other.json"), "what is no report is left alone");
    }

    #[test]
    fn a_directory_that_is_a_link_gets_no_report() {
        let place = tempfile::tempdir().expect("a directory");
        let (real, link) = (place.path().join("real"), place.path().join("link"));
        fs::create_dir(&real).expect("made");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        let reason = EmergencyReason::Panic("x".to_owned());
        let error = report(&reason, &link, 2).expect_err("it may lead anywhere");
        assert!(error.to_string().contains("link/crash-"), "{error}");
        assert_eq!(fs::read_dir(&real).expect("there").count(), 0);
        report(&reason, &real, 2).expect("written");
    }

    #[test]
    fn a_disk_that_says_no_is_an_error_with_its_place() {
        let reason = EmergencyReason::Panic("x".to_owned());
        let error = report(&reason, Path::new("/dev/null/no"), 2).expect_err("no place");
        assert!(error.to_string().contains("/dev/null/no/crash-"), "{error}");
    }
}
