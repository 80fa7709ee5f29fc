//! The modules of all members, and the items that paths in them lead to.

use std::collections::{BTreeMap, BTreeSet};

use super::item::{Visibility, items};
use super::paths::{Import, Kind, Names, expand, names};
use super::tree::Tree;
use super::{Code, File, Package};

/// Longest chain of re-exports. A longer one is taken for a circle.
const DEEPEST: usize = 16;

/// The place where an item is defined.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Definition {
    /// The package, by its name in code.
    pub(crate) package: String,
    pub(crate) module: Vec<String>,
    /// `None` if a path leads to the module itself.
    pub(crate) item: Option<String>,
}

impl std::fmt::Display for Definition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = std::iter::once(&self.package).chain(&self.module).chain(&self.item);
        f.write_str(&parts.map(String::as_str).collect::<Vec<_>>().join("::"))
    }
}

/// An item that a file names, and the line.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    pub(crate) to: Definition,
    pub(crate) line: usize,
}

/// The modules of all members.
#[derive(Debug)]
pub(crate) struct Modules<'a> {
    packages: BTreeMap<String, BTreeMap<Vec<String>, Module<'a>>>,
}

/// A module, in a file of its own or in braces.
#[derive(Debug, Default)]
struct Module<'a> {
    items: BTreeMap<&'a str, Visibility>,
    children: BTreeMap<&'a str, Visibility>,
    imports: Vec<(Import, Visibility)>,
}

