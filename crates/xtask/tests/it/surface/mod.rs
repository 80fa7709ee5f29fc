//! What each library shows to the crates above it, as a list that is kept in the tree.
//!
//! A change of a public name, signature, field or implementation shows as a changed line of
//! `crates/<crate>/public-api.txt`, so that it is reviewed as what it is. After a change that is
//! meant: `UPDATE_GOLDEN=1 cargo nextest run -p xtask surface`.
//!
//! The list is made from the sources. `cargo public-api` makes it from rustdoc's JSON, which only a
//! nightly toolchain prints and whose format changes with it; this suite must pass with any stable one.

mod modules;
mod render;
mod walk;

use std::fs;
use std::path::{Path, PathBuf};

/// The libraries that others build on. The binaries and what only tests use have no surface to keep.
const LIBRARIES: &[&str] = &[
    "ms-actor",
    "ms-bus",
    "ms-config",
    "ms-control",
    "ms-core",
    "ms-framework",
    "ms-json",
    "ms-net",
    "ms-ops",
    "ms-policy",
    "ms-registry",
    "ms-resilience",
    "ms-router",
    "ms-runtime",
    "ms-snapshot",
    "ms-store",
    "ms-supervisor",
    "ms-task",
    "ms-testkit",
    "ms-transport",
    "ms-worker",
];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Lists the public items of the crate whose sources begin at `root`, one a line, sorted.
fn surface(name: &str, root: &Path) -> Vec<String> {
    let tree = modules::load(root).unwrap_or_else(|error| panic!("{name}: {error}"));
    walk::lines(&name.replace('-', "_"), &tree)
}

/// Returns the lines that only one of the two lists has, `+` for new and `-` for gone.
fn differences(kept: &str, now: &str) -> Vec<String> {
    let (kept, now): (Vec<_>, Vec<_>) = (kept.lines().collect(), now.lines().collect());
    let gone = kept.iter().filter(|line| !now.contains(line)).map(|line| format!("- {line}"));
    let new = now.iter().filter(|line| !kept.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect()
}

#[test]
fn the_public_surface_of_each_library_is_the_one_on_record() {
    let mut changed = Vec::new();
    for name in LIBRARIES {
        let list = crates().join(name).join("public-api.txt");
        let mut now = surface(name, &crates().join(name).join("src/lib.rs")).join("\n");
        now.push('\n');
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&list, &now).expect("written");
        }
        let kept = fs::read_to_string(&list).unwrap_or_default();
        if kept != now {
            changed.push(format!("{name}:\n{}", differences(&kept, &now).join("\n")));
        }
    }
    assert!(
        changed.is_empty(),
        "the public surface is another one; if that is meant, UPDATE_GOLDEN=1 writes it down:\n{}",
        changed.join("\n")
    );
}

/// Every library of the workspace that has a list is one of those compared, and the other way round.
#[test]
fn no_list_is_left_behind() {
    let mut with_list: Vec<_> = fs::read_dir(crates())
        .expect("crates")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.join("public-api.txt").is_file())
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .collect();
    with_list.sort();
    assert_eq!(with_list, LIBRARIES);
}

/// The surface of a small crate with one of each kind, some of it behind private modules.
#[test]
fn what_is_reached_is_listed_and_nothing_else() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("surface");
    fs::create_dir_all(directory.join("inner")).expect("made");
    let write = |file: &str, text: &str| fs::write(directory.join(file), text).expect("written");
    write(
        "lib.rs",
        "mod inner;\npub mod open { pub const LIMIT: u32 = 3; pub(crate) fn own() {} }\n\
         pub use inner::{deep::Deep as Renamed, Shape, Watch};\npub use std::fmt::Debug;\n\
         #[cfg(test)]\nmod tests { pub fn not_listed() {} }\n",
    );
    write(
        "inner/mod.rs",
        "pub mod deep;\nmod methods;\npub struct Hidden;\n\
         #[non_exhaustive]\n#[derive(Clone, Debug)]\npub enum Shape { Dot, Line(u8), Box { side: u8 } }\n\
         pub trait Watch: Send { type Item; fn next(&mut self) -> Option<Self::Item>; }\n",
    );
    write("inner/deep.rs", "pub struct Deep<T> { pub open: T, closed: u8 }\n");
    write(
        "inner/methods.rs",
        "use super::*;\nimpl Shape { pub fn area(&self) -> u32 { 0 } fn own(&self) {} }\n\
         impl<T: Send> Watch for super::deep::Deep<T> { type Item = T; fn next(&mut self) -> Option<T> { None } }\n\
         impl std::fmt::Display for Hidden { }\n",
    );
    let lines = surface("small", &directory.join("lib.rs"));
    assert_eq!(
        lines,
        [
            "#[non_exhaustive] pub enum small::Shape",
            "impl Clone for small::Shape",
            "impl Debug for small::Shape",
            "impl<T: Send> Watch for small::Renamed<T>",
            "pub const small::open::LIMIT: u32",
            "pub field small::Renamed::open: T",
            "pub fn small::Shape::area(&self) -> u32",
            "pub mod small::open",
            "pub struct small::Renamed<T>",
            "pub trait small::Watch: Send",
            "pub use small::Debug = std::fmt::Debug",
            "trait fn small::Watch::next(&mut self) -> Option<Self::Item>",
            "trait type small::Watch::Item",
            "variant small::Shape::Box { side: u8 }",
            "variant small::Shape::Dot",
            "variant small::Shape::Line(u8)",
        ]
    );
}
