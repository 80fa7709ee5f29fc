//! Tests that can be trusted: no test that cannot fail, and none that fails because the machine
//! is busy.
//!
//! Each kind of both was found in this workspace more than once, in a suite that was green. The rules go
//! by the source alone and may be wrong, so a reviewed list has the findings that are permitted, with
//! their reasons. A finding without an entry fails, and so does an entry without a finding.

mod asserts;
mod flow;
mod functions;
mod known;
mod list;
mod ports;
mod rules;
mod time;
pub(crate) mod unused;

use std::path::Path;

use crate::files::files;
use crate::lex;
use crate::outcome::Outcome;
use crate::workspace::Workspace;
use functions::Source;
use known::Known;
use list::{Exception, exceptions};

/// The reviewed list: KIND, FILE, TEST, REASON.
const LIST: &str = "crates/xtask/tests.tsv";

/// A fault of a test, or of a function that tests share.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    kind: &'static str,
    file: String,
    function: String,
    line: usize,
}

/// A kind, and where in the source it was found.
type Found = (&'static str, usize);

/// The kinds, and what to do about each.
const KINDS: &[(&str, &str)] = &[
    ("asserts-nothing", "it passes whatever happens; assert what it is to show"),
    ("only-if", "all it asserts is within an `if`; assert the condition, or what holds otherwise"),
    ("skips", "it returns before it has asserted anything; fail, and name the next step"),
    ("ignored", "nobody runs it; mend it, or have a command of xtask run it"),
    ("fixed-port", "the port may be in use; bind port 0 and ask which it is"),
    ("released-port", "the port is anybody's again; ask the server where it listens"),
    ("fault-dropped", "the fault may have struck nobody; assert that it was injected"),
    ("upper-bound", "a busy machine is slower; use virtual time, or wait for a condition"),
    ("race", "real work against a short timer; wait a minute for it, or use virtual time"),
    ("promises-a-time", "no test of a name may depend on how fast the machine is; rename it"),
];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let sources = read(workspace, &["crates", "examples"]);
    let list = workspace.read(LIST).unwrap_or_default();
    match exceptions(&list, KINDS) {
        Err(problem) => Outcome::problem(format!("{LIST}: {problem}")),
        Ok(exceptions) => judge(&sources, &exceptions),
    }
}

fn read(workspace: &Workspace, folders: &[&str]) -> Vec<Source> {
    let files = folders.iter().flat_map(|folder| files(&workspace.root, Path::new(folder)));
    let read =
        |path: std::path::PathBuf| Source::new(&path, workspace.read(&path).unwrap_or_default());
    files.map(read).collect()
}

fn judge(sources: &[Source], exceptions: &[Exception<'_>]) -> Outcome {
    let (findings, tests) = find(sources);
    let mut outcome = Outcome::default();
    for finding in &findings {
        if !exceptions.iter().any(|exception| exception.permits(finding)) {
            let Finding { kind, file, function, line } = finding;
            let advice =
                KINDS.iter().find(|(name, _)| name == kind).map_or("", |(_, advice)| *advice);
            outcome.problems.push(format!("{file}:{line} {function}: {kind}: {advice}"));
        }
    }
    for exception in exceptions {
        if !findings.iter().any(|finding| exception.permits(finding)) {
            let Exception { kind, file, function, .. } = exception;
            outcome.problems.push(format!(
                "{LIST}: {kind} of {function} in {file} is permitted and not found: remove the line"
            ));
        }
    }
    let permitted = exceptions.len();
    outcome.notes.push(format!("{tests} tests looked at, {permitted} findings permitted"));
    outcome
}

/// Returns all findings, and the number of tests.
fn find(sources: &[Source]) -> (Vec<Finding>, usize) {
    let known = Known::of(sources);
    let (mut findings, mut tests) = (Vec::new(), 0);
    for source in sources {
        for function in source.functions() {
            tests += usize::from(function.is_test());
            if !function.is_test() && !source.is_test_code(function.body.start) {
                continue;
            }
            let found = rules::of(source, &function, &known);
            findings.extend(found.into_iter().map(|(kind, at)| Finding {
                kind,
                file: source.path.display().to_string(),
                function: function.name.clone(),
                line: lex::line_of(&source.text, at),
            }));
        }
    }
    (findings, tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the problems of sample tests with this list.
    fn problems(code: &str, list: &str) -> Vec<String> {
        let source = Source::new(Path::new("crates/ms-a/tests/it/x.rs"), code.to_owned());
        judge(&[source], &exceptions(list, KINDS).expect("a good list")).problems
    }

    #[test]
    fn a_finding_fails_unless_the_list_permits_it() {
        let code = format!("#{}\nfn a() {{ b(); }}", "[test]");
        let found = problems(&code, "");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("crates/ms-a/tests/it/x.rs:2 a: asserts-nothing"),
            "{found:?}"
        );
        let list =
            "# why\nasserts-nothing\tcrates/ms-a/tests/it/x.rs\ta\tit compiles, which is all";
        assert!(problems(&code, list).is_empty());
        let mended = format!("#{}\nfn a() {{ assert!(b()); }}", "[test]");
        let found = problems(&mended, list);
        assert!(found.len() == 1 && found[0].contains("remove the line"), "{found:?}");
    }
}
