//! The paths in a piece of code: in its imports, and in its expressions and types.

use std::collections::BTreeSet;

use super::tree::Tree;

/// One name that a `use` brings in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) path: Vec<String>,
    /// The name it gets here; empty for a glob.
    pub(crate) name: String,
    /// Whether it is a glob.
    pub(crate) glob: bool,
    pub(crate) line: usize,
}

/// A path that some code names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The modules in braces around it, within the file.
    pub(crate) inline: Vec<String>,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An import, and whether it is public, as in `pub use`.
    Import { import: Import, passed_on: bool },
    /// A path outside of imports.
    Path { path: Vec<String>, line: usize },
}

/// All paths and words in a file.
#[derive(Debug, Default)]
pub(crate) struct Names {
    pub(crate) paths: Vec<Named>,
    /// The words outside of imports.
    pub(crate) words: BTreeSet<String>,
}

/// Returns what the tokens after `use` bring in.
pub(crate) fn expand(trees: &[Tree]) -> Vec<Import> {
    let mut found = Vec::new();
    expand_below(trees, &[], &mut found);
    found
}

fn expand_below(trees: &[Tree], prefix: &[String], found: &mut Vec<Import>) {
    for part in trees.split(|tree| tree.is_mark(',') || tree.is_mark(';')) {
        let mut path = prefix.to_vec();
        let (mut name, mut glob, mut line) = (None, false, 0);
        let mut rest = part.iter();
        while let Some(tree) = rest.next() {
            line = tree.line().unwrap_or(line);
            match tree {
                Tree::Word { text, .. } if text == "as" => {
                    name = rest.next().and_then(Tree::word).map(str::to_owned);
                }
                // `a::{self}` is `a`.
                Tree::Word { text, .. } if text == "self" && !path.is_empty() => {}
                Tree::Word { text, .. } => path.push(text.clone()),
                Tree::Mark('*') => glob = true,
                Tree::Group { open: '{', inner } => {
                    expand_below(inner, &path, found);
                    path.clear();
                }
                _ => {}
            }
        }
        if !path.is_empty() {
            let name = if glob { None } else { name.or_else(|| path.last().cloned()) };
            found.push(Import { path, name: name.unwrap_or_default(), glob, line });
        }
    }
}

/// Returns all paths and words in some code.
pub(crate) fn names(trees: &[Tree]) -> Names {
    let mut names = Names::default();
    collect(trees, &[], &mut names);
    names
}

fn collect(trees: &[Tree], inline: &[String], names: &mut Names) {
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        let rest = &trees[at..];
        at += match rest {
            [word, name, group, ..] if word.is_word("mod") && group.group('{').is_some() => {
                let deeper = [inline, &[name.word().unwrap_or_default().to_owned()]].concat();
                collect(group.inner().unwrap_or_default(), &deeper, names);
                3
            }
            [word, group, ..] if word.is_word("pub") && restricts(group) => {
                if rest.get(2).is_some_and(|tree| tree.is_word("use")) {
                    imports(&rest[2..], inline, true, names) + 2
                } else {
                    2
                }
            }
            [word, next, ..] if word.is_word("pub") && next.is_word("use") => {
                imports(&rest[1..], inline, true, names) + 1
            }
            [word, ..] if word.is_word("use") => imports(rest, inline, false, names),
            // After `Vec::<u8>` or `<T as Trait>` comes the rest of a path, and not another path.
            [word, ..] if word.word().is_some() => {
                path(rest, at > 0 && trees[at - 1] == Tree::Colons, inline, names)
            }
            _ => {
                collect(tree.inner().unwrap_or_default(), inline, names);
                1
            }
        };
    }
}

fn restricts(group: &Tree) -> bool {
    let first = group.group('(').and_then(|inner| inner.first()).and_then(Tree::word);
    first.is_some_and(|word| matches!(word, "crate" | "super" | "self" | "in"))
}

/// Notes an import and returns its number of tokens.
fn imports(trees: &[Tree], inline: &[String], passed_on: bool, names: &mut Names) -> usize {
    let end = trees.iter().position(|tree| tree.is_mark(';')).unwrap_or(trees.len());
    // `use<..>` in a type captures lifetimes and is not an import.
    if trees.get(1).is_some_and(|tree| tree.is_mark('<')) {
        return 1;
    }
    for import in expand(trees.get(1..end).unwrap_or_default()) {
        let kind = Kind::Import { import, passed_on };
        names.paths.push(Named { inline: inline.to_vec(), kind });
    }
    (end + 1).min(trees.len()).max(1)
}

/// Notes the path that begins with a word and returns its number of tokens.
fn path(trees: &[Tree], goes_on: bool, inline: &[String], names: &mut Names) -> usize {
    let mut path = Vec::new();
    let mut at = 0;
    while let Some(Tree::Word { text, .. }) = trees.get(at) {
        path.push(text.clone());
        at += 1;
        match trees.get(at..at + 2) {
            Some([Tree::Colons, Tree::Word { .. }]) => at += 1,
            _ => break,
        }
    }
    names.words.extend(path.iter().cloned());
    if path.len() > 1 && !goes_on {
        let line = trees[0].line().unwrap_or_default();
        names.paths.push(Named { inline: inline.to_vec(), kind: Kind::Path { path, line } });
    }
    at.max(1)
}

#[cfg(test)]
mod tests {
    use super::super::tree::read;
    use super::*;

    fn render(code: &str) -> Vec<String> {
        let one = |named: &Named| match &named.kind {
            Kind::Import { import, passed_on } => format!(
                "{} as {}{}{}",
                import.path.join("::"),
                import.name,
                if import.glob { "*" } else { "" },
                if *passed_on { " passed on" } else { "" }
            ),
            Kind::Path { path, .. } => format!("{}: {}", named.inline.join("::"), path.join("::")),
        };
        names(&read(code)).paths.iter().map(one).collect()
    }

    #[test]
    fn imports_are_taken_apart() {
        assert_eq!(
            render("use a::{self, b::{C, D as E}, f::*};\npub(crate) use g::H; pub use i::J;"),
            [
                "a as a",
                "a::b::C as C",
                "a::b::D as E",
                "a::f as *",
                "g::H as H passed on",
                "i::J as J passed on"
            ]
        );
    }

    #[test]
    fn paths_are_found_wherever_they_stand() {
        assert_eq!(
            render(
                "mod m { fn f() { x!(crate::a::B, 1) } } pub(in crate::n) fn g() -> Vec<super::C> { d::<E>::f::g() }"
            ),
            ["m: crate::a::B", ": super::C"]
        );
        assert!(names(&read("use a::B; c.d")).words.contains("c"));
        assert!(!names(&read("use a::B; c.d")).words.contains("B"));
        assert_eq!(render("fn f() -> impl Fn() + use<'_, T> { a::b() }"), [": a::b"]);
    }
}
