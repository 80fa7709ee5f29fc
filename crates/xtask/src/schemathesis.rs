//! `cargo xtask schemathesis`: the answers of the server agree with its OpenAPI document.
//!
//! Schemathesis reads the OpenAPI document of a running `ms-server`, makes valid and invalid requests
//! from it, and compares every answer with it. It is installed from PyPI into a directory below
//! `target/`; nothing is installed on the machine.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::End;
use crate::outcome::Outcome;
use crate::workspace::{Error, Workspace, show};

/// The pinned version. Another version may have other checks.
const VERSION: &str = "4.32.5";
/// Its configuration, which is under version control.
const CONFIG: &str = "crates/xtask/schemathesis.toml";
/// The default number of cases.
const CASES: u64 = 20_000;
/// Cases of each operation in one run. Runs are repeated until there are enough cases.
const EXAMPLES: u64 = 200;
/// Most runs, so that a document without any cases does not keep it running for ever.
const RUNS_MAX: u64 = 100;
/// Longest wait until the server listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(60);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// The options of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    cases: u64,
    seed: u64,
}

/// Repeats runs until enough cases were tried, or one failed.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    let Some(wanted) = wanted(args) else {
        return Ok(End::Usage("schemathesis takes --cases N and --seed S".to_owned()));
    };
    let home = workspace.metadata.target_directory.join("schemathesis");
    fs::create_dir_all(&home).map_err(Error::from_io)?;
    let Some(program) = provide(&home.join("venv"))? else { return Ok(End::Unavailable) };
    let built = show(workspace.cargo(&["build", "-p", "ms-server"]));
    if !built.is_ok() {
        return Ok(end_of(&built));
    }
    let binary = workspace.metadata.target_directory.join("debug/ms-server");
    let server = Server::start(&binary, &home)?;
    let (mut tried, mut runs) = (0, 0);
    println!("    seed {} and those that follow it", wanted.seed);
    while tried < wanted.cases && runs < RUNS_MAX {
        let seed = (wanted.seed + runs).to_string();
        let tries = Command::new(&program)
            .arg("--config-file")
            .arg(workspace.root.join(CONFIG))
            .args(["run", &server.document(), "--checks", "all", "--seed", &seed])
            .args(["--max-examples", &EXAMPLES.min(wanted.cases).to_string()])
            .current_dir(&home)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(Error::from_io)?;
        let said = String::from_utf8_lossy(&tries.stdout);
        let found = cases(&said).unwrap_or(0);
        // A run without a case shows nothing, whatever its exit code.
        if !tries.status.success() || found == 0 {
            println!("{said}");
            println!("  ! with seed {seed} the answers are not what the document says");
            return Ok(End::Failed);
        }
        tried += found;
        runs += 1;
        println!("    {tried} of {} cases, no failure", wanted.cases);
    }
    Ok(if tried >= wanted.cases { End::Ok } else { End::Failed })
}

fn wanted(args: &[String]) -> Option<Wanted> {
    // Each run has another seed, as the same requests would find nothing new.
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs());
    let mut wanted = Wanted { cases: CASES, seed: now };
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        let number = args.next()?.parse().ok()?;
        match flag.as_str() {
            "--cases" => wanted.cases = number,
            "--seed" => wanted.seed = number,
            _ => return None,
        }
    }
    Some(wanted)
}

/// Returns the program, and installs it if it is missing. Returns `None`, after a message, if that
/// fails.
fn provide(venv: &Path) -> Result<Option<PathBuf>, Error> {
    let program = venv.join("bin/schemathesis");
    let is = |out: &[u8]| String::from_utf8_lossy(out).contains(VERSION);
    let there = Command::new(&program).arg("--version").output().is_ok_and(|run| is(&run.stdout));
    if there {
        return Ok(Some(program));
    }
    let mut python = Command::new("python3");
    python.args(["-m", "venv"]).arg(venv);
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--quiet", &format!("schemathesis=={VERSION}")]);
    for command in [python, pip] {
        let done = show(command);
        if !done.is_ok() {
            end_of(&done);
            println!("  ! schemathesis needs python3 with venv (Debian: python3-venv) and PyPI");
            return Ok(None);
        }
    }
    Ok(Some(program))
}

