//! `cargo xtask simulate`: random trees, random faults, invariants after every step.

use crate::End;
use crate::fresh::{self, Fresh};
use crate::outcome::Outcome;
use crate::workspace::{Error, Workspace, show};

/// Plays the seeds of `cargo xtask test`: thousands in a few seconds.
pub(crate) const IN_TESTS: &[&str] = &["--seeds", "2000"];

/// Runs the simulator. The arguments go to it; `--help` lists them.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let fresh = Fresh::of(workspace)?;
    // If the arguments name a seed, no fresh one is printed.
    if !args.iter().any(|arg| ["--first", "--seed", "--script"].contains(arg)) {
        println!("{}", fresh.line());
    }
    Ok(if play(workspace, &fresh, &args).is_ok() { End::Ok } else { End::Failed })
}

/// Returns the command of the simulator, with the profile `simulate` of the workspace: optimised, and
/// with debug assertions. The simulator begins at the fresh seed, unless its arguments name another.
pub(crate) fn play(workspace: &Workspace, fresh: &Fresh, args: &[&str]) -> Outcome {
    let own =
        ["run", "-q", "--profile", "simulate", "-p", "ms-testkit", "--bin", "ms-simulate", "--"];
    let words: Vec<&str> = own.iter().chain(args).copied().collect();
    let mut command = workspace.cargo(&words);
    command.env(fresh::VARIABLE, fresh.seed.to_string());
    show(command)
}
