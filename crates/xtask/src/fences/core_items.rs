//! Every item of `ms-core` is used by more than one crate. Otherwise it would belong to its only user.
//!
//! Each public item must be used by two other members at least. A member *uses* an item if code of its
//! programs (not tests, and not re-exports) names it by any path: that of `ms_core`, or a re-export of
//! another crate. Whoever uses an item also uses its parts: the items that it names in its definition,
//! or in the signatures of its public functions.

use std::collections::{BTreeMap, BTreeSet};

use super::Found;
use super::reasons::{self, Excepted};
use crate::code::{Code, Definition, Item, Modules, Tree, Visibility, items, words};
use crate::outcome::Outcome;
use crate::workspace::Workspace;

/// The exceptions: ITEM without `ms_core::`, or MODULE::*, and REASON.
const LIST: &str = "crates/xtask/core-items.tsv";

const CORE: &str = "ms-core";
const IDENT: &str = "ms_core";
const FEWEST: usize = 2;

/// Returns the members that use each item.
type Users<'a> = BTreeMap<Definition, BTreeSet<&'a str>>;

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let list = workspace.read(LIST).unwrap_or_default();
    match reasons::read(&list) {
        Ok(list) => judge(workspace.code(), &list),
        Err(problem) => Outcome::problem(format!("{LIST}: {problem}")),
    }
}

pub(crate) fn list(workspace: &Workspace) -> Vec<Found> {
    let users = users(workspace.code());
    let lines = users.iter().filter(|(_, users)| users.len() < FEWEST);
    lines.map(|(item, users)| Found { package: CORE.to_owned(), line: line(item, users) }).collect()
}

fn judge(code: &Code, list: &[Excepted<'_, 1>]) -> Outcome {
    let users = users(code);
    let mut outcome = Outcome::default();
    let few: Vec<_> = users.iter().filter(|(_, users)| users.len() < FEWEST).collect();
    for (item, users) in &few {
        if !list.iter().any(|excepted| is_meant(excepted.key[0], item)) {
            outcome.problems.push(format!(
                "{}: move it to the crate that runs it, or say why not in {LIST}",
                line(item, users)
            ));
        }
    }
    let is_needed = |key: &[&str; 1]| few.iter().any(|(item, _)| is_meant(key[0], item));
    outcome.problems.extend(reasons::unneeded(LIST, list, is_needed));
    outcome.notes.push(format!(
        "{} public items of {CORE}, {} of them used by one crate or none",
        users.len(),
        few.len()
    ));
    outcome
}

fn line(item: &Definition, users: &BTreeSet<&str>) -> String {
    let users: Vec<&str> = users.iter().copied().collect();
    let by = if users.is_empty() {
        "nobody".to_owned()
    } else {
        format!("{} alone", users.join(" and "))
    };
    format!("{} is used by {by}", path(item))
}

/// Returns the path of an item below the crate.
fn path(item: &Definition) -> String {
    let text = item.to_string();
    text.strip_prefix(IDENT).and_then(|rest| rest.strip_prefix("::")).unwrap_or(&text).to_owned()
}

/// Says whether an exception applies to an item: it has its path, or `module::*`.
fn is_meant(exception: &str, item: &Definition) -> bool {
    let path = path(item);
    match exception.strip_suffix('*') {
        Some(module) => path.starts_with(module),
        None => path == exception,
    }
}

fn users(code: &Code) -> Users<'_> {
    let modules = Modules::of(code);
    let mut users: Users<'_> =
        modules.public(IDENT).into_iter().map(|item| (item, BTreeSet::new())).collect();
    for package in code.packages.iter().filter(|package| package.name != CORE) {
        let ident = package.ident();
        for file in &package.files {
            for reference in modules.references(&ident, file) {
                if let Some(users) = users.get_mut(&reference.to) {
                    users.insert(&package.name);
                }
            }
        }
    }
    let parts = parts(code, &modules, &users);
    pass_on(&parts, &mut users);
    users
}

