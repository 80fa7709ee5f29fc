//! `ms-bench`: compares this framework with its peers, workload by workload, in one run.
//!
//! Each sample is a process of its own, so that no contender runs in memory that another one left
//! behind, and one that hangs or crashes costs its own row only. Contenders take turns, round by round,
//! so that a noisy neighbour affects all of them; tables show medians.
//!
//! Start reading at `workloads/mod.rs` (what is measured), `peer.rs` (what a contender must
//! implement) and `contenders/mod.rs` (the contenders); `run.rs` takes the samples, `report.rs`,
//! `table.rs` and `page.rs` show them. Nothing here asserts a time.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot go on ends, and says why; it talks to a terminal"
)]

mod contenders;
mod machine;
mod page;
mod peer;
mod proc;
mod report;
mod run;
mod sample;
mod stats;
mod table;
mod workloads;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ms_core::ErrorChain;

use crate::report::Report;
use crate::workloads::{WORKLOADS, Workload};

/// The MS Framework beside its peers.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// Workloads to measure; all if none is named. See --list.
    workloads: Vec<String>,
    /// Rounds: samples of each contender. Long workloads have a lower limit.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Size of the workloads. The goals are set for 1.0.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Contenders to measure, comma-separated; all by default.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Adds the figures to this file. Those of other workloads in it stay.
    #[arg(long, num_args = 0..=1, default_missing_value = "docs/performance.json")]
    json: Option<PathBuf>,
    /// Writes the tables of --json into this page, and measures nothing.
    #[arg(long, num_args = 0..=1, default_missing_value = "docs/performance.md")]
    page: Option<PathBuf>,
    /// Lists workloads and contenders.
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Takes one sample in this process, for profilers. Prints it as JSON.
    Sample {
        workload: String,
        contender: String,
        #[arg(long, default_value_t = 1.0)]
        scale: f64,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no workload named `{0}`; --list shows them")]
    NoWorkload(String),
    #[error("no contender named `{0}`; --list shows them")]
    NoContender(String),
    #[error("--scale must be above 0 and at most 10, not {0}")]
    Scale(f64),
    #[error(transparent)]
    Report(#[from] report::Error),
    #[error(transparent)]
    Page(#[from] page::Error),
    #[error("{0} samples failed; see above")]
    Failed(usize),
}

fn main() -> ExitCode {
    match act(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ (Error::Failed(_) | Error::Report(_) | Error::Page(_))) => {
            eprintln!("ms-bench: {}", ErrorChain::from_error(&error));
            ExitCode::from(1)
        }
        // What is left is a wrong command line, for which clap ends with 2 as well.
        Err(error) => {
            eprintln!("ms-bench: {}", ErrorChain::from_error(&error));
            ExitCode::from(2)
        }
    }
}

fn act(cli: Cli) -> Result<(), Error> {
    if cli.list {
        list();
        return Ok(());
    }
    match cli.command {
        Some(Command::Sample { workload, contender, scale }) => {
            sample(&workload, &contender, scale)
        }
        None => match &cli.page {
            Some(page) => {
                let json = cli.json.unwrap_or_else(|| PathBuf::from("docs/performance.json"));
                Ok(page::write(page, &Report::load(&json)?)?)
            }
            None => measure(&cli),
        },
    }
}

fn list() {
    println!("workloads:");
    for workload in WORKLOADS {
        println!("  {:<14} {}", workload.name, workload.about);
    }
    let names: Vec<_> = contenders::CONTENDERS.iter().map(|contender| contender.name).collect();
    println!("contenders: {}", names.join(", "));
}

fn sample(workload: &str, contender: &str, scale: f64) -> Result<(), Error> {
    let workload = named(workload)?;
    let contender =
        contenders::named(contender).ok_or_else(|| Error::NoContender(contender.to_owned()))?;
    run::silence_crashes();
    let sample = (contender.run)((workload.job)(check(scale)?));
    println!("{}", serde_json::to_string(&sample).expect("a sample is plain data"));
    Ok(())
}

fn measure(cli: &Cli) -> Result<(), Error> {
    let workloads = match cli.workloads.as_slice() {
        [] => WORKLOADS.iter().collect(),
        names => names.iter().map(|name| named(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let contenders = match cli.only.as_slice() {
        [] => contenders::CONTENDERS.iter().collect(),
        names => names
            .iter()
            .map(|name| contenders::named(name).ok_or_else(|| Error::NoContender(name.clone())))
            .collect::<Result<Vec<_>, _>>()?,
    };
    let scale = check(cli.scale)?;
    let mut report =
        cli.json.as_deref().map_or_else(|| Ok(Report::empty()), Report::load_or_empty)?;
    report.machine = machine::describe();
    println!("{}\n", report.machine.line());
    let mut failures = 0;
    for workload in workloads {
        let (result, failed) = run::workload(workload, &contenders, cli.rounds as usize, scale);
        failures += failed;
        println!("{}", table::text(&result));
        report.put(result);
        // Saved after each workload, so that a later failure loses nothing.
        if let Some(json) = &cli.json {
            report.save(json)?;
        }
    }
    if failures == 0 { Ok(()) } else { Err(Error::Failed(failures)) }
}

fn named(name: &str) -> Result<&'static Workload, Error> {
    workloads::named(name).ok_or_else(|| Error::NoWorkload(name.to_owned()))
}

fn check(scale: f64) -> Result<f64, Error> {
    if scale > 0.0 && scale <= 10.0 { Ok(scale) } else { Err(Error::Scale(scale)) }
}
