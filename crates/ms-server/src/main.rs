//! `ms-server`: runs the whole system from a configuration directory.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ms_runtime::preflight::{CheckOutcome, PreFlightResult};
use ms_server::agents::{Audit, Echo, Tally, Wait};
use ms_server::{Options, Server};

/// Runs durable tasks with agents, and serves them over HTTP.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER)]
struct Args {
    /// Directory of the configuration: base.toml (or .yaml), ENVIRONMENT.toml
    #[arg(long, value_name = "DIR")]
    config: PathBuf,
    /// Environment to use instead of $ENVIRONMENT
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Set one key, over all files and variables; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Control socket, where msctl finds the node
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
    /// Allow fault injection over the control socket; for tests
    #[arg(long)]
    allow_faults: bool,
    /// Check configuration and environment, and start nothing
    #[arg(long)]
    check: bool,
}

/// Longest wait for standard error to take the last message.
const LAST_MESSAGE_WITHIN: Duration = Duration::from_secs(1);

/// The exit code of `sysexits.h` for an error of input or output.
const EX_IOERR: u8 = 74;

const AFTER: &str = "\
EXAMPLES
  ms-server --config /etc/ms
  ms-server --config /etc/ms --set http.bind=127.0.0.1:9000
  ms-server --config /etc/ms --check

Agents: `echo` returns its payload; `audit` takes {\"source\": RUST TEXT}; `wait` takes
{\"ms\": N, \"steps\": N}; `tally` takes {\"name\": TEXT, \"add\": N} and keeps totals, with
`persistence.enabled`; `http` takes {\"method\", \"url\", \"headers\", \"body\", \"deadline_ms\"} and calls
a service in `outside.allowed`.

EXIT STATUS
    0  stopped in order
    1  stopped by force: a second signal, or something did not stop in time
    2  usage
    3  the node could not boot: threads, logs or metrics
    4  a component did not start
    5  the control socket cannot be used
    6  a check of the environment failed: a directory, a port, descriptors
    7  started, but not healthy in time
    8  configuration, or a component requires what no other provides
   69  an address cannot be bound
   74  `--check`: its report could not be written
   78  unsafe: a listener or a token file, or built with panic=abort
  101  emergency: a panic outside any actor
  102  emergency: too many critical errors, or the root supervisor gave up or hangs
  103  emergency: more memory in use than `emergency.memory_limit` grants
  104  emergency: users other than the owner may write to a file of secrets in use";

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
        print_last(format!("ms-server: {}", error.describe()));
        error.exit_code()
    })
}

/// Prints a message on standard error, and gives up when standard error does not take it in time.
///
/// A blocked pipe must not keep a failed process alive: whoever restarts it waits for its end.
fn print_last(text: String) {
    let (written, done) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new().spawn(move || {
        print(&mut io::stderr(), &text);
        // The main thread may have given up waiting.
        let _ = written.send(());
    });
    if thread.is_ok() {
        // A message that comes too late has nowhere else to go.
        let _ = done.recv_timeout(LAST_MESSAGE_WITHIN);
    }
}

/// Prints the results of the checks, and returns the exit code.
///
/// A reader that leaves early is no failure; a report that is lost is one.
fn reported(checks: &[CheckOutcome]) -> ExitCode {
    let mut to = io::stdout();
    let written = checks.iter().try_for_each(|check| writeln!(to, "{}", line(check)));
    match written.and_then(|()| to.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let what = "ms-server: all checks passed, but the report could not be written";
            print_last(format!("{what}: {error}"));
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

/// Writes a line. A failure, such as a closed pipe, must not change the exit code.
fn print(to: &mut impl Write, text: &str) {
    drop(writeln!(to, "{text}"));
}
