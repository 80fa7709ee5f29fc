//! `cargo xtask test`: the rules, then thousands of seeds of the simulator, then every test.
//!
//! On success nothing is printed after the runner's own closing lines: they are what a reader of a log
//! looks for.

use crate::End;
use crate::check;
use crate::conformance;
use crate::model;
use crate::outcome::Progress;
use crate::servers;
use crate::simulate;
use crate::workspace::{Error, Workspace, has_subcommand, show};

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    let passed_on = match args.split_first() {
        None => args,
        Some((dashes, rest)) if dashes == "--" => rest,
        Some((other, _)) => {
            return Ok(End::Usage(format!("test does not know `{other}`; put it after `--`")));
        }
    };

    let nextest = has_subcommand(workspace, "nextest");
    let mut progress = Progress::start();
    check::steps(workspace, &mut progress, |_| true);
    if nextest && progress.failed().is_empty() {
        // nextest does not run doctests; cargo's own runner, below, does.
        progress.step("doctests", || show(workspace.cargo(&["test", "--workspace", "--doc"])));
    }
    if progress.failed().is_empty() {
        progress.step("servers for tests", servers::provide);
    }
    if progress.failed().is_empty() {
        progress.step("live conformance", || conformance::quick_live(workspace));
        // The kernel on loom's locks is another build of it; the policy's states are a test like others.
        progress.step("kernel model", || model::kernel(workspace, false));
    }
    if !progress.failed().is_empty() {
        println!("tests not run, failed before them: {}", progress.failed().join(", "));
        return Ok(End::Failed);
    }

    let runner: &[&str] =
        if nextest { &["nextest", "run", "--workspace"] } else { &["test", "--workspace"] };
    let words: Vec<&str> =
        runner.iter().copied().chain(passed_on.iter().map(String::as_str)).collect();
    if workspace.has_member("ms-testkit") {
        progress.step("simulate", || simulate::play(workspace, simulate::IN_TESTS));
    }
    println!("==> tests ({})", progress.spent());
    let tests = show(workspace.cargo(&words));
    Ok(if tests.is_ok() && progress.failed().is_empty() { End::Ok } else { End::Failed })
}
