//! The code of the workspace, read once for all rules that look at names, paths and modules.

mod item;
mod module;
mod paths;
mod tree;

use std::path::{Path, PathBuf};

pub(crate) use item::{Item, Visibility, items};
pub(crate) use module::{Definition, Modules};
pub(crate) use paths::{Kind, names};
pub(crate) use tree::{Tree, words};

use tree::attributes;

use crate::files::files;

/// The code of all members, in the order of their names.
#[derive(Debug, Default)]
pub(crate) struct Code {
    pub(crate) packages: Vec<Package>,
}

/// The code of one member.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) files: Vec<File>,
}

/// A source.
#[derive(Debug)]
pub(crate) struct File {
    /// Its path from the root of the workspace.
    pub(crate) path: PathBuf,
    /// Its module; `None` for a file outside of `src`, which only tests, benches and examples see.
    pub(crate) module: Option<Place>,
    /// All of its code.
    pub(crate) trees: Vec<Tree>,
    /// Its code without what is compiled for tests only.
    pub(crate) program: Vec<Tree>,
    /// Its lines, as `wc -l` counts them.
    pub(crate) lines: usize,
}

/// A module, by the file that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Whether it is the root of a program in a package that also has a library.
    pub(crate) beside: bool,
    pub(crate) path: Vec<String>,
}

impl Code {
    /// Reads the packages with these names and folders.
    pub(crate) fn load<'a>(
        root: &Path,
        packages: impl Iterator<Item = (&'a str, &'a Path)>,
    ) -> Self {
        let packages = packages.map(|(name, folder)| {
            let folder = folder.strip_prefix(root).unwrap_or(folder);
            let files = files(root, folder).into_iter().map(|path| {
                let text = std::fs::read_to_string(root.join(&path)).unwrap_or_default();
                (path, text)
            });
            Package::new(name, folder, files.collect())
        });
        Self { packages: packages.collect() }
    }

    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// Reads sample code. A path begins with the name of a package, as in `ms-a/src/lib.rs`.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut names: Vec<&str> =
            files.iter().filter_map(|(path, _)| path.split('/').next()).collect();
        names.dedup();
        let package = |name: &&str| {
            let own = files.iter().filter(|(path, _)| path.split('/').next() == Some(*name));
            let own = own.map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
            Package::new(name, Path::new(name), own.collect())
        };
        Self { packages: names.iter().map(package).collect() }
    }
}

impl Package {
    fn new(name: &str, folder: &Path, files: Vec<(PathBuf, String)>) -> Self {
        let library = folder.join("src/lib.rs");
        let has_library = files.iter().any(|(path, _)| *path == library);
        let files = files.into_iter().map(|(path, text)| {
            let module = place(path.strip_prefix(folder).unwrap_or(&path), has_library);
            File::new(path, module, &text)
        });
        let mut files: Vec<File> = files.collect();
        // `#[cfg(test)] mod x;` is about another file, so this is known only when all files are
        // read.
        let of_tests = modules_of_tests(&files);
        for file in &mut files {
            let module = file.module.as_ref().filter(|place| !place.beside);
            if module.is_some_and(|place| of_tests.iter().any(|test| place.path.starts_with(test)))
            {
                file.program.clear();
            }
        }
        Self { name: name.to_owned(), files }
    }

    /// Returns its name in paths of code.
    pub(crate) fn ident(&self) -> String {
        self.name.replace('-', "_")
    }
}

impl File {
    fn new(path: PathBuf, module: Option<Place>, text: &str) -> Self {
        let trees = tree::read(text);
        let program = if module.is_some() { tree::program(&trees) } else { Vec::new() };
        Self { path, module, trees, program, lines: text.matches('\n').count() }
    }
}

/// Returns the module of a file in `src`.
fn place(path: &Path, has_library: bool) -> Option<Place> {
    let parts: Vec<&str> =
        path.strip_prefix("src").ok()?.iter().filter_map(|p| p.to_str()).collect();
    let (file, folders) = parts.split_last()?;
    let stem = file.strip_suffix(".rs")?;
    let mut module: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
    let beside = match (folders, stem) {
        ([], "main") => has_library,
        (["bin", ..], _) => true,
        _ => false,
    };
    if beside {
        return Some(Place { beside, path: vec![stem.to_owned()] });
    }
    let is_root = folders.is_empty() && matches!(stem, "lib" | "main");
    if !is_root && stem != "mod" {
        module.push(stem.to_owned());
    }
    Some(Place { beside, path: module })
}

/// Returns the modules in files of their own that are declared for tests only.
fn modules_of_tests(files: &[File]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for file in files {
        let Some(place) = file.module.as_ref().filter(|place| !place.beside) else { continue };
        for (at, tree) in file.trees.iter().enumerate() {
            let attributes = attributes(&file.trees[at..]);
            if !tree.is_mark('#') || !attributes.iter().any(|one| tree::is_of_tests(one)) {
                continue;
            }
            if let Some(name) = file_module(&file.trees[at + 2 * attributes.len()..]) {
                found.push([&place.path[..], &[name.to_owned()]].concat());
            }
        }
    }
    found
}

/// Returns the name in `mod name;`, if that begins here.
fn file_module(trees: &[Tree]) -> Option<&str> {
    let skip_visibility = match trees {
        [word, group, ..] if word.is_word("pub") && group.group('(').is_some() => 2,
        [word, ..] if word.is_word("pub") => 1,
        _ => 0,
    };
    match &trees[skip_visibility..] {
        [word, name, Tree::Mark(';'), ..] if word.is_word("mod") => name.word(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_place_among_the_modules() {
        let of = |path: &str| place(Path::new(path), true).map(|place| place.path.join("::"));
        assert_eq!(of("src/lib.rs").as_deref(), Some(""));
        assert_eq!(of("src/a/mod.rs").as_deref(), Some("a"));
        assert_eq!(of("src/a/b.rs").as_deref(), Some("a::b"));
        assert_eq!(of("tests/it/main.rs"), None);
        assert!(place(Path::new("src/main.rs"), true).unwrap().beside);
        assert!(!place(Path::new("src/main.rs"), false).unwrap().beside);
        assert!(place(Path::new("src/bin/x.rs"), true).unwrap().beside);
    }

    #[test]
    fn a_module_of_tests_in_a_file_of_its_own_is_no_program() {
        let code = Code::of(&[
            ("ms-a/src/lib.rs", "#[cfg(test)]\npub(crate) mod model;\nmod kept;"),
            ("ms-a/src/model/mod.rs", "mod deep;"),
            ("ms-a/src/model/deep.rs", "fn a() {}"),
            ("ms-a/src/kept.rs", "fn b() {}"),
        ]);
        let empty: Vec<bool> =
            code.packages[0].files.iter().map(|file| file.program.is_empty()).collect();
        assert_eq!(empty, [false, true, true, false]);
    }
}
