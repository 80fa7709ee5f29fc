//! The copy of the tree in which mutants live; the working tree is never touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::{Error, cargo_in};

/// What is no part of the sources.
const LEFT_OUT: [&str; 2] = ["target", ".git"];

pub(crate) struct Copy {
    pub(crate) root: PathBuf,
    target: PathBuf,
}

impl Copy {
    pub(crate) fn make(from: &Path, target: &Path) -> Result<Self, Error> {
        let root = target.join("mutants").join("tree");
        let made = match fs::remove_dir_all(&root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => copy(from, &root),
        };
        made.map_err(|error| Error::new(format!("{}: {error}", root.display())))?;
        Ok(Self { root, target: target.to_owned() })
    }

    /// cargo in the copy, building where the workspace does: the registry's crates are there.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = cargo_in(&self.root, args);
        command.env("CARGO_TARGET_DIR", &self.target);
        // Set by the cargo that runs us, and meant for another package.
        command.env_remove("CARGO_MANIFEST_DIR");
        command
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left| name == *left) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &to.join(&name))?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}
