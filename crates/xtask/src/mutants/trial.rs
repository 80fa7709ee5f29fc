//! The trial of a mutant: runs its suites, and finds the tests that notice it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::failures;
use crate::workspace::Error;

use super::copy::Copy;
use super::file::{Mutant, Suite};

/// A mutant may hang. A suite that takes this long has noticed it.
const LIMIT: Duration = Duration::from_secs(180);
/// The limit for all tests of a crate together. Each test also has a limit of its own.
const CRATE_LIMIT: Duration = Duration::from_secs(900);
/// Longest wait for a test runner that was told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// The suites that a line `suites:` can name, and the arguments of cargo for each.
const SUITES: &[(&str, &[&str])] = &[
    ("policy", &["-p", "ms-policy", "--tests"]),
    ("model", &["-p", "ms-model", "--tests"]),
    ("supervisor", &["-p", "ms-supervisor", "--tests"]),
    ("conformance", &["-p", "ms-conformance", "--tests"]),
    ("kernel", &["-p", "ms-actor", "--lib", "--features", "model"]),
];

/// The result of a mutant.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// These tests failed. Each has its suite as a prefix.
    Caught(Vec<String>),
    Survived,
    /// It could not be tried, or no test ran. That is a fault of the mutant and not a success.
    NotTried(String),
}

impl Verdict {
    pub(crate) fn is_caught(&self) -> bool {
        matches!(self, Self::Caught(_))
    }

    pub(crate) fn in_short(&self) -> String {
        match self {
            Self::Caught(tests) => format!("caught by {}", tests.len()),
            Self::Survived => "SURVIVED".to_owned(),
            Self::NotTried(why) => format!("NOT TRIED: {why}"),
        }
    }
}

