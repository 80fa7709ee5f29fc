//! `cargo xtask conformance`: compares us with Erlang/OTP.
//!
//! `--live` plays random scenarios on the Erlang of this machine and on us; the work is done by
//! the program `ms-conformance`. `--table` writes `docs/otp-conformance.md` from two things: the
//! list of OTP's own test cases (`crates/ms-conformance/otp-cases.txt`) and the markers on our
//! tests, doc comments of the form `OTP: sys_SUITE:suspend`. The check fails if the page is
//! stale, if a case to be ported has no test, or if a marker names no case.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::End;
use crate::fresh::Fresh;
use crate::outcome::Outcome;
use crate::sources::{self, Test};
use crate::workspace::{Error, Workspace, show};

const CASES: &str = "crates/ms-conformance/otp-cases.txt";
const PAGE: &str = "docs/otp-conformance.md";
/// The exit code of `ms-conformance live` without Erlang.
const NO_ERLANG: i32 = 3;
/// Scenarios of the live run that is part of `cargo xtask test`. They take a few seconds.
const QUICK_LIVE: &str = "150";

const USAGE: &str = "conformance wants --live N [--seed S], or --table";

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["--table"] => write_page(workspace),
        ["--live", count] => {
            let fresh = Fresh::of(workspace)?;
            println!("{}", fresh.line());
            live(workspace, count, &fresh.seed.to_string())
        }
        ["--live", count, "--seed", seed] | ["--seed", seed, "--live", count] => {
            live(workspace, count, seed)
        }
        _ => Ok(End::Usage(USAGE.to_owned())),
    }
}

fn live(workspace: &Workspace, count: &str, seed: &str) -> Result<End, Error> {
    if count.parse::<u64>().is_err() || seed.parse::<u64>().is_err() {
        return Ok(End::Usage(format!("{USAGE}; N and S are numbers")));
    }
    match live_status(workspace, count, seed) {
        Ok(Some(0)) => Ok(End::Ok),
        // The program has said what is missing.
        Ok(Some(NO_ERLANG)) => Ok(End::Unavailable),
        Ok(_) => Ok(End::Failed),
        Err(error) => Err(error),
    }
}

fn live_status(workspace: &Workspace, count: &str, seed: &str) -> Result<Option<i32>, Error> {
    let mut run = workspace.cargo(&["run", "--quiet", "--package", "ms-conformance"]);
    run.args(["--", "live", count, seed]);
    run.status().map(|status| status.code()).map_err(|error| Error::new(format!("cargo: {error}")))
}

/// Does the live run of `cargo xtask test`.
pub(crate) fn quick_live(workspace: &Workspace, fresh: &Fresh) -> Outcome {
    let there = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path)
            .any(|folder| folder.join("erl").is_file() && folder.join("escript").is_file())
    });
    if !there {
        return Outcome::problem(
            "not run: there is no `erl` with `escript` on PATH to compare with; \
             as root: apt-get install erlang-base",
        );
    }
    let seed = fresh.seed.to_string();
    let words = ["run", "--quiet", "-p", "ms-conformance", "--", "live", QUICK_LIVE, seed.as_str()];
    show(workspace.cargo(&words))
}

fn write_page(workspace: &Workspace) -> Result<End, Error> {
    let table = match Table::load(workspace) {
        Ok(table) => table,
        Err(problem) => return Err(Error::new(problem)),
    };
    let path = workspace.root.join(PAGE);
    std::fs::write(&path, table.page())
        .map_err(|error| Error::new(format!("{}: {error}", path.display())))?;
    for problem in table.problems() {
        println!("  ! {problem}");
    }
    println!("{PAGE}: {}", table.counts());
    Ok(if table.problems().is_empty() { End::Ok } else { End::Failed })
}

/// Runs the step of `cargo xtask check`.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let table = match Table::load(workspace) {
        Ok(table) => table,
        Err(problem) => return Outcome::problem(problem),
    };
    let mut outcome = Outcome { notes: vec![table.counts()], problems: table.problems() };
    if workspace.read(PAGE).as_deref() != Some(table.page().as_str()) {
        outcome
            .problems
            .push(format!("{PAGE} is not up to date: run `cargo xtask conformance --table`"));
    }
    outcome
}

