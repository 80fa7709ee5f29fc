//! Dependencies between crates go downwards only, and heavy crates are used only where they belong.
//!
//! Dev-dependencies are free: a test may use anything that cargo lets it build.

use crate::outcome::Outcome;
use crate::workspace::{Metadata, Package, Workspace};

type Layer = usize;

/// The rows from the bottom up, each with the name of its layer in docs/architecture.md. A crate may
/// know those of the rows below its own; crates of one row do not know each other.
const LAYERS: &[(&str, &[&str])] = &[
    ("L0", &["ms-core"]),
    // These are pure too: they make decisions, with the vocabulary of ms-core.
    ("L0", &["ms-json", "ms-policy", "ms-task"]),
    ("L1", &["ms-actor", "ms-net", "ms-config"]),
    ("L2", &["ms-supervisor"]),
    ("L2", &["ms-registry", "ms-router", "ms-resilience", "ms-security", "ms-nats"]),
    ("L3", &["ms-bus", "ms-worker", "ms-store", "ms-snapshot", "ms-cluster", "ms-audit"]),
    ("L4", &["ms-ops"]),
    ("L5", &["ms-control", "ms-transport", "ms-telemetry"]),
    ("L6", &["ms-runtime"]),
    (
        "L7",
        &[
            "ms-framework",
            "ms-macros",
            "ms-cli",
            "ms-demo",
            "ms-server",
            "ms-testkit",
            "ms-conformance",
            "ms-bench",
            "ms-model",
            "xtask",
            "ms-examples",
        ],
    ),
];

/// The layer of the crates that may print, parse command lines and have a `main`.
const TOP: Layer = LAYERS.len() - 1;

/// Dependencies that may stay within one layer. Each line says why.
struct Exception {
    to: &'static str,
    from: &'static [&'static str],
}

const EXCEPTIONS: &[Exception] = &[
    // Binaries, examples and tests are to be written against the facade.
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
        ],
    },
];

/// A family of external crates (`actix` and `actix-*`), and the members that may use it.
struct Fence {
    family: &'static str,
    who: Who,
    reason: &'static str,
}

