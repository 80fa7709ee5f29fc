//! The audit of one file's bytes.

mod lexer;
mod words;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Changes when [`scan`] gives another answer for the same bytes, so that
/// stored answers of an older tool are not mixed with new ones.
pub const SCAN_VERSION: u32 = 1;

/// The findings of the audit in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Length in bytes.
    pub bytes: u64,
    /// Lines, an unfinished last one included.
    pub lines: u64,
    /// Lines with the word `unsafe`, as `grep -wc unsafe` counts them.
    pub unsafe_lines: u64,
    /// `.unwrap()` and `.expect(` outside comments and strings.
    pub unwrap_sites: u64,
    /// `panic!`, `todo!`, `unimplemented!` and `unreachable!` outside comments
    /// and strings.
    pub panic_sites: u64,
    /// Functions with a name and a body.
    pub functions: u64,
    /// The longest of them; the first of several.
    pub longest_fn: Option<LongestFn>,
    /// Equal for equal content.
    pub content_hash: ContentHash,
    /// Whether it holds a NUL byte, as grep decides it.
    pub binary: bool,
    /// Whether it is valid UTF-8.
    pub utf8: bool,
}

/// The longest function of a file, from the word `fn` to its closing brace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongestFn {
    /// Its name, cut after [`MAX_NAME`] bytes.
    pub name: String,
    /// Line of the word `fn`, from 1.
    pub line: u64,
    /// Its length in lines.
    pub lines: u64,
}

/// Longest function name that is kept, in bytes.
pub const MAX_NAME: usize = 80;

/// 128 bits of XXH3 over the content. It finds copies; it does not prove that
/// a file is the one somebody signed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(u128);

impl ContentHash {
    /// Returns the hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxhash_rust::xxh3::xxh3_128(bytes))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

impl FromStr for ContentHash {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Audits the bytes of one file.
///
/// Any bytes will do: it never panics and takes time linear in their number.
/// `unsafe_lines` is the number GNU `grep -wc unsafe` prints in a UTF-8 locale:
/// letters and digits of any script count as part of a word, bytes that are
/// not UTF-8 do not, and a NUL ends a line. The other counts come from a lexer
/// that knows comments, strings and characters but no grammar, so what is
/// inside a macro counts like any code.
pub fn scan(bytes: &[u8]) -> FileReport {
    let code = lexer::lex(bytes);
    FileReport {
        bytes: bytes.len() as u64,
        lines: count_lines(bytes),
        unsafe_lines: words::lines_with_word(bytes, b"unsafe"),
        unwrap_sites: code.unwrap_sites,
        panic_sites: code.panic_sites,
        functions: code.functions,
        longest_fn: code.longest_fn,
        content_hash: ContentHash::of(bytes),
        binary: memchr::memchr(0, bytes).is_some(),
        utf8: std::str::from_utf8(bytes).is_ok(),
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    let unfinished = bytes.last().is_some_and(|&last| last != b'\n');
    newlines(bytes) + u64::from(unfinished)
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_file_has_nothing() {
        let report = scan(b"");
        assert_eq!((report.lines, report.unsafe_lines, report.functions), (0, 0, 0));
        assert!(report.utf8 && !report.binary && report.longest_fn.is_none());
    }

    #[test]
    fn an_unfinished_line_is_a_line() {
        assert_eq!(
            [count_lines(b"a"), count_lines(b"a\n"), count_lines(b"a\nb"), count_lines(b"\n\n")],
            [1, 1, 2, 2]
        );
    }

    #[test]
    fn hashes_survive_text_and_tell_content_apart() {
        let hash = ContentHash::of(b"a");
        assert_eq!(hash.to_string().len(), 32);
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_ne!(hash, ContentHash::of(b"b"));
        let text = serde_json::to_string(&ContentHash(7)).unwrap();
        assert_eq!(serde_json::from_str::<ContentHash>(&text).unwrap(), ContentHash(7));
    }

    /// Pieces that the lexer has to tell apart, so that random joins of them go deep.
    fn rusty() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: [&str; 40] = [
            "fn ",
            "f",
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            "<",
            ">",
            "->",
            ";",
            "\"",
            "'",
            "\\",
            "r#",
            "r\"",
            "br##\"",
            "#",
            "\"#",
            "b'",
            "/*",
            "*/",
            "//",
            "\n",
            " ",
            "unsafe",
            ".unwrap()",
            ".expect(",
            "panic!",
            "'a",
            "'{'",
            "é",
            "\0",
            "!",
            ".",
            "$name",
            "r",
            "'\\u{7",
            "unwrap",
        ];
        let piece = prop_oneof![
            9 => prop::sample::select(&PIECES[..]).prop_map(|p| p.as_bytes().to_vec()),
            1 => prop::collection::vec(any::<u8>(), 1..3),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_scanned(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(scan(&bytes).lines <= bytes.len() as u64 + 1);
        }

        #[test]
        fn anything_like_rust_can_be_scanned(bytes in rusty()) {
            let report = scan(&bytes);
            prop_assert!(report.unsafe_lines <= report.lines + memchr::memchr_iter(0, &bytes).count() as u64);
            if let Some(longest) = report.longest_fn {
                prop_assert!(longest.line >= 1 && longest.lines >= 1);
                prop_assert!(longest.line + longest.lines - 1 <= report.lines);
            }
        }
    }

    /// Nanoseconds for which this thread has run, whatever else the machine does.
    fn work() -> u64 {
        let figures =
            std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux kernel");
        figures.split(' ').next().expect("a first figure").parse().expect("a number")
    }

    /// Inputs that make a careless scanner quadratic.
    #[test]
    fn work_stays_linear_on_hostile_input() {
        let pieces = [
            "r#", "r#\"#", "\"", "'", "/*", "fn f(){", "b'\\", "{", "'\\u{", "unsafe", "r###", "é",
            ".unwrap ", "fn ",
        ];
        for piece in pieces {
            let of = |times: usize| {
                let text = piece.repeat(times);
                let before = work();
                scan(text.as_bytes());
                work() - before
            };
            let (short, long) = (of(1 << 16), of(1 << 20));
            // Sixteen times the text; 256 times the work if each piece looked at all the others.
            let linear = 16 * short.max(1_000_000);
            assert!(long < 5 * linear, "{piece}: {short} ns for 1, {long} ns for 16");
        }
    }
}
