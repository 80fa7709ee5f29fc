//! The functions of a source: names, attributes, bodies.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::lex::{blank, within, words};

/// A source: its text, and its code with blanks for comments and strings.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) code: String,
}

/// A function that has a body.
#[derive(Clone)]
pub(super) struct Function {
    pub(super) name: String,
    /// The place of its body in the source.
    pub(super) body: Range<usize>,
    attributes: Vec<String>,
}

impl Source {
    pub(super) fn new(path: &Path, text: String) -> Self {
        let code = blank(&text);
        Self { path: path.to_owned(), text, code }
    }

    /// Returns its package: the folder below `crates`, or the top folder.
    pub(super) fn package(&self) -> &str {
        let mut parts = self.path.iter().filter_map(|part| part.to_str());
        match parts.next() {
            Some("crates") => parts.next().unwrap_or_default(),
            other => other.unwrap_or_default(),
        }
    }

    /// Says whether it is compiled for tests only, as everything in `tests` is.
    pub(super) fn is_of_tests(&self) -> bool {
        self.path.iter().any(|part| part == "tests")
    }

    /// Says whether a place is in code for tests.
    pub(super) fn is_test_code(&self, at: usize) -> bool {
        self.tests_from() <= at
    }

    /// Returns the place where its code for tests begins: the start of a file in `tests`, else its
    /// module of tests, which comes last in a source. A source with tests and without such a module is
    /// all tests.
    pub(super) fn tests_from(&self) -> usize {
        let begins =
            ["#[cfg(test", "#[cfg(all(test"].iter().filter_map(|text| self.code.find(text));
        match begins.min() {
            _ if self.is_of_tests() => 0,
            Some(begins) => begins,
            None if self.code.contains("#[test]") => 0,
            None => self.code.len(),
        }
    }

    pub(super) fn functions(&self) -> Vec<Function> {
        let code = &self.code;
        let (mut found, mut attributes, mut read) = (Vec::new(), Vec::new(), 0);
        for (at, word) in words(code) {
            let skipped = &code[read.min(at)..at];
            // A field or a statement that ends here takes its attributes with it: they are not
            // those of the next function.
            if let Some(last) = skipped.rfind([';', '{', '}']) {
                attributes.clear();
                note_attributes(code, read + last, at, &mut attributes);
            } else {
                note_attributes(code, read.min(at), at, &mut attributes);
            }
            read = read.max(at + word.len());
            if word == "fn"
                && let Some((name, body)) = signature(code, at + 2)
            {
                let attributes = std::mem::take(&mut attributes);
                found.push(Function { name: name.to_owned(), body, attributes });
            }
        }
        found
    }
}

/// Returns the attributes that begin between two places, if no attribute is open at the first.
fn note_attributes(code: &str, from: usize, to: usize, attributes: &mut Vec<String>) {
    for (at, _) in code[from..to].match_indices("#[") {
        if let Some(inner) = within(code, from + at + 1) {
            attributes.push(code[inner].trim().to_owned());
        }
    }
}

/// Returns the name and the body of the function whose `fn` ends here.
fn signature(code: &str, after: usize) -> Option<(&str, Range<usize>)> {
    let (at, name) = words(&code[after..]).next()?;
    (code[after..after + at].trim().is_empty()).then_some(())?;
    let mut depth = 0_i32;
    for (place, byte) in code.bytes().enumerate().skip(after + at + name.len()) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 => return None,
            b'{' if depth == 0 => return Some((name, within(code, place)?)),
            _ => {}
        }
    }
    None
}

impl Function {
    /// Says whether an attribute makes it a test: `#[test]`, `#[tokio::test(..)]`.
    pub(super) fn is_test(&self) -> bool {
        let path = |text: &str| text.split('(').next().unwrap_or_default().trim().to_owned();
        self.attributes
            .iter()
            .map(|text| path(text))
            .any(|path| path == "test" || path.ends_with("::test"))
    }

    pub(super) fn is_ignored(&self) -> bool {
        self.attributes.iter().any(|text| text.split([' ', '=']).next() == Some("ignore"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // This file is searched too, so no line of a sample may look like a test by itself.

    #[test]
    fn functions_have_their_attributes_and_bodies() {
        let source = [
            "#[test]\n/// why {\n#[ignore = \"slow\"]\nfn a() { b(\"}\") }\nfn b(x: [u8; 2]);",
            "  #[tokio::test(flavor = \"x\")]\n  pub async fn c<T>() -> Vec<()> where T: X { {} }",
            "#[cfg(test)]\nmod m { fn d() {} }\nlet f: fn(u8) = g;",
        ];
        let source = Source::new(Path::new("crates/ms-a/tests/it/x.rs"), source.join("\n"));
        let all = source.functions();
        let names: Vec<(&str, bool, bool)> =
            all.iter().map(|one| (&*one.name, one.is_test(), one.is_ignored())).collect();
        assert_eq!(names, [("a", true, true), ("c", true, false), ("d", false, false)]);
        assert_eq!(source.code[all[1].body.clone()].trim(), "{}");
        assert_eq!((source.package(), source.is_of_tests()), ("ms-a", true));
    }
}
