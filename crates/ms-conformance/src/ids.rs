//! The ids of scenarios are any text, our child ids have a narrow alphabet. An id that does not fit is
//! escaped, and read back wherever it appears in a trace.

use ms_core::{ChildId, IdError};

/// The prefix of every escaped id. An id that has this prefix itself is escaped too.
const ESCAPED: &str = "q-";
/// Separates the number that distinguishes children of one name. No escaped byte contains it.
const NUMBERED: &str = "_x";

/// Returns the child id that stands for the id of a scenario.
///
/// # Errors
/// If the text is too long, or has a `/`, which separates ids in paths.
pub(crate) fn child_id(text: &str) -> Result<ChildId, IdError> {
    // A `/` is not escaped: it separates ids in the paths of a scenario, so no id may have one.
    if text.contains('/') || (!text.starts_with(ESCAPED) && fits(text)) {
        return ChildId::new(text);
    }
    ChildId::new(escaped(text))
}

/// Returns the child id of the `n`-th child of one name, from 1. OTP's dynamic children may share their
/// arguments; our ids must differ.
pub(crate) fn nth_child_id(text: &str, n: usize) -> Result<ChildId, IdError> {
    if n == 1 { child_id(text) } else { ChildId::new(format!("{}{NUMBERED}{n}", escaped(text))) }
}

/// Returns the id of the scenario that a child id stands for.
pub(crate) fn original(id: &str) -> String {
    let Some(escaped) = id.strip_prefix(ESCAPED) else { return id.to_owned() };
    let escaped = escaped.split_once(NUMBERED).map_or(escaped, |(name, _)| name);
    let mut bytes = Vec::new();
    let mut rest = escaped.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'_' => {
                let digits = [rest.next(), rest.next()].map(|digit| hex_value(digit.unwrap_or(0)));
                bytes.push(digits[0] * 16 + digits[1]);
            }
            plain => bytes.push(plain),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn fits(text: &str) -> bool {
    ChildId::new(text).is_ok()
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let escape = |byte: u8| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("_{byte:02x}"),
    };
    ESCAPED.chars().map(String::from).chain(text.bytes().map(escape)).collect()
}

fn hex_value(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_id_is_read_back_as_it_was() {
        for text in ["a", "a_b", "my child", "ä-ö", "UPPER_case", "q-x", "_x2", ""] {
            let id = child_id(text).expect("an id");
            assert_eq!(original(id.as_str()), text);
            assert_eq!(original(nth_child_id(text, 2).expect("an id").as_str()), text);
        }
        assert_eq!(child_id("plain-1").expect("an id").as_str(), "plain-1");
        assert!(child_id("a/b").is_err() && child_id(&"B".repeat(40)).is_err());
    }
}