/// A line of the list of cases.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Suite { name: String, about: String },
    Case(Case),
    Departure { tag: String, about: String },
}

#[derive(Debug, PartialEq, Eq)]
struct Case {
    suite: String,
    name: String,
    verdict: Verdict,
    about: String,
}

/// Our answer to a case of OTP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// We assert the same.
    Same,
    /// We assert something else, for a reason.
    Departs,
    /// We have nothing that the case could be about.
    NotApplicable,
}

impl Verdict {
    fn of(word: &str) -> Option<Self> {
        match word {
            "same" => Some(Self::Same),
            "departs" => Some(Self::Departs),
            "n/a" => Some(Self::NotApplicable),
            _ => None,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Departs => "departs",
            Self::NotApplicable => "n/a",
        }
    }
}

/// Reads the list: `# comment`, `suite NAME: about`, `same|departs|n/a CASE: about`,
/// `departure TAG: about`.
fn parse(text: &str) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    let mut suite = String::new();
    let wanted = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (at, line) in wanted.filter(|(_, line)| !line.starts_with('#')) {
        let wrong = || format!("{CASES}:{}: not a line of the list: {line}", at + 1);
        let (head, about) = line.split_once(": ").ok_or_else(wrong)?;
        let (word, name) = head.split_once(' ').ok_or_else(wrong)?;
        let (name, about) = (name.to_owned(), about.to_owned());
        lines.push(match word {
            "suite" => {
                suite.clone_from(&name);
                Line::Suite { name, about }
            }
            "departure" => Line::Departure { tag: name, about },
            word => {
                let verdict = Verdict::of(word).ok_or_else(wrong)?;
                Line::Case(Case { suite: suite.clone(), name, verdict, about })
            }
        });
    }
    Ok(lines)
}

/// The cases, and our tests by the case that they name.
struct Table {
    lines: Vec<Line>,
    /// The tests of each `suite:case`, as `file::name`.
    tests: BTreeMap<String, Vec<String>>,
}

impl Table {
    fn load(workspace: &Workspace) -> Result<Self, String> {
        let text = workspace.read(CASES).ok_or_else(|| format!("there is no {CASES}"))?;
        Ok(Self { lines: parse(&text)?, tests: by_case(&sources::tests(workspace)) })
    }

    fn cases(&self) -> impl Iterator<Item = &Case> {
        self.lines.iter().filter_map(|line| match line {
            Line::Case(case) => Some(case),
            _ => None,
        })
    }

    fn tests_of(&self, case: &Case) -> &[String] {
        self.tests.get(&format!("{}:{}", case.suite, case.name)).map_or(&[], Vec::as_slice)
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for case in self.cases() {
            let tests = self.tests_of(case);
            let id = format!("{}:{}", case.suite, case.name);
            match case.verdict {
                Verdict::NotApplicable if !tests.is_empty() => {
                    problems.push(format!("{id} is n/a, yet {} names it", tests[0]));
                }
                Verdict::Same | Verdict::Departs if tests.is_empty() => {
                    problems.push(format!("{id} has no test: mark one with `/// OTP: {id}`"));
                }
                _ => {}
            }
        }
        let known = |marker: &str| {
            self.cases().any(|case| marker == format!("{}:{}", case.suite, case.name))
        };
        for (marker, tests) in self.tests.iter().filter(|(marker, _)| !known(marker)) {
            problems.push(format!("{} names {marker}, which {CASES} has not", tests[0]));
        }
        problems
    }

    fn counts(&self) -> String {
        let count = |verdict| self.cases().filter(|case| case.verdict == verdict).count();
        let tests: std::collections::BTreeSet<&String> = self.tests.values().flatten().collect();
        format!(
            "{} cases of OTP's: {} the same, {} departed from, {} not applicable; {} tests",
            self.cases().count(),
            count(Verdict::Same),
            count(Verdict::Departs),
            count(Verdict::NotApplicable),
            tests.len()
        )
    }

