//! Whole numbers that are too wide for 64 bits.

use std::fmt;

/// A whole number in a JSON text that is refused, because it would silently become the nearest
/// float.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the whole number {number} at line {line} column {column} has more than 64 bits; send it as a string"
)]
pub(super) struct WideNumber {
    /// Its digits, cut after a few.
    pub(super) number: String,
    /// Its line, from 1.
    pub(super) line: usize,
    /// Its column in bytes, from 1.
    pub(super) column: usize,
}

/// Looks through a JSON text for whole numbers outside of -2^63 to 2^64 - 1.
///
/// Only numbers are checked: whether the text is JSON at all is its reader's question.
///
/// # Errors
/// The first such number, with its place.
pub(super) fn check_numbers(text: &[u8]) -> Result<(), WideNumber> {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        // Bytes suffice: within a character beyond ASCII no byte looks like a quote or a digit.
        at = match byte {
            b'"' => end_of_string(text, at),
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(text, at);
                if is_wide(&text[at..end]) {
                    return Err(wide(text, at, end));
                }
                end
            }
            _ => at + 1,
        };
    }
    Ok(())
}

/// Returns the index behind the closing quote of the string that opens at `at`.
fn end_of_string(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn end_of_number(text: &[u8], at: usize) -> usize {
    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    at + text[at..].iter().take_while(is_part).count()
}

fn is_wide(number: &[u8]) -> bool {
    // 18 digits always fit into 64 bits, 20 at most. With a fraction or an exponent it is a double.
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    if digits.len() < 19 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let Ok(text) = std::str::from_utf8(number) else { return false };
    text.parse::<u64>().is_err() && text.parse::<i64>().is_err()
}

fn wide(text: &[u8], at: usize, end: usize) -> WideNumber {
    const MAX_QUOTED: usize = 40;
    let before = &text[..at];
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    let begin = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let mut number = String::from_utf8_lossy(&text[at..end.min(at + MAX_QUOTED)]).into_owned();
    if end > at + MAX_QUOTED {
        fmt::Write::write_char(&mut number, '…').unwrap_or_default();
    }
    WideNumber { number, line, column: at - begin + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_whole_numbers_are_found_with_their_place() {
        let found = check_numbers(b"{\n  \"n\": [1, 18446744073709551616]\n}").expect_err("wide");
        assert_eq!(
            (found.number.as_str(), found.line, found.column),
            ("18446744073709551616", 2, 12)
        );
        let low = check_numbers(b"-9223372036854775809").expect_err("wide");
        assert_eq!((low.line, low.column), (1, 1));
        let long = "9".repeat(1_000);
        let found = check_numbers(long.as_bytes()).expect_err("wide");
        assert_eq!(found.number.chars().count(), 41);
    }

    #[test]
    fn whatever_64_bits_hold_floats_and_digits_in_texts_are_let_through() {
        for text in [
            "18446744073709551615",
            "-9223372036854775808",
            "1e300",
            "18446744073709551616.0",
            "18446744073709551616e0",
            r#"{"18446744073709551616": "\"18446744073709551616\\"}"#,
            "\"18446744073709551616",
            "\"\\",
            "",
            "-",
        ] {
            assert_eq!(check_numbers(text.as_bytes()), Ok(()), "{text}");
        }
    }
}
