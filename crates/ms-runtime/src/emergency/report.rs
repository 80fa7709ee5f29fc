//! The crash report on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ms_actor::unix_ms;
use ms_core::emergency::EmergencyReason;
use serde::Serialize;

use super::procedures::ProcedureOutcome;

/// Why no crash report was written.
#[derive(Debug, thiserror::Error)]
pub enum EmergencyError {
    /// The disk said no.
    #[error("the crash report {} was not written", .path.display())]
    NotWritten {
        /// Where it was to be.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It did not come to that.
    #[error("no crash report was written: {why}")]
    NotDone {
        /// Why not.
        why: String,
    },
}

/// What is kept of a node that gave up.
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
    /// Why it gave up.
    pub reason: &'a EmergencyReason,
    /// The exit code.
    pub code: u8,
    /// How the emergency procedures went.
    pub procedures: &'a [(String, ProcedureOutcome)],
    /// The tree at the end, line by line, if it could be had.
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
            tree: tree.map(|tree| tree.lines().collect()),
        }
    }

    /// Writes it atomically and for this user only, and removes old ones but the latest.
    pub(super) fn write(&self, directory: &Path, keep: usize) -> Result<PathBuf, EmergencyError> {
        let path = directory.join(format!("crash-{:013}-{}.json", self.unix_ms, self.pid));
        let written = self.write_at(directory, &path);
        written.map_err(|source| EmergencyError::NotWritten { path: path.clone(), source })?;
        if let Err(error) = prune(directory, keep) {
            tracing::warn!(%error, "old crash reports were not removed");
        }
        Ok(path)
    }

    fn write_at(&self, directory: &Path, path: &Path) -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let text = serde_json::to_vec_pretty(self)?;
        let half = path.with_extension("tmp");
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half)?;
        let written = file
            .write_all(&text)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&half, path))
            .and_then(|()| File::open(directory)?.sync_all());
        if written.is_err() {
            // The first error says what happened; a half file is of no use to anybody.
            drop(fs::remove_file(&half));
        }
        written
    }
}

/// Removes all crash reports but the latest.
fn prune(directory: &Path, keep: usize) -> io::Result<()> {
    let mut reports: Vec<_> = fs::read_dir(directory)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("crash-") && name.ends_with(".json"))
        .collect();
    reports.sort_unstable();
    let old = reports.len().saturating_sub(keep.max(1));
    reports[..old].iter().try_for_each(|name| fs::remove_file(directory.join(name)))
}

#[cfg(test)]
mod tests {
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
    fn a_disk_that_says_no_is_an_error_with_its_place() {
        let reason = EmergencyReason::Panic("x".to_owned());
        let error = report(&reason, Path::new("/dev/null/no"), 2).expect_err("no place");
        assert!(error.to_string().contains("/dev/null/no/crash-"), "{error}");
    }
}
