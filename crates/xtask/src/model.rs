//! `cargo xtask model`: the model checkers; `test` runs them bounded, `--long` goes further.
//!
//! The policy's states are explored by `ms-model` (stateright), the kernel's threads by the
//! tests of `ms-actor` under its feature `model` (loom).

use crate::End;
use crate::outcome::{Outcome, Progress};
use crate::workspace::{Error, Workspace, show};

/// Preemptions loom allows a schedule in the long mode; the tests' own bound is 2.
const LONG_PREEMPTIONS: &str = "3";

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    let long = match args {
        [] => false,
        [word] if word == "--long" => true,
        _ => return Ok(End::Usage("model knows `--long` and nothing else".to_owned())),
    };
    let mut progress = Progress::start();
    progress.step("policy", || policy(workspace, long));
    progress.step("kernel", || kernel(workspace, long));
    Ok(if progress.failed().is_empty() { End::Ok } else { End::Failed })
}

fn policy(workspace: &Workspace, long: bool) -> Outcome {
    let mut words = vec!["run", "--quiet", "-p", "ms-model"];
    if long {
        words.extend(["--", "--long"]);
    }
    show(workspace.cargo(&words))
}

/// The kernel's cells with loom's locks and atomics in place of std's.
pub(crate) fn kernel(workspace: &Workspace, long: bool) -> Outcome {
    let words =
        ["test", "-p", "ms-actor", "--features", "model", "--lib", "--", "model", "--nocapture"];
    let mut command = workspace.cargo(&words);
    if long {
        command.env("MS_MODEL_PREEMPTIONS", LONG_PREEMPTIONS);
    }
    show(command)
}
