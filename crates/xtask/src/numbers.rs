//! Figures in the docs: a test or a line of code proves each limit and default.
//!
//! `numbers.tsv` has a row for each: the page, the phrase with the figures, and the proof, which is
//! `code PATH TEXT` or `test PACKAGE NAME`. If the code changes, the text is not found and the row
//! fails; a figure without a row fails too.
//!
//! These are not limits, and need no row: code and links, headings, sections called "Measured", first
//! cells and markers that only number what follows, phases, 0 and 1, HTTP's status codes, names of
//! standards. Generated parts (after `<!-- generated from`) have a test of their own.

use std::collections::BTreeSet;

use crate::outcome::Outcome;
use crate::sources::{self, Test};
use crate::workspace::Workspace;

const TABLE: &str = "crates/xtask/numbers.tsv";
const PAGES: [&str; 8] =
    ["runtime", "configuration", "persistence", "patterns", "http", "tasks", "bus", "resilience"];
const GENERATED: &str = "<!-- generated from";
/// Status codes of HTTP, which need no row if they stand alone.
const STATUS: [&str; 21] = [
    "200", "201", "204", "207", "400", "401", "403", "404", "405", "408", "409", "413", "415",
    "422", "429", "431", "500", "501", "503", "504", "505",
];
/// Words before a figure that make it a name.
const NAMES: [&str; 6] = ["RFC ", "ADR ", "OpenAPI ", "version ", "phase ", "Phase "];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let Some(table) = workspace.read(TABLE) else {
        return Outcome::problem(format!("there is no {TABLE}"));
    };
    let tests = sources::tests(workspace);
    let read = |path: &str| workspace.read(path);
    judge(&table, &PAGES, &read, &tests)
}

fn judge(
    table: &str,
    pages: &[&str],
    read: &dyn Fn(&str) -> Option<String>,
    tests: &[Test],
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut rows = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.split('\t').collect::<Vec<_>>()[..] {
            [page, phrase, evidence] => rows.push((page, phrase, evidence)),
            _ => outcome.problems.push(format!("{TABLE}: not three columns: {line}")),
        }
    }
    for (page, phrase, evidence) in &rows {
        if let Some(why) = unshown(evidence, read, tests) {
            outcome.problems.push(format!("{page}: \"{phrase}\": {why}"));
        }
        if !pages.contains(page) {
            outcome.problems.push(format!("{TABLE}: {page} is no page that is looked at"));
        }
    }
    let mut figures = 0;
    for page in pages {
        let path = format!("docs/{page}.md");
        let Some(text) = read(&path) else {
            outcome.problems.push(format!("there is no {path}"));
            continue;
        };
        let own: Vec<&str> =
            rows.iter().filter(|row| row.0 == *page).map(|(_, phrase, _)| *phrase).collect();
        figures += of_page(&path, &text, &own, &mut outcome.problems);
    }
    outcome.notes.push(format!("{figures} figures on {} pages", pages.len()));
    outcome
}

/// Returns why the proof of a row fails, if it does.
fn unshown(
    evidence: &str,
    read: &dyn Fn(&str) -> Option<String>,
    tests: &[Test],
) -> Option<String> {
    let mut words = evidence.splitn(3, ' ');
    match (words.next(), words.next(), words.next()) {
        (Some("code"), Some(path), Some(text)) => match read(path) {
            None => Some(format!("there is no {path}")),
            Some(code) if code.contains(text) => None,
            Some(_) => Some(format!("{path} does not say `{text}` any more: look at both")),
        },
        (Some("test"), Some(package), Some(name)) => {
            let known = tests.iter().any(|test| test.package() == package && test.name == name);
            (!known).then(|| format!("{package} has no test {name}"))
        }
        _ => Some(format!("want `code PATH TEXT` or `test PACKAGE NAME`, not {evidence}")),
    }
}

/// Adds the problems of a page, and returns the number of its figures.
fn of_page(path: &str, text: &str, phrases: &[&str], problems: &mut Vec<String>) -> usize {
    let prose = text.split(GENERATED).next().unwrap_or_default();
    // A phrase of the table may be wrapped over two lines of the page.
    let (plain, blanked) = collapsed(prose, &blank(prose));
    let mut covered = BTreeSet::new();
    let figures = figures(&blanked);
    for phrase in phrases {
        let places: Vec<usize> = plain.match_indices(phrase).map(|(at, _)| at).collect();
        if places.is_empty() {
            problems.push(format!("{path} does not say \"{phrase}\": remove its row"));
        }
        let mut any = false;
        for from in places {
            let inside = figures.iter().filter(|(at, _)| (from..from + phrase.len()).contains(at));
            let inside: Vec<usize> = inside.map(|(at, _)| *at).collect();
            any |= !inside.is_empty();
            covered.extend(inside);
        }
        if !any && plain.contains(phrase) {
            problems.push(format!("{path}: \"{phrase}\" has no figure: remove its row"));
        }
    }
    for (at, figure) in figures.iter().filter(|(at, _)| !covered.contains(at)) {
        let start = plain[..*at].char_indices().rev().nth(30).map_or(0, |(start, _)| start);
        let end = plain[*at..].char_indices().nth(30).map_or(plain.len(), |(end, _)| at + end);
        let around = &plain[start..end];
        problems
            .push(format!("{path}: nothing shows {figure} in \"{around}\": add a row to {TABLE}"));
    }
    figures.len()
}

