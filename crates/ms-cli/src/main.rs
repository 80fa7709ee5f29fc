//! `msctl`: shows and steers the supervision tree of a running node.
//!
//! It asks the node over its control socket (`ms-control`) and renders the answers.
//! It does *not* know any actor and decides nothing: the node knows what a verb
//! would do and who may use it.
//!
//! Where to start reading: [`cli`] for the grammar, [`verbs`] for one file per
//! verb, [`context`] for what a verb runs with, [`render`] for the pure functions
//! from views to text, [`exit`] for the exit codes.

mod args;
mod cli;
mod confirm;
mod context;
mod exit;
mod interrupt;
mod output;
mod render;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // After the parser: `--help` and usage errors end the process without a thread.
    interrupt::exit_on_ctrl_c();
    let outcome = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli.run()),
        Err(error) => Err(exit::Failure::Io(error)),
    };
    exit::report(outcome)
}
