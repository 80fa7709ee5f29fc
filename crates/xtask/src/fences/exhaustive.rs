//! Public enums of errors and events must be `#[non_exhaustive]`.
//!
//! Such enums grow. With the attribute, a new variant breaks no code of users. An enum is one of errors
//! or events if its name ends with one of a few words, or if it derives `Error`.

use super::ratchet::Counts;
use super::{Found, Ratchet};
use crate::code::{Code, Item, Package, Tree, Visibility, items};
use crate::workspace::Workspace;

pub(crate) const RATCHET: Ratchet = Ratchet {
    file: "crates/xtask/exhaustive.tsv",
    what: "public enums of errors or events without #[non_exhaustive]",
    advice: "add the attribute (`cargo xtask list exhaustive CRATE`)",
    count: |workspace| counts(workspace.code()),
};

const ENDINGS: &[&str] = &["Error", "Event", "EventKind"];

pub(crate) fn list(workspace: &Workspace) -> Vec<Found> {
    let of = |package: &Package| {
        let package_name = package.name.clone();
        exhaustive(package)
            .into_iter()
            .map(move |line| Found { package: package_name.clone(), line })
            .collect::<Vec<_>>()
    };
    workspace.code().packages.iter().flat_map(of).collect()
}

fn counts(code: &Code) -> Counts {
    let of = |package: &Package| (package.name.clone(), exhaustive(package).len());
    code.packages.iter().map(of).collect()
}

/// Returns each as its name and place.
fn exhaustive(package: &Package) -> Vec<String> {
    let library = package.files.iter().filter(|file| file.module.is_some());
    library
        .flat_map(|file| {
            let place = file.path.display();
            let found = enums(&file.program).into_iter();
            found.map(move |item| format!("{} ({place}:{})", item.name, item.line))
        })
        .collect()
}

fn enums(trees: &[Tree]) -> Vec<Item<'_>> {
    let mut found = Vec::new();
    for item in items(trees) {
        if item.kind == "mod" {
            let inner = item.trees.last().and_then(|tree| tree.group('{'));
            found.extend(enums(inner.unwrap_or_default()));
        } else if item.kind == "enum" && is_meant(&item) && !has(&item, "non_exhaustive") {
            found.push(item);
        }
    }
    found
}

fn is_meant(item: &Item<'_>) -> bool {
    let is_named = ENDINGS.iter().any(|ending| item.name.ends_with(ending));
    item.visibility == Visibility::Public && (is_named || derives_error(item))
}

fn derives_error(item: &Item<'_>) -> bool {
    let derives =
        item.attributes.iter().filter(|one| one.first().is_some_and(|word| word.is_word("derive")));
    let mut traits = derives.flat_map(|one| one.iter().filter_map(Tree::inner).flatten());
    traits.any(|tree| tree.is_word("Error"))
}

fn has(item: &Item<'_>, attribute: &str) -> bool {
    item.attributes.iter().any(|one| one.first().is_some_and(|word| word.is_word(attribute)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enum_of_errors_or_events_must_leave_room() {
        let code = Code::of(&[(
            "ms-a/src/lib.rs",
            "pub enum TaskEvent { A }\n#[derive(Debug, thiserror::Error)]\npub enum Refused { A }\n\
             #[non_exhaustive] pub enum IdError { A } pub struct NoError; pub enum Other { A }\n\
             pub(crate) enum OwnError { A } pub mod m { pub enum EventKind {} }",
        )]);
        let want = [
            "TaskEvent (ms-a/src/lib.rs:1)",
            "Refused (ms-a/src/lib.rs:3)",
            "EventKind (ms-a/src/lib.rs:5)",
        ];
        assert_eq!(exhaustive(&code.packages[0]), want);
        let problems = RATCHET.judge("ms-a\t2", &counts(&code)).problems;
        assert!(
            problems[0].contains("3 public enums") && problems[0].contains("add the attribute")
        );
    }
}
