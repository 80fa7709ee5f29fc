//! The command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

// Not clap, as in `msctl`: whoever tries the demo builds its packages, so `cargo xtask check`
// counts them.
use lexopt::{Arg, Parser, ValueExt};
use ms_runtime::ControlEndpoint;

use crate::exit::Failure;

/// What `--help` prints.
pub(crate) const HELP: &str = include_str!("help.txt");

/// Largest number of auditors.
const MAX_WORKERS: usize = 256;
/// Auditors for each core at full speed. Results that are finished together share a commit of the
/// store, so there are more auditors than a core could keep busy.
const WORKERS: usize = 32;
/// Auditors for each core in the live view, which has to fit on a screen.
const WORKERS_TO_SEE: usize = 2;
/// Longest pause per file.
const MAX_PACE_MS: u64 = 60_000;

/// What to audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    Lock,
    Path(PathBuf),
    All,
}

/// Random faults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ChaosOptions {
    pub(crate) seed: u64,
    /// Share of the attempts that get a fault, 0 to 1.
    pub(crate) rate: f64,
}

/// The options of a run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) input: Input,
    pub(crate) state: PathBuf,
    pub(crate) fresh: bool,
    pub(crate) out: PathBuf,
    pub(crate) top: usize,
    pub(crate) workers: Option<usize>,
    pub(crate) headless: bool,
    pub(crate) ascii: bool,
    pub(crate) plain: bool,
    pub(crate) control: ControlEndpoint,
    pub(crate) chaos: Option<ChaosOptions>,
    pub(crate) pace: Option<Duration>,
    pub(crate) poison: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            input: Input::Lock,
            state: PathBuf::from(".ms-demo"),
            fresh: false,
            out: PathBuf::from("audit.json"),
            top: 20,
            workers: None,
            headless: false,
            ascii: false,
            plain: false,
            control: ControlEndpoint::Default,
            chaos: None,
            pace: None,
            poison: None,
        }
    }
}

impl Options {
    /// Returns the number of auditors; fewer in the live view.
    pub(crate) fn workers(&self, live: bool) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let each = if live { WORKERS_TO_SEE } else { WORKERS };
        self.workers.unwrap_or((cores * each).min(MAX_WORKERS))
    }
}

/// The request of the arguments.
#[derive(Debug)]
pub(crate) enum Parsed {
    Run(Box<Options>),
    Help,
    Version,
}

/// Reads the arguments.
///
/// # Errors
/// [`Failure::Usage`] names the argument and what is wrong with it.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, Failure> {
    parse_inner(args).map_err(|error| Failure::Usage(error.to_string()))
}

fn parse_inner(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, lexopt::Error> {
    let mut options = Options::default();
    let (mut seed, mut rate) = (None, None);
    let (mut path, mut all, mut no_control) = (None, false, false);
    let mut parser = Parser::from_args(args);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Parsed::Help),
            Arg::Short('V') | Arg::Long("version") => return Ok(Parsed::Version),
            Arg::Long("path") => path = Some(PathBuf::from(parser.value()?)),
            Arg::Long("all") => all = true,
            Arg::Long("state") => options.state = parser.value()?.into(),
            Arg::Long("fresh") => options.fresh = true,
            Arg::Long("out") => options.out = parser.value()?.into(),
            Arg::Long("top") => options.top = number(&mut parser, "--top")?,
            Arg::Long("workers") => {
                options.workers = Some(workers(number(&mut parser, "--workers")?)?)
            }
            Arg::Long("headless") => options.headless = true,
            Arg::Long("plain") => options.plain = true,
            Arg::Long("ascii") => options.ascii = true,
            Arg::Long("no-control") => no_control = true,
            Arg::Long("control") => options.control = ControlEndpoint::Path(parser.value()?.into()),
            Arg::Long("chaos") => seed = Some(number(&mut parser, "--chaos")?),
            Arg::Long("rate") => rate = Some(number(&mut parser, "--rate")?),
            Arg::Long("pace") => options.pace = Some(pace(number(&mut parser, "--pace")?)?),
            // For tests: auditors panic on files whose label ends with this text.
            Arg::Long("poison") => options.poison = Some(parser.value()?.string()?),
            other => return Err(other.unexpected()),
        }
    }
    options.input = match (path, all) {
        (Some(_), true) => return Err("--path and --all exclude each other".into()),
        (Some(path), false) => Input::Path(path),
        (None, true) => Input::All,
        (None, false) => Input::Lock,
    };
    match (&options.control, no_control) {
        (ControlEndpoint::Path(_), true) => {
            return Err("--control and --no-control exclude each other".into());
        }
        (_, true) => options.control = ControlEndpoint::Off,
        _ => {}
    }
    options.chaos = chaos(seed, rate)?;
    Ok(Parsed::Run(Box::new(options)))
}

