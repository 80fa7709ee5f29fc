//! No binary files under version control. Nobody can review them, and files that a tool leaves behind
//! (profiles of a coverage run, a core dump) are easily committed by mistake, and stay in the history.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use crate::outcome::Outcome;
use crate::workspace::{Workspace, capture};

/// Binary files that are permitted, each with its reason.
const PERMITTED: &[(&str, &str)] = &[];

/// Largest size of a permitted binary file, in bytes.
const LARGEST: u64 = 64 * 1024;

/// Endings of files that only a tool leaves behind. Their content does not matter, as a profile may be
/// empty.
const LEFT_BEHIND: &[&str] = &["profraw", "profdata"];

/// A file is binary if it has a NUL byte in this many first bytes, as in git.
const LOOKED_AT: u64 = 8_000;

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root).args(["ls-files", "-z"]);
    match capture(git) {
        Ok(files) => {
            let files = files.split('\0').filter(|path| !path.is_empty());
            Outcome { notes: Vec::new(), problems: strangers(&workspace.root, PERMITTED, files) }
        }
        // A source archive has no history, and was checked before it was made.
        Err(_) => Outcome::note("not a git checkout: nothing is under version control here"),
    }
}

fn strangers<'a>(
    root: &Path,
    permitted: &[(&str, &str)],
    files: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let judge = |path: &'a str| {
        let file = root.join(path);
        if is_left_behind(&file) {
            return Some(format!("`{path}` is what a tool left behind: `git rm` it"));
        }
        let size = file.metadata().map(|metadata| metadata.len()).unwrap_or_default();
        let is_permitted = permitted.iter().any(|(permitted, _)| *permitted == path);
        if !is_binary(&file) || (is_permitted && size <= LARGEST) {
            return None;
        }
        Some(if is_permitted {
            format!("`{path}` has {size} bytes: no binary file may be larger than {LARGEST}")
        } else {
            format!("`{path}` is a binary file: remove it, or give the reason in binaries.rs")
        })
    };
    files.filter_map(judge).collect()
}

fn is_left_behind(path: &Path) -> bool {
    path.extension().is_some_and(|extension| LEFT_BEHIND.iter().any(|one| extension == *one))
}

fn is_binary(path: &Path) -> bool {
    let mut start = Vec::new();
    // A file that was deleted but not committed yet is in the list and not on the disk.
    let read = File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut start));
    read.is_ok() && start.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_file_is_named_and_text_is_not() {
        let directory = std::env::temp_dir().join(format!("xtask-binaries-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("core"), [1, 0, 2]).unwrap();
        std::fs::write(directory.join("empty.profraw"), "").unwrap();
        std::fs::write(directory.join("notes.md"), "text, with ü and no NUL").unwrap();
        std::fs::write(directory.join("small.png"), [0; 64 * 1024]).unwrap();
        std::fs::write(directory.join("large.png"), [0; 64 * 1024 + 1]).unwrap();
        let permitted = [("small.png", "a logo"), ("large.png", "a logo")];
        let files = ["core", "empty.profraw", "notes.md", "deleted.rs", "small.png", "large.png"];
        let found = strangers(&directory, &permitted, files.into_iter());
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(
            found,
            [
                "`core` is a binary file: remove it, or give the reason in binaries.rs",
                "`empty.profraw` is what a tool left behind: `git rm` it",
                "`large.png` has 65537 bytes: no binary file may be larger than 65536",
            ]
        );
    }
}
