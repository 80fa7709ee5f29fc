//! The requirement table: what was asked for, the tests that prove it, and its state.
//!
//! `requirements.tsv` beside this crate's manifest has what a person decides: id, state, text, note.
//! The tests of a row are found by their citations: a doc comment or a name that cites the id
//! (`/// S6.3-02`, `fn s6_3_02_...`). `cargo xtask requirements` writes `docs/requirements.md` from
//! both; the check step fails if that page is stale, if a row is called done without a test, and if a
//! test cites a row that does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::End;
use crate::outcome::Outcome;
use crate::sources::{self, Test};
use crate::workspace::{Error, Workspace};

const TABLE: &str = "crates/xtask/requirements.tsv";
const PAGE: &str = "docs/requirements.md";
/// The number of rows in the table. None may get lost.
const ROWS: usize = 311;
/// Most tests that a row of the page names. The others are counted.
const NAMED: usize = 3;

/// Runs `cargo xtask requirements`: writes the page.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    if let Some(unknown) = args.first() {
        return Ok(End::Usage(format!("requirements does not know `{unknown}`")));
    }
    match page(workspace) {
        Ok(page) => {
            workspace.write(PAGE, &page.text)?;
            println!("{PAGE}: {}", page.summary);
            Ok(End::Ok)
        }
        Err(problems) => {
            problems.iter().for_each(|problem| println!("  ! {problem}"));
            Ok(End::Failed)
        }
    }
}

/// Runs the step of `cargo xtask check`.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    match page(workspace) {
        Err(problems) => Outcome { notes: Vec::new(), problems },
        Ok(page) if workspace.read(PAGE).as_ref() == Some(&page.text) => {
            Outcome::note(page.summary)
        }
        Ok(_) => Outcome::problem(format!("{PAGE} is stale: run `cargo xtask requirements`")),
    }
}

struct Page {
    text: String,
    summary: String,
}

fn page(workspace: &Workspace) -> Result<Page, Vec<String>> {
    let table = workspace.read(TABLE).ok_or_else(|| vec![format!("there is no {TABLE}")])?;
    judge(&table, &sources::tests(workspace))
}

fn judge(table: &str, tests: &[Test]) -> Result<Page, Vec<String>> {
    let rows: Vec<Row<'_>> = table.lines().filter_map(Row::parse).collect();
    let cited = citations(tests);
    let problems = problems(table, &rows, &cited);
    match problems.is_empty() {
        true => Ok(render(&rows, &cited)),
        false => Err(problems),
    }
}

/// One line of the table.
struct Row<'a> {
    id: &'a str,
    state: &'a str,
    what: &'a str,
    note: &'a str,
}

const STATES: [&str; 3] = ["done", "partial", "open"];

impl<'a> Row<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut cells = line.split('\t');
        let row = Self {
            id: cells.next()?,
            state: cells.next()?,
            what: cells.next()?,
            note: cells.next()?,
        };
        cells.next().is_none().then_some(row)
    }
}

fn problems(table: &str, rows: &[Row<'_>], cited: &BTreeMap<String, Vec<&Test>>) -> Vec<String> {
    let mut problems = Vec::new();
    if rows.len() != table.lines().count() || rows.len() != ROWS {
        problems.push(format!("{TABLE} has {} rows of four cells, not {ROWS}", rows.len()));
    }
    let mut known = BTreeSet::new();
    for row in rows {
        let Row { id, state, .. } = row;
        if !known.insert(*id) {
            problems.push(format!("{id} stands twice"));
        }
        if !STATES.contains(state) {
            problems.push(format!("{id} is `{state}`, which is none of {}", STATES.join(", ")));
        }
        if *state == "done" && !cited.contains_key(*id) {
            problems.push(format!("{id} is called done, and no test cites it"));
        }
        if *state == "partial" && row.note.is_empty() {
            problems.push(format!("{id} is called partial without saying what is missing"));
        }
    }
    for (id, tests) in cited.iter().filter(|(id, _)| !known.contains(id.as_str())) {
        let by: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        problems.push(format!("there is no row {id}, cited by {}", by.join(", ")));
    }
    problems
}

/// Returns the tests that cite each row.
fn citations(tests: &[Test]) -> BTreeMap<String, Vec<&Test>> {
    let mut cited: BTreeMap<String, Vec<&Test>> = BTreeMap::new();
    for test in tests {
        let mut ids: BTreeSet<String> = ids(&test.doc).map(str::to_owned).collect();
        ids.extend(id_of_name(&test.name));
        for id in ids {
            cited.entry(id).or_default().push(test);
        }
    }
    cited
}

/// Returns the words like `S6.3-02` and `SExec-01` in a text.
fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-')).filter_map(|word| {
        let word = word.trim_end_matches(['.', '-']);
        let (section, number) = word.strip_prefix('S')?.split_once('-')?;
        let is_section = section == "Exec"
            || section == "Concl"
            || section
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        let is_number = number.len() == 2 && number.bytes().all(|b| b.is_ascii_digit());
        (is_section && is_number).then_some(word)
    })
}