/// Adds the users of each item to its parts, until nothing changes.
fn pass_on<'a>(parts: &BTreeMap<Definition, BTreeSet<Definition>>, users: &mut Users<'a>) {
    let mut changed = true;
    while changed {
        changed = false;
        for (whole, parts) in parts {
            let of_whole: Vec<&'a str> = users.get(whole).into_iter().flatten().copied().collect();
            for part in parts {
                if let Some(users) = users.get_mut(part) {
                    let before = users.len();
                    users.extend(&of_whole);
                    changed |= users.len() > before;
                }
            }
        }
    }
}

/// Returns the parts of each item: the items that its definition and its public functions name.
fn parts(
    code: &Code,
    modules: &Modules<'_>,
    users: &Users<'_>,
) -> BTreeMap<Definition, BTreeSet<Definition>> {
    let mut parts: BTreeMap<Definition, BTreeSet<Definition>> = BTreeMap::new();
    let files = code.package(CORE).into_iter().flat_map(|package| &package.files);
    for file in files {
        let Some(module) = file.module_path() else { continue };
        for (name, words) in faces(&file.program) {
            let resolve =
                |word: &str| modules.resolve(IDENT, &module, &["self".to_owned(), word.to_owned()]);
            let Some(whole) = resolve(name) else { continue };
            let named =
                words.into_iter().filter_map(resolve).filter(|part| users.contains_key(part));
            parts.entry(whole).or_default().extend(named);
        }
    }
    parts
}

/// Returns the items of a module, each with the words of its definition or of the signatures of its
/// public functions.
fn faces(trees: &[Tree]) -> Vec<(&str, BTreeSet<&str>)> {
    items(trees).into_iter().map(|item| (item.name, face(&item))).collect()
}

fn face<'a>(item: &Item<'a>) -> BTreeSet<&'a str> {
    match item.kind {
        "impl" => {
            let body = item.trees.last().and_then(|tree| tree.group('{')).unwrap_or_default();
            // The functions of a trait have no `pub` and are as public as the trait.
            let is_of_trait = item.trees.iter().any(|tree| tree.is_word("for"));
            let seen = |one: &Item<'_>| is_of_trait || one.visibility == Visibility::Public;
            let own = items(body).into_iter().filter(seen);
            own.flat_map(|one| words(head(one.trees))).collect()
        }
        "fn" => words(head(item.trees)),
        "struct" | "enum" | "union" | "trait" | "type" => words(item.trees),
        // The type of a value counts, and its initial value does not.
        _ => words(item.trees.split(|tree| tree.is_mark('=')).next().unwrap_or_default()),
    }
}

/// Returns the tokens of a function without its body.
fn head(trees: &[Tree]) -> &[Tree] {
    let end = trees.iter().position(|tree| tree.group('{').is_some()).unwrap_or(trees.len());
    &trees[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORE_CODE: &str = "pub mod m; pub use m::Deep; pub struct Both(pub Part); pub struct One; pub struct Part;\n\
        impl Both { pub fn f(&self) -> Out { Hidden } fn g() -> Hidden {} } pub struct Out; pub struct Hidden;";

    fn problems(list: &str) -> Vec<String> {
        let code = Code::of(&[
            ("ms-core/src/lib.rs", CORE_CODE),
            ("ms-core/src/m.rs", "pub struct Deep;"),
            (
                "ms-a/src/lib.rs",
                "pub use ms_core::{Both, One}; fn f(x: Both) { ms_core::m::Deep; }",
            ),
            (
                "ms-b/src/lib.rs",
                "use ms_a::Both; use ms_core::{Deep as D, Hidden};\n#[cfg(test)] mod tests { use ms_core::One; }",
            ),
        ]);
        judge(&code, &reasons::read(list).expect("a good list")).problems
    }

    #[test]
    fn an_item_that_one_crate_uses_is_no_word_of_all() {
        let found = problems("");
        let items: Vec<&str> = found.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(items, ["Hidden is used by ms-b alone", "One is used by nobody"]);
        assert!(found[0].contains("move it to the crate that runs it"));
    }

    #[test]
    fn an_exception_is_used_or_removed() {
        assert!(problems("Hidden\tit is the next step's\nOne\tit is the next step's").is_empty());
        let found = problems("*\tit is the next step's\nm::*\tit is the next step's");
        assert_eq!(found, [format!("{LIST}: nothing needs m::* any more: remove the line")]);
    }
}
