//! Lines with a word, as GNU `grep -wc WORD` counts them in a UTF-8 locale.
//!
//! These rules were found by experiment with grep 3.8 and glibc 2.36, and are checked against the
//! grep of the machine in `tests/it/grep.rs`:
//!
//! - a line ends at `\n`, at a NUL (a file with a NUL is binary to grep, which
//!   then takes each NUL for a line end, before and after the first one), or at
//!   the end of the file; `\r` is an ordinary character and no part of a word;
//! - a word is made of `_`, ASCII letters and digits, and of the letters and
//!   decimal digits of every script: `éunsafe` is another word, `²unsafe` and
//!   `😀unsafe` are not;
//! - a byte that belongs to no valid UTF-8 sequence is no part of a word, so
//!   the byte C locale differs only where a letter beyond ASCII touches the
//!   word. `C.UTF-8` and `en_US.UTF-8` agree;
//! - which characters are letters is a matter of the Unicode version: ours is
//!   Rust's, so letters added after Unicode 14 (glibc 2.36) differ from an older
//!   grep if one of them touches the word.

use memchr::{memchr2, memmem};

/// Counts the lines that have `word` with no word character on either side. The word is ASCII and
/// cannot overlap itself.
pub(super) fn lines_with_word(bytes: &[u8], word: &[u8]) -> u64 {
    let finder = memmem::Finder::new(word);
    let (mut count, mut at) = (0, 0);
    while let Some(found) = finder.find(&bytes[at..]) {
        let (start, end) = (at + found, at + found + word.len());
        at = end;
        if !ends_in_word(&bytes[..start]) && !starts_with_word(&bytes[end..]) {
            count += 1;
            match memchr2(b'\n', 0, &bytes[end..]) {
                Some(line_end) => at = end + line_end,
                None => break,
            }
        }
    }
    count
}

fn ends_in_word(before: &[u8]) -> bool {
    match before.last() {
        None => false,
        Some(&byte) if byte.is_ascii() => is_word_byte(byte),
        Some(_) => last_char(before).is_some_and(is_word_char),
    }
}

fn starts_with_word(after: &[u8]) -> bool {
    match after.first() {
        None => false,
        Some(&byte) if byte.is_ascii() => is_word_byte(byte),
        Some(_) => first_char(after).is_some_and(is_word_char),
    }
}

/// Returns the character that ends `bytes`, if those are a whole valid sequence.
fn last_char(bytes: &[u8]) -> Option<char> {
    // No sequence is longer than four bytes. To decode all text before each word would take
    // quadratic time.
    let tail = &bytes[bytes.len().saturating_sub(4)..];
    let lead = tail.iter().rposition(|byte| byte & 0xc0 != 0x80)?;
    let mut chars = std::str::from_utf8(&tail[lead..]).ok()?.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// Returns the character that begins `bytes`, if it is a valid sequence.
fn first_char(bytes: &[u8]) -> Option<char> {
    let head = &bytes[..bytes.len().min(4)];
    head.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next())
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Answers as `iswalnum` of glibc does, for characters beyond ASCII.
fn is_word_char(c: char) -> bool {
    c.is_alphabetic() || (c.is_numeric() && is_decimal_digit(c))
}

/// Returns whether the general category is `Nd`; the standard library tells only that it is one of
/// `Nd`, `Nl` and `No`. Derived from glibc 2.36 (Unicode 14).
fn is_decimal_digit(c: char) -> bool {
    /// The zero of each script; nine digits follow it.
    const ZEROS: [u32; 60] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
        0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
        0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
        0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0,
        0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0,
        0x16b50, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
    ];
    let code = u32::from(c);
    let is_mathematical = (0x1d7ce..=0x1d7ff).contains(&code);
    let below = ZEROS.partition_point(|&zero| zero <= code);
    is_mathematical || below.checked_sub(1).is_some_and(|index| code - ZEROS[index] < 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(bytes: &[u8]) -> u64 {
        lines_with_word(bytes, b"unsafe")
    }

    #[test]
    fn a_line_counts_once() {
        assert_eq!(count(b"unsafe unsafe\nunsafe"), 2);
        assert_eq!(count(b"xunsafe unsafe\n"), 1);
        assert_eq!(count(b"unsafeunsafe\nunsafe_ _unsafe unsafe1 UNSAFE\n"), 0);
    }

    #[test]
    fn a_nul_ends_a_line_and_a_return_does_not() {
        assert_eq!(count(b"unsafe\0unsafe\0x\nunsafe\n"), 3);
        assert_eq!(count(b"unsafe\runsafe\r\n"), 1);
    }

    #[test]
    fn letters_and_digits_of_any_script_make_words() {
        for text in [
            "éunsafe",
            "unsafeé",
            "中unsafe",
            "unsafe中",
            "unsafe٠",
            "unsafe９",
            "unsafe𝟎",
            "unsafeⅧ",
        ] {
            assert_eq!(count(text.as_bytes()), 0, "{text}");
        }
        for text in
            ["…unsafe…", "😀unsafe", "unsafe\u{301}", "unsafe²", "\u{feff}unsafe", "unsafe＿"]
        {
            assert_eq!(count(text.as_bytes()), 1, "{text}");
        }
    }

    #[test]
    fn broken_utf8_is_no_part_of_a_word() {
        let cases: [&[u8]; 8] = [
            b"\xffunsafe",
            b"unsafe\xff",
            b"\xc3unsafe",
            b"unsafe\xc3",
            b"\xa9unsafe",
            b"\xc3\xa9\xa9unsafe",
            b"\xed\xa0\x80unsafe",
            b"unsafe\xc0\x80",
        ];
        for bytes in cases {
            assert_eq!(count(bytes), 1, "{bytes:x?}");
        }
    }

    #[test]
    fn zeros_are_in_order() {
        assert!(is_decimal_digit('٩') && !is_decimal_digit('²') && !is_decimal_digit('\u{66a}'));
    }
}
