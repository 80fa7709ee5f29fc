//! The message of an error does not contain its source.
//!
//! Whoever prints an error prints its sources after it, so a message with the source in it says the same
//! twice. This looks at the errors that derive `thiserror::Error`; a `Display` written by hand is not read.

use std::path::{Path, PathBuf};

use crate::files::files;
use crate::lex::{blank, calls, line_of, within, words};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

const FOLDERS: &[&str] = &["crates", "examples"];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let all = FOLDERS.iter().flat_map(|folder| files(&workspace.root, Path::new(folder)));
    let read = |path: PathBuf| {
        let text = workspace.read(&path).unwrap_or_default();
        (path, text)
    };
    judge(&all.map(read).collect::<Vec<_>>())
}

fn judge(sources: &[(PathBuf, String)]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut count = 0;
    for (path, text) in sources {
        let code = blank(text);
        for message in messages(text, &code) {
            count += 1;
            let Message { name, line, .. } = message;
            outcome.problems.extend(message.sources().map(|source| {
                format!(
                    "{}:{line} {name}: its message contains its source `{source}`, which is printed after \
                     it anyway: leave it out, or make the error transparent",
                    path.display()
                )
            }));
        }
    }
    outcome.notes.push(format!("{count} messages of errors"));
    outcome
}

/// A message, and the variant or struct with fields that it is for.
struct Message<'a> {
    line: usize,
    name: &'a str,
    /// The format string.
    format: &'a str,
    /// The code behind it.
    arguments: &'a str,
    /// The code of the fields, with their brackets.
    fields: &'a str,
}

/// Returns the messages in a source, given as its text and its code with blanks.
fn messages<'a>(text: &'a str, code: &'a str) -> impl Iterator<Item = Message<'a>> {
    calls(code, "error").filter_map(move |(at, given)| {
        let bracket = code[..at].ends_with("#[").then(|| at - 1)?;
        let (name, fields) = declared(behind(&code[bracket..])?)?;
        // A string has no content in the code, so the next quotation mark is its end. `transparent`
        // has no string.
        let begin = given.start + code[given.clone()].find('"')? + 1;
        let end = begin + code[begin..].find('"')?;
        let (format, arguments) = (&text[begin..end], &code[end + 1..given.end]);
        Some(Message { line: line_of(text, at), name, format, arguments, fields })
    })
}

impl<'a> Message<'a> {
    /// Returns the sources that are in it.
    fn sources(&self) -> impl Iterator<Item = &'a str> + '_ {
        let is_named = self.fields.starts_with('{');
        let parts = parts(&self.fields[1..self.fields.len() - 1]).into_iter().enumerate();
        let sources = parts.filter_map(move |(at, part)| source(part, is_named, at));
        sources.filter(|source| {
            placeholders(self.format).any(|name| name == *source) || uses(self.arguments, source)
        })
    }
}

/// Returns the name and the fields of the variant or struct that is declared here, if it has fields.
fn declared(code: &str) -> Option<(&str, &str)> {
    let (_, code) = attributes(code);
    let code = without_visibility(code);
    let code = code.strip_prefix("struct ").unwrap_or(code).trim_start();
    let (name, code) = word(code)?;
    // Behind the name there may be generics.
    let code = if code.starts_with('<') { &code[code.find(['{', '('])?..] } else { code };
    let inner = code.starts_with(['{', '(']).then(|| within(code, 0)).flatten()?;
    Some((name, &code[..=inner.end]))
}

/// Returns the name of a field, or the place of one without a name, if it is the source.
fn source(field: &str, is_named: bool, at: usize) -> Option<&str> {
    let (attributes, code) = attributes(field);
    let is_marked = attributes.iter().any(|one| matches!(*one, "source" | "from"));
    if is_named {
        let (name, _) = word(without_visibility(code))?;
        // `thiserror` takes a field of this name for the source without being told.
        return (is_marked || name == "source").then_some(name);
    }
    is_marked.then(|| PLACES.get(at).copied()).flatten()
}

/// The names that a format string has for fields without a name. No error has more of them.
const PLACES: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7"];

/// Returns the attributes that begin here, and the code behind them.
fn attributes(code: &str) -> (Vec<&str>, &str) {
    let (mut found, mut rest) = (Vec::new(), code.trim_start());
    while rest.starts_with("#[")
        && let Some(inner) = within(rest, 1)
    {
        found.push(rest[inner.clone()].trim());
        rest = rest[inner.end + 1..].trim_start();
    }
    (found, rest)
}

