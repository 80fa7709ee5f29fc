//! `cargo xtask test`: the rules, then thousands of seeds of the simulator, then every test.
//!
//! Nothing stops at the first failure: a broken rule must not hide a failing test, nor one test
//! another. All failures are listed at the end. On success nothing is printed after the closing lines of
//! the test runner: a reader of the log looks for them.

use crate::End;
use crate::check;
use crate::conformance;
use crate::failures;
use crate::fresh::{self, Fresh};
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
    let fresh = Fresh::of(workspace)?;
    println!("{}", fresh.line());
    let mut progress = Progress::start();
    check::steps(workspace, &mut progress, |_| true);
    if nextest {
        // nextest does not run doctests. The runner of cargo, below, does.
        progress.step("doctests", || {
            show(workspace.cargo(&["test", "--workspace", "--no-fail-fast", "--doc"]))
        });
    }
    progress.step("programs for tests", servers::provide);
    progress.step("live conformance", || conformance::quick_live(workspace, &fresh));
    // The kernel with loom's locks is a separate build. The states of the policy are an ordinary test.
    progress.step("kernel model", || model::kernel(workspace, false));
    if workspace.has_member("ms-testkit") {
        progress.step("simulate", || simulate::play(workspace, &fresh, simulate::IN_TESTS));
    }

    println!("==> tests ({})", progress.spent());
    let words = runner(nextest).iter().copied().chain(passed_on.iter().map(String::as_str));
    let mut tests = workspace.cargo(&words.collect::<Vec<_>>());
    tests.env(fresh::VARIABLE, fresh.seed.to_string());
    let run = failures::watch(tests);
    if run.outcome.is_ok() && progress.failed().is_empty() {
        return Ok(End::Ok);
    }
    println!("{}", failures::summary(progress.failed(), &run));
    Ok(End::Failed)
}

fn runner(nextest: bool) -> &'static [&'static str] {
    if nextest {
        &["nextest", "run", "--workspace", "--no-fail-fast"]
    } else {
        &["test", "--workspace", "--no-fail-fast"]
    }
}
