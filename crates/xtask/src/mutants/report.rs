//! The table of results, and the check that the document has the right rows.

use std::path::Path;

use crate::workspace::Error;

use super::Results;
use super::file::Mutant;
use super::trial::Verdict;

pub(crate) const DOCUMENT: &str = "docs/mutants.md";

/// Most tests that a row names. The others are counted.
const NAMED: usize = 3;

const HEAD: &str = "\
# Mutants

Written by `cargo xtask mutants`; do not edit. Each row breaks one line on purpose
(`crates/xtask/mutants`), in a copy of the tree: of the supervision policy, of the supervisor and
the kernel that carry it out, of tasks and their store, the bus, the router, the runtime, the way
in over HTTP and the configuration. The tests it names must notice: a mutant that survives is a
hole in them. It counts as caught when it was built and a test failed, and failed again when it
was run again; a test that does not end has noticed it, too, and is marked so.
`model` is the exhaustive search of `ms-model`, `kernel` that of `ms-actor` under loom;
`policy` and `supervisor` are those crates' tests (`policy` replays the golden traces of OTP on
the policy alone), `conformance` replays them on real supervisors. A name such as `ms-bus` stands
for the tests of that crate, which stop at the first that fails.
";

/// The head of the table.
const TABLE: &str = "| mutant | what it breaks | caught by |\n|---|---|---|\n";

/// Returns the rows, for the terminal and the document.
pub(crate) fn table(results: &Results<'_>) -> String {
    let head = TABLE.to_owned();
    let rows =
        results.iter().map(|(mutant, verdict)| format!("{}{} |\n", row(mutant), caught(verdict)));
    std::iter::once(head).chain(rows).collect()
}

/// Returns the part of a row that is known without a trial.
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

/// Writes the document: the rows of these trials, and the present rows of other mutants.
pub(crate) fn write(root: &Path, all: &[Mutant], results: &Results<'_>) -> Result<(), Error> {
    let path = root.join(DOCUMENT);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let text = document(&before, all, results);
    std::fs::write(path, text).map_err(Error::from_io)
}

fn document(before: &str, all: &[Mutant], results: &Results<'_>) -> String {
    let fresh = table(results);
    let rows: Vec<&str> = all
        .iter()
        .filter_map(|mutant| {
            let known = fresh.lines().chain(before.lines());
            known.into_iter().find(|line| line.starts_with(&row(mutant)))
        })
        .collect();
    let caught = rows.iter().filter(|row| !row.contains("**")).count();
    let (head, rows, all) = (TABLE, rows.join("\n"), rows.len());
    format!("{HEAD}\n{head}{rows}\n\n{caught} of {all} mutants are caught.\n")
}

/// Returns a problem for each mutant without a row, row without a mutant, and mutant that survived.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(name: &str) -> Mutant {
        let text = "what: wrong\nsuites: policy\nfile: a\n<<<<\n1\n====\n2\n>>>>\n";
        Mutant::parse(name, text).unwrap()
    }

    #[test]
    fn a_trial_of_some_mutants_keeps_the_rows_of_the_others() {
        let all = [mutant("a"), mutant("b")];
        let both =
            [(&all[0], Verdict::Survived), (&all[1], Verdict::Caught(vec!["policy: t".into()]))];
        let before = document("", &all, &both);
        assert!(before.ends_with("1 of 2 mutants are caught.\n"));
        assert_eq!(differences(&before, &all).len(), 1, "one survived");
        let after =
            document(&before, &all, &[(&all[0], Verdict::Caught(vec!["policy: u".into()]))]);
        assert!(after.contains("| b | wrong | `policy: t` |"));
        assert!(differences(&after, &all).is_empty());
        assert_eq!(differences(&after, &all[..1]).len(), 1, "a row of no mutant");
    }
}
