//! Only the agreed entries are at the top of the repository.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::outcome::Outcome;
use crate::workspace::{Workspace, capture};

/// The permitted entries, besides dot-files and `LICENSE-*`.
const PERMITTED: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "clippy.toml",
    "crates",
    "deny.toml",
    "docs",
    "examples",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let mut git = Command::new("git");
    git.current_dir(&workspace.root).arg("ls-files");
    match capture(git) {
        Ok(files) => Outcome { notes: Vec::new(), problems: strangers(files.lines()) },
        // A source archive is not a git checkout, so the directory is listed instead.
        Err(_) => Outcome {
            notes: vec!["not a git checkout: the directory itself was looked at".into()],
            problems: strangers(listing(&workspace.root).iter().map(String::as_str)),
        },
    }
}

fn listing(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name != "target").collect()
}

/// Returns a problem for each top-level entry of these paths that is not permitted.
fn strangers<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
    let tops: BTreeSet<&str> = paths.filter_map(|path| path.split('/').next()).collect();
    let strange = tops.into_iter().filter(|name| !is_permitted(name));
    strange.map(|name| format!("`{name}` does not belong at the top level")).collect()
}

fn is_permitted(name: &str) -> bool {
    // git quotes paths with unusual characters. They are not permitted either way.
    name.starts_with('.') || name.starts_with("LICENSE-") || PERMITTED.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agreed_entries_are_permitted() {
        let paths =
            ["Cargo.toml", "crates/xtask/src/main.rs", ".ci/run", "LICENSE-MIT", "docs/a.md"];
        assert_eq!(strangers(paths.into_iter()), Vec::<String>::new());
    }

    #[test]
    fn a_stranger_is_named_once() {
        let paths = ["k8s/a.yaml", "k8s/b.yaml", "Makefile"];
        assert_eq!(
            strangers(paths.into_iter()),
            [
                "`Makefile` does not belong at the top level",
                "`k8s` does not belong at the top level"
            ]
        );
    }
}
