//! A directory of configuration files, and what loading it says.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "each test program uses its part; a broken fixture fails the test"
)]

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ms_config::{ConfigErrors, Loaded, Loader};
use ms_runtime::section::FrameworkConfig;

pub(crate) struct Dir(tempfile::TempDir);

impl Dir {
    /// A directory with these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let dir = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            dir.write(name, text);
        }
        dir
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Hermetic: neither variables nor options of this process.
    pub(crate) fn loader(&self) -> Loader<FrameworkConfig> {
        Loader::new(self.path()).environment("test").env([])
    }

    pub(crate) fn load(&self) -> Result<Loaded<FrameworkConfig>, ConfigErrors> {
        self.loader().load()
    }

    /// The error lines, with the directory cut off.
    pub(crate) fn errors(&self, loader: &Loader<FrameworkConfig>) -> Vec<String> {
        let errors = loader.load().map(|_| ()).expect_err("it must be refused");
        let dir = format!("{}/", self.path().display());
        errors.lines().map(|line| line.replace(&dir, "")).collect()
    }
}

pub(crate) fn var(name: &str, value: &str) -> (OsString, OsString) {
    (name.into(), value.into())
}
