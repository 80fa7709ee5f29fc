//! Words that identifiers must not have: a private dialect, which readers would have to learn first.
//!
//! The count of a crate is the number of its distinct identifiers with such a word, including those of
//! tests and local variables. Comments and strings are not looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::ratchet::Counts;
use super::reasons::{self, Excepted};
use super::{Found, Ratchet};
use crate::code::{Code, Package, Tree};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// The exceptions, such as a word in a published format: CRATE, IDENTIFIER, REASON.
const KEPT: &str = "crates/xtask/words-kept.tsv";

pub(crate) const RATCHET: Ratchet = Ratchet {
    file: "crates/xtask/words.tsv",
    what: "identifiers with a word that is no name",
    advice: "take the word of the field (`cargo xtask list words CRATE`)",
    count: |workspace| {
        let list = workspace.read(KEPT).unwrap_or_default();
        counts(&bad(workspace.code()), &reasons::read(&list).unwrap_or_default())
    },
};

/// The form in which a word is compared with an identifier.
enum Form {
    /// The word is a part of the identifier, in any case: `kid` is a part of `KidPath` and `old_kid`.
    Part(&'static str),
    /// The word is the whole identifier.
    Whole(&'static str),
}
use Form::{Part, Whole};

/// The words, and the standard term for each.
const WORDS: &[(Form, &str)] = &[
    (Part("kid"), "child"),
    (Part("kids"), "children"),
    (Whole("Making"), "ChildParts"),
    (Whole("making"), "parts"),
    (Whole("Care"), "ChildOptions"),
    (Whole("care"), "options"),
    (Whole("Below"), "Subtree"),
    (Part("bank"), "kept cells"),
    (Whole("Roll"), "ChildKeys"),
    (Whole("roll"), "keys"),
    (Whole("CallRoll"), "ListChildren"),
    (Part("news"), "event"),
    (Part("telling"), "event"),
    (Part("told"), "reported, notified or sent"),
    (Part("untold"), "unreported or unsent"),
    (Part("book"), "state or stats"),
    (Part("books"), "states or stats"),
    (Part("integration"), "interactions"),
    (Part("lane"), "mailbox or channel"),
    (Part("lanes"), "mailboxes or channels"),
    (Part("letter"), "message"),
    (Part("letters"), "messages"),
    (Part("bury"), "dead_letter"),
    (Part("buried"), "dead_letter"),
    (Part("fate"), "outcome"),
    (Part("fates"), "outcomes"),
    (Part("whereabouts"), "LateRef"),
    (Part("sniffer"), "PanicWatch"),
    (Part("undertaker"), "OrphanCloser"),
    (Whole("Trace"), "Backtrace: trace is OpenTelemetry's word"),
    (Part("carrier"), "transport: carrier is OpenTelemetry's word"),
    (Whole("cast"), "actors"),
    (Whole("Cast"), "actors"),
    (Part("truth"), "invariants"),
    (Whole("Hand"), "ManualSupervisor"),
    (Part("patience"), "what it bounds, and the unit"),
    (Whole("PAUSE"), "what it bounds, and the unit"),
    (Whole("REST"), "what it bounds, and the unit"),
    (Whole("SOON"), "what it bounds, and the unit"),
    (Whole("How"), "RunEnd, or a noun"),
    (Whole("how"), "a noun"),
    (Whole("Ended"), "Outcome"),
    (Part("shown"), "exposed, or what is shown"),
    (Whole("ControlAt"), "ControlEndpoint"),
    (Part("door"), "the behaviour it shows"),
    (Part("doors"), "the behaviour it shows"),
    (Part("seam"), "the behaviour it shows"),
    (Part("seams"), "the behaviour it shows"),
    (Whole("gates"), "the behaviour it shows"),
];

/// The bad identifiers of each crate: the first place of each, and the better word.
type Bad<'a> = BTreeMap<&'a str, BTreeMap<&'a str, (String, &'static str)>>;

/// Attributes that have names of lints, which are not ours.
const LINTS: &[&str] = &["allow", "deny", "expect", "forbid", "warn"];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let list = workspace.read(KEPT).unwrap_or_default();
    let kept = match reasons::read(&list) {
        Ok(kept) => kept,
        Err(problem) => return Outcome::problem(format!("{KEPT}: {problem}")),
    };
    let bad = bad(workspace.code());
    let text = workspace.read(RATCHET.file).unwrap_or_default();
    let mut outcome = RATCHET.judge(&text, &counts(&bad, &kept));
    outcome.problems.extend(unneeded(&bad, &kept));
    outcome
}

pub(crate) fn list(workspace: &Workspace) -> Vec<Found> {
    let list = workspace.read(KEPT).unwrap_or_default();
    let kept = reasons::read(&list).unwrap_or_default();
    let mut found = Vec::new();
    for (package, names) in bad(workspace.code()) {
        let names = names.into_iter().filter(|(name, _)| !is_kept(&kept, package, name));
        found.extend(names.map(|(name, (place, better))| Found {
            package: package.to_owned(),
            line: format!("{name} ({place}): {better}"),
        }));
    }
    found
}