impl<'a> Modules<'a> {
    pub(crate) fn of(code: &'a Code) -> Self {
        let modules = |package: &'a Package| {
            let mut modules = BTreeMap::new();
            for file in &package.files {
                if let Some(path) = file.module_path() {
                    note(&file.program, path, &mut modules);
                }
            }
            (package.ident(), modules)
        };
        Self { packages: code.packages.iter().map(modules).collect() }
    }

    /// Returns the items of a package that another one can name, by their path or by a re-export.
    pub(crate) fn public(&self, package: &str) -> BTreeSet<Definition> {
        let mut found = BTreeSet::new();
        self.public_below(package, &[], &mut BTreeSet::new(), &mut found);
        found
    }

    fn public_below(
        &self,
        package: &str,
        module: &[String],
        seen: &mut BTreeSet<Vec<String>>,
        found: &mut BTreeSet<Definition>,
    ) {
        let Some(this) = self.module(package, module) else { return };
        if !seen.insert(module.to_vec()) {
            return;
        }
        found.extend(public(&this.items).map(|item| Definition {
            package: package.to_owned(),
            module: module.to_vec(),
            item: Some(item.to_owned()),
        }));
        for child in public(&this.children) {
            self.public_below(package, &[module, &[child.to_owned()]].concat(), seen, found);
        }
        for (import, _) in this.imports.iter().filter(|(_, who)| *who == Visibility::Public) {
            match self.resolve(package, module, &import.path) {
                // An item of another crate belongs to the public items of that crate.
                Some(to) if to.package != package => {}
                Some(to) if to.item.is_none() => {
                    self.public_below(package, &to.module, seen, found);
                }
                to => found.extend(to),
            }
        }
    }

    /// Returns what a path in a module leads to; `None` if it leaves the workspace.
    pub(crate) fn resolve(
        &self,
        package: &str,
        from: &[String],
        path: &[String],
    ) -> Option<Definition> {
        self.resolve_at(package, from, path, 0)
    }

    /// Returns everything that a file names by a path, an import or a glob, except what it only
    /// re-exports.
    pub(crate) fn references(&self, package: &str, file: &File) -> Vec<Reference> {
        let Some(path) = file.module_path() else { return Vec::new() };
        let Names { paths, words } = names(&file.program);
        let mut found = Vec::new();
        for named in paths {
            let from = [&path[..], &named.inline].concat();
            match named.kind {
                Kind::Path { path, line } => {
                    let to = self.resolve(package, &from, &path);
                    found.extend(to.map(|to| Reference { to, line }));
                }
                Kind::Import { import, .. } if import.glob => {
                    let line = import.line;
                    let Some(to) = self.resolve(package, &from, &import.path) else { continue };
                    let strange = words.iter().filter(|word| !self.has(package, &from, word));
                    let named = strange.filter(|word| self.knows(&to.package, &to.module, word, 0));
                    let named = named.filter_map(|word| {
                        self.descend(&to.package, &to.module, std::slice::from_ref(word), 0)
                    });
                    found.extend(named.map(|to| Reference { to, line }));
                }
                Kind::Import { import, passed_on } => {
                    if passed_on && !words.contains(&import.name) {
                        continue;
                    }
                    let to = self.resolve(package, &from, &import.path);
                    found.extend(to.map(|to| Reference { to, line: import.line }));
                }
            }
        }
        found
    }

    fn module(&self, package: &str, module: &[String]) -> Option<&Module<'a>> {
        self.packages.get(package)?.get(module)
    }

    fn resolve_at(
        &self,
        package: &str,
        from: &[String],
        path: &[String],
        depth: usize,
    ) -> Option<Definition> {
        let (first, rest) = path.split_first()?;
        if depth > DEEPEST {
            return None;
        }
        match first.as_str() {
            "crate" => self.descend(package, &root(from), rest, depth),
            "self" => self.descend(package, from, rest, depth),
            "super" => self.descend(package, &from[..from.len().checked_sub(1)?], rest, depth),
            // As in Rust, a name in scope hides the crate of that name.
            name if self.knows(package, from, name, depth) => {
                self.descend(package, from, path, depth)
            }
            name if self.packages.contains_key(name) => self.descend(name, &[], rest, depth),
            _ => None,
        }
    }

    /// Follows a path down from a module.
    fn descend(
        &self,
        package: &str,
        module: &[String],
        path: &[String],
        depth: usize,
    ) -> Option<Definition> {
        let here = |item: Option<&String>| Definition {
            package: package.to_owned(),
            module: module.to_vec(),
            item: item.cloned(),
        };
        let Some((name, rest)) = path.split_first() else { return Some(here(None)) };
        if depth > DEEPEST {
            return None;
        }
        if name == "super" {
            return self.descend(package, &module[..module.len().checked_sub(1)?], rest, depth);
        }
        let this = self.module(package, module)?;
        if this.children.contains_key(name.as_str()) {
            let child = [module, std::slice::from_ref(name)].concat();
            return self.descend(package, &child, rest, depth);
        }
        if this.items.contains_key(name.as_str()) {
            return Some(here(Some(name)));
        }
        // Before the globs, as in Rust: a name that is imported by itself hides one that a glob
        // brings in.
        if let Some((import, _)) = this.imports.iter().find(|(import, _)| import.name == *name) {
            let to = self.resolve_at(package, module, &import.path, depth + 1)?;
            return if to.item.is_some() {
                Some(to)
            } else {
                self.descend(&to.package, &to.module, rest, depth + 1)
            };
        }
        for (import, _) in this.imports.iter().filter(|(import, _)| import.glob) {
            if let Some(to) = self.resolve_at(package, module, &import.path, depth + 1)
                && self.knows(&to.package, &to.module, name, depth + 1)
            {
                return self.descend(&to.package, &to.module, path, depth + 1);
            }
        }
        // It is unknown: a macro may define it.
        Some(here(Some(name)))
    }

    /// Says whether a module defines a name or imports it by name. A glob does not count.
    fn has(&self, package: &str, module: &[String], name: &str) -> bool {
        self.module(package, module).is_some_and(|this| {
            this.children.contains_key(name)
                || this.items.contains_key(name)
                || this.imports.iter().any(|(import, _)| import.name == name)
        })
    }

    /// Says whether a module defines a name or imports it.
    fn knows(&self, package: &str, module: &[String], name: &str, depth: usize) -> bool {
        let Some(this) = self.module(package, module) else { return false };
        if depth > DEEPEST {
            return false;
        }
        let by_glob = |import: &Import| {
            let to = self.resolve_at(package, module, &import.path, depth + 1);
            to.is_some_and(|to| self.knows(&to.package, &to.module, name, depth + 1))
        };
        // The search would not end for a glob whose path begins with the name.
        let mut globs =
            this.imports.iter().filter(|(import, _)| import.glob && import.path[0] != name);
        self.has(package, module, name) || globs.any(|(import, _)| by_glob(import))
    }
}

