//! The items of a module: functions, types, imports and the rest.

use super::tree::{Tree, attributes};

/// The visibility of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visibility {
    /// `pub`.
    Public,
    /// `pub(crate)` and the like.
    Restricted,
    Private,
}

/// An item, and the tokens from its keyword to its end.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    /// The tokens inside the brackets of each attribute.
    pub(crate) attributes: Vec<&'a [Tree]>,
    pub(crate) visibility: Visibility,
    /// Its keyword, such as `enum`.
    pub(crate) kind: &'a str,
    /// Its name. For an `impl`, that of the type; empty for an import.
    pub(crate) name: &'a str,
    pub(crate) line: usize,
    pub(crate) trees: &'a [Tree],
}

const KINDS: &[&str] = &[
    "const",
    "enum",
    "fn",
    "impl",
    "macro_rules",
    "mod",
    "static",
    "struct",
    "trait",
    "type",
    "union",
    "use",
];

/// Returns the items at the top level of some tokens, in order.
pub(crate) fn items(trees: &[Tree]) -> Vec<Item<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < trees.len() {
        let attributes = attributes(&trees[at..]);
        // An attribute is two trees: `#` and its brackets.
        let begin = at + 2 * attributes.len();
        let (visibility, after) = visibility(trees, begin);
        match keyword(&trees[after..]) {
            Some((skipped, kind)) => {
                let start = after + skipped;
                let end = start + length(kind, &trees[start..]);
                let own = &trees[start..end];
                let line = own.iter().find_map(Tree::line).unwrap_or_default();
                let name = name(kind, own).unwrap_or_default();
                found.push(Item { attributes, visibility, kind, name, line, trees: own });
                at = end;
            }
            None => at = after.max(at + 1),
        }
    }
    found
}

fn visibility(trees: &[Tree], at: usize) -> (Visibility, usize) {
    match trees.get(at..).unwrap_or_default() {
        [word, group, ..] if word.is_word("pub") && group.group('(').is_some_and(restricts) => {
            (Visibility::Restricted, at + 2)
        }
        [word, ..] if word.is_word("pub") => (Visibility::Public, at + 1),
        _ => (Visibility::Private, at),
    }
}

/// Says whether brackets after `pub` belong to it. Those of a tuple do not.
fn restricts(inner: &[Tree]) -> bool {
    let words = ["crate", "super", "self", "in"];
    inner.first().and_then(Tree::word).is_some_and(|word| words.contains(&word))
}

/// Returns the keyword of the item that begins here, and the number of tokens before it.
fn keyword(trees: &[Tree]) -> Option<(usize, &str)> {
    for (at, tree) in trees.iter().enumerate() {
        let next = trees.get(at + 1);
        match tree {
            Tree::Literal => {}
            Tree::Word { text, .. } => match text.as_str() {
                "async" | "unsafe" | "extern" | "default" => {}
                // In `const fn`, `const` is not the keyword of the item.
                "const"
                    if next.is_some_and(|tree| tree.is_word("fn") || tree.is_word("unsafe")) => {}
                kind if KINDS.contains(&kind) => return Some((at, kind)),
                _ => return None,
            },
            _ => return None,
        }
    }
    None
}

/// Returns the number of tokens of an item. Braces do not end an import or a value.
fn length(kind: &str, trees: &[Tree]) -> usize {
    let by_semicolon = matches!(kind, "const" | "static" | "type" | "use");
    let ends = |tree: &Tree| tree.is_mark(';') || (!by_semicolon && tree.group('{').is_some());
    trees.iter().position(ends).map_or(trees.len(), |at| at + 1)
}

fn name<'a>(kind: &str, trees: &'a [Tree]) -> Option<&'a str> {
    match kind {
        "use" => None,
        "impl" => self_type(trees),
        // `macro_rules! name`.
        "macro_rules" => trees.get(2)?.word(),
        // `static mut`.
        _ => trees.iter().skip(1).filter_map(Tree::word).find(|word| *word != "mut"),
    }
}

/// Returns the name of the type of an `impl`: the last word of its path.
fn self_type(trees: &[Tree]) -> Option<&str> {
    let head: Vec<&Tree> = trees.iter().take_while(|tree| tree.group('{').is_none()).collect();
    let head = head.split(|tree| tree.is_word("where")).next()?;
    let outside = outside_of_angles(head.get(1..)?);
    let of = outside.iter().rposition(|tree| tree.is_word("for")).map_or(0, |at| at + 1);
    outside[of..].iter().filter_map(|tree| tree.word()).next_back()
}

/// Returns the tokens that are outside of all `<..>`.
fn outside_of_angles<'a>(trees: &[&'a Tree]) -> Vec<&'a Tree> {
    let (mut depth, mut kept) = (0_usize, Vec::new());
    for (at, tree) in trees.iter().enumerate() {
        // The `>` of `->` closes nothing.
        let is_arrow = at > 0 && trees[at - 1].is_mark('-');
        match tree {
            Tree::Mark('<') => depth += 1,
            Tree::Mark('>') if !is_arrow => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(*tree),
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::super::tree::read;
    use super::*;

    #[test]
    fn items_have_their_kind_name_and_visibility() {
        let code = "#![allow(x)] #[derive(A)] #[b] pub enum E { X } pub(crate) const fn f() {}\n\
            use a::{b, c}; pub const C: S = S { x: 1 }; impl<T: Fn() -> u8> Tr<T> for m::E<T> where T: Z {}\n\
            macro_rules! m { () => {} } pub struct T(pub (u8, u8)); call!(x); static mut N: u8 = 1; impl E {}";
        let trees = read(code);
        let lines: Vec<String> = items(&trees)
            .iter()
            .map(|item| format!("{:?} {} {}", item.visibility, item.kind, item.name))
            .collect();
        assert_eq!(
            lines,
            [
                "Public enum E",
                "Restricted fn f",
                "Private use ",
                "Public const C",
                "Private impl E",
                "Private macro_rules m",
                "Public struct T",
                "Private static N",
                "Private impl E",
            ]
        );
        let first = &items(&trees)[0];
        assert_eq!((first.attributes.len(), first.line), (2, 1));
    }
}
