//! The pages that tell a newcomer where things are name files that exist.
//!
//! The pages are `docs/map.md`, `docs/architecture.md` and the decisions in `docs/adr/`. A text in
//! backticks is looked at if it is made of letters, digits and `_`, `-`, `.`, `/` alone, does not begin
//! with `/`, and
//!
//! - ends as a file of this workspace does (`.rs`, `.toml`, `.tsv`, `.md`, `.json`), or
//! - begins with a folder at the top (`crates/`, `docs/`, `examples/`, `tests/`) or with the name of
//!   a package and a slash.
//!
//! It is a path from the root or, as in links, from the folder of the page. The pages other than
//! `docs/map.md`, whose paths readers take to their editor, may also leave out what their sentence has
//! said: `crates/`, or the `src` of a crate. Blocks of code are not looked at.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::outcome::Outcome;
use crate::workspace::Workspace;

const MAP: &str = "docs/map.md";
const ARCHITECTURE: &str = "docs/architecture.md";
const DECISIONS: &str = "docs/adr";

const ENDINGS: &[&str] = &[".rs", ".toml", ".tsv", ".md", ".json"];
const TOPS: &[&str] = &["crates", "docs", "examples", "tests"];

/// The names that the pages may use.
struct Names<'a> {
    /// The packages of the workspace.
    packages: BTreeSet<&'a str>,
    exists: &'a dyn Fn(&Path) -> bool,
}

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let names = Names {
        packages: workspace.metadata.packages.iter().map(|one| one.name.as_str()).collect(),
        exists: &|path| workspace.root.join(path).exists(),
    };
    let mut outcome = Outcome::default();
    let mut count = 0;
    for page in pages(workspace) {
        // A page that was not written yet leads nobody astray.
        let Some(text) = workspace.read(&page) else { continue };
        let (paths, problems) = judge(&page, &text, &names);
        count += paths;
        outcome.problems.extend(problems);
    }
    outcome.notes.push(format!("{count} paths looked at"));
    outcome
}

fn pages(workspace: &Workspace) -> Vec<PathBuf> {
    let decisions = fs::read_dir(workspace.root.join(DECISIONS)).into_iter().flatten().flatten();
    let mut decisions: Vec<PathBuf> =
        decisions.map(|entry| Path::new(DECISIONS).join(entry.file_name())).collect();
    decisions.sort();
    [MAP, ARCHITECTURE].into_iter().map(PathBuf::from).chain(decisions).collect()
}

/// Returns how many paths a page names, and a problem for each that leads nowhere.
fn judge(page: &Path, text: &str, names: &Names<'_>) -> (usize, Vec<String>) {
    let (mut count, mut problems, mut in_code) = (0, Vec::new(), false);
    for (line, number) in text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Between the first and the second backtick, between the third and the fourth, and so on.
        for span in line.split('`').skip(1).step_by(2).filter(|span| is_path(span, names)) {
            count += 1;
            if !places(page, span, names).iter().any(|path| (names.exists)(path)) {
                problems.push(format!("{}:{number}: there is no `{span}`", page.display()));
            }
        }
    }
    (count, problems)
}

fn is_path(span: &str, names: &Names<'_>) -> bool {
    let fits = |char: char| char.is_ascii_alphanumeric() || "_-./".contains(char);
    if span.starts_with('/') || !span.chars().all(fits) {
        return false;
    }
    let top = span.split_once('/').map(|(top, _)| top);
    ENDINGS.iter().any(|ending| span.ends_with(ending))
        || top.is_some_and(|top| TOPS.contains(&top) || names.packages.contains(top))
}

/// Returns the places to which a path of this page may lead.
fn places(page: &Path, path: &str, names: &Names<'_>) -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from(path)];
    places.extend(page.parent().map(|folder| folder.join(path)));
    if page != Path::new(MAP) {
        places.push(Path::new("crates").join(path));
        let sources = names.packages.iter().map(|name| Path::new("crates").join(name).join("src"));
        places.extend(sources.map(|source| source.join(path)));
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &[&str] = &[
        "crates/ms-a/src/run/turn.rs",
        "crates/ms-a/src/run",
        "docs/adr/0001-a.md",
        "clippy.toml",
    ];

    fn of(page: &str, text: &str) -> (usize, Vec<String>) {
        let exists = |path: &Path| FILES.iter().any(|file| Path::new(file) == path);
        let names = Names { packages: BTreeSet::from(["ms-a"]), exists: &exists };
        judge(Path::new(page), text, &names)
    }

    #[test]
    fn a_path_that_leads_nowhere_is_a_problem() {
        let row = "| a | `crates/ms-a/src/run/turn.rs` | then `crates/ms-a/src/run/gone.rs` |";
        let problem = "docs/map.md:2: there is no `crates/ms-a/src/run/gone.rs`";
        assert_eq!(of(MAP, &format!("# Map\n{row}\n")), (2, vec![problem.to_owned()]));
        assert_eq!(of(MAP, "a folder `crates/ms-a/src/gone`").1.len(), 1);
    }

    #[test]
    fn the_map_has_paths_from_the_root_and_other_pages_may_be_shorter() {
        for short in ["`run/turn.rs`", "`ms-a/src/run`"] {
            assert_eq!(of(ARCHITECTURE, short), (1, Vec::new()), "{short}");
            assert_eq!(of(MAP, short).1.len(), 1, "{short}");
        }
        for page in [MAP, ARCHITECTURE] {
            assert_eq!(of(page, "[`adr/0001-a.md`](adr/0001-a.md)"), (1, Vec::new()), "{page}");
        }
        assert_eq!(of("docs/adr/0002-b.md", "`0001-a.md`, `clippy.toml`"), (2, Vec::new()));
        assert_eq!(of(ARCHITECTURE, "`walk/turn.rs`").1.len(), 1);
    }

    #[test]
    fn what_is_no_path_is_left_alone() {
        for text in ["`/api/v1/gone`", "`a or b.rs`", "`logic/`", "gone.rs", "`x::y`", "`*.rs`"] {
            assert_eq!(of(MAP, text), (0, Vec::new()), "{text}");
        }
        assert_eq!(of(MAP, "```\n`crates/gone.rs`\n```\n").0, 0);
    }
}
