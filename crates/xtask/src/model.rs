//! `cargo xtask model`: the model checkers; `test` runs them bounded, `--long` goes further.
//!
//! `ms-model` (stateright) explores the states of the policy; the tests of `ms-actor` with its feature
//! `model` (loom) explore the threads of the kernel.

use crate::End;
use crate::outcome::{Outcome, Progress};
use crate::workspace::{Error, Workspace, show};

/// Most preemptions in a schedule of loom in the long mode. The tests use 2 by default.
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

/// Tests the kernel's cells with loom's locks and atomics in place of those of std.
pub(crate) fn kernel(workspace: &Workspace, long: bool) -> Outcome {
    let words =
        // Not captured, as each model prints how many schedules were tried.
        ["test", "-p", "ms-actor", "--features", "model", "--lib", "--", "model", "--nocapture"];
    let mut command = workspace.cargo(&words);
    if long {
        command.env("MS_MODEL_PREEMPTIONS", LONG_PREEMPTIONS);
    }
    show(command)
}