fn without_visibility(code: &str) -> &str {
    match word(code) {
        Some(("pub", rest)) if rest.starts_with('(') => behind(rest).unwrap_or(rest).trim_start(),
        Some(("pub", rest)) => rest,
        _ => code,
    }
}

/// Returns the word that begins here, and the code behind it.
fn word(code: &str) -> Option<(&str, &str)> {
    let (at, word) = words(code).next()?;
    (at == 0).then(|| (word, code[word.len()..].trim_start()))
}

/// Returns the code behind the brackets that open here.
fn behind(code: &str) -> Option<&str> {
    within(code, 0).map(|inner| &code[inner.end + 1..])
}

/// Returns the parts between commas outside of all brackets.
fn parts(code: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut found) = (0_usize, 0, Vec::new());
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            // The `>` of `->` closes nothing.
            b'>' if code[..at].ends_with('-') => {}
            b')' | b']' | b'}' | b'>' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                found.push(&code[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    found.push(&code[begin..]);
    found
}

/// Returns the names in a format string, as `path` in `{path:?}`.
fn placeholders(format: &str) -> impl Iterator<Item = &str> {
    let mut is_text = true;
    format.split('{').filter_map(move |part| {
        let is_name = !is_text;
        // `{{` is a brace that is printed: an empty part, then text.
        is_text = is_name && part.is_empty();
        is_name.then(|| part.split(['}', ':']).next().unwrap_or_default().trim())
    })
}

/// Says whether the arguments of a format string use a field: `.name`, `.0`, or `name` alone.
fn uses(arguments: &str, field: &str) -> bool {
    let is_place = field.starts_with(|c: char| c.is_ascii_digit());
    words(arguments).filter(|(_, word)| *word == field).any(|(at, _)| {
        match arguments[..at].strip_suffix('.') {
            // Behind an expression it is a field or a method of something else.
            Some(before) => !before.ends_with(|c: char| c.is_alphanumeric() || "_)]".contains(c)),
            None => !is_place,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the places and names of the errors that are found in a source.
    fn found(text: &str) -> Vec<String> {
        let outcome = judge(&[(PathBuf::from("a.rs"), text.to_owned())]);
        let head = |line: &String| line.split(": its message").next().map(str::to_owned);
        outcome.problems.iter().filter_map(head).collect()
    }

    #[test]
    fn a_message_with_its_source_is_found() {
        let text = r#"
            #[error("a: {0}")] A(#[from] Io),
            /// Text.
            #[error("b: {1:?}")] #[x(y)] B(Map<u8, Io>, #[source] Io),
            #[error("c {path}: {source}", path = .path.display())]
            C { path: PathBuf, source: Io },
            #[error("d: {}", text(.cause))]
            D {
                /// Why, and "why".
                #[source] cause: Io,
            },
            #[error("{{{}}} {{{0}}}", 1)] E(#[from] Io),
            #[error("f: {why} {}", .cause.kind(), why = cause)] F { #[from] cause: Io },
            #[error("{0}")] #[non_exhaustive] pub(crate) struct G<T: Any>(#[source] pub(crate) T);
        "#;
        assert_eq!(
            found(text),
            ["a.rs:2 A", "a.rs:4 B", "a.rs:5 C", "a.rs:7 D", "a.rs:12 E", "a.rs:13 F", "a.rs:14 G"]
        );
        let text = "#[error(\"{0}\")] A(#[from] Io)";
        let problems = judge(&[(PathBuf::from("a.rs"), text.to_owned())]).problems;
        assert!(problems[0].contains("its source `0`, which is printed after"), "{problems:?}");
    }

    #[test]
    fn a_transparent_error_and_a_field_that_is_no_source_are_allowed() {
        let text = r#"
            #[error(transparent)] A(#[from] Io),
            #[error("{0}")] B(String),
            #[error("{0} failed")] C(String, #[source] Io),
            #[error("{path} of {}", .kind.source())] D { path: Path, kind: Kind, source: Io },
            #[error("{{0}} {{{1}}} {}", .1.0)] E(#[source] Io, (u8, u8)),
            #[error("write {{source}}")] F { source: Io },
            #[error("none")] G, #[error("h")] H(#[from] Io),
            fn f() { tracing::error!("{0}", source); }
            // #[error("{0}")] I(#[from] Io)
        "#;
        assert_eq!(found(text), Vec::<String>::new());
        let outcome = judge(&[(PathBuf::from("a.rs"), text.to_owned())]);
        assert_eq!(outcome.notes, ["6 messages of errors"]);
    }
}
