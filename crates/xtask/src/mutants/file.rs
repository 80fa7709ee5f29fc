//! The file of a mutant.
//!
//! ```text
//! what: what is wrong with it
//! suites: policy model
//! tests: ms-actor --test it test(/mailbox/)
//! file: crates/ms-policy/src/intensity.rs
//! <<<<
//! text as it is, found once
//! ====
//! text of the mutant
//! >>>>
//! ```
//! `file:` and its block may occur several times. `suites:` names suites that this command knows; each
//! `tests:` names a crate whose tests must notice the mutant: all of them, those of one program
//! (`--lib`, `--test NAME`; `--features NAME` before or after), or those of a nextest filter. At least
//! one of the two must be there.

use std::path::{Path, PathBuf};

/// A way to break the code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    pub(crate) what: String,
    pub(crate) suites: Vec<Suite>,
    edits: Vec<Edit>,
}

/// Tests that must notice a mutant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Suite {
    /// A suite that this command knows by name.
    Named(String),
    /// The tests of a crate: of the programs that these arguments of cargo select, or of all, and only
    /// those that a filter of nextest selects, if there is one.
    Crate { name: String, programs: Vec<String>, filter: Option<String> },
}

impl Suite {
    /// Returns the prefix of the names of its tests.
    pub(crate) fn label(&self) -> &str {
        let (Self::Named(name) | Self::Crate { name, .. }) = self;
        name
    }

    /// Adds the tests of `other` if it is of the same programs; returns `None` if it is not.
    pub(crate) fn with(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (
                Self::Crate { name, programs, filter },
                Self::Crate { name: same, programs: these, filter: more },
            ) if name == same && programs == these => {
                // Without a filter all tests run, and those of the other filter with them.
                let filter = filter.as_ref().zip(more.as_ref());
                let filter = filter.map(|(one, two)| match one.contains(two.as_str()) {
                    true => one.clone(),
                    false => format!("{one} | {two}"),
                });
                Some(Self::Crate { name: name.clone(), programs: programs.clone(), filter })
            }
            _ => (self == other).then(|| self.clone()),
        }
    }

    fn of_crate(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (name, rest) = words.split_first()?;
        let mut programs = 0;
        while let Some(word) = rest.get(programs).filter(|word| word.starts_with("--")) {
            programs += if *word == "--lib" { 1 } else { 2 };
        }
        let (programs, filter) = rest.split_at_checked(programs)?;
        let filter = (!filter.is_empty()).then(|| filter.join(" "));
        let programs = programs.iter().map(|&word| word.to_owned()).collect();
        Some(Self::Crate { name: (*name).to_owned(), programs, filter })
    }
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
        // Inside a block every line is code, whatever it looks like.
        let head = text.split("\nfile:").next().unwrap_or_default();
        let fields = |key: &'static str| {
            head.lines().filter_map(move |line| line.strip_prefix(key)).map(str::trim)
        };
        let what = fields("what:").next().ok_or("has no line `what:`")?.to_owned();
        let named = fields("suites:").flat_map(str::split_whitespace);
        let mut suites: Vec<Suite> = named.map(|name| Suite::Named(name.to_owned())).collect();
        for tests in fields("tests:") {
            suites.push(Suite::of_crate(tests).ok_or("has a line `tests:` without a crate")?);
        }
        if suites.is_empty() {
            return Err("has neither a line `suites:` nor one `tests:`".to_owned());
        }
        let mut edits = Vec::new();
        for block in text.split("\nfile:").skip(1) {
            edits.push(edit(block).ok_or("has a block that is not <<<<, ====, >>>>")?);
        }
        if edits.is_empty() {
            return Err("changes nothing".to_owned());
        }
        Ok(Self { name: name.to_owned(), what, suites, edits })
    }

    /// Returns the changed texts of the files below `root`. The files themselves are not written.
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

    const TEXT: &str = "what: wrong\nsuites: policy model\nfile: a.rs\n<<<<\none\n====\ntwo\n>>>>\n\
                        file: a.rs\n<<<<\nthree\n====\nfour\n>>>>\n";

    #[test]
    fn a_mutant_may_have_several_edits_of_one_file() {
        let folder = std::env::temp_dir().join(format!("xtask-mutant-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.rs"), "one\nthree\n").unwrap();
        let mutant = Mutant::parse("m", TEXT).unwrap();
        assert_eq!(mutant.suites, ["policy", "model"].map(|name| Suite::Named(name.to_owned())));
        assert_eq!(
            mutant.apply(&folder).unwrap(),
            [(folder.join("a.rs"), "two\nfour\n".to_owned())]
        );
        std::fs::write(folder.join("a.rs"), "one\none\nthree\n").unwrap();
        assert_eq!(mutant.apply(&folder).unwrap_err(), "m: its text is 2 times in a.rs");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_mutant_names_crates_and_their_tests() {
        let tests = "tests: ms-actor\ntests: ms-core --features x --lib\n\
                     tests: ms-bus --test it test(/order/) + test(/lives/)\n";
        let mutant = Mutant::parse("m", &TEXT.replace("suites: policy model\n", tests)).unwrap();
        let of = |name: &str, programs: &[&str], filter: Option<&str>| Suite::Crate {
            name: name.to_owned(),
            programs: programs.iter().map(|&word| word.to_owned()).collect(),
            filter: filter.map(str::to_owned),
        };
        let core = of("ms-core", &["--features", "x", "--lib"], None);
        let bus = of("ms-bus", &["--test", "it"], Some("test(/order/) + test(/lives/)"));
        assert_eq!(bus.with(&bus), Some(bus.clone()));
        let other = of("ms-bus", &["--test", "it"], Some("test(/bad/)"));
        let both = "test(/bad/) | test(/order/) + test(/lives/)";
        assert_eq!(other.with(&bus), Some(of("ms-bus", &["--test", "it"], Some(both))));
        let all = of("ms-bus", &["--test", "it"], None);
        assert_eq!((all.with(&bus), bus.with(&all)), (Some(all.clone()), Some(all)));
        assert_eq!(bus.with(&of("ms-bus", &["--lib"], None)), None);
        assert_eq!(mutant.suites, [of("ms-actor", &[], None), core, bus]);
        assert!(Mutant::parse("m", &TEXT.replace("suites: policy model\n", "")).is_err());
        assert!(Mutant::parse("m", &TEXT.replace("suites: policy model", "tests:")).is_err());
    }

    #[test]
    fn a_mutant_that_changes_nothing_is_refused() {
        assert!(Mutant::parse("m", "what: x\nsuites: policy\n").is_err());
        assert!(Mutant::parse("m", &TEXT.replace("two", "one")).is_err());
        assert!(Mutant::parse("m", &TEXT.replace("what: wrong\n", "")).is_err());
    }
}
