//! Runs a test runner, passes its output through, and finds the tests that failed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

use crate::outcome::Outcome;
use crate::workspace::line;

/// A run of tests that has ended.
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    /// The names of the tests that failed, as the runner writes them.
    pub(crate) failed: BTreeSet<String>,
}

/// Runs a test runner, prints its output, and keeps the names of the tests that failed.
pub(crate) fn watch(command: Command) -> Run {
    watch_into(command, std::io::stdout(), std::io::stderr())
}

fn watch_into(mut command: Command, out: impl Write, err: impl Write + Send + 'static) -> Run {
    let text = line(&command);
    println!("    $ {text}");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            let outcome = Outcome::problem(format!("`{text}` did not start: {error}"));
            return Run { outcome, failed: BTreeSet::new() };
        }
    };
    // Both pipes are read at the same time: a runner that fills one while we read the other would hang.
    let errors = child.stderr.take().map(|pipe| thread::spawn(|| pass(pipe, err)));
    let mut failed = child.stdout.take().map(|pipe| pass(pipe, out)).unwrap_or_default();
    if let Some(Ok(names)) = errors.map(thread::JoinHandle::join) {
        failed.extend(names);
    }
    let outcome = match child.wait() {
        Ok(status) if status.success() => Outcome::default(),
        Ok(status) => Outcome::problem(format!("`{text}` ended with {status}")),
        Err(error) => Outcome::problem(format!("`{text}` could not be waited for: {error}")),
    };
    Run { outcome, failed }
}

/// Returns the closing lines of a run with failures.
pub(crate) fn summary(steps: &[&str], run: &Run) -> String {
    let mut lines = vec!["failed:".to_owned()];
    lines.extend(steps.iter().map(|step| format!("  step {step}")));
    lines.extend(run.failed.iter().map(|test| format!("  test {test}")));
    // If a test does not compile, none has run and failed: the problem of the runner is all there
    // is.
    if !run.outcome.is_ok() && run.failed.is_empty() {
        lines.extend(run.outcome.problems.iter().map(|problem| format!("  {problem}")));
    }
    lines.join("\n")
}

/// Copies lines from the runner to the terminal, and returns the tests that failed.
fn pass(from: impl Read, mut to: impl Write) -> BTreeSet<String> {
    let mut failed = BTreeSet::new();
    // Bytes and not `lines()`, which fails at text that is not UTF-8: reading would end there, and
    // the runner would block on a full pipe.
    let mut lines = BufReader::new(from).split(b'\n');
    while let Some(Ok(bytes)) = lines.next() {
        let text = String::from_utf8_lossy(&bytes);
        failed.extend(failed_test(&text).map(str::to_owned));
        // If the terminal is gone, the run goes on: its exit code still counts.
        let _ = writeln!(to, "{text}");
    }
    failed
}

/// Returns the test that failed according to a line of nextest or libtest.
pub(crate) fn failed_test(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some(test) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
    {
        return Some(test);
    }
    let (word, rest) = line.split_once(" [")?;
    // A test that was ended by a signal is reported under the name of the signal, such as
    // `SIGSEGV`.
    if !matches!(word, "FAIL" | "TIMEOUT" | "ABORT" | "LEAK-FAIL") && !word.starts_with("SIG") {
        return None;
    }
    let name = rest.split_once("] ")?.1.trim_start();
    // Newer versions print a count: `( 12/1310) binary test`.
    let counted = name.strip_prefix('(').and_then(|rest| rest.split_once(") "));
    Some(counted.map_or(name, |(_, name)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Prints nothing to the terminal, where the failures would look real.
    fn watch_unseen(command: Command) -> Run {
        watch_into(command, std::io::sink(), std::io::sink())
    }

    #[test]
    fn failures_are_read_from_the_lines_of_both_runners() {
        let names = [
            (
                "        FAIL [   0.012s] ( 12/1310) ms-bus::groups a_test",
                Some("ms-bus::groups a_test"),
            ),
            ("        FAIL [   0.012s] ms-bus::groups a_test", Some("ms-bus::groups a_test")),
            ("     SIGABRT [   0.012s] (1/2) ms-actor a::b", Some("ms-actor a::b")),
            ("     TIMEOUT [ 180.0s] (1/2) ms-actor a::b", Some("ms-actor a::b")),
            ("test a::b ... FAILED", Some("a::b")),
            ("        PASS [   0.012s] ( 12/1310) ms-bus::groups a_test", None),
            ("test a::b ... ok", None),
            ("test result: FAILED. 1 passed; 1 failed", None),
        ];
        for (line, name) in names {
            assert_eq!(failed_test(line), name, "{line}");
        }
    }

    #[test]
    fn a_run_is_passed_through_and_its_failures_are_named_once() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'test a ... FAILED'; echo 'FAIL [ 1s] p t' >&2; echo 'FAIL [ 1s] p t' >&2; exit 4"]);
        let run = watch_unseen(command);
        assert_eq!(run.failed.iter().map(String::as_str).collect::<Vec<_>>(), ["a", "p t"]);
        assert!(!run.outcome.is_ok());
        assert_eq!(summary(&["fmt"], &run), "failed:\n  step fmt\n  test a\n  test p t");
    }

    #[test]
    fn a_run_that_fails_without_a_failed_test_says_how_it_ended() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 101"]);
        let run = watch_unseen(command);
        assert_eq!(summary(&[], &run), "failed:\n  `sh -c exit 101` ended with exit status: 101");
    }

    #[test]
    fn a_runner_that_is_not_there_is_a_failure() {
        assert!(!watch_unseen(Command::new("/nonexistent/runner")).outcome.is_ok());
    }
}
