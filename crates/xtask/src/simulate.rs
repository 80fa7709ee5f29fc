//! `cargo xtask simulate`: random trees, random faults, invariants after every step.

use crate::End;
use crate::outcome::Outcome;
use crate::workspace::{Error, Workspace, show};

/// What `cargo xtask test` plays: thousands of seeds in a few seconds.
pub(crate) const IN_TESTS: &[&str] = &["--seeds", "2000"];

/// The arguments are the simulator's own; `--help` lists them.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    Ok(if play(workspace, &args).is_ok() { End::Ok } else { End::Failed })
}

/// Optimised, with the assertions of a debug build: the profile `simulate` of the workspace.
pub(crate) fn play(workspace: &Workspace, args: &[&str]) -> Outcome {
    let own =
        ["run", "-q", "--profile", "simulate", "-p", "ms-testkit", "--bin", "ms-simulate", "--"];
    let words: Vec<&str> = own.iter().chain(args).copied().collect();
    show(workspace.cargo(&words))
}
