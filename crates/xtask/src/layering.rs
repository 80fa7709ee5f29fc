//! The arrows between crates: downwards only, and heavy things only where they belong.
//!
//! Dev-dependencies are free: a test may look at anything cargo lets it build.

use crate::outcome::Outcome;
use crate::workspace::{Metadata, Package, Workspace};

type Layer = usize;

/// Each crate's layer is its row. Crates of one row do not know each other.
const LAYERS: &[&[&str]] = &[
    &["ms-core"],
    &["ms-json", "ms-policy", "ms-task"],
    &["ms-actor"],
    &["ms-supervisor", "ms-registry", "ms-router"],
    &[
        "ms-worker",
        "ms-bus",
        "ms-store",
        "ms-security",
        "ms-telemetry",
        "ms-cluster",
        "ms-audit",
        "ms-config",
        "ms-snapshot",
        "ms-resilience",
    ],
    &["ms-ops"],
    &["ms-control", "ms-transport"],
    &["ms-runtime"],
    &[
        "ms-framework",
        "ms-cli",
        "ms-demo",
        "ms-server",
        "ms-testkit",
        "ms-conformance",
        "ms-bench",
        "ms-model",
        "xtask",
        "ms-examples",
        "ms-tests",
    ],
];

/// The layer of the crates that may print, parse command lines and have a `main`.
const TOP: Layer = LAYERS.len() - 1;

/// Arrows that may stay within one layer; each line of the table says why.
struct Exception {
    to: &'static str,
    from: &'static [&'static str],
}

const EXCEPTIONS: &[Exception] = &[
    // The facade is what binaries, examples and tests are to be written against.
    Exception {
        to: "ms-framework",
        from: &[
            "ms-cli",
            "ms-demo",
            "ms-server",
            "ms-testkit",
            "ms-conformance",
            "ms-bench",
            "ms-examples",
            "ms-tests",
        ],
    },
];

/// A family of outside crates (`actix` and `actix-*`) and the lowest layer that may name it.
struct Fence {
    family: &'static str,
    lowest: Layer,
    reason: &'static str,
}

const FENCES: &[Fence] = &[
    Fence {
        family: "actix",
        lowest: 2,
        reason: "ms-core, ms-policy and ms-task decide and never run",
    },
    Fence {
        family: "tokio",
        lowest: 2,
        reason: "ms-core, ms-policy and ms-task decide and never run",
    },
    Fence { family: "tracing", lowest: 2, reason: "ms-core, ms-policy and ms-task do not log" },
    Fence { family: "clap", lowest: TOP, reason: "only binaries have a command line" },
    Fence { family: "ratatui", lowest: TOP, reason: "only binaries draw" },
    Fence { family: "crossterm", lowest: TOP, reason: "only binaries own a terminal" },
];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let problems = violations(&workspace.metadata);
    Outcome { notes: vec![format!("{} crates", workspace.metadata.packages.len())], problems }
}

fn violations(metadata: &Metadata) -> Vec<String> {
    let members: Vec<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    metadata.packages.iter().flat_map(|package| of_package(package, &members)).collect()
}

fn of_package(package: &Package, members: &[&str]) -> Vec<String> {
    let from = package.name.as_str();
    let Some(layer) = layer_of(from) else {
        return vec![format!(
            "{from} has no layer: add it to the table in crates/xtask/src/layering.rs"
        )];
    };
    let mut found: Vec<String> = package
        .dependencies
        .iter()
        .filter(|dependency| !dependency.is_dev())
        .filter_map(|dependency| {
            let to = dependency.name.as_str();
            if members.contains(&to) { inside(from, layer, to) } else { outside(from, layer, to) }
        })
        .collect();
    // A dependency may be listed twice, for two targets or kinds.
    found.sort();
    found.dedup();
    found
}

/// An arrow between two members. A target without a layer is reported at its own turn.
fn inside(from: &str, layer: Layer, to: &str) -> Option<String> {
    let target = layer_of(to)?;
    if target < layer || is_excepted(from, to) {
        return None;
    }
    let rule = if target == layer {
        "crates of one layer do not know each other"
    } else {
        "arrows point only downwards"
    };
    Some(format!("{from} (L{layer}) -> {to} (L{target}): {rule}"))
}