/// Reads the number after an option. The parser's own message does not name the option.
fn number<T: FromStr<Err: Display>>(parser: &mut Parser, of: &str) -> Result<T, lexopt::Error> {
    let text = parser.value()?.string()?;
    text.parse().map_err(|error: T::Err| format!("{of} {text:?}: {error}").into())
}

fn chaos(seed: Option<u64>, rate: Option<f64>) -> Result<Option<ChaosOptions>, lexopt::Error> {
    match (seed, rate) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err("--rate needs --chaos SEED".into()),
        (Some(_), Some(rate)) if !(0.0..=1.0).contains(&rate) => {
            Err(format!("--rate is {rate}, and must be 0 to 1").into())
        }
        (Some(seed), rate) => Ok(Some(ChaosOptions { seed, rate: rate.unwrap_or(0.02) })),
    }
}

fn workers(count: usize) -> Result<usize, lexopt::Error> {
    match count {
        1..=MAX_WORKERS => Ok(count),
        _ => Err(format!("--workers is {count}, and must be 1 to {MAX_WORKERS}").into()),
    }
}

fn pace(ms: u64) -> Result<Duration, lexopt::Error> {
    match ms {
        0..=MAX_PACE_MS => Ok(Duration::from_millis(ms)),
        _ => Err(format!("--pace is {ms}, and at most {MAX_PACE_MS} ms are allowed").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(args: &[&str]) -> String {
        match parse(args.iter().map(OsString::from)) {
            Err(Failure::Usage(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn options(args: &[&str]) -> Options {
        match parse(args.iter().map(OsString::from)) {
            Ok(Parsed::Run(options)) => *options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (args, says) in [
            (&["--frob"][..], "--frob"),
            (&["extra"], "extra"),
            (&["--path"], "--path"),
            (&["--path", "a", "--all"], "exclude"),
            (&["--rate", "0.1"], "--chaos"),
            (&["--chaos", "7", "--rate", "2"], "0 to 1"),
            (&["--chaos", "x"], "x"),
            (&["--workers", "0"], "1 to 256"),
            (&["--pace", "60001"], "60000"),
            (&["--control", "x", "--no-control"], "exclude"),
        ] {
            let text = usage(args);
            assert!(text.contains(says), "{args:?}: {text}");
        }
    }

    #[test]
    fn options_are_read() {
        let options =
            options(&["--path=a", "--chaos", "7", "--rate", "0.05", "--top", "3", "--no-control"]);
        assert_eq!(options.input, Input::Path("a".into()));
        assert_eq!(options.chaos, Some(ChaosOptions { seed: 7, rate: 0.05 }));
        assert_eq!((options.top, options.control), (3, ControlEndpoint::Off));
    }

    #[test]
    fn help_names_every_exit_code_and_option() {
        for word in [
            "EXAMPLES",
            "EXIT STATUS",
            "102",
            "130",
            "--chaos",
            "--state",
            "--no-control",
            "--pace",
        ] {
            assert!(HELP.contains(word), "{word}");
        }
        assert!(HELP.lines().all(|line| line.len() <= 80));
    }
}
