//! The modules of a crate as they stand in its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use syn::{Attribute, Item, ItemUse, UseTree, Visibility};

/// The path of a module below the crate's root; the root's is empty.
pub(super) type ModPath = Vec<String>;

/// A name that a module takes in with `use`.
pub(super) struct Import {
    pub(super) public: bool,
    /// The name it has here; `*` for all of the module that `path` leads to.
    pub(super) name: String,
    pub(super) path: Vec<String>,
}

#[derive(Default)]
pub(super) struct Module {
    pub(super) items: Vec<Item>,
    pub(super) imports: Vec<Import>,
}

/// All modules of a crate but those of its tests.
#[derive(Default)]
pub(super) struct Tree(pub(super) BTreeMap<ModPath, Module>);

/// Reads a crate's modules, from the file of its root.
pub(super) fn load(root: &Path) -> Result<Tree, String> {
    let mut tree = Tree::default();
    let directory = root.parent().ok_or("no directory")?;
    read(root, directory, Vec::new(), &mut tree)?;
    Ok(tree)
}

fn read(file: &Path, directory: &Path, at: ModPath, tree: &mut Tree) -> Result<(), String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let parsed = syn::parse_file(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    enter(parsed.items, directory, at, tree)
}

fn enter(items: Vec<Item>, directory: &Path, at: ModPath, tree: &mut Tree) -> Result<(), String> {
    let mut module = Module::default();
    for item in items {
        match &item {
            Item::Mod(inner) if !only_tests(&inner.attrs) => {
                let name = inner.ident.to_string();
                let below = directory.join(&name);
                let path = [at.clone(), vec![name.clone()]].concat();
                match &inner.content {
                    Some((_, items)) => enter(items.clone(), &below, path, tree)?,
                    None => {
                        let flat = directory.join(format!("{name}.rs"));
                        let file = if flat.is_file() { flat } else { below.join("mod.rs") };
                        read(&file, &below, path, tree)?;
                    }
                }
                module.items.push(item);
            }
            Item::Mod(_) => {}
            Item::Use(taken) => import(taken, &mut module.imports),
            _ => module.items.push(item),
        }
    }
    tree.0.insert(at, module);
    Ok(())
}

/// Tells whether an item is compiled for the tests of its crate only.
pub(super) fn only_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|cfg| cfg.is_ident("test"))
    })
}

fn import(taken: &ItemUse, imports: &mut Vec<Import>) {
    let public = matches!(taken.vis, Visibility::Public(_));
    leaves(&taken.tree, &mut Vec::new(), public, imports);
}

fn leaves(tree: &UseTree, path: &mut Vec<String>, public: bool, imports: &mut Vec<Import>) {
    let mut leaf = |name: String, last: Option<String>| {
        let path = path.iter().cloned().chain(last).collect();
        imports.push(Import { public, name, path });
    };
    match tree {
        UseTree::Path(step) => {
            path.push(step.ident.to_string());
            leaves(&step.tree, path, public, imports);
            path.pop();
        }
        // `use a::b::{self}` takes in the module.
        UseTree::Name(name) if name.ident == "self" => {
            leaf(path.last().cloned().unwrap_or_default(), None);
        }
        UseTree::Name(name) => leaf(name.ident.to_string(), Some(name.ident.to_string())),
        UseTree::Rename(renamed) => {
            leaf(renamed.rename.to_string(), Some(renamed.ident.to_string()));
        }
        UseTree::Glob(_) => leaf("*".to_owned(), None),
        UseTree::Group(group) => {
            for tree in &group.items {
                leaves(tree, path, public, imports);
            }
        }
    }
}

/// Where a name leads.
pub(super) enum Found<'t> {
    Module(ModPath),
    /// The item, and the module that it stands in.
    Item(ModPath, &'t Item),
}

impl Tree {
    /// Follows `path`, as it is written in the module `from`, to what it names in this crate.
    pub(super) fn resolve(&self, from: &ModPath, path: &[String]) -> Option<Found<'_>> {
        self.follow(from, path, 0)
    }

    fn follow(&self, from: &ModPath, path: &[String], depth: usize) -> Option<Found<'_>> {
        // Two modules may take in all of each other.
        if depth > 16 {
            return None;
        }
        let mut at = from.clone();
        let mut rest = path;
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "crate" => at.clear(),
                "self" => {}
                "super" => {
                    at.pop()?;
                }
                name => match self.named(&at, name, depth + 1)? {
                    Found::Module(inner) => at = inner,
                    found if after.is_empty() => return Some(found),
                    Found::Item(..) => return None,
                },
            }
            rest = after;
        }
        Some(Found::Module(at))
    }

    /// Finds what `name` is in the module `at`: an item of its own, or one that it takes in.
    fn named(&self, at: &ModPath, name: &str, depth: usize) -> Option<Found<'_>> {
        let module = self.0.get(at)?;
        let inner = [at.clone(), vec![name.to_owned()]].concat();
        if self.0.contains_key(&inner) {
            return Some(Found::Module(inner));
        }
        let own = module.items.iter().find(|item| ident(item).is_some_and(|own| own == name));
        if let Some(item) = own {
            return Some(Found::Item(at.clone(), item));
        }
        let taken = module.imports.iter().find(|import| import.name == name);
        if let Some(import) = taken {
            return self.follow(at, &import.path, depth);
        }
        let all = module.imports.iter().filter(|import| import.name == "*");
        all.filter_map(|import| match self.follow(at, &import.path, depth)? {
            Found::Module(from) if from != *at => self.named(&from, name, depth + 1),
            _ => None,
        })
        .next()
    }
}

/// Returns the name of an item that has one.
pub(super) fn ident(item: &Item) -> Option<&syn::Ident> {
    Some(match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    })
}
