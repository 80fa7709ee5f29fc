//! Rust code as trees of tokens: all that rules about names and paths need.
//!
//! There is no parser, as this crate must build in a few seconds on a fresh checkout. A token tree also
//! has the arguments of macros, which a parser of Rust does not look into.

use std::collections::BTreeSet;

use crate::lex::blank;

/// A token, or a pair of brackets with what is inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree {
    /// An identifier or a keyword.
    Word {
        text: String,
        line: usize,
    },
    /// `::`.
    Colons,
    /// Any other punctuation, one character at a time.
    Mark(char),
    /// A number or a string. Its content is not kept.
    Literal,
    Group {
        open: char,
        inner: Vec<Tree>,
    },
}

impl Tree {
    /// Returns the text of a word.
    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Word { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Returns the line of a word, from 1.
    pub(crate) fn line(&self) -> Option<usize> {
        match self {
            Self::Word { line, .. } => Some(*line),
            _ => None,
        }
    }

    pub(crate) fn is_word(&self, text: &str) -> bool {
        self.word() == Some(text)
    }

    pub(crate) fn is_mark(&self, mark: char) -> bool {
        *self == Self::Mark(mark)
    }

    /// Returns the inside of a pair of brackets that begins with `wanted`.
    pub(crate) fn group(&self, wanted: char) -> Option<&[Tree]> {
        match self {
            Self::Group { open, inner } if *open == wanted => Some(inner),
            _ => None,
        }
    }

    /// Returns the inside of any pair of brackets.
    pub(crate) fn inner(&self) -> Option<&[Tree]> {
        match self {
            Self::Group { inner, .. } => Some(inner),
            _ => None,
        }
    }
}

/// Reads code. A bracket that does not match ends the innermost group, so that any text can be read.
pub(crate) fn read(source: &str) -> Vec<Tree> {
    let code = blank(source);
    let mut reader = Reader { code: &code, at: 0, line: 1 };
    let mut trees = Vec::new();
    while reader.at < code.len() {
        trees.append(&mut reader.group());
        reader.at += 1;
    }
    trees
}

/// Returns the words of some code, each once.
pub(crate) fn words(trees: &[Tree]) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for tree in trees {
        found.extend(tree.word());
        found.extend(tree.inner().map(words).unwrap_or_default());
    }
    found
}

struct Reader<'a> {
    code: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Reader<'a> {
    /// Reads up to the end or a closing bracket, which it does not consume.
    fn group(&mut self) -> Vec<Tree> {
        let bytes = self.code.as_bytes();
        let mut trees = Vec::new();
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b')' | b']' | b'}' => break,
                b'(' | b'[' | b'{' => {
                    self.at += 1;
                    let inner = self.group();
                    trees.push(Tree::Group { open: byte.into(), inner });
                    self.at += 1;
                }
                b'\n' => (self.line, self.at) = (self.line + 1, self.at + 1),
                b'"' => self.text(&mut trees),
                b':' if bytes.get(self.at + 1) == Some(&b':') => {
                    trees.push(Tree::Colons);
                    self.at += 2;
                }
                // A lifetime or a label names no item. A character literal was blanked before.
                b'\'' => {
                    self.at += 1;
                    self.run();
                }
                _ if is_of_a_word(byte) => self.word(&mut trees),
                _ if byte.is_ascii_whitespace() => self.at += 1,
                _ => {
                    trees.push(Tree::Mark(byte.into()));
                    self.at += 1;
                }
            }
        }
        trees
    }

    /// Reads a string. Its prefix (`b"x"`, `c"x"`) is not a word.
    fn text(&mut self, trees: &mut Vec<Tree>) {
        let rest = &self.code.as_bytes()[self.at + 1..];
        let length = rest.iter().position(|byte| *byte == b'"').map_or(rest.len(), |at| at + 1);
        self.line += rest[..length].iter().filter(|byte| **byte == b'\n').count();
        let is_prefixed = self.at > 0 && is_of_a_word(self.code.as_bytes()[self.at - 1]);
        if is_prefixed {
            trees.pop();
        }
        trees.push(Tree::Literal);
        self.at += 1 + length;
    }

    fn word(&mut self, trees: &mut Vec<Tree>) {
        let line = self.line;
        let mut text = self.run();
        // `r#type` is the word `type`.
        let bytes = self.code.as_bytes();
        if text == "r"
            && bytes.get(self.at) == Some(&b'#')
            && bytes.get(self.at + 1).is_some_and(|byte| is_of_a_word(*byte))
        {
            self.at += 1;
            text = self.run();
        }
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            trees.push(Tree::Literal);
        } else {
            trees.push(Tree::Word { text: text.to_owned(), line });
        }
    }

    fn run(&mut self) -> &'a str {
        let (start, code) = (self.at, self.code);
        let rest = &code.as_bytes()[start..];
        self.at += rest.iter().take_while(|byte| is_of_a_word(**byte)).count();
        code.get(start..self.at).unwrap_or_default()
    }
}

/// Says whether a byte may be a part of a word. Bytes beyond ASCII may, as names may have such letters.
fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Returns the code without what is compiled for tests only: items with `#[cfg(test)]` or a test
/// attribute.
pub(crate) fn program(trees: &[Tree]) -> Vec<Tree> {
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        if is_inner_of_tests(&trees[at..]) {
            return Vec::new();
        }
        let attributes = attributes(&trees[at..]);
        if attributes.iter().any(|attribute| is_of_tests(attribute)) {
            at += attributes.len() * 2;
            at += item(&trees[at..]);
            continue;
        }
        kept.push(match tree {
            Tree::Group { open, inner } => Tree::Group { open: *open, inner: program(inner) },
            other => other.clone(),
        });
        at += 1;
    }
    kept
}

