//! Finds the tests of the workspace in their sources.

use std::path::{Path, PathBuf};

use crate::files::files;
use crate::workspace::Workspace;

/// The folders that have tests.
const SOURCES: &[&str] = &["crates", "examples"];

/// A test that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test {
    /// Its file, from the root.
    pub(crate) file: PathBuf,
    pub(crate) name: String,
    /// Its doc comment.
    pub(crate) doc: String,
}

impl Test {
    /// Returns its package: the folder below `crates`, or the top folder.
    pub(crate) fn package(&self) -> String {
        let mut parts = self.file.iter().map(|part| part.to_string_lossy());
        let top = parts.next().unwrap_or_default();
        let package = if top == "crates" { parts.next() } else { None };
        package.unwrap_or(top).into_owned()
    }
}

/// Returns all tests that are not ignored, in the order of their files' names.
pub(crate) fn tests(workspace: &Workspace) -> Vec<Test> {
    let files = SOURCES.iter().flat_map(|folder| files(&workspace.root, Path::new(folder)));
    let read = |path: PathBuf| tests_in(&workspace.read(&path).unwrap_or_default(), &path);
    files.flat_map(read).collect()
}

/// Returns the functions with an attribute that makes a test (`#[test]`, `#[actix_rt::test]`), unless
/// ignored.
fn tests_in(source: &str, file: &Path) -> Vec<Test> {
    let mut tests = Vec::new();
    let (mut is_test, mut is_ignored, mut doc) = (false, false, Vec::new());
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim());
        // `#[cfg(test)]` has the word too, and makes no test.
        } else if line.starts_with("#[") && !line.starts_with("#[cfg") {
            is_test |= line.contains("test");
            is_ignored |= line.starts_with("#[ignore");
        } else if let Some(name) = function(line) {
            if is_test && !is_ignored {
                let (file, name) = (file.to_owned(), name.to_owned());
                tests.push(Test { file, name, doc: doc.join("\n") });
            }
            (is_test, is_ignored) = (false, false);
            doc.clear();
        // A comment, or the end of an attribute, may be between the doc comment and its function.
        } else if !line.starts_with("//") && !line.starts_with(')') && !line.is_empty() {
            doc.clear();
        }
    }
    tests
}

/// Returns the name of the function that begins on a line.
fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    let rest = line.strip_prefix("fn ")?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    // This file is searched too, so no line of a sample may look like a test by itself.

    #[test]
    fn a_test_is_a_function_under_a_test_attribute() {
        let source = [
            "#[test]\nfn k1_a() {}\nfn k2_helper() {}",
            "  #[actix_rt::test]\n  // why\n  async fn k3_b() {}",
            "#[test]\n#[ignore = \"slow\"]\nfn k4_c() {}",
            "#[cfg(test)]\nfn k5_d() {}",
        ];
        let tests = tests_in(&source.join("\n"), Path::new("crates/ms-a/src/lib.rs"));
        let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["k1_a", "k3_b"]);
        assert_eq!(tests[0].package(), "ms-a");
    }

    #[test]
    fn a_doc_comment_is_that_of_the_next_function_alone() {
        let source = "/// One\n/// two.\n#[test]\nfn a() {}\n#[test]\nfn b() {}\n/// Of a field\nx: u8,\n#[test]\nfn c() {}";
        let docs: Vec<String> =
            tests_in(source, Path::new("examples/a.rs")).into_iter().map(|test| test.doc).collect();
        assert_eq!(docs, ["One\ntwo.", "", ""]);
    }
}
