//! Paths as printable text, without loss.
//!
//! A file name on Unix is any bytes. Labels, reports and the store need text,
//! and a terminal must not be handed control characters by a crate under
//! review. Backslash, control characters and bytes that are not UTF-8 are
//! written as `\xNN`; everything else stays as it is. Two different paths never
//! give the same text.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serializer};

/// Writes a path as text that can be printed and turned back by [`unescape`].
pub fn escape(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' || is_unprintable(c) {
                let mut utf8 = [0; 4];
                push_hex(&mut text, c.encode_utf8(&mut utf8).as_bytes());
            } else {
                text.push(c);
            }
        }
        push_hex(&mut text, chunk.invalid());
    }
    text
}

/// Returns the path that [`escape`] was given. Text that `escape` cannot have made is taken as it
/// stands.
pub fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let tail = &rest[at..];
        match hex_byte(tail) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[4..];
            }
            None => {
                bytes.push(b'\\');
                rest = &tail[1..];
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    PathBuf::from(os_string(bytes))
}

/// Makes any text safe for a terminal: control characters, and those that reorder a line, are
/// written as `\xNN`.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unprintable(c) {
            let mut utf8 = [0; 4];
            push_hex(&mut out, c.encode_utf8(&mut utf8).as_bytes());
        } else {
            out.push(c);
        }
    }
    out
}

/// Returns whether a character is a control or a bidirectional formatting character.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        // With these a name is shown as another one (CVE-2021-42574).
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    for byte in bytes {
        text.push_str("\\x");
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// Returns the byte that `\xNN` at the start of `text` stands for.
fn hex_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("\\x")?.get(..2)?;
    // Checked first, because `from_str_radix` also takes a sign.
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(unix)]
fn os_string(bytes: Vec<u8>) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

#[cfg(not(unix))]
fn os_string(bytes: Vec<u8>) -> OsString {
    OsString::from(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes a path as escaped text: one half of `#[serde(with = "path_text")]`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&escape(path))
}

/// Reads a path from escaped text: the other half of `#[serde(with = "path_text")]`.
///
/// # Errors
/// Those of the deserializer.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(unescape(&String::deserialize(deserializer)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_paths_stay_as_they_are() {
        assert_eq!(escape(Path::new("a/é b.rs")), "a/é b.rs");
    }

    #[test]
    fn control_characters_cannot_reach_a_terminal() {
        assert_eq!(
            escape(Path::new("a\u{1b}[2J\n\u{202e}.rs")),
            "a\\x1b[2J\\x0a\\xe2\\x80\\xae.rs"
        );
        assert_eq!(printable("a\u{1b}\\"), "a\\x1b\\");
    }

    #[test]
    fn text_that_only_looks_escaped_is_kept() {
        assert_eq!(unescape("\\xzz\\x4\\"), PathBuf::from("\\xzz\\x4\\"));
    }

    #[cfg(unix)]
    proptest! {
        #[test]
        fn every_path_survives_the_round_trip(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let path = PathBuf::from(os_string(bytes));
            prop_assert_eq!(unescape(&escape(&path)), path);
        }
    }
}
