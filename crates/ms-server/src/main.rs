//! `ms-server`: the whole system out of a configuration directory.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ms_runtime::preflight::{CheckOutcome, PreFlightResult};
use ms_server::agents::{Audit, Echo, Tally, Wait};
use ms_server::{Options, Server};

/// Runs durable tasks for agents, over HTTP.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER)]
struct Args {
    /// Directory of the configuration: base.toml (or .yaml), ENVIRONMENT.toml
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// The environment, in place of $ENVIRONMENT
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Overrides one key, whatever files and variables say
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where msctl finds the node
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
    /// Lets faults be injected over the control endpoint: for tests
    #[arg(long)]
    allow_faults: bool,
    /// Checks configuration and surroundings, and starts nothing
    #[arg(long)]
    check: bool,
}

/// How long the last word on standard error may take.
const COMPLAIN_WITHIN: Duration = Duration::from_secs(1);

/// Of sysexits.h.
const EX_IOERR: u8 = 74;

const AFTER: &str = "\
EXAMPLES
  ms-server --config /etc/ms
  ms-server --config /etc/ms --set http.bind=127.0.0.1:9000
  ms-server --config /etc/ms --check

Agents: `echo` gives back its payload; `audit` takes {\"source\": RUST TEXT}; `wait` takes
{\"ms\": N, \"steps\": N}; `tally` takes {\"name\": TEXT, \"add\": N} and keeps totals, with
`persistence.enabled`; `http` takes {\"method\", \"url\", \"headers\", \"body\", \"deadline_ms\"} and calls
a service of `outside.allowed`.

EXIT STATUS
    0  stopped in order
    1  stopped by force: told twice, or something did not stop in time
    2  usage
    3  the node could not boot: threads, logs or metrics
    4  a component did not start
    5  the control socket cannot be used
    6  a check of the surroundings failed: a directory, a port, descriptors
    7  started, and not healthy in time
    8  configuration, or what components require and no other provides
   69  an address is not to be had
   74  `--check`: its report could not be written
   78  unsafe: a listener or a token file, or built with panic=abort
  101  emergency: a panic outside any actor
  102  emergency: too many critical errors, or the root supervisor gave up or hangs
  103  emergency: more memory in use than `emergency.memory_limit` grants
  104  emergency: others may write to a file of secrets in force";

fn main() -> ExitCode {
    let args = Args::parse();
    let options = Options {
        config: args.config,
        environment: args.environment,
        set: args.set,
        control: args.control,
        allow_faults: args.allow_faults,
    };
    let server = Server::new("ms-server")
        .agents::<Echo>("echo", ())
        .contract("audit", Audit)
        .agents::<Wait>("wait", ())
        .agent::<Tally>("tally", ())
        .calls_outside("http");
    let end = match args.check {
        true => server.check(&options).map(|report| reported(&report.checks)),
        false => server.run(&options).map(|end| end.exit_code()),
    };
    end.unwrap_or_else(|error| {
        complain(format!("ms-server: {}", error.told()));
        error.exit_code()
    })
}

/// Says it on standard error, unless nobody takes it: then the process ends all the same.
fn complain(text: String) {
    let (tell, told) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().spawn(move || {
        say(&mut io::stderr(), &text);
        // The main thread may have given up.
        let _ = tell.send(());
    });
    if thread.is_ok() {
        // Too late is as good as never: there is nobody else to tell.
        let _ = told.recv_timeout(COMPLAIN_WITHIN);
    }
}

/// Says what the checks came to. A report that nobody wants is no fault; one that is lost is.
fn reported(checks: &[CheckOutcome]) -> ExitCode {
    let mut to = io::stdout();
    let told = checks.iter().try_for_each(|check| writeln!(to, "{}", line(check)));
    match told.and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let what = "ms-server: all checks passed, and the report could not be written";
            complain(format!("{what}: {error}"));
            ExitCode::from(EX_IOERR)
        }
        _ => ExitCode::SUCCESS,
    }
}

fn line(CheckOutcome { name, result, .. }: &CheckOutcome) -> String {
    match result {
        PreFlightResult::Pass => format!("pass     {name}"),
        PreFlightResult::Warning(why) => format!("warning  {name}: {why}"),
        PreFlightResult::Fail(why) => format!("FAIL     {name}: {why}"),
    }
}

/// Whoever listened may be gone: that is no reason to end otherwise.
fn say(to: &mut impl Write, text: &str) {
    drop(writeln!(to, "{text}"));
}
