//! Checks docs/faults.md, the table of bad input at every entrance: no row is missing, and each names
//! its tests.
//!
//! A row is `| id | input | expected | tests | verdict |`. A test is named as `package`: `name`, both in
//! backticks. An ignored test does not count.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::Outcome;
use crate::sources::{self, Test};
use crate::workspace::Workspace;

const PAGE: &str = "docs/faults.md";
/// The numbers of doors and rules. No row may get lost.
const DOORS: u32 = 18;
const RULES: u32 = 5;
/// The number of standstills.
const STANDSTILLS: u32 = 8;
/// The numbered faults that concern what is built.
const FAULTS: [std::ops::RangeInclusive<u32>; 3] = [1..=12, 41..=53, 57..=60];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    match workspace.read(PAGE) {
        Some(page) => judge(&page, &sources::tests(workspace)),
        None => Outcome::problem(format!("there is no {PAGE}")),
    }
}

fn judge(page: &str, tests: &[Test]) -> Outcome {
    let known: BTreeSet<(String, &str)> =
        tests.iter().map(|test| (test.package(), test.name.as_str())).collect();
    let mut outcome = Outcome::default();
    let mut verdicts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for row in page.lines().filter_map(Row::parse) {
        let Row { id, tests, verdict } = row;
        if !seen.insert(id.to_owned()) {
            outcome.problems.push(format!("{id} stands twice in {PAGE}"));
        }
        match row.kind() {
            Some(kind) => *verdicts.entry(kind).or_default() += 1,
            None => outcome.problems.push(format!(
                "{id} is `{verdict}`: want `done`, `partial: what is missing` or `n/a: why`"
            )),
        }
        match named(tests) {
            None => outcome.problems.push(format!("{id}: want `package`: `test`, not {tests}")),
            Some(named) => {
                if named.is_empty() && verdict == "done" {
                    outcome.problems.push(format!("{id} is called done, and names no test"));
                }
                let gone = named
                    .iter()
                    .filter(|(package, name)| !known.contains(&((*package).to_owned(), *name)));
                outcome.problems.extend(
                    gone.map(|(package, name)| format!("{id}: {package} has no test {name}")),
                );
            }
        }
    }
    let wanted = wanted();
    let lost = wanted.iter().filter(|id| !seen.contains(*id));
    outcome.problems.extend(lost.map(|id| format!("{PAGE} has no row {id}")));
    // There may be any number of faults that were found by running the system.
    let found = |id: &str| id.strip_prefix('F').is_some_and(|number| number.parse::<u32>().is_ok());
    let odd = seen.iter().filter(|id| !wanted.contains(*id) && !found(id));
    outcome.problems.extend(odd.map(|id| format!("{PAGE} has a row {id}, which nobody asked for")));
    let counts: Vec<String> =
        verdicts.iter().map(|(verdict, count)| format!("{count} {verdict}")).collect();
    outcome.notes.push(format!("{} rows: {}", seen.len(), counts.join(", ")));
    outcome
}

fn wanted() -> BTreeSet<String> {
    let doors = (1..=DOORS).map(|n| format!("D{n}"));
    let rules = (1..=RULES).map(|n| format!("R{n}"));
    let faults = FAULTS.into_iter().flatten().map(|n| n.to_string());
    let standstills = (1..=STANDSTILLS).map(|n| format!("W{n}"));
    doors.chain(rules).chain(standstills).chain(faults).collect()
}

#[derive(Clone, Copy)]
struct Row<'a> {
    id: &'a str,
    tests: &'a str,
    verdict: &'a str,
}

impl<'a> Row<'a> {
    /// Parses a row of the table. Returns `None` for the head and for other lines.
    fn parse(line: &'a str) -> Option<Self> {
        let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let cells: Vec<&str> = cells.split(" | ").map(str::trim).collect();
        let [id, .., tests, verdict] = cells[..] else { return None };
        (id != "id").then_some(Self { id, tests, verdict })
    }

    /// Returns the verdict without its reason; `None` if it is malformed.
    fn kind(self) -> Option<&'static str> {
        let why = |kind| {
            let rest: &str = self.verdict.strip_prefix(kind)?;
            rest.strip_prefix(": ").filter(|why| !why.is_empty())
        };
        match self.verdict {
            "done" => Some("done"),
            _ if why("partial").is_some() => Some("partial"),
            _ if why("n/a").is_some() => Some("n/a"),
            _ => None,
        }
    }
}

/// Parses `` `ms-a`: `x`, `ms-b`: `y` `` as pairs. Returns `None` if it is malformed.
fn named(cell: &str) -> Option<Vec<(&str, &str)>> {
    let inner = |text: &'_ str| -> Option<std::ops::Range<usize>> {
        let rest = text.strip_prefix('`')?.strip_suffix('`')?;
        (!rest.is_empty() && !rest.contains('`')).then(|| 1..text.len() - 1)
    };
    if cell.is_empty() {
        return Some(Vec::new());
    }
    cell.split(", ")
        .map(|one| {
            let (package, name) = one.split_once(": ")?;
            Some((&package[inner(package)?], &name[inner(name)?]))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str) -> Test {
        Test { file: "crates/ms-a/src/lib.rs".into(), name: name.to_owned(), doc: String::new() }
    }

    /// Returns the problems of one row, without those about missing rows.
    fn problems(row: &str) -> Vec<String> {
        let mut problems = judge(row, &[test("x")]).problems;
        problems.retain(|problem| !problem.contains("has no row"));
        problems
    }

    #[test]
    fn a_row_that_names_a_test_that_is_not_there_fails() {
        assert!(problems("| 1 | a | b | `ms-a`: `x` | done |").is_empty());
        assert_eq!(
            problems("| 1 | a | b | `ms-a`: `x`, `ms-a`: `y` | done |"),
            ["1: ms-a has no test y"]
        );
        assert_eq!(problems("| 1 | a | b | `ms-b`: `x` | done |"), ["1: ms-b has no test x"]);
        assert_eq!(problems("| 1 | a | b | x | done |").len(), 1);
    }

    #[test]
    fn done_wants_a_test_and_everything_else_a_reason() {
        assert_eq!(problems("| 1 | a | b |  | done |"), ["1 is called done, and names no test"]);
        assert!(problems("| 1 | a | b |  | n/a: not built |").is_empty());
        for bad in ["n/a", "n/a: ", "partial", "nearly", "done: yes"] {
            assert_eq!(problems(&format!("| 1 | a | b |  | {bad} |")).len(), 1, "{bad}");
        }
    }

    #[test]
    fn no_row_is_lost_doubled_or_made_up() {
        let lost = judge("", &[]).problems;
        assert_eq!(lost.len(), (DOORS + RULES + STANDSTILLS) as usize + 29);
        let row = "| 13 | a | b |  | n/a: x |";
        assert_eq!(problems(row), ["docs/faults.md has a row 13, which nobody asked for"]);
        let twice = format!("{0}\n{0}", "| 1 | a | b |  | n/a: x |");
        assert_eq!(problems(&twice), ["1 stands twice in docs/faults.md"]);
    }
}
