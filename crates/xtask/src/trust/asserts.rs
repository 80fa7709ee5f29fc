//! Finds assertions.

use crate::lex::words;

/// Returns the places where some code asserts by itself. An `unwrap` does not count: most of them belong
/// to the preparations of a test.
pub(super) fn asserts_itself(code: &str) -> impl Iterator<Item = usize> + '_ {
    words(code).filter_map(|(at, word)| {
        let rest = &code[at + word.len()..];
        let asserts = match word {
            "panic" | "unreachable" => rest.starts_with('!'),
            "expect_err" | "unwrap_err" => rest.starts_with('('),
            _ => {
                let asserts = word.strip_prefix("prop_").unwrap_or(word).starts_with("assert");
                asserts && rest.starts_with(['!', '(', ':'])
            }
        };
        asserts.then_some(at)
    })
}