enum Who {
    /// All crates of this row and above.
    From(Layer),
    /// These crates, each with its reason.
    Only(&'static [(&'static str, &'static str)]),
}

/// The row of the pure crates. Only rows above it may have a runtime.
const PURE: Layer = 1;

const FENCES: &[Fence] = &[
    Fence { family: "tokio", who: Who::From(PURE + 1), reason: "what decides never runs" },
    Fence { family: "tracing", who: Who::From(PURE + 1), reason: "what decides does not log" },
    Fence { family: "clap", who: Who::From(TOP), reason: "only binaries have a command line" },
    Fence { family: "ratatui", who: Who::From(TOP), reason: "only binaries draw" },
    Fence { family: "crossterm", who: Who::From(TOP), reason: "only binaries own a terminal" },
    Fence { family: "axum", who: Who::Only(HTTP), reason: "HTTP is spoken at the doors" },
    Fence { family: "hyper", who: Who::Only(HTTP), reason: "HTTP is spoken at the doors" },
    Fence {
        family: "sqlx",
        who: Who::Only(&[("ms-store", "what is kept")]),
        reason: "one crate knows the databases",
    },
    Fence {
        family: "tonic",
        who: Who::Only(&[("ms-transport", "the door for gRPC")]),
        reason: "gRPC is spoken at its door",
    },
    Fence {
        family: "async-nats",
        who: Who::Only(&[("ms-nats", "the one connection")]),
        reason: "ms-nats owns the connection",
    },
    Fence {
        family: "rustls",
        who: Who::Only(&[
            ("ms-security", "keys, certificates and who is trusted"),
            ("ms-net", "the listener's handshake"),
        ]),
        reason: "TLS is set up in one place",
    },
    Fence { family: "actix", who: Who::Only(ACTIX), reason: "actors stand on ms-actor" },
];

const HTTP: &[(&str, &str)] = &[
    ("ms-net", "the listener kit"),
    ("ms-transport", "the door for HTTP"),
    ("ms-telemetry", "OTLP and the metrics"),
];

/// Messages are `actix::Message`s and handlers are `actix::Handler`s, so crates with actors use actix.
const ACTIX: &[(&str, &str)] = &[
    ("ms-actor", "the kernel"),
    ("ms-supervisor", "its actor, and the messages to it"),
    ("ms-registry", "its actor, and the messages to it"),
    ("ms-router", "its actors, and the messages to them"),
    ("ms-resilience", "a message is passed on through a breaker"),
    ("ms-bus", "its actor, and the messages to it"),
    ("ms-worker", "agents are actors"),
    ("ms-store", "its actor, and the messages to it"),
    ("ms-snapshot", "the messages to an agent that is saved"),
    ("ms-transport", "its actor, which serves"),
    ("ms-runtime", "its actors, and the system they run on"),
    ("ms-testkit", "actors for tests, and virtual time"),
    ("ms-conformance", "the actors of OTP's scenarios"),
    ("ms-bench", "plain actix is one of the peers"),
    ("ms-demo", "its actors"),
    ("ms-server", "its actors"),
    ("ms-examples", "actors as a user writes them, and those of plain actix"),
];

pub(crate) fn check(workspace: &Workspace) -> Outcome {
    let problems = violations(&workspace.metadata);
    Outcome { notes: vec![format!("{} crates", workspace.metadata.packages.len())], problems }
}

fn violations(metadata: &Metadata) -> Vec<String> {
    let packages = &metadata.packages;
    let members: Vec<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let broken = packages.iter().flat_map(|package| of_package(package, &members));
    broken.chain(packages.iter().flat_map(unneeded)).collect()
}

/// Returns the permissions that a crate does not use, which must be removed.
fn unneeded(package: &Package) -> Vec<String> {
    let name = package.name.as_str();
    let names = |family: &str| {
        let named = package.dependencies.iter().filter(|dependency| !dependency.is_dev());
        named.into_iter().any(|dependency| is_family(family, &dependency.name))
    };
    let permitted = FENCES.iter().filter(|fence| match fence.who {
        Who::Only(crates) => crates.iter().any(|(permitted, _)| *permitted == name),
        Who::From(_) => false,
    });
    permitted
        // The other lists also permit crates that are still to come, such as ms-nats.
        .filter(|fence| fence.family == "actix" && !names(fence.family))
        .map(|fence| {
            format!(
                "{name} may name {} and does not: take it off the list in \
                 crates/xtask/src/layering.rs",
                fence.family
            )
        })
        .collect()
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

/// Checks a dependency between two members. A target without a layer is reported when its turn comes.
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
    Some(format!("{from} ({}) -> {to} ({}): {rule}", label(layer), label(target)))
}

/// Checks a dependency on an external crate.
fn outside(from: &str, layer: Layer, to: &str) -> Option<String> {
    let fence = FENCES.iter().find(|fence| is_family(fence.family, to))?;
    let reason = fence.reason;
    match fence.who {
        Who::From(lowest) if layer < lowest => {
            let (own, lowest) = (label(layer), label(lowest));
            Some(format!("{from} ({own}) -> {to}: allowed from {lowest} up; {reason}"))
        }
        Who::Only(crates) if !crates.iter().any(|(permitted, _)| *permitted == from) => {
            let crates: Vec<&str> = crates.iter().map(|(name, _)| *name).collect();
            let crates = crates.join(", ");
            Some(format!("{from} -> {to}: {reason}; only {crates} may name it"))
        }
        _ => None,
    }
}

fn layer_of(name: &str) -> Option<Layer> {
    LAYERS.iter().position(|(_, row)| row.contains(&name))
}

/// Returns the name of a row's layer.
fn label(layer: Layer) -> &'static str {
    LAYERS[layer].0
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