    fn page(&self) -> String {
        let mut page = String::from(
            "# Conformance with Erlang/OTP, case by case\n\n\
             Generated by `cargo xtask conformance --table` from `crates/ms-conformance/otp-cases.txt`\n\
             and the `OTP:` markers on our tests; `cargo xtask check conformance` fails when it is not\n\
             up to date. What is compared with recorded and live traces of the real thing is not\n\
             repeated here: `tests/golden-otp`, `tests/golden-otp-edge`, `cargo xtask conformance --live N`.\n\n\
             Verdicts: *same*, our test asserts what OTP's does; *departs*, it asserts something\n\
             else, for the reason given; *n/a*, there is nothing here that it could be about.\n\n",
        );
        // Writing to a string cannot fail.
        let _ = writeln!(page, "{}.", self.counts());
        let mut departures = false;
        for line in &self.lines {
            let _ = match line {
                Line::Suite { name, about } => writeln!(
                    page,
                    "\n## {name}\n\n{about}\n\n| case | about | verdict | tests |\n|---|---|---|---|"
                ),
                Line::Case(case) => writeln!(
                    page,
                    "| `{}` | {} | {} | {} |",
                    case.name,
                    case.about,
                    case.verdict.text(),
                    self.tests_of(case).join("<br>")
                ),
                Line::Departure { tag, about } => {
                    if !std::mem::replace(&mut departures, true) {
                        page.push_str("\n## Decisions on OTP's quirks\n\n");
                    }
                    writeln!(page, "- **{tag}**: {about}")
                }
            };
        }
        page
    }
}

/// Returns the tests by the case that their doc comment names: `OTP: sys_SUITE:suspend, ...`.
fn by_case(tests: &[Test]) -> BTreeMap<String, Vec<String>> {
    let mut by_case: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for test in tests {
        let place = format!("[{}](../{})", test.name, test.file.display());
        for list in test.doc.lines().filter_map(|line| line.strip_prefix("OTP: ")) {
            for marker in list.trim_end_matches('.').split(',') {
                by_case.entry(marker.trim().to_owned()).or_default().push(place.clone());
            }
        }
    }
    by_case
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(list: &str, tests: &[(&str, &str)]) -> Table {
        let mut by_case: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (case, test) in tests {
            by_case.entry((*case).to_owned()).or_default().push((*test).to_owned());
        }
        Table { lines: parse(list).expect("a list"), tests: by_case }
    }

    const LIST: &str = "# OTP\nsuite s: about it\nsame a: first\nn/a b: no code upgrade\n\
                        departs c: ours is other\ndeparture Q9: because\n";

    #[test]
    fn a_case_wants_a_test_unless_it_is_not_applicable() {
        let problems = table(LIST, &[("s:a", "t1")]).problems();
        assert_eq!(problems, ["s:c has no test: mark one with `/// OTP: s:c`"]);
        let problems = table(LIST, &[("s:a", "t"), ("s:c", "t"), ("s:b", "t2")]).problems();
        assert_eq!(problems, ["s:b is n/a, yet t2 names it"]);
    }

    #[test]
    fn a_marker_names_a_case() {
        let problems = table(LIST, &[("s:a", "t"), ("s:c", "t"), ("s:x", "t3")]).problems();
        assert_eq!(problems, [format!("t3 names s:x, which {CASES} has not")]);
    }

    #[test]
    fn the_page_has_a_row_for_each_case() {
        let page = table(LIST, &[("s:a", "t1"), ("s:a", "t2"), ("s:c", "t1")]).page();
        assert!(page.contains("3 cases of OTP's: 1 the same, 1 departed from, 1 not applicable"));
        assert!(page.contains("| `a` | first | same | t1<br>t2 |"), "{page}");
        assert!(page.contains("- **Q9**: because"), "{page}");
    }

    #[test]
    fn what_is_no_line_of_the_list_is_named() {
        assert!(parse("same a first\n").expect_err("no colon").contains(":1: not a line"));
        assert!(parse("perhaps a: b\n").is_err());
    }
}
