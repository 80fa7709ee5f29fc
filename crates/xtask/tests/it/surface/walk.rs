//! The walk over what can be reached from a crate's root.

use std::collections::{BTreeMap, BTreeSet};

use syn::{ImplItem, Item, ItemImpl, TraitItem, Type, Visibility};

use super::modules::{Found, ModPath, Module, Tree, ident, only_tests};
use super::render::{bounds, derived, fields, function, marks, parameters, text, variant};

/// Lists what the crate `name` shows, one line an item, sorted and without repeats.
pub(super) fn lines(name: &str, tree: &Tree) -> Vec<String> {
    let mut walk = Walk { tree, lines: BTreeSet::new(), paths: BTreeMap::new() };
    walk.module(&Vec::new(), name, &mut Vec::new());
    for (at, module) in &tree.0 {
        walk.implementations(at, module);
    }
    walk.lines.into_iter().collect()
}

struct Walk<'t> {
    tree: &'t Tree,
    lines: BTreeSet<String>,
    /// The types and traits that were reached: where they stand, and the paths they have outside.
    paths: BTreeMap<(ModPath, String), BTreeSet<String>>,
}

impl Walk<'_> {
    fn line(&mut self, line: String) {
        self.lines.insert(line);
    }

    /// Lists the public items of a module under the path that the outside has for it.
    fn module(&mut self, at: &ModPath, outside: &str, above: &mut Vec<ModPath>) {
        // A module may show its own parent again.
        if above.contains(at) {
            return;
        }
        above.push(at.clone());
        let tree = self.tree;
        let Some(module) = tree.0.get(at) else { return };
        for item in &module.items {
            if let Item::Mod(inner) = item {
                if matches!(inner.vis, Visibility::Public(_)) {
                    let path = format!("{outside}::{}", inner.ident);
                    self.line(format!("{}pub mod {path}", marks(&inner.attrs)));
                    self.module(
                        &[at.clone(), vec![inner.ident.to_string()]].concat(),
                        &path,
                        above,
                    );
                }
            } else if public(item) {
                let name = ident(item).map(ToString::to_string).unwrap_or_default();
                self.item(at, item, &format!("{outside}::{name}"));
            }
        }
        for import in module.imports.iter().filter(|import| import.public) {
            let path = format!("{outside}::{}", import.name);
            match tree.resolve(at, &import.path) {
                Some(Found::Module(inner)) if import.name == "*" => {
                    self.module(&inner, outside, above);
                }
                Some(Found::Module(inner)) => {
                    self.line(format!("pub mod {path}"));
                    self.module(&inner, &path, above);
                }
                Some(Found::Item(home, item)) => self.item(&home, item, &path),
                None => self.line(format!("pub use {path} = {}", import.path.join("::"))),
            }
        }
        above.pop();
    }

    fn item(&mut self, home: &ModPath, item: &Item, path: &str) {
        if let Some(name) = ident(item) {
            let key = (home.clone(), name.to_string());
            self.paths.entry(key).or_default().insert(path.to_owned());
        }
        match item {
            Item::Const(item) => {
                self.line(format!("{}pub const {path}: {}", marks(&item.attrs), text(&item.ty)));
            }
            Item::Static(item) => {
                self.line(format!("{}pub static {path}: {}", marks(&item.attrs), text(&item.ty)));
            }
            Item::Fn(item) => {
                self.line(format!("{}pub {}", marks(&item.attrs), function(path, &item.sig)));
            }
            Item::Type(item) => {
                let (marks, of) = (marks(&item.attrs), parameters(&item.generics));
                self.line(format!("{marks}pub type {path}{of} = {}", text(&item.ty)));
            }
            Item::Macro(item) => self.line(format!("{}pub macro {path}!", marks(&item.attrs))),
            Item::Struct(item) => {
                let (marks, of) = (marks(&item.attrs), parameters(&item.generics));
                let bounds = bounds(item.generics.where_clause.as_ref());
                self.line(format!("{marks}pub struct {path}{of}{bounds}"));
                self.derived(path, &item.attrs);
                for (name, kind) in fields(&item.fields) {
                    self.line(format!("pub field {path}::{name}: {kind}"));
                }
            }
            Item::Enum(item) => {
                let (marks, of) = (marks(&item.attrs), parameters(&item.generics));
                self.line(format!("{marks}pub enum {path}{of}"));
                self.derived(path, &item.attrs);
                for one in &item.variants {
                    let fields = variant(&one.fields);
                    self.line(format!("variant {path}::{}{fields}", one.ident));
                }
            }
            Item::Trait(item) => {
                let (marks, of) = (marks(&item.attrs), parameters(&item.generics));
                let above = text(&item.supertraits);
                let above = if above.is_empty() { above } else { format!(": {above}") };
                self.line(format!("{marks}pub trait {path}{of}{above}"));
                for item in &item.items {
                    self.of_trait(path, item);
                }
            }
            _ => {}
        }
    }

    fn derived(&mut self, path: &str, attributes: &[syn::Attribute]) {
        for name in derived(attributes) {
            self.line(format!("impl {name} for {path}"));
        }
    }

    fn of_trait(&mut self, path: &str, item: &TraitItem) {
        let line = match item {
            TraitItem::Fn(item) => {
                let given = if item.default.is_some() { " (provided)" } else { "" };
                let path = format!("{path}::{}", item.sig.ident);
                format!("trait {}{given}", function(&path, &item.sig))
            }
            TraitItem::Const(item) => {
                format!("trait const {path}::{}: {}", item.ident, text(&item.ty))
            }
            TraitItem::Type(item) => {
                let bounds = text(&item.bounds);
                let bounds = if bounds.is_empty() { bounds } else { format!(": {bounds}") };
                format!("trait type {path}::{}{bounds}", item.ident)
            }
            _ => return,
        };
        self.line(line);
    }

    /// Lists the methods and traits of the types that were reached, wherever their `impl` stands.
    fn implementations(&mut self, at: &ModPath, module: &Module) {
        for item in &module.items {
            match item {
                Item::Impl(block) if !only_tests(&block.attrs) => self.implementation(at, block),
                // What a macro makes cannot be seen; that its call changed can.
                Item::Macro(call) if call.ident.is_none() && !only_tests(&call.attrs) => {
                    let name = text(&call.mac.path);
                    if name != "thread_local" {
                        let place = at.join("::");
                        self.line(format!(
                            "by macro in {place}: {name}! {{ {} }}",
                            text(&call.mac.tokens)
                        ));
                    }
                }
                _ => {}
            }
        }
    }

    fn implementation(&mut self, at: &ModPath, block: &ItemImpl) {
        let own = self.outside(at, &block.self_ty);
        let marks = marks(&block.attrs);
        let Some((of, _)) = &block.trait_ else {
            let Some(paths) = own else { return };
            for item in &block.items {
                self.of_type(&paths, &marks, item);
            }
            return;
        };
        let reached = own.is_some() || self.is_reached(at, of);
        // Closures and helpers of the inside implement traits, too: only what is seen counts.
        if !reached {
            return;
        }
        let generics = parameters(&block.generics);
        let whole = text(&block.self_ty);
        let of = text(of);
        let bounds = bounds(block.generics.where_clause.as_ref());
        for path in own.unwrap_or_else(|| BTreeSet::from([whole.clone()])) {
            let name = with_parameters(&whole, &path);
            self.line(format!("{marks}impl{generics} {of} for {name}{bounds}"));
        }
    }

    fn of_type(&mut self, paths: &BTreeSet<String>, whole: &str, item: &ImplItem) {
        for path in paths {
            match item {
                ImplItem::Fn(item) if matches!(item.vis, Visibility::Public(_)) => {
                    let path = format!("{path}::{}", item.sig.ident);
                    let marks = marks(&item.attrs);
                    self.line(format!("{whole}{marks}pub {}", function(&path, &item.sig)));
                }
                ImplItem::Const(item) if matches!(item.vis, Visibility::Public(_)) => {
                    self.line(format!("pub const {path}::{}: {}", item.ident, text(&item.ty)));
                }
                _ => {}
            }
        }
    }

    /// Returns the paths outside of the type that an `impl` is for, if it was reached.
    fn outside(&self, at: &ModPath, of: &Type) -> Option<BTreeSet<String>> {
        let Type::Path(of) = of else { return None };
        self.reached(at, &of.path)
    }

    fn is_reached(&self, at: &ModPath, of: &syn::Path) -> bool {
        self.reached(at, of).is_some()
    }

    fn reached(&self, at: &ModPath, path: &syn::Path) -> Option<BTreeSet<String>> {
        let path: Vec<_> = path.segments.iter().map(|step| step.ident.to_string()).collect();
        match self.tree.resolve(at, &path)? {
            Found::Item(home, item) => self.paths.get(&(home, ident(item)?.to_string())).cloned(),
            Found::Module(_) => None,
        }
    }
}

/// Puts the path that the outside has for a type in place of its name, and keeps its parameters.
fn with_parameters(written: &str, path: &str) -> String {
    match written.find('<') {
        Some(begin) => format!("{path}{}", &written[begin..]),
        None => path.to_owned(),
    }
}

fn public(item: &Item) -> bool {
    let (visibility, attributes) = match item {
        Item::Const(item) => (&item.vis, &item.attrs),
        Item::Enum(item) => (&item.vis, &item.attrs),
        Item::Fn(item) => (&item.vis, &item.attrs),
        Item::Static(item) => (&item.vis, &item.attrs),
        Item::Struct(item) => (&item.vis, &item.attrs),
        Item::Trait(item) => (&item.vis, &item.attrs),
        Item::Type(item) => (&item.vis, &item.attrs),
        Item::Union(item) => (&item.vis, &item.attrs),
        Item::Macro(item) => {
            return item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_export"));
        }
        _ => return false,
    };
    matches!(visibility, Visibility::Public(_)) && !only_tests(attributes)
}
