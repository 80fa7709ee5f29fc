//! Finds source files.

use std::path::{Path, PathBuf};

/// Returns the paths of the `*.rs` files below a folder, from the root and in the order of their names.
/// Folders that cannot be read are left out.
pub(crate) fn files(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    let mut found = Vec::new();
    for name in names {
        let path = folder.join(&name);
        if root.join(&path).is_dir() {
            if name != "target" {
                found.extend(files(root, &path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
