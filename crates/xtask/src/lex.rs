//! Sources without comments and strings, and what can be found in them without a parser.
//!
//! There is no parser, as this crate must build in a few seconds on a fresh checkout. The blanks in
//! place of comments and strings have their length, so that a place in the one is a place in the other.

use std::ops::Range;

/// Returns the source with blanks for all comments and for everything within quotation marks.
pub(crate) fn blank(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => line_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'*') => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            // A raw identifier such as `r#type` is no text.
            b'r' if begins_a_text(bytes, at) => raw_end(bytes, at).unwrap_or(at),
            b'\'' => char_end(bytes, at).unwrap_or(at),
            _ => at,
        };
        // The quotation marks stay, so that rules see that there is a string.
        let kept = usize::from(bytes[at] == b'"');
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        if kept == 1 && end > at + 1 {
            (out[at], out[end - 1]) = (b'"', b'"');
        }
        at = end.max(at + 1);
    }
    // Whole characters were replaced, or none of their bytes.
    String::from_utf8(out).unwrap_or_default()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < bytes.len() {
        match &bytes[at..bytes.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    bytes.len().min(at + 1)
}

/// `r"..."`, `r#"..."#` and so on.
fn raw_end(bytes: &[u8], start: usize) -> Option<usize> {
    let marks = bytes[start + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = start + 1 + marks;
    (bytes.get(open) == Some(&b'"')).then_some(())?;
    let close: Vec<u8> = [&b"\""[..], &vec![b'#'; marks]].concat();
    let found = bytes[open + 1..].windows(close.len()).position(|window| window == close)?;
    Some(open + 1 + found + close.len())
}

/// A character; a lifetime is none.
fn char_end(bytes: &[u8], start: usize) -> Option<usize> {
    if bytes.get(start + 1) == Some(&b'\\') {
        let rest = bytes.get(start + 3..)?;
        return rest.iter().position(|byte| *byte == b'\'').map(|length| start + length + 4);
    }
    // At most four bytes of UTF-8.
    let end = (start + 2..start + 6).find(|at| bytes.get(*at) == Some(&b'\''))?;
    let text = std::str::from_utf8(&bytes[start + 1..end]).ok()?;
    (text.chars().count() == 1).then_some(end + 1)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_within_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && is_word(bytes[at - 1])
}

/// Whether an `r` here may begin a raw text: `r".."`, `br".."`, `cr".."`.
fn begins_a_text(bytes: &[u8], at: usize) -> bool {
    let is_prefixed = at > 0 && matches!(bytes[at - 1], b'b' | b'c');
    !is_within_word(bytes, at) || (is_prefixed && !is_within_word(bytes, at - 1))
}

/// Returns the words of some code, and where each begins.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = code.as_bytes();
    let begins =
        (0..bytes.len()).filter(move |at| is_word(bytes[*at]) && !is_within_word(bytes, *at));
    begins.map(move |at| {
        let length = bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
        (at, &code[at..at + length])
    })
}

/// Returns the places of `text` where its first and last word are not parts of longer words.
pub(crate) fn places<'a>(code: &'a str, text: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    let begins_a_word = text.bytes().next().is_some_and(is_word);
    let ends_a_word = text.bytes().next_back().is_some_and(is_word);
    let found = code.match_indices(text).map(|(at, _)| at);
    found.filter(move |at| {
        let next = bytes.get(at + text.len()).copied();
        let goes_on_before = begins_a_word && is_within_word(bytes, *at);
        let goes_on_behind = ends_a_word && next.is_some_and(is_word);
        !goes_on_before && !goes_on_behind
    })
}

/// Returns what is inside the brackets that open at `open`.
pub(crate) fn within(code: &str, open: usize) -> Option<Range<usize>> {
    let (mut depth, bytes) = (0_usize, code.as_bytes());
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(open + 1..at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Returns the place and the arguments of each call of `name`: `name(..)` or `name!(..)`.
pub(crate) fn calls<'a>(
    code: &'a str,
    name: &'a str,
) -> impl Iterator<Item = (usize, Range<usize>)> + 'a {
    places(code, name).filter_map(move |at| {
        let rest = &code[at + name.len()..];
        let rest = rest.strip_prefix('!').unwrap_or(rest);
        let open = code.len() - rest.len();
        rest.starts_with(['(', '[', '{']).then_some(())?;
        Some((at, within(code, open)?))
    })
}

/// Returns the line of a place, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_are_blank_and_as_long_as_before() {
        let source = "a /* x /* y */ } */ b // } é\n\"}\\\"}\" r#\"\"}\"# '}' '\\n' 'a: fn";
        let code = blank(source);
        assert_eq!(code.len(), source.len());
        assert!(!code.contains(['}', 'x', 'y']), "{code}");
        let words: Vec<&str> = words(&code).map(|(_, word)| word).collect();
        assert_eq!(words, ["a", "b", "a", "fn"]);
    }

    #[test]
    fn calls_are_found_with_what_they_are_given() {
        let code = "reassert(1); assert(2, (3)); assert!(4)";
        let given: Vec<&str> = calls(code, "assert").map(|(_, range)| &code[range]).collect();
        assert_eq!(given, ["2, (3)", "4"]);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
