//! Counts the packages that a user of the demo builds, and those that are built in two versions.
//!
//! `cargo tree` is asked, not `cargo metadata`: the latter resolves features for the whole workspace at
//! once and would count what only other members switch on.

use std::collections::{BTreeMap, BTreeSet};

use crate::fences::Ratchet;
use crate::outcome::Outcome;
use crate::workspace::{Error, Workspace, capture};

const ROOT: &str = "ms-demo";

/// Two versions of these are an error, as their types or their global state meet at run time.
const ONLY_ONCE: &[&str] = &[
    "actix",
    "actix-rt",
    "http",
    "hyper",
    "rustls",
    "serde",
    "serde_json",
    "thiserror",
    "tokio",
    "tower",
    "tracing",
    "tracing-core",
    "uuid",
];

/// The number of packages that a user of the demo builds, which may only fall.
pub(crate) const RATCHET: Ratchet = Ratchet {
    file: "crates/xtask/graph.tsv",
    what: "packages in the default graph",
    advice: "do without the new one, or raise the line and say in the commit what it is worth",
    count: |workspace| counts(&versions(&tree(workspace).unwrap_or_default())),
};

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    if !workspace.has_member(ROOT) {
        return Outcome::note(format!("skipped: {ROOT} is no member yet"));
    }
    match tree(workspace) {
        Ok(text) => judge(&text, &workspace.read(RATCHET.file).unwrap_or_default()),
        Err(error) => Outcome::problem(error.to_string()),
    }
}

fn tree(workspace: &Workspace) -> Result<String, Error> {
    let args = ["tree", "-p", ROOT, "-e", "normal", "--prefix", "none", "--format", "{p}"];
    capture(workspace.cargo(&args))
}

fn counts(packages: &BTreeMap<&str, BTreeSet<&str>>) -> BTreeMap<String, usize> {
    [(ROOT.to_owned(), packages.values().map(BTreeSet::len).sum())].into()
}

fn judge(tree: &str, baseline: &str) -> Outcome {
    let packages = versions(tree);
    let mut outcome = RATCHET.judge(baseline, &counts(&packages));
    for (name, versions) in packages.iter().filter(|(_, versions)| versions.len() > 1) {
        let list: Vec<&str> = versions.iter().copied().collect();
        let line = format!("{name} is there as {}", list.join(" and "));
        if ONLY_ONCE.contains(name) {
            // `cargo tree` prints `v1.2.3` and takes `1.2.3`.
            let first = list.first().copied().unwrap_or_default().trim_start_matches('v');
            outcome.problems.push(format!("{line}; see `cargo tree -p {ROOT} -i {name}@{first}`"));
        } else {
            // Two versions of any other crate only cost time to build.
            outcome.notes.push(line);
        }
    }
    outcome
}

/// Parses lines of the form `name v1.2.3`, which `(proc-macro)`, `(/a/path)` or `(*)` may follow.
fn versions(tree: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut packages: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in tree.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            packages.entry(name).or_default().insert(version);
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_seen_twice_in_one_version_counts_once() {
        let outcome =
            judge("ms-demo v0.1.0 (/x)\nserde v1.0.2\nserde v1.0.2 (*)\n\n", "ms-demo\t2");
        assert_eq!(outcome, Outcome::note("2 packages in the default graph"));
    }

    #[test]
    fn one_package_more_than_the_baseline_fails() {
        let outcome = judge("ms-demo v0.1.0\nserde v1.0.2\nnovel v0.1.0\n", "ms-demo\t2");
        assert_eq!(outcome.problems.len(), 1);
        assert!(outcome.problems[0].contains("do without the new one"), "{outcome:?}");
    }

    #[test]
    fn an_ordinary_duplicate_is_only_noted() {
        let outcome = judge("syn v1.0.9\nsyn v2.0.1 (*)\n", "ms-demo\t2");
        assert!(outcome.is_ok());
        assert_eq!(outcome.notes[1], "syn is there as v1.0.9 and v2.0.1");
    }

    #[test]
    fn two_versions_of_a_listed_crate_fail() {
        let outcome = judge("http v0.2.12\nhttp v1.3.0\n", "ms-demo\t2");
        assert_eq!(
            outcome.problems,
            ["http is there as v0.2.12 and v1.3.0; see `cargo tree -p ms-demo -i http@0.2.12`"]
        );
    }
}
