//! A mutant before the suites: which of their tests notice it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::workspace::Error;

use super::copy::Copy;
use super::file::Mutant;

/// A mutant may wait for ever; a suite that takes this long has noticed it.
const LIMIT: Duration = Duration::from_secs(180);

/// The suites a mutant can name, and what cargo is to test for each.
const SUITES: &[(&str, &[&str])] = &[
    ("core", &["-p", "ms-core", "--tests"]),
    ("model", &["-p", "ms-model", "--tests"]),
    ("supervisor", &["-p", "ms-supervisor", "--tests"]),
    ("conformance", &["-p", "ms-conformance", "--tests"]),
    ("kernel", &["-p", "ms-actor", "--lib", "--features", "model"]),
];

/// What became of a mutant.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// These tests failed, each with its suite in front.
    Caught(Vec<String>),
    Survived,
    /// It is no mutant: it does not build.
    NotBuilt(String),
}

impl Verdict {
    pub(crate) fn is_caught(&self) -> bool {
        matches!(self, Self::Caught(_))
    }

    pub(crate) fn in_short(&self) -> String {
        match self {
            Self::Caught(tests) => format!("caught by {}", tests.len()),
            Self::Survived => "SURVIVED".to_owned(),
            Self::NotBuilt(why) => format!("DOES NOT BUILD: {why}"),
        }
    }
}

/// All suites pass without a mutant, or there is nothing to learn from their failing.
pub(crate) fn baseline<'a>(
    copy: &Copy,
    mutants: impl Iterator<Item = &'a Mutant>,
) -> Option<String> {
    let suites: BTreeSet<&str> =
        mutants.flat_map(|mutant| mutant.suites.iter().map(String::as_str)).collect();
    suites.into_iter().find_map(|suite| match run(copy, suite) {
        Ok(Suite::Passed) => None,
        Ok(other) => Some(format!("without any mutant the suite {suite} came to: {other:?}")),
        Err(error) => Some(error.to_string()),
    })
}

pub(crate) fn try_out(copy: &Copy, mutant: &Mutant) -> Result<Verdict, Error> {
    let changed = mutant.apply(&copy.root).map_err(Error::new)?;
    let unchanged =
        |(path, _): &(std::path::PathBuf, String)| fs::read(path).map(|text| (path.clone(), text));
    let originals: Vec<_> =
        changed.iter().map(unchanged).collect::<Result<_, _>>().map_err(Error::from_io)?;
    for (path, text) in &changed {
        fs::write(path, text).map_err(Error::from_io)?;
    }
    let verdict = judge(copy, mutant);
    for (path, text) in originals {
        fs::write(path, text).map_err(Error::from_io)?;
    }
    verdict
}

fn judge(copy: &Copy, mutant: &Mutant) -> Result<Verdict, Error> {
    let mut caught = Vec::new();
    for suite in &mutant.suites {
        match run(copy, suite)? {
            Suite::Passed => {}
            Suite::Failed(tests) => {
                caught.extend(tests.iter().map(|test| format!("{suite}: {test}")))
            }
            Suite::Hung => caught.push(format!("{suite}: does not end in {} s", LIMIT.as_secs())),
            Suite::NotBuilt(why) => return Ok(Verdict::NotBuilt(why)),
        }
    }
    Ok(if caught.is_empty() { Verdict::Survived } else { Verdict::Caught(caught) })
}

#[derive(Debug)]
enum Suite {
    Passed,
    Failed(Vec<String>),
    Hung,
    NotBuilt(String),
}

fn run(copy: &Copy, suite: &str) -> Result<Suite, Error> {
    let Some((_, what)) = SUITES.iter().find(|(name, _)| *name == suite) else {
        return Err(Error::new(format!("there is no suite named {suite}")));
    };
    let build = copy.cargo(&[&["test", "--quiet", "--no-run"], *what].concat()).output();
    let build = build.map_err(Error::from_io)?;
    if !build.status.success() {
        let said = String::from_utf8_lossy(&build.stderr);
        let first = said.lines().find(|line| line.starts_with("error")).unwrap_or("?");
        return Ok(Suite::NotBuilt(first.to_owned()));
    }
    let tests = copy.cargo(&[&["test", "--no-fail-fast"], *what].concat());
    let Some((passed, said)) = within(tests, LIMIT).map_err(Error::from_io)? else {
        return Ok(Suite::Hung);
    };
    if passed {
        return Ok(Suite::Passed);
    }
    let failed: BTreeSet<String> = said.lines().filter_map(failed_test).collect();
    if failed.is_empty() {
        return Ok(Suite::Failed(vec!["the test program died".to_owned()]));
    }
    Ok(Suite::Failed(failed.into_iter().collect()))
}

/// The test of a line `test NAME ... FAILED`.
fn failed_test(line: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(name.trim_end_matches(" - should panic").to_owned())
}

/// Whether a command succeeded and what it wrote, unless it took too long and was killed.
#[allow(clippy::disallowed_methods, reason = "a command line tool may wait for its child")]
fn within(mut command: Command, limit: Duration) -> std::io::Result<Option<(bool, String)>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let Some(mut out) = child.stdout.take() else { return Ok(None) };
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        out.read_to_string(&mut said).map(|_| said)
    });
    let until = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > until {
            kill_group(&mut child);
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let said = reader.join().unwrap_or_else(|_| Ok(String::new()))?;
    Ok(Some((status.success(), said)))
}

/// cargo and the test program it runs.
fn kill_group(child: &mut Child) {
    let group = format!("-{}", child.id());
    // What is gone already need not be killed.
    drop(Command::new("kill").args(["-KILL", "--", &group]).status());
    drop(child.wait());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_known_by_its_line() {
        assert_eq!(failed_test("test a::b ... FAILED"), Some("a::b".to_owned()));
        assert_eq!(failed_test("test a::b ... ok"), None);
    }

    #[test]
    fn a_command_that_takes_too_long_is_killed() {
        let mut endless = Command::new("sleep");
        endless.arg("60");
        assert!(within(endless, Duration::from_millis(50)).unwrap().is_none());
        let mut quick = Command::new("echo");
        quick.arg("done");
        assert_eq!(within(quick, LIMIT).unwrap(), Some((true, "done\n".to_owned())));
    }
}