fn end_of(outcome: &Outcome) -> End {
    outcome.problems.iter().for_each(|problem| println!("  ! {problem}"));
    if outcome.is_ok() { End::Ok } else { End::Failed }
}

/// Returns the number of cases in the closing line of schemathesis: ` 1234 generated, 1234 passed`.
fn cases(said: &str) -> Option<u64> {
    let line = said.lines().rev().find(|line| line.contains(" generated"))?;
    let number = line.split_once(" generated")?.0.split_whitespace().next_back()?;
    number.replace(',', "").parse().ok()
}

/// A running server in a directory of its own. Dropping it ends the server.
struct Server {
    child: Child,
    at: String,
}

impl Server {
    fn start(binary: &Path, home: &Path) -> Result<Self, Error> {
        let place = home.join("server");
        // The tasks of an earlier run would change the answers to the same requests.
        drop(fs::remove_dir_all(&place));
        fs::create_dir_all(place.join("config")).map_err(Error::from_io)?;
        let database = place.join("tasks.db");
        let config = format!(
            "http.bind = \"127.0.0.1:0\"\ntelemetry.metrics_bind = \"127.0.0.1:0\"\n\
             telemetry.log_filter = \"info\"\ntasks.database = {database:?}\n"
        );
        fs::write(place.join("config/base.toml"), config).map_err(Error::from_io)?;
        let mut child = Command::new(binary)
            .arg("--config")
            .arg(place.join("config"))
            .arg("--control")
            .arg(place.join("control.sock"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::from_io)?;
        let listens = child.stderr.take().map(listens);
        let server = Self { child, at: String::new() };
        let at = listens.and_then(|listens| listens.recv_timeout(LISTENS_WITHIN).ok());
        match at {
            Some(at) => Ok(Self::ready(server, at)?),
            None => Err(Error::new("ms-server did not listen; run it by hand to see why")),
        }
    }

    /// Waits until it is ready. Before that, every answer is 503.
    #[allow(clippy::disallowed_methods, reason = "a command line tool may wait for its child")]
    fn ready(mut self, at: String) -> Result<Self, Error> {
        self.at = at;
        let end = Instant::now() + LISTENS_WITHIN;
        while Instant::now() < end {
            if answers(&self.at).is_ok_and(|status| status == 200) {
                return Ok(self);
            }
            // A refused connection answers at once, and the server needs the core.
            std::thread::sleep(BETWEEN_TRIES);
        }
        Err(Error::new("ms-server did not become ready"))
    }

    fn document(&self) -> String {
        format!("http://{}/api/v1/openapi.json", self.at)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns the address of the first listener in a log. The log is read to its end by a thread, so that
/// the server never waits for a reader.
fn listens(log: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, answers) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if let Some((_, at)) = line.split_once("listening at=") {
                // Only the first address is received.
                drop(tell.send(at.trim().to_owned()));
            }
        }
    });
    answers
}

/// Returns the status of the readiness probe.
// By hand, as an HTTP client would be a dependency.
fn answers(at: &str) -> std::io::Result<u16> {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(at)?;
    let ask = "GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| std::io::Error::other("no status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_command_line_is_read() {
        let given = wanted(&words("--cases 7 --seed 3")).expect("fine");
        assert_eq!(given, Wanted { cases: 7, seed: 3 });
        assert_eq!(wanted(&[]).expect("fine").cases, CASES);
        for bad in ["--cases", "--cases x", "--casse 1", "7"] {
            assert_eq!(wanted(&words(bad)), None, "{bad}");
        }
    }

    #[test]
    fn the_number_of_cases_is_found() {
        let said = "Test cases:\n  12,345 generated, 12,345 passed, 1 skipped\n\nSeed: 1\n";
        assert_eq!(cases(said), Some(12_345));
        assert_eq!(cases("nothing"), None);
    }
}
