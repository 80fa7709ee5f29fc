//! Public items that no program uses, of the crates that programs are composed of.
//!
//! A type that no program reaches is covered by its own tests, and by nothing that a user runs. An item
//! is used if another crate names it, outside of tests, or an example does. A `pub use` is not a use.

use std::collections::{BTreeMap, BTreeSet};

use super::functions::Source;
use super::read;
use crate::lex::{places, words};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// The reviewed list: PACKAGE, ITEM, REASON.
const LIST: &str = "crates/xtask/unused.tsv";

/// The crates that programs are composed of.
const PARTS: &[&str] =
    &["ms-router", "ms-resilience", "ms-snapshot", "ms-registry", "ms-bus", "ms-runtime"];
/// Crates for tests and measurements. A use in them does not count.
const NO_PROGRAMS: &[&str] = &["ms-testkit", "ms-bench", "ms-conformance", "ms-model", "xtask"];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let sources = read(workspace, &["crates", "examples"]);
    match reasons(&workspace.read(LIST).unwrap_or_default()) {
        Ok(reasons) => judge(&sources, &reasons),
        Err(problem) => Outcome::problem(format!("{LIST}: {problem}")),
    }
}

fn reasons(list: &str) -> Result<BTreeSet<(&str, &str)>, String> {
    let lines = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(reason).collect()
}

fn reason(line: &str) -> Result<(&str, &str), String> {
    match line.split('\t').collect::<Vec<_>>()[..] {
        [package, item, reason] if reason.split(' ').count() >= 4 => Ok((package, item)),
        _ => Err(format!("want PACKAGE, ITEM and a sentence, with tabs between: {line}")),
    }
}

fn judge(sources: &[Source], reasons: &BTreeSet<(&str, &str)>) -> Outcome {
    let used = used(sources);
    let mut outcome = Outcome::default();
    let (mut items, mut permitted) = (0, 0);
    for source in sources.iter().filter(|source| is_face(source)) {
        let package = source.package();
        for item in exported(&source.code) {
            items += 1;
            let users =
                used.get(item).map_or(0, |all| all.iter().filter(|one| **one != package).count());
            match (users, reasons.contains(&(package, item))) {
                (0, false) => outcome.problems.push(format!(
                    "{package}: no program uses {item}: compose it into one, remove it, or say why in {LIST}"
                )),
                (0, true) => permitted += 1,
                // A note and not a problem, as it is an improvement.
                (_, true) => outcome.notes.push(format!("{package}: {item} is used now: remove it from {LIST}")),
                (_, false) => {}
            }
        }
    }
    outcome.notes.push(format!("{items} public items, {permitted} of them used by no program"));
    outcome
}

/// Says whether a file is the `lib.rs` of one of these crates.
fn is_face(source: &Source) -> bool {
    PARTS.iter().any(|part| source.path.ends_with(format!("crates/{part}/src/lib.rs")))
}

/// Returns the words of all programs, each with the packages that have it.
fn used(sources: &[Source]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut used: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for source in sources {
        let package = source.package();
        let is_program = !NO_PROGRAMS.contains(&package)
            && !source.path.iter().any(|part| part == "tests" || part == "benches");
        if !is_program {
            continue;
        }
        let code = &source.code[..source.tests_from()];
        for (at, word) in words(code) {
            if !is_passed_on(code, at) {
                used.entry(word).or_default().insert(package);
            }
        }
    }
    used
}

/// Says whether a word is in a `pub use`.
fn is_passed_on(code: &str, at: usize) -> bool {
    let before = &code[..at];
    let start = before.rfind(';').map_or(0, |end| end + 1);
    let statement = &before[start..];
    statement.rfind("pub use ").is_some_and(|at| !statement[at..].contains(['(', ')']))
}

/// Returns the names that the `lib.rs` of a crate makes public.
fn exported(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for at in places(code, "pub use ") {
        let list = code[at + "pub use ".len()..].split(';').next().unwrap_or_default();
        let leaves = list.split([',', '{', '}']).map(str::trim).filter(|leaf| !leaf.is_empty());
        // A path before a brace ends with colons.
        let leaves = leaves.filter(|leaf| !leaf.ends_with("::") && !leaf.ends_with('*'));
        names.extend(leaves.filter_map(|leaf| leaf.rsplit([' ', ':']).next()));
    }
    for kind in ["struct", "enum", "trait", "fn", "const", "static", "type", "macro"] {
        for at in places(code, kind) {
            if code[..at].trim_end().ends_with("pub") {
                names.extend(words(&code[at + kind.len()..]).next().map(|(_, word)| word));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn problems(program: &str, list: &str) -> Vec<String> {
        let source = |path: &str, text: &str| Source::new(Path::new(path), text.to_owned());
        let face =
            "mod a;\npub use a::{Alpha, b::Beta};\npub use c::Gamma as Delta;\npub fn run() {}";
        let sources = [
            source("crates/ms-router/src/lib.rs", face),
            source(
                "crates/ms-framework/src/lib.rs",
                "pub use ms_router::{Alpha, Beta, Delta, run};",
            ),
            source("crates/ms-router/src/a.rs", "Alpha Beta Delta run"),
            source("crates/ms-a/tests/it/x.rs", "Alpha Beta Delta run"),
            source("crates/ms-server/src/main.rs", program),
        ];
        judge(&sources, &reasons(list).expect("a good list")).problems
    }

    #[test]
    fn a_public_item_that_no_program_names_is_found() {
        let found = problems("use ms_router::Alpha; fn main() { Beta::new(); }", "");
        let named = |item: &str| found.iter().any(|line| line.contains(&format!("uses {item}:")));
        assert!(named("Delta") && named("run") && found.len() == 2, "{found:?}");
        let all = "use ms_router::{Alpha, Beta, Delta}; fn main() { run(); }";
        assert!(problems(all, "").is_empty());
        let in_tests = "#[cfg(test)] mod tests { use ms_router::{Alpha, Beta, Delta, run}; }";
        assert_eq!(problems(in_tests, "").len(), 4);
        let listed =
            "ms-router\tDelta\tan error that callers match\nms-router\trun\tthe way in for users";
        assert!(problems("Alpha Beta", listed).is_empty());
        assert!(reasons("ms-router\tDelta\tbecause").is_err());
    }
}
