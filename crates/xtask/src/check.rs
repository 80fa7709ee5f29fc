//! `cargo xtask check`: every rule, cheapest first. A failure does not stop it, so that one run shows
//! all problems.

use std::process::Command;

use crate::outcome::{Outcome, Progress};
use crate::workspace::{Error, Workspace, show};
use crate::{
    End, binaries, conformance, duplicates, faults, fences, keys, layering, map, members, mutants,
    numbers, requirements, sentences, time, top_level, trust,
};

struct Step {
    name: &'static str,
    about: &'static str,
    run: fn(&Workspace) -> Outcome,
}

const STEPS: &[Step] = &[
    Step { name: "top-level", about: "only the agreed entries at the top", run: top_level::check },
    Step { name: "binaries", about: "no binary file under version control", run: binaries::check },
    Step { name: "members", about: "MSRV, edition, licence, lints inherited", run: members::check },
    Step { name: "layering", about: "crates depend only downwards", run: layering::check },
    Step {
        name: "circles",
        about: "no more modules depend on each other in a circle",
        run: |workspace| fences::circles::RATCHET.check(workspace),
    },
    Step {
        name: "core-items",
        about: "each item of ms-core is used by two crates",
        run: fences::core_items::check,
    },
    Step {
        name: "core-size",
        about: "ms-core is no longer than it may be",
        run: fences::size::check,
    },
    Step {
        name: "purity",
        about: "code that decides names no clock, runtime, log or file",
        run: fences::purity::check,
    },
    Step {
        name: "exhaustive",
        about: "public errors and events are non_exhaustive",
        run: |workspace| fences::exhaustive::RATCHET.check(workspace),
    },
    Step {
        name: "causes",
        about: "no message of an error contains its source",
        run: fences::causes::check,
    },
    Step {
        name: "words",
        about: "no more identifiers with a banned word",
        run: fences::words::check,
    },
    Step {
        name: "sentences",
        about: "each rule of docs/semantics.md has a test",
        run: sentences::check,
    },
    Step { name: "map", about: "the map and the decisions name files that exist", run: map::check },
    Step { name: "requirements", about: "docs/requirements.md is true", run: requirements::check },
    Step {
        name: "faults",
        about: "each row of docs/faults.md names its tests",
        run: faults::check,
    },
    Step {
        name: "tests",
        about: "no test that cannot fail or depends on the speed of the machine",
        run: trust::check,
    },
    Step {
        name: "unused",
        about: "every public part is used by a program",
        run: trust::unused::check,
    },
    Step { name: "keys", about: "each configuration key has a reader", run: keys::check },
    Step { name: "numbers", about: "each figure of the docs has a proof", run: numbers::check },
    Step {
        name: "conformance",
        about: "each of OTP's own test cases has a test of ours, or a reason",
        run: conformance::check,
    },
    Step {
        name: "duplicates",
        about: "no more packages in the demo, and none in two versions",
        run: duplicates::check,
    },
    Step { name: "mutants", about: "each mutant applies and has its row", run: mutants::check },
    Step { name: "fmt", about: "cargo fmt --check", run: fmt },
    Step { name: "clippy", about: "cargo clippy, warnings denied", run: clippy },
    Step {
        name: "time",
        about: "no time arithmetic that panics with Duration::MAX",
        run: time::check,
    },
    Step { name: "doc", about: "cargo doc, warnings denied", run: doc },
];

pub(crate) fn run(workspace: &Workspace, names: &[String]) -> Result<End, Error> {
    if let Some(unknown) = names.iter().find(|name| !STEPS.iter().any(|step| step.name == **name)) {
        return Ok(End::Usage(format!("check has no step named `{unknown}`")));
    }
    let mut progress = Progress::start();
    steps(workspace, &mut progress, |name| names.is_empty() || names.iter().any(|n| n == name));
    if progress.failed().is_empty() {
        return Ok(End::Ok);
    }
    println!("check failed: {}", progress.failed().join(", "));
    Ok(End::Failed)
}

/// Runs the wanted steps; `progress` knows which failed.
pub(crate) fn steps(workspace: &Workspace, progress: &mut Progress, wanted: impl Fn(&str) -> bool) {
    for step in STEPS.iter().filter(|step| wanted(step.name)) {
        progress.step(step.name, || (step.run)(workspace));
    }
}

pub(crate) fn steps_help() -> String {
    let lines = STEPS.iter().map(|step| format!("\n  {:<12} {}", step.name, step.about));
    std::iter::once("Steps of check:".to_owned()).chain(lines).collect()
}

fn fmt(workspace: &Workspace) -> Outcome {
    show(workspace.cargo(&["fmt", "--all", "--check"]))
}

fn clippy(workspace: &Workspace) -> Outcome {
    show(workspace.cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn doc(workspace: &Workspace) -> Outcome {
    let mut command: Command = workspace.cargo(&["doc", "--workspace", "--no-deps"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    show(command)
}