/// Returns the attributes that begin here, each as the tokens inside its brackets.
pub(crate) fn attributes(trees: &[Tree]) -> Vec<&[Tree]> {
    let pairs = trees.chunks(2).map_while(|pair| match pair {
        [Tree::Mark('#'), group] => group.group('['),
        _ => None,
    });
    pairs.collect()
}

/// Says whether `#![cfg(test)]` begins here.
fn is_inner_of_tests(trees: &[Tree]) -> bool {
    match trees {
        [Tree::Mark('#'), Tree::Mark('!'), group, ..] => group.group('[').is_some_and(is_of_tests),
        _ => false,
    }
}

/// Says whether an attribute restricts what follows to tests: `cfg(test)`, `cfg(all(test, ..))`, `test`,
/// `tokio::test(..)`.
pub(crate) fn is_of_tests(attribute: &[Tree]) -> bool {
    if let [cfg, condition] = attribute
        && cfg.is_word("cfg")
    {
        return condition.inner().is_some_and(needs_tests);
    }
    let path = attribute.iter().take_while(|tree| tree.inner().is_none());
    path.last().is_some_and(|last| last.is_word("test"))
}

/// Says whether a condition of `cfg` can hold in tests only.
fn needs_tests(condition: &[Tree]) -> bool {
    match condition {
        [word, rest @ ..] if word.is_word("test") => rest.is_empty() || rest[0].is_mark(','),
        [word, parts, ..] => {
            let mut parts = parts
                .inner()
                .unwrap_or_default()
                .split(|tree| tree.is_mark(','))
                .filter(|part| !part.is_empty());
            match word.word() {
                Some("all") => parts.any(needs_tests),
                Some("any") => parts.all(needs_tests),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Words that begin an item or statement which a comma does not end.
const KEYWORDS: &[&str] = &[
    "async",
    "const",
    "enum",
    "extern",
    "fn",
    "impl",
    "let",
    "macro_rules",
    "mod",
    "pub",
    "static",
    "struct",
    "trait",
    "type",
    "union",
    "unsafe",
    "use",
];

/// Returns the number of tokens of the item, statement, field or arm that begins here. It ends with its
/// braces or semicolon, or with a comma if no keyword begins it.
fn item(trees: &[Tree]) -> usize {
    let by_keyword = trees.iter().find_map(|tree| match tree {
        Tree::Word { text, .. } if text == "pub" => None,
        Tree::Group { open: '(', .. } => None,
        other => Some(other.word().is_some_and(|word| KEYWORDS.contains(&word))),
    });
    let by_keyword = by_keyword.unwrap_or_default();
    let ends = |tree: &Tree| {
        tree.is_mark(';') || tree.group('{').is_some() || (!by_keyword && tree.is_mark(','))
    };
    trees.iter().position(ends).map_or(trees.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the words of the trees, with brackets.
    fn show(trees: &[Tree]) -> String {
        let one = |tree: &Tree| match tree {
            Tree::Word { text, .. } => text.clone(),
            Tree::Colons => "::".into(),
            Tree::Mark(mark) => mark.to_string(),
            Tree::Literal => "0".into(),
            Tree::Group { open, inner } if inner.is_empty() => format!("{open} ."),
            Tree::Group { open, inner } => format!("{open} {} .", show(inner)),
        };
        trees.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn code_is_read_as_words_marks_and_groups() {
        let code = "use a::{b, c}; // no\nlet r#type = b\"}\" + 'x' + 1u8; f::<'a>(\"(\");";
        let trees = read(code);
        let want = "use a :: { b , c . ; let type = 0 + + 0 ; f :: < > ( 0 . ;";
        assert_eq!(show(&trees), want);
        assert_eq!(trees.iter().find(|tree| tree.is_word("let")).unwrap().line(), Some(2));
        assert_eq!(show(&read("a ) b } c [ d")), "a b c [ d .");
    }

    #[test]
    fn a_line_is_counted_within_texts_and_groups() {
        let trees = read("a(\n\"x\ny\", b)\nc");
        assert_eq!(trees.last().unwrap().line(), Some(4));
    }

    #[test]
    fn what_is_for_tests_alone_is_left_out() {
        let code = [
            "#[cfg(test)] mod tests; #[cfg(all(test, not(loom)))] mod b { fn x() {} } mod c;",
            "struct S { #[cfg(test)] x: u8, y: u8 }",
            "#[test] #[ignore] fn t() {} #[tokio::test(flavor = 1)] async fn u() {} fn kept() {}",
            "#[cfg(any(test, loom))] fn both() {} #[cfg(not(test))] fn never() {}",
        ];
        let kept = show(&program(&read(&code.join("\n"))));
        assert_eq!(
            kept,
            "mod c ; struct S { y : u8 . fn kept ( . { . # [ cfg ( any ( test , loom . . . fn both \
             ( . { . # [ cfg ( not ( test . . . fn never ( . { ."
        );
        assert_eq!(program(&read("#![cfg(test)] fn a() {}")), []);
    }
}