/// An arrow to a crate that is not ours.
fn outside(from: &str, layer: Layer, to: &str) -> Option<String> {
    let fence = FENCES.iter().find(|fence| is_family(fence.family, to) && layer < fence.lowest)?;
    let Fence { lowest, reason, .. } = fence;
    Some(format!("{from} (L{layer}) -> {to}: allowed from L{lowest} up; {reason}"))
}

fn layer_of(name: &str) -> Option<Layer> {
    LAYERS.iter().position(|row| row.contains(&name))
}

fn is_excepted(from: &str, to: &str) -> bool {
    EXCEPTIONS.iter().any(|exception| exception.to == to && exception.from.contains(&from))
}

fn is_family(family: &str, name: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    /// A made-up package; `dev:x` and `build:x` give the kind of the dependency.
    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependencies = dependencies
            .iter()
            .map(|text| match text.split_once(':') {
                Some((kind, name)) => Dependency { name: name.into(), kind: Some(kind.into()) },
                None => Dependency { name: (*text).into(), kind: None },
            })
            .collect();
        Package { name: name.into(), manifest_path: "Cargo.toml".into(), dependencies }
    }

    fn found(packages: Vec<Package>) -> Vec<String> {
        violations(&Metadata { packages, ..Metadata::default() })
    }

    #[test]
    fn arrows_down_are_fine() {
        let packages = vec![
            package("ms-core", &["serde"]),
            package("ms-actor", &["ms-core", "actix", "tokio"]),
            package("ms-router", &["ms-actor"]),
            package("ms-worker", &["ms-router", "ms-core"]),
        ];
        assert_eq!(found(packages), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_up_is_named_with_both_ends() {
        let packages = vec![package("ms-core", &["ms-actor"]), package("ms-actor", &[])];
        assert_eq!(found(packages), ["ms-core (L0) -> ms-actor (L1): arrows point only downwards"]);
    }

    #[test]
    fn crates_of_one_layer_do_not_know_each_other() {
        let packages = vec![package("ms-store", &["ms-bus"]), package("ms-bus", &[])];
        assert_eq!(
            found(packages),
            ["ms-store (L3) -> ms-bus (L3): crates of one layer do not know each other"]
        );
    }

    #[test]
    fn a_build_dependency_counts_and_a_dev_dependency_does_not() {
        let packages = vec![
            package("ms-core", &["dev:ms-testkit", "dev:tokio", "build:ms-actor"]),
            package("ms-actor", &[]),
            package("ms-testkit", &[]),
        ];
        assert_eq!(found(packages).len(), 1);
    }

    #[test]
    fn binaries_may_use_the_facade_and_not_each_other() {
        let packages = vec![
            package("ms-demo", &["ms-framework", "ms-cli"]),
            package("ms-framework", &["ms-runtime"]),
            package("ms-runtime", &[]),
            package("ms-cli", &["ms-framework", "clap"]),
        ];
        assert_eq!(
            found(packages),
            ["ms-demo (L5) -> ms-cli (L5): crates of one layer do not know each other"]
        );
    }

    #[test]
    fn an_unknown_crate_must_be_placed() {
        let problems = found(vec![package("ms-novel", &["ms-core"]), package("ms-core", &[])]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("ms-novel has no layer: add it to the table"));
    }

    #[test]
    fn the_core_names_no_runtime() {
        let problems = found(vec![package("ms-core", &["actix-rt", "tokio", "tracing"])]);
        assert_eq!(problems.len(), 3);
        assert_eq!(
            problems[0],
            "ms-core (L0) -> actix-rt: allowed from L1 up; ms-core decides and never runs"
        );
    }

    #[test]
    fn a_family_is_not_any_common_prefix() {
        assert!(is_family("clap", "clap_complete"));
        assert!(is_family("actix", "actix-rt"));
        assert!(!is_family("clap", "clapboard"));
    }

    #[test]
    fn only_the_top_layer_draws_and_parses() {
        let packages = vec![package("ms-runtime", &["clap"]), package("ms-cli", &["ratatui"])];
        assert_eq!(
            found(packages),
            ["ms-runtime (L4) -> clap: allowed from L5 up; only binaries have a command line"]
        );
    }

    #[test]
    fn a_crate_has_one_layer() {
        let mut names: Vec<&str> = LAYERS.iter().copied().flatten().copied().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
