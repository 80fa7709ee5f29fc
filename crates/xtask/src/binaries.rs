//! No binary files under version control: nobody can review them, and what a tool left behind
//! (profiles of a coverage run, a core dump) is committed by mistake, once and for ever.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use crate::outcome::Outcome;
use crate::workspace::{Workspace, capture};

/// Binary files that are meant to be there, each with its reason.
const PERMITTED: &[(&str, &str)] = &[];

/// Git's own measure: a NUL byte among the first 8,000 makes a file binary.
const LOOKED_AT: u64 = 8_000;

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root).args(["ls-files", "-z"]);
    match capture(git) {
        Ok(files) => {
            let files = files.split('\0').filter(|path| !path.is_empty());
            Outcome { notes: Vec::new(), problems: strangers(&workspace.root, files) }
        }
        // A source archive holds no history: what is in it was checked before it was made.
        Err(_) => Outcome::note("not a git checkout: nothing is under version control here"),
    }
}

fn strangers<'a>(root: &Path, files: impl Iterator<Item = &'a str>) -> Vec<String> {
    files
        .filter(|path| !PERMITTED.iter().any(|(permitted, _)| permitted == path))
        .filter(|path| is_binary(&root.join(path)))
        .map(|path| {
            format!("`{path}` is a binary file: remove it, or give the reason in binaries.rs")
        })
        .collect()
}

fn is_binary(path: &Path) -> bool {
    let mut start = Vec::new();
    // A file that was deleted but not yet committed is in the list and not on the disk.
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
        std::fs::write(directory.join("profile.profraw"), [1, 0, 2]).unwrap();
        std::fs::write(directory.join("notes.md"), "text, with ü and no NUL").unwrap();
        let files = ["profile.profraw", "notes.md", "deleted.rs"];
        let found = strangers(&directory, files.into_iter());
        std::fs::remove_dir_all(&directory).unwrap();
        assert_eq!(
            found,
            ["`profile.profraw` is a binary file: remove it, or give the reason in binaries.rs"]
        );
    }
}
