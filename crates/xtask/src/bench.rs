//! `cargo xtask bench`: the benchmark targets by short names.

use crate::End;
use crate::outcome::Outcome;
use crate::workspace::{Error, Workspace, show};

struct Target {
    /// Name on our command line, and of the `[[bench]]`.
    name: &'static str,
    package: &'static str,
    about: &'static str,
}

/// To add a benchmark, add a line.
const TARGETS: &[Target] = &[
    Target { name: "peers", package: "ms-bench", about: "tell and ask beside plain actix" },
    Target { name: "million", package: "ms-bench", about: "idle supervised actors: time, bytes" },
    Target { name: "submit", package: "ms-store", about: "durable tasks beside a plain sqlx loop" },
    Target { name: "lookup", package: "ms-registry", about: "name lookups beside a DashMap" },
];

/// Without a target's name in front, every target runs with the same arguments.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    let named = args.first().and_then(|first| TARGETS.iter().find(|target| target.name == first));
    let failed: Vec<String> = match named {
        Some(target) => bench(workspace, target, &args[1..]).problems,
        None => TARGETS.iter().flat_map(|target| bench(workspace, target, args).problems).collect(),
    };
    for problem in &failed {
        println!("  ! {problem}");
    }
    Ok(if failed.is_empty() { End::Ok } else { End::Failed })
}

fn bench(workspace: &Workspace, target: &Target, args: &[String]) -> Outcome {
    if !workspace.has_member(target.package) {
        return Outcome::problem(format!("{} needs the crate {}", target.name, target.package));
    }
    let args = args.strip_prefix(&["--".to_owned()]).unwrap_or(args);
    let own = ["bench", "-p", target.package, "--bench", target.name, "--"];
    let words: Vec<&str> = own.into_iter().chain(args.iter().map(String::as_str)).collect();
    show(workspace.cargo(&words))
}

pub(crate) fn targets_help() -> String {
    let lines = TARGETS
        .iter()
        .map(|target| format!("\n  {:<12} {} ({})", target.name, target.about, target.package));
    std::iter::once("Targets of bench:".to_owned()).chain(lines).collect()
}
