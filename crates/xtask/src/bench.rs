//! `cargo xtask bench`: the benchmark program with every peer built in, and the benches of single
//! crates.

use crate::End;
use crate::workspace::{Error, Workspace, show};

struct Target {
    /// Name on our command line.
    name: &'static str,
    about: &'static str,
    /// The arguments of cargo. The rest of our command line goes to the program.
    cargo: &'static [&'static str],
}

/// The default target: all workloads on all contenders.
const PEERS: Target = Target {
    name: "[WORKLOAD]...",
    about: "this framework beside its peers; --list names the workloads, --help the rest",
    cargo: &["run", "--release", "-p", "ms-bench", "--features", "peers", "--"],
};

/// To add a bench of a single crate, add a line.
const TARGETS: &[Target] = &[
    Target {
        name: "lookup",
        about: "name lookups and registrations in detail (ms-registry)",
        cargo: &["bench", "-p", "ms-registry", "--bench", "lookup", "--"],
    },
    Target {
        name: "submit",
        about: "durable tasks beside a plain sqlx loop (ms-store)",
        cargo: &["bench", "-p", "ms-store", "--bench", "submit", "--"],
    },
    Target {
        name: "agent_processing",
        about: "groups of 10 to 10,000 durable tasks done by agents (ms-worker)",
        cargo: &["bench", "-p", "ms-worker", "--bench", "agent_processing", "--"],
    },
    Target {
        name: "bus",
        about: "events a second through the bus, beside the router's publish (ms-bus)",
        cargo: &["bench", "-p", "ms-bus", "--bench", "publish", "--"],
    },
];

pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<End, Error> {
    let named = args.first().and_then(|first| TARGETS.iter().find(|target| target.name == first));
    let (target, args) = match named {
        Some(target) => (target, &args[1..]),
        None => (&PEERS, args),
    };
    let args = args.strip_prefix(&["--".to_owned()]).unwrap_or(args);
    let words: Vec<&str> =
        target.cargo.iter().copied().chain(args.iter().map(String::as_str)).collect();
    let outcome = show(workspace.cargo(&words));
    for problem in &outcome.problems {
        println!("  ! {problem}");
    }
    Ok(if outcome.is_ok() { End::Ok } else { End::Failed })
}

pub(crate) fn targets_help() -> String {
    let targets = std::iter::once(&PEERS).chain(TARGETS);
    let lines = targets.map(|target| format!("\n  {:<16} {}", target.name, target.about));
    std::iter::once("Targets of bench:".to_owned()).chain(lines).collect()
}
