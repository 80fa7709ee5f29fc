//! The file of figures, to which each run adds its workloads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::stats::Summary;

/// The figures of all workloads.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) workloads: Vec<WorkloadResult>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WorkloadResult {
    pub(crate) name: String,
    pub(crate) scale: f64,
    pub(crate) figures: Vec<FigureResult>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FigureResult {
    pub(crate) name: String,
    pub(crate) rows: Vec<Row>,
}

/// The line of one contender.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) contender: String,
    /// `None` if it has no such feature. Then `note` has the reason.
    pub(crate) summary: Option<Summary>,
    pub(crate) note: Option<String>,
}

/// Why a file of figures could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot use {path}; `cargo xtask bench --json {path}` makes it", path = .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{path} is not a benchmark report; delete it and measure again", path = .path.display())]
    Format { path: PathBuf, source: serde_json::Error },
}

impl Report {
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::File { path: path.to_owned(), source })?;
        serde_json::from_str(&text)
            .map_err(|source| Error::Format { path: path.to_owned(), source })
    }

    pub(crate) fn load_or_empty(path: &Path) -> Result<Self, Error> {
        // Only a missing file counts as empty: a broken one must not be written over.
        if path.exists() { Self::load(path) } else { Ok(Self::empty()) }
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let fault = |source| Error::File { path: path.to_owned(), source };
        let mut text = serde_json::to_string_pretty(self).map_err(|source| fault(source.into()))?;
        text.push('\n');
        fs::write(path, text).map_err(fault)
    }

    /// Adds a workload's figures, in place of older ones.
    pub(crate) fn put(&mut self, result: WorkloadResult) {
        match self.workloads.iter_mut().find(|old| old.name == result.name) {
            Some(old) => *old = result,
            None => self.workloads.push(result),
        }
    }

    pub(crate) fn workload(&self, name: &str) -> Option<&WorkloadResult> {
        self.workloads.iter().find(|result| result.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(name: &str, scale: f64) -> WorkloadResult {
        WorkloadResult { name: name.to_owned(), scale, figures: Vec::new() }
    }

    #[test]
    fn a_run_replaces_its_own_workloads_and_keeps_the_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("figures.json");
        let mut report = Report::load_or_empty(&path).expect("none yet");
        report.put(result("tell", 0.1));
        report.put(result("ask", 0.1));
        report.save(&path).expect("written");
        let mut report = Report::load(&path).expect("readable");
        report.put(result("tell", 1.0));
        let scales: Vec<f64> = report.workloads.iter().map(|workload| workload.scale).collect();
        assert_eq!(scales, [1.0, 0.1]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("figures.json");
        assert!(matches!(Report::load(&path), Err(Error::File { .. })));
        fs::write(&path, "{}").expect("written");
        assert!(matches!(Report::load(&path), Err(Error::Format { .. })));
    }
}