fn counts(bad: &Bad<'_>, kept: &[Excepted<'_, 2>]) -> Counts {
    let count = |package: &str, names: &BTreeMap<&str, _>| {
        names.keys().filter(|name| !is_kept(kept, package, name)).count()
    };
    bad.iter().map(|(package, names)| ((*package).to_owned(), count(package, names))).collect()
}

fn unneeded(bad: &Bad<'_>, kept: &[Excepted<'_, 2>]) -> Vec<String> {
    reasons::unneeded(KEPT, kept, |[package, name]| {
        bad.get(package).is_some_and(|names| names.contains_key(name))
    })
}

fn is_kept(kept: &[Excepted<'_, 2>], package: &str, name: &str) -> bool {
    kept.iter().any(|one| one.key == [package, name])
}

fn bad(code: &Code) -> Bad<'_> {
    code.packages.iter().map(|package| (package.name.as_str(), bad_of(package))).collect()
}

fn bad_of(package: &Package) -> BTreeMap<&str, (String, &'static str)> {
    let (mut found, mut seen) = (BTreeMap::new(), BTreeSet::new());
    for file in &package.files {
        each_word(&file.trees, &mut |name, line| {
            if seen.insert(name)
                && let Some(better) = better(name)
            {
                found.insert(name, (format!("{}:{line}", file.path.display()), better));
            }
        });
    }
    found
}

fn each_word<'a>(trees: &'a [Tree], use_it: &mut impl FnMut(&'a str, usize)) {
    let mut before = [None, None];
    for tree in trees {
        match tree {
            Tree::Word { text, line } => use_it(text, *line),
            Tree::Group { open, inner } => {
                // The `#` is one token back in `#[allow(..)]` and two in `#![allow(..)]`.
                let is_lint = *open == '['
                    && before.iter().flatten().any(|tree: &&Tree| tree.is_mark('#'))
                    && inner.first().and_then(Tree::word).is_some_and(|word| LINTS.contains(&word));
                if !is_lint {
                    each_word(inner, use_it);
                }
            }
            _ => {}
        }
        before = [before[1], Some(tree)];
    }
}

/// Returns the better word for an identifier, if it has a bad one.
fn better(name: &str) -> Option<&'static str> {
    let parts = parts(name);
    let is_bad = |form: &Form| match form {
        Whole(word) => name == *word,
        // A dead letter is a term of the field.
        Part(word) => parts.iter().enumerate().any(|(at, part)| {
            part == word && !(word.starts_with("letter") && at > 0 && parts[at - 1] == "dead")
        }),
    };
    WORDS.iter().find(|(form, _)| is_bad(form)).map(|(_, better)| *better)
}

/// Splits an identifier into words in lower case, whether it is `KidPath2`, `HTTPDoor` or `SOME_KIDS`.
fn parts(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut parts = vec![String::new()];
    for (at, char) in chars.iter().enumerate() {
        let after_lower = at > 0 && chars[at - 1].is_lowercase();
        let before_lower = chars.get(at + 1).is_some_and(|next| next.is_lowercase());
        if !char.is_alphabetic() || (char.is_uppercase() && (after_lower || before_lower)) {
            parts.push(String::new());
        }
        if let (true, Some(part)) = (char.is_alphabetic(), parts.last_mut()) {
            part.extend(char.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_split_into_its_words() {
        let split = |name| parts(name).join(" ");
        assert_eq!(split("KidPath2"), "kid path");
        assert_eq!(split("HTTPDoor"), "http door");
        assert_eq!(split("_some__KIDS"), "some kids");
        assert_eq!(split("SOME_KIDS"), "some kids");
    }

    #[test]
    fn a_word_counts_as_a_word_and_not_as_a_part_of_one() {
        assert_eq!(better("old_kids"), Some("children"));
        assert_eq!(better("TaskNews"), Some("event"));
        assert_eq!(better("PAUSE"), Some("what it bounds, and the unit"));
        for fine in
            ["skid", "planet", "DeadLetter", "dead_letters", "LONGEST_PAUSE", "rest", "careful"]
        {
            assert_eq!(better(fine), None, "{fine}");
        }
        assert!(better("letter_dead").is_some());
    }

    #[test]
    fn the_distinct_identifiers_of_a_crate_are_counted() {
        let code = Code::of(&[
            (
                "ms-a/src/lib.rs",
                "fn f() { let kid = 1; g(kid); \"news\"; } // told\n#[allow(x::cast)] fn g() {}",
            ),
            ("ms-a/tests/it/main.rs", "mod doors; fn kid() {}"),
        ]);
        let bad = bad(&code);
        assert_eq!(bad["ms-a"].keys().copied().collect::<Vec<_>>(), ["doors", "kid"]);
        assert_eq!(bad["ms-a"]["kid"].0, "ms-a/src/lib.rs:1");
        let list = "ms-a\tkid\ta field of the published protocol\n";
        let kept = reasons::read(list).expect("a good list");
        assert_eq!(counts(&bad, &kept)["ms-a"], 1);
        let problems = RATCHET.judge("", &counts(&bad, &kept)).problems;
        assert!(problems[0].starts_with("ms-a: 1 identifiers with a word"), "{problems:?}");
        let old = "ms-a\tlane\ta field of the published protocol\n";
        let kept = reasons::read(old).expect("a good list");
        assert!(unneeded(&bad, &kept)[0].contains("ms-a lane"));
    }
}