    /// Makes a sample package. `dev:x` and `build:x` give the kind of a dependency.
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
            package("ms-router", &["ms-actor", "actix"]),
            package("ms-worker", &["ms-router", "ms-core", "actix"]),
        ];
        assert_eq!(found(packages), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_up_is_named_with_both_ends() {
        let packages = vec![package("ms-core", &["ms-actor"]), package("ms-actor", &["actix"])];
        assert_eq!(found(packages), ["ms-core (L0) -> ms-actor (L1): arrows point only downwards"]);
    }

    #[test]
    fn crates_of_one_layer_do_not_know_each_other() {
        let packages =
            vec![package("ms-store", &["ms-bus", "actix"]), package("ms-bus", &["actix"])];
        assert_eq!(
            found(packages),
            ["ms-store (L3) -> ms-bus (L3): crates of one layer do not know each other"]
        );
    }

    #[test]
    fn a_build_dependency_counts_and_a_dev_dependency_does_not() {
        let packages = vec![
            package("ms-core", &["dev:ms-testkit", "dev:tokio", "build:ms-actor"]),
            package("ms-actor", &["actix"]),
            package("ms-testkit", &["actix"]),
        ];
        assert_eq!(found(packages).len(), 1);
    }

    #[test]
    fn binaries_may_use_the_facade_and_not_each_other() {
        let packages = vec![
            package("ms-demo", &["ms-framework", "ms-cli", "actix"]),
            package("ms-framework", &["ms-runtime"]),
            package("ms-runtime", &["actix"]),
            package("ms-cli", &["ms-framework", "clap"]),
        ];
        assert_eq!(
            found(packages),
            ["ms-demo (L7) -> ms-cli (L7): crates of one layer do not know each other"]
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
        let problems = found(vec![package("ms-core", &["tokio-util", "tracing"])]);
        assert_eq!(
            problems,
            [
                "ms-core (L0) -> tokio-util: allowed from L1 up; what decides never runs",
                "ms-core (L0) -> tracing: allowed from L1 up; what decides does not log"
            ]
        );
        assert_eq!(found(vec![package("ms-policy", &["ms-core", "tokio"])]).len(), 1);
    }

    #[test]
    fn a_heavy_crate_is_named_where_it_belongs_and_nowhere_else() {
        let packages = vec![
            package("ms-cli", &["hyper-util", "dev:sqlx"]),
            package("ms-transport", &["axum", "actix", "rustls"]),
            package("ms-store", &["sqlx", "actix-rt"]),
        ];
        assert_eq!(
            found(packages),
            [
                "ms-cli -> hyper-util: HTTP is spoken at the doors; only ms-net, ms-transport, \
                 ms-telemetry may name it",
                "ms-transport -> rustls: TLS is set up in one place; only ms-security, ms-net may \
                 name it",
            ]
        );
        for heavy in ["axum", "hyper", "sqlx", "tonic", "async-nats", "rustls", "actix"] {
            assert_eq!(found(vec![package("ms-config", &[heavy])]).len(), 1, "{heavy}");
        }
    }

    #[test]
    fn who_does_without_actix_leaves_the_list() {
        let problems = found(vec![package("ms-bus", &["dev:actix"])]);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with("ms-bus may name actix and does not: take it off"));
    }

    #[test]
    fn a_family_is_not_any_common_prefix() {
        assert!(is_family("clap", "clap_complete"));
        assert!(is_family("actix", "actix-rt"));
        assert!(!is_family("clap", "clapboard"));
    }

    #[test]
    fn only_the_top_layer_draws_and_parses() {
        let packages =
            vec![package("ms-runtime", &["actix", "clap"]), package("ms-cli", &["ratatui"])];
        assert_eq!(
            found(packages),
            ["ms-runtime (L6) -> clap: allowed from L7 up; only binaries have a command line"]
        );
    }

    #[test]
    fn a_crate_has_one_layer() {
        let mut names: Vec<&str> = LAYERS.iter().flat_map(|(_, row)| row.iter().copied()).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
