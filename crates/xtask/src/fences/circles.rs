//! Modules that depend on each other in a circle, so that none can be read, moved or tested alone.
//!
//! What is counted, for each crate:
//!
//! - A *module* is a file of `src`; a module in braces belongs to its file. What is compiled for tests
//!   alone is left out. A program beside a library (`main.rs`, `bin/`) is a module of its own.
//! - A module *depends* on another if it names an item that is defined in it: by a path in an import
//!   or anywhere else, the arguments of macros included, or by a word that a glob import brings in. A
//!   path is followed through re-exports to the definition, so that a parent through which it leads is
//!   not depended on, and neither is what a module only passes on (`pub use`) a dependency of it.
//! - What a module names of its own *ancestors* does not count. A child may use what its parent
//!   defines, and the parent may call the child: that is one subject in several files. What a parent
//!   names of its descendants does count, so that a way round which leads into a folder and out of it
//!   by one of its files is found.
//! - A module is *in a circle* if it can be reached from itself by such dependencies over another
//!   module. The count is the number of such modules: the sizes of all strongly connected
//!   components with more than one module, added up.
//!
//! Calls of methods and uses of fields are not seen: only a type checker knows whose they are.

use std::collections::{BTreeMap, BTreeSet};

use super::ratchet::Counts;
use super::{Found, Ratchet};
use crate::code::{Code, Modules, Package};
use crate::workspace::Workspace;

pub(crate) const RATCHET: Ratchet = Ratchet {
    file: "crates/xtask/circles.tsv",
    what: "modules in circles",
    advice: "move what both need to a module below them (`cargo xtask list circles CRATE`)",
    count: |workspace| counts(workspace.code()),
};

/// A module by its path in the crate.
type Name = Vec<String>;

/// The modules that each module depends on: their items, with the first line that names each.
type Graph = BTreeMap<Name, BTreeMap<Name, BTreeMap<String, usize>>>;

pub(crate) fn list(workspace: &Workspace) -> Vec<Found> {
    let code = workspace.code();
    let modules = Modules::of(code);
    let mut found = Vec::new();
    for package in &code.packages {
        let graph = graph(package, &modules);
        let lines = circles(&graph).into_iter().flat_map(|circle| render(&circle, &graph));
        found.extend(lines.map(|line| Found { package: package.name.clone(), line }));
    }
    found
}

fn counts(code: &Code) -> Counts {
    let modules = Modules::of(code);
    let count = |package: &Package| -> usize {
        circles(&graph(package, &modules)).iter().map(BTreeSet::len).sum()
    };
    code.packages.iter().map(|package| (package.name.clone(), count(package))).collect()
}

fn graph(package: &Package, modules: &Modules<'_>) -> Graph {
    let ident = package.ident();
    let mut graph: Graph = package
        .files
        .iter()
        .filter_map(|file| Some((file.module_path()?, BTreeMap::new())))
        .collect();
    for file in &package.files {
        let Some(from) = file.module_path() else { continue };
        for reference in modules.references(&ident, file) {
            let to = reference.to;
            let (true, Some(item)) = (to.package == ident, to.item) else { continue };
            // A module in braces belongs to the file around it.
            let holders = (0..=to.module.len()).rev().map(|length| &to.module[..length]);
            let holder = holders.into_iter().find(|name| graph.contains_key(*name));
            let Some(holder) = holder.map(<[String]>::to_vec) else { continue };
            if from.starts_with(&holder) {
                continue;
            }
            let edges = graph.entry(from.clone()).or_default().entry(holder).or_default();
            edges.entry(item).or_insert(reference.line);
        }
    }
    graph
}

/// Returns the strongly connected components with more than one module, largest first.
fn circles(graph: &Graph) -> Vec<BTreeSet<&Name>> {
    let reached: BTreeMap<&Name, BTreeSet<&Name>> =
        graph.keys().map(|name| (name, reached_from(name, graph))).collect();
    let mut found = BTreeSet::new();
    for (name, others) in &reached {
        let circle = others
            .iter()
            .copied()
            .filter(|other| reached.get(other).is_some_and(|back| back.contains(name)));
        let circle: BTreeSet<&Name> = circle.collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    found
}

fn reached_from<'a>(name: &'a Name, graph: &'a Graph) -> BTreeSet<&'a Name> {
    let mut reached = BTreeSet::new();
    let mut open = vec![name];
    while let Some(next) = open.pop() {
        let edges = graph.get(next).into_iter().flat_map(BTreeMap::keys);
        open.extend(edges.filter(|name| reached.insert(*name)));
    }
    reached
}

fn render(circle: &BTreeSet<&Name>, graph: &Graph) -> Vec<String> {
    let title = |name: &Name| if name.is_empty() { "the root".to_owned() } else { name.join("::") };
    let names: Vec<String> = circle.iter().map(|name| title(name)).collect();
    let mut lines = vec![format!("a circle of {}: {}", circle.len(), names.join(", "))];
    for from in circle {
        for (to, items) in graph.get(*from).into_iter().flatten() {
            if circle.contains(to) {
                let items = items.iter().map(|(item, line)| format!("{item} (line {line})"));
                let items: Vec<String> = items.collect();
                lines.push(format!("  {} -> {} for {}", title(from), title(to), items.join(", ")));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(files: &[(&str, &str)]) -> Vec<String> {
        let code = Code::of(files);
        let modules = Modules::of(&code);
        let graph = graph(&code.packages[0], &modules);
        circles(&graph).into_iter().flat_map(|circle| render(&circle, &graph)).collect()
    }

    #[test]
    fn two_modules_that_name_each_other_are_a_circle() {
        let found = listed(&[
            ("ms-a/src/lib.rs", "mod b; mod c; mod d; pub use b::B; pub use c::C;"),
            ("ms-a/src/b.rs", "use crate::C;\npub struct B(C);"),
            ("ms-a/src/c.rs", "pub struct C;\nfn f() { vec![crate::b::B]; }"),
            ("ms-a/src/d.rs", "use crate::{B, C};"),
        ]);
        assert_eq!(
            found,
            ["a circle of 2: b, c", "  b -> c for C (line 1)", "  c -> b for B (line 2)"]
        );
    }

    #[test]
    fn a_parent_and_its_children_are_none_by_themselves() {
        let found = listed(&[
            ("ms-a/src/lib.rs", "mod b; pub use b::B; pub(crate) struct Root; fn f() { b::f(); }"),
            (
                "ms-a/src/b/mod.rs",
                "mod c; mod d; pub use c::C; pub struct B; pub fn f() { c::g(); d::h(); }",
            ),
            ("ms-a/src/b/c.rs", "use super::B; use crate::Root; pub struct C; pub fn g() {}"),
            ("ms-a/src/b/d.rs", "use super::{B, C}; pub fn h() {}"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_way_round_over_a_folder_is_found() {
        let found = listed(&[
            ("ms-a/src/lib.rs", "mod b; mod e;"),
            ("ms-a/src/b/mod.rs", "mod c; pub fn f() { c::g() }"),
            ("ms-a/src/b/c.rs", "pub fn g() { crate::e::h() }"),
            ("ms-a/src/e.rs", "pub fn h() { crate::b::f() }"),
        ]);
        assert_eq!(found[0], "a circle of 3: b, b::c, e");
    }

    #[test]
    fn tests_may_look_anywhere() {
        let found = listed(&[
            ("ms-a/src/lib.rs", "mod b; mod c;"),
            ("ms-a/src/b.rs", "use crate::c::C; pub struct B;"),
            ("ms-a/src/c.rs", "pub struct C; #[cfg(test)] mod tests { use crate::b::B; }"),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }
}
