//! A line reader for the TOML that cargo writes.
//!
//! It knows tables, `key = value`, comments and values over several lines, and
//! nothing else: enough for `Cargo.lock` and for the few keys the audit asks of
//! a `Cargo.toml`, in 2 crates less than a full parser. It never fails: it passes
//! over what it does not understand.

/// One `key = value` of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item<'a> {
    /// Line number, from 1.
    pub(crate) line: usize,
    /// Ordinal of the table header above, so that `[[package]]`s differ.
    pub(crate) section: usize,
    /// Name of the table: `package`, `lib`; empty above the first header.
    pub(crate) table: &'a str,
    /// Key as written, dots included, without quotes around it.
    pub(crate) key: &'a str,
    /// First line of the value, comment included.
    pub(crate) value: &'a str,
}

impl<'a> Item<'a> {
    /// Returns the value, if it is a string on one line without escapes.
    pub(crate) fn text(&self) -> Option<&'a str> {
        let quote = self.value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (inside, _) = self.value.get(1..)?.split_once(quote)?;
        let is_multiline = self.value.starts_with("\"\"\"") || self.value.starts_with("'''");
        let is_escaped = quote == '"' && inside.contains('\\');
        (!is_multiline && !is_escaped).then_some(inside)
    }

    /// Returns the value, if it is `true` or `false`.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self.value.split([' ', '\t', '#']).next() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        }
    }
}

/// The state of the reader after a line.
enum State {
    /// Between items.
    Plain,
    /// Inside a string with three quotes.
    Text(&'static str),
    /// Inside this many open brackets.
    Brackets(usize),
}

/// Returns all items of `text`, in order.
pub(crate) fn items(text: &str) -> Vec<Item<'_>> {
    let mut found = Vec::new();
    let mut state = State::Plain;
    let (mut table, mut section) = ("", 0);
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim();
        state = match state {
            State::Text(close) => match line.find(close) {
                Some(_) => State::Plain,
                None => State::Text(close),
            },
            State::Brackets(depth) => after_brackets(line, depth),
            State::Plain if line.starts_with('[') => {
                section += 1;
                table = header(line);
                State::Plain
            }
            State::Plain => match key_value(line) {
                Some((key, value)) => {
                    found.push(Item { line: index + 1, section, table, key, value });
                    after_value(value)
                }
                None => State::Plain,
            },
        };
    }
    found
}

fn header(line: &str) -> &str {
    let inner = line.trim_start_matches('[');
    inner.split(']').next().unwrap_or(inner).trim()
}

fn key_value(line: &str) -> Option<(&str, &str)> {
    if line.starts_with('#') {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    Some((key.trim().trim_matches(['"', '\'']), value.trim()))
}

fn after_value(value: &str) -> State {
    for close in ["\"\"\"", "'''"] {
        if let Some(rest) = value.strip_prefix(close) {
            return if rest.contains(close) { State::Plain } else { State::Text(close) };
        }
    }
    // All other values end with their line.
    if value.starts_with(['[', '{']) { after_brackets(value, 0) } else { State::Plain }
}

/// Counts brackets outside strings and comments.
fn after_brackets(line: &str, mut depth: usize) -> State {
    let mut bytes = line.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'#' => break,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'\'' => {
                bytes.by_ref().find(|&b| b == b'\'');
            }
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    if depth == 0 { State::Plain } else { State::Brackets(depth) }
}

fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(&str, &str)> {
        items(text).into_iter().map(|i| (i.table, i.key)).collect()
    }

    #[test]
    fn reads_tables_strings_and_flags() {
        let text = "top = 1\n[package]\nname = \"a\" # c\nbuild = false# no\n[lib]\n\"proc-macro\" = true\nlicense='MIT'";
        let found = items(text);
        assert_eq!(found[1].text(), Some("a"));
        assert_eq!(found[2].flag(), Some(false));
        assert_eq!(
            (found[3].table, found[3].key, found[3].flag()),
            ("lib", "proc-macro", Some(true))
        );
        assert_eq!(found[4].text(), Some("MIT"));
    }

    #[test]
    fn values_over_several_lines_hide_what_is_in_them() {
        let text = "[package]\nabout = \"\"\"\n[lib]\nlicense = \"no\"\n\"\"\"\nx = [\n  \"a]\", # ]\n  [\"license = 1\"],\n]\nlicense = \"yes\"";
        assert_eq!(keys(text), [("package", "about"), ("package", "x"), ("package", "license")]);
        assert_eq!(items(text)[0].text(), None);
    }

    #[test]
    fn each_header_opens_a_new_section() {
        let found = items("[[package]]\nname = \"a\"\n[[package]]\nname = \"b\"");
        assert_eq!(found[0].table, "package");
        assert_ne!(found[0].section, found[1].section);
    }

    #[test]
    fn nonsense_is_passed_over() {
        assert!(items("\u{0}[[[\n]]\nwords\n# a = b\n").is_empty());
        assert_eq!(items("a = \"\"").len(), 1);
        assert_eq!(items("a = \"\"")[0].text(), Some(""));
        assert_eq!(items("a =")[0].text(), None);
    }
}
