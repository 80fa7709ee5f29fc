//! Every member inherits what the root manifest says once: MSRV, edition, licence, lints.

use std::collections::BTreeSet;

use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// What the manifest of each member must say, in the form of [`facts`].
const INHERITED: &[&str] = &[
    "package.edition.workspace=true",
    "package.license.workspace=true",
    "package.rust-version.workspace=true",
    "lints.workspace=true",
];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let root = workspace.read("Cargo.toml").unwrap_or_default();
    let Some(msrv) = msrv(&root) else {
        return Outcome::problem("Cargo.toml has no [workspace.package] rust-version");
    };
    let mut outcome = Outcome::note(format!("Rust {msrv}"));
    for package in &workspace.metadata.packages {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap_or_default();
        outcome.problems.extend(missing(&package.name, &manifest));
    }
    let readme = workspace.read("README.md").unwrap_or_default();
    outcome.problems.extend(drifted(&readme, &msrv));
    if workspace
        .read("clippy.toml")
        .is_some_and(|text| facts(&text).iter().any(|fact| fact.starts_with(".msrv=")))
    {
        outcome
            .problems
            .push("clippy.toml repeats the MSRV; clippy reads it from Cargo.toml".into());
    }
    outcome
}

fn missing(name: &str, manifest: &str) -> Vec<String> {
    let facts = facts(manifest);
    INHERITED
        .iter()
        .filter(|wanted| !facts.contains(**wanted))
        .map(|wanted| format!("{name}/Cargo.toml does not inherit: want {wanted}"))
        .collect()
}

/// Returns the lines of a manifest as `section.key=value` without spaces. It reads keys on lines of
/// their own only.
fn facts(toml: &str) -> BTreeSet<String> {
    // A TOML parser would be a dependency, and `cargo xtask` must build in seconds on a fresh
    // checkout.
    let mut section = String::new();
    let mut facts = BTreeSet::new();
    for line in toml.lines() {
        let line: String = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if line.contains('=') {
            let line = line.replace("={workspace=true}", ".workspace=true");
            facts.insert(format!("{section}.{line}"));
        }
    }
    facts
}

fn msrv(root_manifest: &str) -> Option<String> {
    let prefix = "workspace.package.rust-version=";
    let facts = facts(root_manifest);
    let value = facts.iter().find_map(|fact| fact.strip_prefix(prefix))?;
    Some(value.trim_matches('"').to_owned())
}

/// Returns the places where the README names another version of Rust than the manifest.
fn drifted(readme: &str, msrv: &str) -> Vec<String> {
    readme
        .lines()
        .enumerate()
        .flat_map(|(index, line)| rust_versions(line).into_iter().map(move |v| (index + 1, v)))
        .filter(|(_, version)| !same_release(version, msrv))
        .map(|(number, version)| {
            format!("README.md:{number} says Rust {version}; Cargo.toml says {msrv}")
        })
        .collect()
}

/// Returns the versions right after a word for Rust: `Rust 1.95`, `rustc-1.95+`, `rust-version =
/// "1.95"`.
fn rust_versions(line: &str) -> Vec<String> {
    let line = line.to_lowercase();
    let mut found = Vec::new();
    for word in ["rust", "rustc", "rust-version", "rust version", "msrv"] {
        for (at, _) in line.match_indices(word) {
            let rest = line[at + word.len()..].trim_start_matches(|c: char| !c.is_alphanumeric());
            let version: String =
                rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
            let version = version.trim_end_matches('.');
            if version.starts_with("1.") {
                found.push(version.to_owned());
            }
        }
    }
    found
}

/// Says whether two versions name the same minor release, as `1.95` and `1.95.0` do.
fn same_release(left: &str, right: &str) -> bool {
    left.split('.').take(2).eq(right.split('.').take(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\nedition.workspace = true # said once\n\
        license = { workspace = true }\nrust-version.workspace = true\n\n[lints]\nworkspace = true\n";

    #[test]
    fn both_spellings_of_inheritance_count() {
        assert_eq!(missing("a", GOOD), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_inherited_is_named() {
        let own = GOOD.replace("rust-version.workspace = true", "rust-version = \"1.80\"");
        assert_eq!(
            missing("a", &own),
            ["a/Cargo.toml does not inherit: want package.rust-version.workspace=true"]
        );
    }

    #[test]
    fn a_key_of_another_section_does_not_count() {
        let elsewhere = GOOD.replace("[lints]", "[package.metadata.lints]");
        assert_eq!(missing("a", &elsewhere).len(), 1);
    }

    #[test]
    fn the_msrv_is_the_workspace_s() {
        assert_eq!(msrv("[workspace.package]\nrust-version = \"1.95\"\n").as_deref(), Some("1.95"));
        assert_eq!(msrv("[package]\nrust-version = \"1.95\"\n"), None);
    }

    #[test]
    fn the_readme_may_be_silent_but_not_wrong() {
        assert!(drifted("Written in Rust. redb 1.2 is inside.", "1.95").is_empty());
        assert!(drifted("Needs Rust 1.95.0 or newer; MSRV: **1.95**.", "1.95").is_empty());
        assert_eq!(
            drifted("\n[badge](rustc-1.94+)", "1.95"),
            ["README.md:2 says Rust 1.94; Cargo.toml says 1.95"]
        );
    }
}