/// Returns the text with blanks for everything that is not prose, byte by byte.
fn blank(text: &str) -> String {
    let (mut fenced, mut measured) = (false, false);
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        if let Some(title) = line.strip_prefix('#') {
            measured = title.trim_start_matches('#').trim().starts_with("Measured");
        }
        match is_fence || fenced || measured || line.starts_with('#') {
            true => out.push_str(&spaces(line)),
            false => out.push_str(&blank_line(line)),
        }
    }
    out
}

fn spaces(text: &str) -> String {
    text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect()
}

fn blank_line(line: &str) -> String {
    let mut out = line.to_owned();
    for (open, close) in [("`", "`"), ("](", ")"), ("<!--", "-->")] {
        let mut from = 0;
        while let Some(start) = out[from..].find(open).map(|at| from + at) {
            let after = start + open.len();
            let Some(end) = out[after..].find(close).map(|at| after + at + close.len()) else {
                break;
            };
            out.replace_range(start..end, &spaces(&out[start..end]));
            from = end;
        }
    }
    // A first cell or a list marker that is only a number.
    let label = out.trim_start_matches(['|', ' ']);
    let digits = label.bytes().take_while(u8::is_ascii_digit).count();
    let numbers = digits > 0
        && (line.starts_with("| ") || label[digits..].starts_with(". "))
        && label[digits..].starts_with([' ', '.']);
    if numbers {
        let start = out.len() - label.len();
        out.replace_range(start..start + digits, &" ".repeat(digits));
    }
    out
}

/// Joins runs of white space in the first text to one space, and changes the second at the same places.
fn collapsed(plain: &str, blanked: &str) -> (String, String) {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for (p, b) in plain.bytes().zip(blanked.bytes()) {
        let white = p.is_ascii_whitespace();
        if white && one.last() == Some(&b' ') {
            continue;
        }
        one.push(if white { b' ' } else { p });
        other.push(if white { b' ' } else { b });
    }
    let text = |bytes| String::from_utf8(bytes).unwrap_or_default();
    (text(one), text(other))
}

/// Returns the figures of a blanked text with their places, without names and the like.
fn figures(text: &str) -> Vec<(usize, &str)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let more = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b',' | b'.');
        let run = bytes[at..].iter().take_while(|byte| more(byte)).count();
        let figure = text[at..at + run].trim_end_matches([',', '.']);
        if is_limit(text, at, figure) {
            found.push((at, figure));
        }
        at += run;
    }
    found
}

fn is_limit(text: &str, at: usize, figure: &str) -> bool {
    let (before, after) = (&text[..at], &text[at + figure.len()..]);
    let in_a_word = before
        .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        || after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let has_unit =
        ["ms", "s", "min", "h", "days", "KiB", "MiB", "GiB", "%", "bytes"].iter().any(|unit| {
            let rest = after.trim_start().strip_prefix(unit);
            rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
        });
    let bare = matches!(figure, "0" | "1") || STATUS.contains(&figure);
    !in_a_word && !NAMES.iter().any(|name| before.ends_with(name)) && (has_unit || !bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(table: &str, page: &str, code: &str) -> Vec<String> {
        let read = |path: &str| match path {
            "docs/a.md" => Some(page.to_owned()),
            "code.rs" => Some(code.to_owned()),
            _ => None,
        };
        let test = Test { file: "crates/ms-a/src/lib.rs".into(), name: "t".into(), doc: "".into() };
        judge(table, &["a"], &read, &[test]).problems
    }

    #[test]
    fn a_figure_that_nothing_shows_is_a_problem_and_so_is_code_that_says_otherwise() {
        let page = "It waits 5 s, and\n  keeps 1,024 of\nthem.\n";
        let row = "a\tIt waits 5 s, and keeps 1,024\tcode code.rs 1_024";
        assert_eq!(problems(row, page, "KEEP: u32 = 1_024;"), Vec::<String>::new());
        let changed = problems(row, page, "KEEP: u32 = 512;");
        assert_eq!(changed.len(), 1);
        assert!(changed[0].contains("does not say `1_024` any more"), "{changed:?}");
        let bare = problems("", page, "");
        assert!(bare[0].contains("nothing shows 5 in"), "{bare:?}");
        assert!(bare[1].contains("nothing shows 1,024"), "{bare:?}");
        let stale = problems("a\tno such phrase 7\ttest ms-a t", "text", "");
        assert!(stale[0].contains("remove its row"), "{stale:?}");
        let gone = problems("a\twaits 5 s\ttest ms-a gone", "waits 5 s", "");
        assert_eq!(gone, ["a: \"waits 5 s\": ms-a has no test gone"]);
    }

    #[test]
    fn what_is_no_limit_is_left_out() {
        let page = "# 12 things\n\nA 404 in phase 7, `x = 9`, [a](b-3.md), RFC 9457, v2, 0 to 1.\n\
                    \n| 3 | c |\n\n2. item\n\n```\n7\n```\n## Measured\n\n99 a second\n";
        assert_eq!(problems("", page, ""), Vec::<String>::new());
        assert_eq!(problems("", "200 ms and 1 s", "").len(), 2, "a time is a limit");
        assert_eq!(problems("", "9 <!-- generated from x --> 8", "").len(), 1);
    }
}
