//! The tests of the workspace, as their sources have them.

use std::path::Path;

use crate::workspace::Workspace;

/// Where tests are: each with the depth at which a package's name stands in the path.
const SOURCES: &[&str] = &["crates", "examples"];

/// A test that is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Test {
    /// The folder of its package.
    pub(crate) package: String,
    pub(crate) name: String,
    /// Its doc comment, its lines joined.
    pub(crate) doc: String,
}

/// All tests but the ignored ones, in the order of their files' names.
pub(crate) fn tests(workspace: &Workspace) -> Vec<Test> {
    let mut tests = Vec::new();
    for folder in SOURCES {
        collect(&workspace.root.join(folder), folder, &mut tests);
    }
    tests
}

/// Adds the tests in the `*.rs` below a folder. What cannot be read is not there.
fn collect(folder: &Path, package: &str, tests: &mut Vec<Test>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" {
            // Below `crates`, every folder is a package.
            let package = if package == "crates" { name.to_string_lossy() } else { package.into() };
            collect(&path, &package, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            tests.extend(tests_in(&std::fs::read_to_string(&path).unwrap_or_default(), package));
        }
    }
}

/// The functions under an attribute that makes a test (`#[test]`, `#[actix_rt::test]`), unless ignored.
pub(crate) fn tests_in(source: &str, package: &str) -> Vec<Test> {
    let mut tests = Vec::new();
    let (mut is_test, mut is_ignored, mut doc) = (false, false, Vec::new());
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim());
        } else if line.starts_with("#[") && !line.starts_with("#[cfg") {
            is_test |= line.contains("test");
            is_ignored |= line.starts_with("#[ignore");
        } else if let Some(name) = function(line) {
            if is_test && !is_ignored {
                let (package, name) = (package.to_owned(), name.to_owned());
                tests.push(Test { package, name, doc: doc.join(" ") });
            }
            (is_test, is_ignored) = (false, false);
            doc.clear();
        } else if !line.starts_with("//") && !line.is_empty() {
            doc.clear();
        }
    }
    tests
}

/// The name of the function that begins on a line.
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

    // No line of a made-up source may look like a test by itself: this file, too, is searched.

    #[test]
    fn a_test_is_a_function_under_a_test_attribute() {
        let source = [
            "#[test]\nfn k1_a() {}\nfn k2_helper() {}",
            "  #[actix_rt::test]\n  // why\n  async fn k3_b() {}",
            "#[test]\n#[ignore = \"slow\"]\nfn k4_c() {}",
            "#[cfg(test)]\nfn k5_d() {}",
        ];
        let tests = tests_in(&source.join("\n"), "ms-a");
        let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["k1_a", "k3_b"]);
    }

    #[test]
    fn a_doc_comment_is_that_of_the_next_function_alone() {
        let source = "/// One\n/// two.\n#[test]\nfn a() {}\n#[test]\nfn b() {}\n/// Of a field\nx: u8,\n#[test]\nfn c() {}";
        let docs: Vec<String> = tests_in(source, "p").into_iter().map(|test| test.doc).collect();
        assert_eq!(docs, ["One two.", "", ""]);
    }
}