impl File {
    /// Returns its place as one path. The root of a program beside the library counts as a module.
    pub(crate) fn module_path(&self) -> Option<Vec<String>> {
        let place = self.module.as_ref()?;
        Some(match (place.beside, place.path.first()) {
            (true, Some(name)) => vec![format!("<{name}>")],
            _ => place.path.clone(),
        })
    }
}

/// Returns the root of a module's crate.
fn root(module: &[String]) -> Vec<String> {
    module.first().filter(|first| first.starts_with('<')).cloned().into_iter().collect()
}

fn public<'a>(names: &BTreeMap<&'a str, Visibility>) -> impl Iterator<Item = &'a str> {
    let public = names.iter().filter(|(_, who)| **who == Visibility::Public);
    public.map(|(name, _)| *name)
}

fn note<'a>(trees: &'a [Tree], path: Vec<String>, modules: &mut BTreeMap<Vec<String>, Module<'a>>) {
    let mut module = Module::default();
    for item in items(trees) {
        match item.kind {
            "mod" => {
                module.children.insert(item.name, item.visibility);
                if let Some(inner) = item.trees.last().and_then(|tree| tree.group('{')) {
                    note(inner, [&path[..], &[item.name.to_owned()]].concat(), modules);
                }
            }
            "use" => module.imports.extend(
                expand(&item.trees[1..]).into_iter().map(|import| (import, item.visibility)),
            ),
            // Neither defines a name that a path of a module could lead to.
            "impl" | "macro_rules" => {}
            _ => {
                module.items.insert(item.name, item.visibility);
            }
        }
    }
    modules.insert(path, module);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what the file at a path of sample code names.
    fn named(files: &[(&str, &str)], path: &str) -> Vec<String> {
        let code = Code::of(files);
        let modules = Modules::of(&code);
        let mut found = Vec::new();
        for package in &code.packages {
            for file in package.files.iter().filter(|file| file.path.ends_with(path)) {
                let references = modules.references(&package.ident(), file);
                found.extend(references.into_iter().map(|one| one.to.to_string()));
            }
        }
        found
    }

    #[test]
    fn a_path_leads_through_re_exports_to_where_the_item_is_defined() {
        let files = [
            ("ms-a/src/lib.rs", "mod b; mod c; pub use b::{B, deep::D as E}; pub use c::*;"),
            ("ms-a/src/b/mod.rs", "mod deep; pub struct B; use crate::E; fn f() { super::c::C; }"),
            ("ms-a/src/b/deep.rs", "pub struct D; use super::*; fn f(b: B) {}"),
            ("ms-a/src/c.rs", "pub struct C; fn f() { std::fs::read(); }"),
            ("ms-b/src/lib.rs", "use ms_a::{C, E}; fn f() { ms_a::B::new(); }"),
            ("ms-c/src/lib.rs", "use ms_a as a; fn f() -> a::E {}"),
        ];
        assert_eq!(named(&files, "b/mod.rs"), ["ms_a::b::deep::D", "ms_a::c::C"]);
        assert_eq!(named(&files, "b/deep.rs"), ["ms_a::b::B"]);
        assert!(named(&files, "a/src/c.rs").is_empty());
        assert_eq!(
            named(&files, "ms-b/src/lib.rs"),
            ["ms_a::c::C", "ms_a::b::deep::D", "ms_a::b::B"]
        );
        assert_eq!(named(&files, "ms-c/src/lib.rs"), ["ms_a", "ms_a::b::deep::D"]);
        assert!(named(&files, "ms-a/src/lib.rs").is_empty(), "it only passes on");
    }

    #[test]
    fn public_is_what_another_package_can_name() {
        let code = Code::of(&[
            (
                "ms-a/src/lib.rs",
                "pub mod b; mod c; pub use c::C; pub(crate) struct No; pub use c::g::*;",
            ),
            ("ms-a/src/b.rs", "pub enum B {} fn no() {} mod no { pub struct No; }"),
            ("ms-a/src/c.rs", "pub struct C; pub struct No; pub mod g { pub struct G; }"),
        ]);
        let found: Vec<String> =
            Modules::of(&code).public("ms_a").iter().map(ToString::to_string).collect();
        assert_eq!(found, ["ms_a::b::B", "ms_a::c::C", "ms_a::c::g::G"]);
    }
}
