//! The contract in docs/semantics.md: each numbered sentence is cited by the name of a test.
//!
//! A sentence is a line `- **K7** text`; a test cites it by the start of its name: `k7_a_child_that_...`.
//! An ignored test cites nothing.

use std::collections::BTreeSet;
use std::path::Path;

use crate::outcome::Outcome;
use crate::workspace::Workspace;

const DOCUMENT: &str = "docs/semantics.md";

/// Where tests are.
const SOURCES: &[&str] = &["crates", "examples", "tests"];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let Some(document) = workspace.read(DOCUMENT) else {
        return Outcome::note(format!("skipped: there is no {DOCUMENT} yet"));
    };
    let mut tests = Vec::new();
    for folder in SOURCES {
        collect(&workspace.root.join(folder), &mut tests);
    }
    judge(&document, &tests)
}

fn judge(document: &str, tests: &[String]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut tags = BTreeSet::new();
    for tag in document.lines().filter_map(tag_of_line) {
        if !tags.insert(tag) {
            outcome.problems.push(format!("{DOCUMENT} has {tag} twice"));
        }
    }
    if tags.is_empty() {
        return Outcome::problem(format!("{DOCUMENT} has no line of the form `- **K7** text`"));
    }
    outcome.notes.push(format!("{} sentences, {} tests", tags.len(), tests.len()));

    let cited: BTreeSet<String> = tests.iter().filter_map(|name| cited(name)).collect();
    let silent = tags.iter().filter(|tag| !cited.contains(**tag));
    outcome.problems.extend(
        silent.map(|tag| {
            format!("{tag} has no test: want a `#[test] fn {}_...`", tag.to_lowercase())
        }),
    );
    // Only letters the document uses: `h2_connects` may well be about HTTP.
    let letters: BTreeSet<&str> = tags.iter().map(|tag| letters(tag)).collect();
    let stale = cited
        .iter()
        .filter(|tag| letters.contains(self::letters(tag)) && !tags.contains(tag.as_str()));
    outcome
        .notes
        .extend(stale.map(|tag| format!("note: a test cites {tag}, which {DOCUMENT} has not")));
    outcome
}

/// The tag of a line `- **K7** text`.
fn tag_of_line(line: &str) -> Option<&str> {
    let (tag, _) = line.strip_prefix("- **")?.split_once("**")?;
    is_tag(tag).then_some(tag)
}

/// One or two capital letters, then one to three digits.
fn is_tag(text: &str) -> bool {
    let (letters, digits) = text.split_at(letters(text).len());
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    (1..=2).contains(&letters.len()) && (1..=3).contains(&digits.len()) && all_digits
}

fn letters(tag: &str) -> &str {
    let end = tag.bytes().take_while(u8::is_ascii_uppercase).count();
    &tag[..end]
}

/// The sentence a test's name cites: `k7_x` cites `K7`.
fn cited(test: &str) -> Option<String> {
    let (head, _) = test.split_once('_')?;
    let tag = head.to_uppercase();
    is_tag(&tag).then_some(tag)
}

/// Adds the names of all tests in the `*.rs` below a folder. What cannot be read is not there.
fn collect(folder: &Path, tests: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if entry.file_name() != "target" {
                collect(&path, tests);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).unwrap_or_default();
            tests.extend(tests_in(&source).into_iter().map(|found| found.name));
        }
    }
}

/// A test, and the cases of OTP's that its doc comment names: `OTP: sys_SUITE:suspend, ...`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) markers: Vec<String>,
}

/// The functions under an attribute that makes a test (`#[test]`, `#[actix_rt::test]`), unless ignored.
pub(crate) fn tests_in(source: &str) -> Vec<Found> {
    let mut tests = Vec::new();
    let mut markers = Vec::new();
    let (mut is_test, mut is_ignored) = (false, false);
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[") && !line.starts_with("#[cfg") {
            is_test |= line.contains("test");
            is_ignored |= line.starts_with("#[ignore");
        } else if let Some(list) = line.strip_prefix("/// OTP: ") {
            markers.extend(list.trim_end_matches('.').split(',').map(|one| one.trim().to_owned()));
        } else if let Some(name) = function(line) {
            let markers = std::mem::take(&mut markers);
            if is_test && !is_ignored {
                tests.push(Found { name: name.to_owned(), markers });
            }
            (is_test, is_ignored) = (false, false);
        } else if !line.starts_with("//") && !line.starts_with(')') {
            markers.clear();
        }
    }
    tests
}

/// The name of the function that begins on a line.
fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    let rest = line.strip_prefix("fn ")?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    // No line of a made-up source may look like a test by itself: this file, too, is searched.

    #[test]
    fn a_sentence_is_a_list_item_with_a_bold_tag() {
        assert_eq!(tag_of_line("- **K7** A child is started once."), Some("K7"));
        assert_eq!(tag_of_line("- **SV120** Two letters."), Some("SV120"));
        assert_eq!(tag_of_line("see **K7** above"), None);
        assert_eq!(tag_of_line("- **Note** none"), None);
        assert_eq!(tag_of_line("- **K1234** too long"), None);
    }

    #[test]
    fn a_test_is_a_function_under_a_test_attribute() {
        let source = [
            "#[test]\nfn k1_a() {}\nfn k2_helper() {}",
            "  #[actix_rt::test]\n  // why\n  async fn k3_b() {}",
            "#[test]\n#[ignore = \"slow\"]\nfn k4_c() {}",
            "#[cfg(test)]\nfn k5_d() {}",
        ];
        let source = source.join("\n");
        let names: Vec<String> = tests_in(&source).into_iter().map(|found| found.name).collect();
        assert_eq!(names, ["k1_a", "k3_b"]);
    }

    #[test]
    fn a_test_may_name_cases_of_otps() {
        let source = ["/// Why.\n/// OTP: s:a, s:b.\n#[test]\nfn k1_a() {}\n#[test]\nfn k2_b() {}"];
        let found = tests_in(&source.join("\n"));
        assert_eq!(found[0].markers, ["s:a", "s:b"]);
        assert!(found[1].markers.is_empty());
    }

    #[test]
    fn a_sentence_without_a_test_fails() {
        let outcome = judge("- **K1** a\n- **K2** b\n", &["k1_holds".into(), "k10_other".into()]);
        assert_eq!(outcome.problems, ["K2 has no test: want a `#[test] fn k2_...`"]);
        assert_eq!(outcome.notes[1], "note: a test cites K10, which docs/semantics.md has not");
    }

    #[test]
    fn a_number_is_given_once_and_a_document_has_some() {
        assert_eq!(judge("- **K1** a\n- **K1** b\n", &["k1_x".into()]).problems.len(), 1);
        assert!(!judge("K1: a\n", &[]).is_ok());
    }

    #[test]
    fn names_like_tags_of_other_letters_are_left_alone() {
        assert_eq!(judge("- **K1** a\n", &["k1_x".into(), "h2_connects".into()]).notes.len(), 1);
    }
}
