//! `audit.json`.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Report;
use crate::error::ReportError;

/// Names tried for the new file that then replaces the old one.
const TEMPORARY_NAMES: u32 = 8;
/// The first bytes of each report.
const BEGINNING: &[u8] = b"{\n  \"schema_version\":";

/// Version of the form of `audit.json`; raised when a reader would break.
pub const REPORT_SCHEMA: u32 = 1;

/// The whole of `audit.json`. `audit` is the same for the same files; `run` differs from run to
/// run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditJson {
    /// [`REPORT_SCHEMA`] of the tool that wrote it.
    pub schema_version: u32,
    /// The comparable part.
    pub audit: Report,
    /// The rest.
    pub run: RunFacts,
}

/// The facts of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFacts {
    /// Files and directories listed.
    pub input: u64,
    /// Files taken over from an earlier run.
    pub resumed: u64,
    /// Files given to another auditor after a crash.
    pub redelivered: u64,
    /// Restarts of actors.
    pub restarts: u64,
    /// The duration, in milliseconds.
    pub elapsed_ms: u64,
}

impl AuditJson {
    /// Makes the document of a report.
    pub fn new(audit: Report, run: RunFacts) -> Self {
        Self { schema_version: REPORT_SCHEMA, audit, run }
    }

    /// Returns its text: indented, with a newline at the end.
    ///
    /// # Errors
    /// [`ReportError::Encode`], which would be a fault of this crate.
    pub fn to_text(&self) -> Result<String, ReportError> {
        let mut text = serde_json::to_string_pretty(self).map_err(ReportError::Encode)?;
        text.push('\n');
        Ok(text)
    }

    /// Writes it so that `path` holds the old text or the new one, never a part. Blocks.
    /// [`may_hold_a_report`] tells beforehand whether it would take the place of something else.
    ///
    /// # Errors
    /// [`ReportError::Write`] if the file, or a new one beside it, cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let text = self.to_text()?;
        replace(path, text.as_bytes())
            .map_err(|source| ReportError::Write { path: path.to_owned(), source })
    }
}

/// Returns whether a report may be written to `path`: there is nothing, an earlier report, or an
/// empty file that is not a Rust source. Anything else may be somebody's work. Blocks.
#[must_use]
pub fn may_hold_a_report(path: &Path) -> bool {
    let Ok(there) = fs::metadata(path) else { return true };
    if !there.is_file() {
        return false;
    }
    // A report has once taken the place of a source of the tree that was audited.
    let source = path.extension().is_some_and(|extension| extension == "rs");
    let mut beginning = Vec::new();
    let read = File::open(path)
        .and_then(|file| file.take(BEGINNING.len() as u64).read_to_end(&mut beginning));
    read.is_ok() && !source && (beginning.is_empty() || beginning == BEGINNING)
}

/// Puts a new file in the place of an old one; never in that of a device or a pipe. A
/// symbolic link keeps pointing where it points.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let path = target.as_path();
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it exists and is not a regular file",
        ));
    }
    let (mut file, temporary) = beside(path)?;
    // Synced before the rename: after a power cut the name must not lead to a file without its
    // content.
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    drop(file);
    let written = written.and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // A partial report is useless.
        drop(fs::remove_file(&temporary));
    }
    written
}

/// Makes a new file beside `path`, and never writes over an existing one.
fn beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..TEMPORARY_NAMES {
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        // Two audits may write their reports side by side.
        temporary.push(format!(".{}.{attempt}.tmp", std::process::id()));
        let temporary = path.with_file_name(temporary);
        match File::create_new(&temporary) {
            Ok(file) => return Ok((file, temporary)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
            Err(error) => return Err(error),
        }
    }
    Err(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Reducer;

    #[test]
    fn it_is_written_whole_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.json");
        let json = AuditJson::new(
            Reducer::new("s", Vec::new()).report(),
            RunFacts { restarts: 2, ..RunFacts::default() },
        );
        json.write(&path).unwrap();
        json.write(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("{\n  \"schema_version\": 1,\n  \"audit\""), "{text}");
        assert_eq!(serde_json::from_str::<AuditJson>(&text).unwrap(), json);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn devices_are_left_alone_and_links_are_followed() {
        let json = AuditJson::new(Reducer::new("s", Vec::new()).report(), RunFacts::default());
        assert!(json.write(Path::new("/dev/null")).is_err());
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target.json"), dir.path().join("link.json"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        json.write(&link).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(fs::read_to_string(&target).unwrap().starts_with('{'));
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let json = AuditJson::new(Reducer::new("s", Vec::new()).report(), RunFacts::default());
        let error = json.write(&dir.path().join("no/audit.json")).unwrap_err();
        assert!(error.to_string().contains("no/audit.json; check that"), "{error}");
        assert!(json.write(dir.path()).is_err());
    }
}