/// Checks that the tests pass without any mutant. If they do not, their failures mean nothing.
pub(crate) fn baseline<'a>(
    copy: &Copy,
    mutants: impl Iterator<Item = &'a Mutant>,
) -> Option<String> {
    let mut suites: Vec<Suite> = Vec::new();
    for suite in mutants.flat_map(|mutant| &mutant.suites) {
        let known = suites.iter_mut().find_map(|known| Some((known.with(suite)?, known)));
        match known {
            Some((both, known)) => *known = both,
            None => suites.push(suite.clone()),
        }
    }
    suites.iter().find_map(|suite| match run(copy, suite) {
        Ok(Came::Passed) => None,
        Ok(other) => {
            Some(format!("without any mutant the suite {} came to: {other:?}", suite.label()))
        }
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
    // Without `?`: the originals must come back whatever the trial came to.
    let verdict = judge(copy, mutant);
    for (path, text) in originals {
        fs::write(path, text).map_err(Error::from_io)?;
    }
    verdict
}

fn judge(copy: &Copy, mutant: &Mutant) -> Result<Verdict, Error> {
    let mut caught = Vec::new();
    for suite in &mutant.suites {
        let label = suite.label();
        match run(copy, suite)? {
            Came::Passed => {}
            Came::Failed(tests) => {
                caught.extend(tests.iter().map(|test| format!("{label}: {test}")))
            }
            Came::Hung(limit) => {
                caught.push(format!("{label}: does not end in {} s", limit.as_secs()))
            }
            Came::Nothing(why) => return Ok(Verdict::NotTried(why)),
        }
    }
    Ok(if caught.is_empty() { Verdict::Survived } else { Verdict::Caught(caught) })
}

/// The result of a suite.
#[derive(Debug)]
enum Came {
    Passed,
    Failed(Vec<String>),
    Hung(Duration),
    /// It was not run, and why.
    Nothing(String),
}

fn run(copy: &Copy, suite: &Suite) -> Result<Came, Error> {
    match suite {
        Suite::Named(name) => {
            let Some((_, what)) = SUITES.iter().find(|(known, _)| known == name) else {
                return Err(Error::new(format!("there is no suite named {name}")));
            };
            let build = copy.cargo(&[&["test", "--quiet", "--no-run"], *what].concat());
            let tests = copy.cargo(&[&["test", "--no-fail-fast"], *what].concat());
            match carry_out(build, tests, LIMIT, failed_test)? {
                // libtest names no test when one aborts the whole program.
                Came::Failed(tests) if tests.is_empty() => {
                    Ok(Came::Failed(vec!["the test program died".to_owned()]))
                }
                came => Ok(came),
            }
        }
        Suite::Crate { name, programs, filter } => {
            let runner = copy.runner();
            let mut common = vec!["-p", name, "--config-file", &runner, "--color", "never"];
            common.extend(programs.iter().map(String::as_str));
            let build = [&["nextest", "run", "--no-run"], &common[..]].concat();
            let filter = filter.as_deref().map_or_else(Vec::new, |filter| vec!["-E", filter]);
            let tests = [&["nextest", "run"], &common[..], &filter].concat();
            let came = carry_out(copy.cargo(&build), copy.cargo(&tests), CRATE_LIMIT, failed_twice);
            match came? {
                // nextest runs each test in a process of its own, and names it however it ends.
                Came::Failed(tests) if tests.is_empty() => {
                    Ok(Came::Nothing(format!("no test of {name} ran: look at the filter")))
                }
                came => Ok(came),
            }
        }
    }
}

fn carry_out(
    mut build: Command,
    tests: Command,
    limit: Duration,
    failed: impl Fn(&str) -> Option<String>,
) -> Result<Came, Error> {
    let build = build.output().map_err(Error::from_io)?;
    if !build.status.success() {
        let said = String::from_utf8_lossy(&build.stderr);
        let first = said.lines().find(|line| line.starts_with("error")).unwrap_or("?");
        return Ok(Came::Nothing(format!("does not compile: {first}")));
    }
    let Some((passed, said)) = within(tests, limit).map_err(Error::from_io)? else {
        return Ok(Came::Hung(limit));
    };
    if passed {
        return Ok(Came::Passed);
    }
    let failed: BTreeSet<String> = said.lines().filter_map(failed).collect();
    Ok(Came::Failed(failed.into_iter().collect()))
}

/// Returns the test of a line `test NAME ... FAILED`.
fn failed_test(line: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(name.trim_end_matches(" - should panic").to_owned())
}

/// Returns the test of a line `TRY 2 FAIL [..] (..) PROGRAM NAME` of nextest. The first try does not
/// count, as it may fail because the machine is busy.
fn failed_twice(line: &str) -> Option<String> {
    // nextest abbreviates the result of a second try: `TMT`, `ABRT`.
    let (word, rest) = line.trim().strip_prefix("TRY 2 ")?.split_once(" [")?;
    if matches!(word, "PASS" | "LEAK" | "START" | "SLOW" | "TRMNTG" | "TERMINATING") {
        return None;
    }
    let test = failures::failed_test(&format!("FAIL [{rest}")).map(str::to_owned)?;
    let name = test.split_once(' ').map_or(&*test, |(_, name)| name);
    let has_hung = matches!(word, "TMT" | "TIMEOUT");
    Some(if has_hung { format!("{name} (timed out)") } else { name.to_owned() })
}

/// Runs a command. Returns whether it succeeded and its output, or `None` if it took too long and was
/// stopped.
#[allow(clippy::disallowed_methods, reason = "a command line tool may wait for its child")]
fn within(mut command: Command, limit: Duration) -> std::io::Result<Option<(bool, String)>> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that `stop_group` also reaches the test programs that cargo
        // starts.
        .process_group(0)
        .spawn()?;
    let readers = [child.stdout.take().map(read), child.stderr.take().map(read)];
    let until = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > until {
            stop_group(&mut child)?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let said = readers.into_iter().flatten().map(|reader| reader.join().unwrap_or_default());
    Ok(Some((status.success(), said.collect())))
}

/// Reads a pipe on a thread of its own: a command that fills one pipe while we read the other would
/// hang.
fn read(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        // If the pipe breaks, what was read before is all there is.
        drop(pipe.read_to_end(&mut said));
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// Ends cargo and the test programs that it runs. It is asked first: a runner that gives each test a
/// process group of its own must end those groups itself.
#[allow(clippy::disallowed_methods, reason = "a command line tool may wait for its child")]
fn stop_group(child: &mut Child) -> std::io::Result<()> {
    let group = format!("-{}", child.id());
    // `kill` fails if the processes have ended already, which is what is wanted.
    let signal = |name: &str| {
        let kill = Command::new("kill").args([name, "--", &group]).stderr(Stdio::null()).status();
        drop(kill);
    };
    signal("-TERM");
    let until = Instant::now() + STOP_WITHIN;
    while child.try_wait()?.is_none() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    signal("-KILL");
    child.wait().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_test_is_known_by_its_line() {
        assert_eq!(failed_test("test a::b ... FAILED"), Some("a::b".to_owned()));
        assert_eq!(failed_test("test a::b ... ok"), None);
        for (line, test) in [
            ("  TRY 2 FAIL [   0.012s] ( 12/1310) ms-bus::it groups::a", Some("groups::a")),
            ("  TRY 2 FAIL [   0.012s] ms-bus groups::a", Some("groups::a")),
            ("  TRY 2 TMT [  90.0s] ms-bus::it groups::a", Some("groups::a (timed out)")),
            ("  TRY 2 TIMEOUT [  90.0s] ms-bus::it groups::a", Some("groups::a (timed out)")),
            ("  TRY 2 ABRT [   0.012s] ms-bus::it groups::a", Some("groups::a")),
            ("  TRY 1 FAIL [   0.012s] ms-bus::it groups::a", None),
            ("  TRY 2 TRMNTG [>40.000s] ms-bus::it groups::a", None),
            ("  TRY 2 PASS [   0.012s] ms-bus::it groups::a", None),
        ] {
            assert_eq!(failed_twice(line).as_deref(), test, "{line}");
        }
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
