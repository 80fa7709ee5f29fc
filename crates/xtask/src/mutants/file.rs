//! One mutant as it is written down.
//!
//! ```text
//! what: what is wrong with it
//! suites: core model
//! file: crates/ms-core/src/policy/intensity.rs
//! <<<<
//! text as it is, found once
//! ====
//! text of the mutant
//! >>>>
//! ```
//! `file:` and its block may come several times.

use std::path::{Path, PathBuf};

/// A way to break the code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    pub(crate) what: String,
    pub(crate) suites: Vec<String>,
    edits: Vec<Edit>,
}

#[derive(Debug, PartialEq, Eq)]
struct Edit {
    file: PathBuf,
    from: String,
    to: String,
}

impl Mutant {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&name, &text)
    }

    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let field = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            line.map(str::trim).ok_or_else(|| format!("has no line `{key}`"))
        };
        let (what, suites) = (field("what:")?.to_owned(), field("suites:")?);
        let mut edits = Vec::new();
        for block in text.split("\nfile:").skip(1) {
            edits.push(edit(block).ok_or("has a block that is not <<<<, ====, >>>>")?);
        }
        if edits.is_empty() {
            return Err("changes nothing".to_owned());
        }
        let suites = suites.split_whitespace().map(str::to_owned).collect();
        Ok(Self { name: name.to_owned(), what, suites, edits })
    }

    /// The changed files below `root`, unchanged on disk.
    pub(crate) fn apply(&self, root: &Path) -> Result<Vec<(PathBuf, String)>, String> {
        let mut changed: Vec<(PathBuf, String)> = Vec::new();
        for Edit { file, from, to } in &self.edits {
            let path = root.join(file);
            let at = match changed.iter().position(|(known, _)| *known == path) {
                Some(at) => at,
                None => {
                    let text = std::fs::read_to_string(&path)
                        .map_err(|error| format!("{}: {}: {error}", self.name, file.display()))?;
                    changed.push((path, text));
                    changed.len() - 1
                }
            };
            let text = &mut changed[at].1;
            let found = text.matches(from.as_str()).count();
            if found != 1 {
                let file = file.display();
                return Err(format!("{}: its text is {found} times in {file}", self.name));
            }
            *text = text.replacen(from.as_str(), to, 1);
        }
        Ok(changed)
    }
}

fn edit(block: &str) -> Option<Edit> {
    let (file, rest) = block.split_once("\n<<<<\n")?;
    let (from, rest) = rest.split_once("\n====\n")?;
    let (to, _) = rest.split_once("\n>>>>")?;
    (from != to).then(|| Edit {
        file: file.trim().into(),
        from: from.to_owned(),
        to: to.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "what: wrong\nsuites: core model\nfile: a.rs\n<<<<\none\n====\ntwo\n>>>>\n\
                        file: a.rs\n<<<<\nthree\n====\nfour\n>>>>\n";

    #[test]
    fn a_mutant_may_have_several_edits_of_one_file() {
        let folder = std::env::temp_dir().join(format!("xtask-mutant-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.rs"), "one\nthree\n").unwrap();
        let mutant = Mutant::parse("m", TEXT).unwrap();
        assert_eq!(mutant.suites, ["core", "model"]);
        assert_eq!(
            mutant.apply(&folder).unwrap(),
            [(folder.join("a.rs"), "two\nfour\n".to_owned())]
        );
        std::fs::write(folder.join("a.rs"), "one\none\nthree\n").unwrap();
        assert_eq!(mutant.apply(&folder).unwrap_err(), "m: its text is 2 times in a.rs");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_mutant_that_changes_nothing_is_refused() {
        assert!(Mutant::parse("m", "what: x\nsuites: core\n").is_err());
        assert!(Mutant::parse("m", &TEXT.replace("two", "one")).is_err());
        assert!(Mutant::parse("m", &TEXT.replace("what: wrong\n", "")).is_err());
    }
}
