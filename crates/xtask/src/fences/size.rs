//! Limits the size of `ms-core`, so that only shared vocabulary is added to it.

use super::Ratchet;
use super::ratchet::Counts;
use crate::code::Code;
use crate::outcome::Outcome;
use crate::workspace::Workspace;

const CRATE: &str = "ms-core";

/// Counts the lines of Rust in `src`, tests included, as `wc -l` does.
const MOST: usize = 4_500;

pub(crate) const RATCHET: Ratchet = Ratchet {
    file: "crates/xtask/lines.tsv",
    what: "lines beyond the 4,500 it may have",
    advice: "give the logic to the crate that runs it",
    count: |workspace| counts(workspace.code()),
};

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let mut outcome = RATCHET.check(workspace);
    outcome.notes.push(format!("{} lines in {CRATE}", lines(workspace.code())));
    outcome
}

fn counts(code: &Code) -> Counts {
    let over = lines(code).saturating_sub(MOST);
    (over > 0).then(|| (CRATE.to_owned(), over)).into_iter().collect()
}

fn lines(code: &Code) -> usize {
    let files = code.package(CRATE).into_iter().flat_map(|package| &package.files);
    files.filter(|file| file.module.is_some()).map(|file| file.lines).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_too_many_is_counted_and_tests_in_files_of_their_own_are_not() {
        let full = "\n".repeat(MOST);
        let code = |more: &str| {
            let source = format!("{full}{more}");
            Code::of(&[("ms-core/src/lib.rs", &source), ("ms-core/tests/a.rs", "\n\n")])
        };
        assert!(RATCHET.judge("", &counts(&code(""))).is_ok());
        let problems = RATCHET.judge("", &counts(&code("\n"))).problems;
        assert!(problems[0].starts_with("ms-core: 1 lines beyond the 4,500"), "{problems:?}");
    }
}
