//! Each numbered sentence of the contract in docs/semantics.md is cited by the name of a test.
//!
//! A sentence is a line `- **K7** text`; a test cites it by the start of its name:
//! `k7_a_child_that_...`. An ignored test cites nothing.

use std::collections::BTreeSet;

use crate::outcome::Outcome;
use crate::sources;
use crate::workspace::Workspace;

const DOCUMENT: &str = "docs/semantics.md";

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let Some(document) = workspace.read(DOCUMENT) else {
        return Outcome::note(format!("skipped: there is no {DOCUMENT} yet"));
    };
    let tests: Vec<String> = sources::tests(workspace).into_iter().map(|test| test.name).collect();
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
    // Only the letters that the document uses count: `h2_connects` may be about HTTP.
    let letters: BTreeSet<&str> = tags.iter().map(|tag| letters(tag)).collect();
    let stale = cited
        .iter()
        .filter(|tag| letters.contains(self::letters(tag)) && !tags.contains(tag.as_str()));
    outcome
        .notes
        .extend(stale.map(|tag| format!("note: a test cites {tag}, which {DOCUMENT} has not")));
    outcome
}

/// Returns the tag of a line `- **K7** text`.
fn tag_of_line(line: &str) -> Option<&str> {
    let (tag, _) = line.strip_prefix("- **")?.split_once("**")?;
    is_tag(tag).then_some(tag)
}

/// Says whether a text is a tag: one or two capital letters, then one to three digits.
fn is_tag(text: &str) -> bool {
    let (letters, digits) = text.split_at(letters(text).len());
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    (1..=2).contains(&letters.len()) && (1..=3).contains(&digits.len()) && all_digits
}

fn letters(tag: &str) -> &str {
    let end = tag.bytes().take_while(u8::is_ascii_uppercase).count();
    &tag[..end]
}

/// Returns the sentence that the name of a test cites: `k7_x` cites `K7`.
fn cited(test: &str) -> Option<String> {
    let (head, _) = test.split_once('_')?;
    let tag = head.to_uppercase();
    is_tag(&tag).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_a_list_item_with_a_bold_tag() {
        assert_eq!(tag_of_line("- **K7** A child is started once."), Some("K7"));
        assert_eq!(tag_of_line("- **SV120** Two letters."), Some("SV120"));
        assert_eq!(tag_of_line("see **K7** above"), None);
        assert_eq!(tag_of_line("- **Note** none"), None);
        assert_eq!(tag_of_line("- **K1234** too long"), None);
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
