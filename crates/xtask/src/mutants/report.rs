//! What came out, as a table; and whether the document still has the right rows.

use std::path::Path;

use crate::workspace::Error;

use super::Results;
use super::file::Mutant;
use super::trial::Verdict;

pub(crate) const DOCUMENT: &str = "docs/mutants.md";

/// Tests named in a row; the others are counted.
const NAMED: usize = 3;

const HEAD: &str = "\
# Mutants

Written by `cargo xtask mutants`; do not edit. Each row breaks the supervision policy, or
the supervisor and the kernel that carry it out, on purpose (`crates/xtask/mutants`), in a copy of the
tree. Its suites must notice: a mutant that survives is a hole in the tests.
`model` is the exhaustive search of `ms-model`, `kernel` that of `ms-actor` under loom;
`core` and `supervisor` are those crates' tests (`core` replays the golden traces of OTP on
the policy alone), `conformance` replays them on real supervisors.
";

/// The rows, for the terminal and the document.
pub(crate) fn table(results: &Results<'_>) -> String {
    let head = "| mutant | what it breaks | caught by |\n|---|---|---|\n".to_owned();
    let rows =
        results.iter().map(|(mutant, verdict)| format!("{}{} |\n", row(mutant), caught(verdict)));
    std::iter::once(head).chain(rows).collect()
}

/// The part of a row that is known without a trial.
fn row(mutant: &Mutant) -> String {
    format!("| {} | {} | ", mutant.name, mutant.what)
}

fn caught(verdict: &Verdict) -> String {
    let Verdict::Caught(tests) = verdict else { return format!("**{}**", verdict.in_short()) };
    // One of each suite first, so that a long list does not hide a suite.
    let suite = |test: &String| test.split(':').next().unwrap_or_default().to_owned();
    let mut named: Vec<&String> = Vec::new();
    for test in tests {
        if named.iter().all(|known| suite(known) != suite(test)) {
            named.push(test);
        }
    }
    let others: Vec<&String> = tests.iter().filter(|test| !named.contains(test)).collect();
    let room = NAMED.saturating_sub(named.len());
    named.extend(others.iter().take(room));
    let left = tests.len() - named.len();
    let mut list = named.iter().map(|test| format!("`{test}`")).collect::<Vec<_>>().join(", ");
    if left > 0 {
        list.push_str(&format!(" and {left} more"));
    }
    list
}

pub(crate) fn write(root: &Path, results: &Results<'_>) -> Result<(), Error> {
    let caught = results.iter().filter(|(_, verdict)| verdict.is_caught()).count();
    let foot = format!("{caught} of {} mutants are caught.\n", results.len());
    let text = format!("{HEAD}\n{}\n{foot}", table(results));
    std::fs::write(root.join(DOCUMENT), text).map_err(Error::from_io)
}

/// Mutants without a row, rows without a mutant, and mutants that survived.
pub(crate) fn differences(document: &str, all: &[Mutant]) -> Vec<String> {
    let rows: Vec<&str> = document.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let known = |line: &&&str| all.iter().any(|mutant| line.starts_with(&row(mutant)));
    let mut problems = Vec::new();
    for mutant in all {
        if !rows.iter().any(|line| line.starts_with(&row(mutant))) {
            problems.push(format!(
                "{DOCUMENT} has no row for {}: run `cargo xtask mutants`",
                mutant.name
            ));
        }
    }
    for line in rows.iter().filter(|line| !known(line)) {
        problems.push(format!("{DOCUMENT} has a row of no mutant: {line}"));
    }
    for line in rows.iter().filter(|line| line.contains("**")) {
        problems.push(format!("{DOCUMENT} has a mutant that is not caught: {line}"));
    }
    problems
}
