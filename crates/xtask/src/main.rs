//! Developer commands of the MS Framework, reached as `cargo xtask COMMAND`.
//!
//! Each command and each rule has a file: [`check`] runs the rules in order, [`mod@test`] runs `check`
//! and then every test, [`mod@bench`] the benchmarks, [`mod@simulate`] the simulator, [`server`] the
//! server under load and kills, [`mod@model`] the model checkers, [`mutants`] breaks
//! the code on purpose. A rule is a function from the [`workspace::Workspace`]
//! to an [`outcome::Outcome`]. Reading and deciding are separate functions, so that the decisions have
//! unit tests.
//!
//! This crate depends on no other crate of the workspace: it must build when they do not.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer command talks to a terminal"
)]

mod bench;
mod binaries;
mod check;
mod code;
mod conformance;
mod coverage;
mod duplicates;
mod failures;
mod faults;
mod fences;
mod files;
mod fresh;
mod keys;
mod layering;
mod lex;
mod map;
mod members;
mod model;
mod mutants;
mod numbers;
mod outcome;
mod requirements;
mod schemathesis;
mod sentences;
mod server;
mod servers;
mod simulate;
mod sources;
mod test;
mod time;
mod top_level;
mod trust;
mod workspace;

use std::process::ExitCode;

use workspace::Workspace;

const USAGE: &str = "\
Usage: cargo xtask COMMAND

  test [-- ARGS]            check, then doctests, then all tests; ARGS go to the test runner
  check [STEP]...           every rule, or only the named ones (see below)
  bench [TARGET] [ARGS]     benchmarks beside the peers, or of one crate; ARGS go to the program
  list STEP [CRATE]         everything that a step of check counts: circles, words, exhaustive,
                            core-items
  lower                     lowers the baselines of check to the present counts, never raises them
  requirements              writes docs/requirements.md
  conformance --live N [--seed S]  N random scenarios on Erlang/OTP and on us, compared; without S
                            others at every commit and every day, as for everything random here (the
                            first seed is printed, and MS_SEED replays it)
  conformance --table       writes docs/otp-conformance.md
  model [--long]            the model checkers: every state of small supervisors, every order
                            of the kernel's threads
  load [ARGS]               ms-server over HTTP beside a plain axum + sqlx server: 10 to 1,000 clients,
                            with 10 s to connect and 60 s of load each (--ramp, --seconds,
                            --clients N,N; --short is 2 s each); stops above 1 % errors; --json, --dir
  soak [--kills N]          kill -9 at 1,000 random points: nothing acknowledged is lost
  schemathesis [--cases N] [--seed S]  requests made from the OpenAPI document of a real ms-server:
                            every answer agrees with the document; 20,000 cases by default
  coverage [ARGS]           the share of lines that tests run, by cargo-tarpaulin; ARGS go to it
  mutants [NAME|CRATE]...   breaks a line on purpose; a test must notice each mutant
  simulate [ARGS]           the simulator: --seeds N, --first S, --seed S, --long; without S fresh
                            seeds, and always those that once failed; see docs/testing.md
  help                      this text

Exit codes: 0 ok, 1 something failed, 2 the command line was wrong, 3 a program is not installed";

/// The end of a command, which becomes the exit code.
pub(crate) enum End {
    Ok,
    Failed,
    /// The command line was wrong, for this reason.
    Usage(String),
    /// An external program is not installed. A message has named it.
    Unavailable,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let end = dispatch(&args).unwrap_or_else(|error| {
        eprintln!("xtask: {error}");
        End::Failed
    });
    match end {
        End::Ok => ExitCode::SUCCESS,
        End::Failed => ExitCode::from(1),
        End::Unavailable => ExitCode::from(3),
        End::Usage(problem) => {
            eprintln!("xtask: {problem}\n\n{}", usage());
            ExitCode::from(2)
        }
    }
}

fn dispatch(args: &[String]) -> Result<End, workspace::Error> {
    let Some((command, rest)) = args.split_first() else {
        return Ok(End::Usage("no command given".to_owned()));
    };
    match command.as_str() {
        "test" => test::run(&Workspace::load()?, rest),
        "check" => check::run(&Workspace::load()?, rest),
        "coverage" => coverage::run(&Workspace::load()?, rest),
        "conformance" => conformance::run(&Workspace::load()?, rest),
        "list" => Ok(fences::list(&Workspace::load()?, rest)),
        "lower" => fences::lower(&Workspace::load()?, rest),
        "model" => model::run(&Workspace::load()?, rest),
        "mutants" => mutants::run(&Workspace::load()?, rest),
        "simulate" => simulate::run(&Workspace::load()?, rest),
        "bench" => bench::run(&Workspace::load()?, rest),
        "load" => server::load(&Workspace::load()?, rest),
        "soak" => server::soak(&Workspace::load()?, rest),
        "schemathesis" => schemathesis::run(&Workspace::load()?, rest),
        "requirements" => requirements::run(&Workspace::load()?, rest),
        "help" | "--help" | "-h" => {
            println!("{}", usage());
            Ok(End::Ok)
        }
        other => Ok(End::Usage(format!("no command named `{other}`"))),
    }
}

fn usage() -> String {
    format!("{USAGE}\n\n{}\n\n{}", check::steps_help(), bench::targets_help())
}
