//! The copy of the tree in which mutants are made. The working tree is never touched.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace::{Error, cargo_in};

/// Folders that are not sources.
const LEFT_OUT: [&str; 2] = ["target", ".git"];

/// The settings of nextest for the tests of a mutant. A test that hangs has noticed the mutant. A test
/// that fails by chance has not, so each one gets a second try.
const RUNNER: &str = "\
[profile.default]
slow-timeout = { period = \"20s\", terminate-after = 2 }
retries = 1
";

pub(crate) struct Copy {
    pub(crate) root: PathBuf,
    target: PathBuf,
    runner: PathBuf,
}

impl Copy {
    /// Makes the copy below `target`, or updates it. Files that did not change keep their times, so that
    /// cargo does not build them again.
    pub(crate) fn make(from: &Path, target: &Path) -> Result<Self, Error> {
        let folder = target.join("mutants");
        let root = folder.join("tree");
        let runner = folder.join("nextest.toml");
        let made = mirror(from, &root).and_then(|()| fs::write(&runner, RUNNER));
        made.map_err(|error| Error::new(format!("{}: {error}", folder.display())))?;
        Ok(Self { root, target: folder.join("build"), runner })
    }

    /// Returns a command for cargo in the copy, with a target directory of its own.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = cargo_in(&self.root, args);
        command.env("CARGO_TARGET_DIR", &self.target);
        // The cargo that runs us has set it for this package, and tests of the copy must not find
        // files of the working tree by it.
        command.env_remove("CARGO_MANIFEST_DIR");
        command
    }

    /// Returns the file for `--config-file` of nextest.
    pub(crate) fn runner(&self) -> String {
        self.runner.display().to_string()
    }
}

fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left| name == *left) {
            continue;
        }
        let (kind, other) = (entry.file_type()?, to.join(&name));
        if kind.is_dir() {
            mirror(&entry.path(), &other)?;
        // Compared by content: a checkout gives files new times, and cargo would build them all
        // again.
        } else if kind.is_file() && fs::read(&other).ok() != Some(fs::read(entry.path())?) {
            fs::copy(entry.path(), &other)?;
        }
        names.push(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if names.contains(&entry.file_name()) {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_brought_up_to_date_and_what_did_not_change_keeps_its_time() {
        let folder = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        fs::create_dir_all(from.join("src")).unwrap();
        fs::create_dir_all(from.join("target")).unwrap();
        for (name, text) in [("src/a", "1"), ("src/b", "2"), ("c", "3"), ("target/x", "4")] {
            fs::write(from.join(name), text).unwrap();
        }
        mirror(&from, &to).unwrap();
        assert!(!to.join("target").exists());
        let time = |name: &str| fs::metadata(to.join(name)).unwrap().modified().unwrap();
        let before = time("src/a");
        fs::write(to.join("src/b"), "a mutant that was left").unwrap();
        fs::remove_file(from.join("c")).unwrap();
        mirror(&from, &to).unwrap();
        assert_eq!(time("src/a"), before);
        assert_eq!(fs::read_to_string(to.join("src/b")).unwrap(), "2");
        assert!(!to.join("c").exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