/// Returns the row that a name cites: `s6_3_02_a_task_is_created` cites S6.3-02.
fn id_of_name(name: &str) -> Option<String> {
    let mut parts = name.strip_prefix('s')?.split('_');
    let [a, b, c] = [parts.next()?, parts.next()?, parts.next()?];
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    (digits(a, 2) && digits(b, 2) && c.len() == 2 && digits(c, 2)).then(|| format!("S{a}.{b}-{c}"))
}

fn render(rows: &[Row<'_>], cited: &BTreeMap<String, Vec<&Test>>) -> Page {
    let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
    let counts = STATES.map(|state| format!("{} {state}", count(state))).join(", ");
    let summary = format!("{} rows: {counts}", rows.len());
    let mut text = format!(
        "# Requirements\n\n\
         Every row of the requirement table, the tests that show it, and how far it stands.\n\
         Made by `cargo xtask requirements` from `{TABLE}` and from what the tests cite; not to be edited.\n\n\
         {summary}.\n\n\
         | id | what | tests | state |\n|---|---|---|---|\n"
    );
    for row in rows {
        let tests = cited.get(row.id).map(|tests| named(tests)).unwrap_or_default();
        let state = match row.note {
            "" => row.state.to_owned(),
            note => format!("{}: {note}", row.state),
        };
        // Writing into a string cannot fail.
        let _ = writeln!(text, "| {} | {} | {tests} | {state} |", row.id, row.what);
    }
    Page { text, summary }
}

fn named(tests: &[&Test]) -> String {
    let mut names: Vec<String> = tests
        .iter()
        .take(NAMED)
        .map(|test| format!("`{}`: `{}`", test.package(), test.name))
        .collect();
    if tests.len() > NAMED {
        names.push(format!("{} more", tests.len() - NAMED));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(name: &str, doc: &str) -> Test {
        Test { file: "crates/ms-a/src/lib.rs".into(), name: name.to_owned(), doc: doc.to_owned() }
    }

    #[test]
    fn a_row_is_cited_by_a_doc_comment_or_by_a_name() {
        let text = "Covers S6.3-02, S10.1-01 and (SExec-01); not SS-01, S6.3-2 or S6..3-02.";
        assert_eq!(ids(text).collect::<Vec<_>>(), ["S6.3-02", "S10.1-01", "SExec-01"]);
        assert_eq!(id_of_name("s6_3_02_is_created").as_deref(), Some("S6.3-02"));
        for other in ["s6_3_2_x", "stops_in_order", "s6_x_02_a", "s6_3"] {
            assert_eq!(id_of_name(other), None, "{other}");
        }
    }

    fn problems_of(lines: &[&str], tests: &[Test]) -> Vec<String> {
        let table = lines.join("\n");
        let rows: Vec<Row<'_>> = table.lines().filter_map(Row::parse).collect();
        let mut problems = problems(&table, &rows, &citations(tests));
        problems.retain(|problem| !problem.contains("rows of four cells"));
        problems
    }

    /// SExec-03
    #[test]
    fn a_claim_without_a_test_fails_and_so_does_a_citation_without_a_row() {
        let rows = ["S1.1-01\tdone\ta\t", "S1.1-02\topen\tb\t"];
        assert_eq!(
            problems_of(&rows, &[test("x", "S1.1-03")]),
            ["S1.1-01 is called done, and no test cites it", "there is no row S1.1-03, cited by x"]
        );
        assert!(problems_of(&rows, &[test("s1_1_01_x", "")]).is_empty());
    }

    #[test]
    fn a_row_has_one_of_three_states_once_and_says_what_is_missing() {
        let rows = ["S1.1-01\tdoing\ta\t", "S1.1-01\topen\ta\t", "S1.1-02\tpartial\tb\t"];
        assert_eq!(problems_of(&rows, &[]).len(), 3);
    }

    #[test]
    fn the_page_names_a_few_tests_and_counts_the_rest() {
        let tests: Vec<Test> = (0..5).map(|n| test(&format!("s1_1_01_n{n}"), "")).collect();
        let cited = citations(&tests);
        let line = named(&cited["S1.1-01"]);
        assert!(line.starts_with("`ms-a`: `s1_1_01_n0`") && line.ends_with("2 more"), "{line}");
    }
}
