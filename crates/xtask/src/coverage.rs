//! `cargo xtask coverage`: the share of the workspace's lines that the tests run.
//!
//! cargo-tarpaulin counts them with the compiler's own counters, also in the programs that tests start.
//! A process that is killed with `SIGKILL` leaves no counts behind, so the result is a lower bound. The
//! tests of the examples are left out: they need the examples built in another place.

use crate::End;
use crate::workspace::{Error, Workspace, has_subcommand, show};

/// The command fails below this share, in percent.
const LEAST: &str = "85";

/// Longest run of a single test, in seconds. Counting makes tests slow.
const TEST_TIMEOUT_SECONDS: &str = "900";

/// A target directory of its own: everything is compiled with counters.
const TARGET: &str = "target/coverage";

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    if !has_subcommand(workspace, "tarpaulin") {
        eprintln!(
            "xtask: cargo-tarpaulin is not installed; `cargo install cargo-tarpaulin --locked` does it"
        );
        return Ok(End::Unavailable);
    }
    let outcome = show(workspace.cargo(&words(args)));
    for problem in &outcome.problems {
        println!("  ! {problem}");
    }
    Ok(if outcome.is_ok() { End::Ok } else { End::Failed })
}

/// Returns the arguments of cargo, followed by `args`.
fn words(args: &[String]) -> Vec<&str> {
    let mut words = vec!["tarpaulin", "--workspace", "--engine", "llvm", "--follow-exec"];
    // Cleaning would compile everything again in each run.
    words.extend(["--exclude", "ms-examples", "--skip-clean", "--no-fail-fast"]);
    words.extend([
        "--timeout",
        TEST_TIMEOUT_SECONDS,
        "--fail-under",
        LEAST,
        "--target-dir",
        TARGET,
    ]);
    words.extend(args.iter().map(String::as_str));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SExec-01: the whole workspace is counted, and a share below 85 % is a failure.
    #[test]
    fn sexec_01_the_whole_workspace_is_counted_and_has_a_floor_of_85() {
        let args = ["--out".to_owned(), "Json".to_owned()];
        let words = words(&args);
        assert!(words.contains(&"--workspace"));
        let floor = words.iter().position(|word| *word == "--fail-under").expect("a floor");
        assert_eq!(words[floor + 1], "85");
        assert!(words.ends_with(&["--out", "Json"]));
    }
}
