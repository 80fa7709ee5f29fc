//! Statements and branches, as far as they can be found without a parser.

use std::ops::Range;

use crate::lex::{places, within};

/// Returns the statement that begins at a place, up to its `;` or the end of the block around it.
pub(super) fn statement(code: &str, at: usize) -> &str {
    let mut depth = 0_i32;
    for (end, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b';' if depth == 0 => return &code[at..end],
            _ => {}
        }
        if depth < 0 {
            return &code[at..end];
        }
    }
    &code[at..]
}

/// Returns the beginning of the statement around a place.
pub(super) fn statement_start(code: &str, at: usize) -> usize {
    code[..at].rfind([';', '{', '}']).map_or(0, |end| end + 1)
}

/// Returns the blocks that run only under a condition: all branches of an `if` of which some branch, or
/// the missing `else`, asserts nothing.
pub(super) fn conditional(code: &str, asserts: &dyn Fn(&str) -> bool) -> Vec<Range<usize>> {
    let firsts = places(code, "if")
        .filter(|at| !code[..*at].trim_end().ends_with("else") && !is_guard(code, *at));
    firsts.filter_map(|at| chain(code, at, asserts)).collect()
}

/// Says whether an `if` is the guard of an arm, as in `x if y =>`. One arm of a `match` is always taken.
fn is_guard(code: &str, at: usize) -> bool {
    let rest = &code[at..];
    let arrow = rest.find("=>").unwrap_or(rest.len());
    rest[..arrow].find(['{', ';']).is_none() && arrow < rest.len()
}

/// Returns the range from an `if` to the end of its last `else`; `None` if each branch asserts
/// something.
fn chain(code: &str, start: usize, asserts: &dyn Fn(&str) -> bool) -> Option<Range<usize>> {
    let (mut at, mut all_assert) = (start, true);
    loop {
        let block = block(code, at)?;
        all_assert &= asserts(&code[block.clone()]);
        let end = block.end + 1;
        let rest = code[end..].trim_start();
        let Some(other) = rest.strip_prefix("else") else {
            return Some(start..end);
        };
        at = code.len() - other.len();
        if !other.trim_start().starts_with("if") {
            let last = block_at(code, at)?;
            all_assert &= asserts(&code[last.clone()]);
            return (!all_assert).then_some(start..last.end + 1);
        }
    }
}

/// Returns the block of an `if`.
fn block(code: &str, at: usize) -> Option<Range<usize>> {
    let mut block = block_at(code, at)?;
    // The braces of a pattern with fields are not the block.
    while code[block.end + 1..].trim_start().starts_with('=') {
        block = block_at(code, block.end + 1)?;
    }
    Some(block)
}

/// Returns the next block that is not inside other brackets.
fn block_at(code: &str, at: usize) -> Option<Range<usize>> {
    let mut depth = 0_i32;
    for (place, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return within(code, place),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_if_ends_with_its_last_else() {
        let asserts = |code: &str| code.contains('!');
        let found = |code: &str| -> Vec<String> {
            conditional(code, &asserts).into_iter().map(|range| code[range].to_owned()).collect()
        };
        assert_eq!(found("a; if b { c } d"), ["if b { c }"]);
        assert_eq!(
            found("if let A { x } = b { c } else { d } e"),
            ["if let A { x } = b { c } else { d }"]
        );
        assert!(found("if a { assert!(b) } else if c { panic!() } else { assert!(d) }").is_empty());
        assert!(found("match a { b if c => assert!(d), _ => {} }").is_empty());
    }

    #[test]
    fn a_statement_ends_at_its_own_semicolon() {
        assert_eq!(statement("a; let _ = b(|| { c; }); d", 3), "let _ = b(|| { c; })");
        assert_eq!(statement_start("a; bc", 4), 2);
    }
}
