//! The log filter as it is configured: `ms_framework` stands for all crates of the framework.

use tracing_subscriber::EnvFilter;

/// The target that stands for all of them.
const FRAMEWORK: &str = "ms_framework";

/// The log targets of the framework: its crates that run in a service.
const TARGETS: [&str; 25] = [
    "ms_actor",
    "ms_audit",
    "ms_bus",
    "ms_cli",
    "ms_config",
    "ms_control",
    "ms_core",
    "ms_demo",
    "ms_framework",
    "ms_json",
    "ms_net",
    "ms_ops",
    "ms_policy",
    "ms_registry",
    "ms_resilience",
    "ms_router",
    "ms_runtime",
    "ms_server",
    "ms_snapshot",
    "ms_store",
    "ms_supervisor",
    "ms_task",
    "ms_transport",
    "ms_worker",
    "msctl",
];

/// Reads a filter in the form of `RUST_LOG` and `telemetry.log_filter`. The check of the key, the
/// start and a change at run time all use this, so that none accepts what another refuses.
///
/// # Errors
/// The problem as a clause: "must be a log filter ...".
pub fn log_filter(filter: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(expanded(filter)).map_err(|error| {
        format!("must be a log filter such as info or warn,ms_framework=debug: {error}")
    })
}

/// Replaces `ms_framework` and `ms_framework=LEVEL` by directives for the crates. A crate with a
/// directive of its own keeps that.
fn expanded(filter: &str) -> String {
    let directives: Vec<&str> = split(filter);
    let named: Vec<&str> = directives.iter().map(|directive| target(directive)).collect();
    let expand = |directive: &&str| match target(directive) {
        FRAMEWORK => {
            let rest = &directive[FRAMEWORK.len()..];
            // A crate that the filter names keeps its own level, whatever the order of the directives.
            let others = TARGETS.iter().filter(|own| **own == FRAMEWORK || !named.contains(own));
            others.map(|own| format!("{own}{rest}")).collect::<Vec<_>>().join(",")
        }
        _ => (*directive).to_owned(),
    };
    directives.iter().map(expand).collect::<Vec<_>>().join(",")
}

/// Splits a filter at its commas, except those within the braces of a span's fields.
fn split(filter: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let at_comma = |c: char| {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    };
    filter.split(at_comma).map(str::trim).collect()
}

/// Returns the target of a directive: `ms_actor` of `ms_actor[span]=debug`.
fn target(directive: &str) -> &str {
    directive.split(['=', '[']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S7.2-02
    #[test]
    fn ms_framework_stands_for_every_crate_of_it() {
        let level = |filter: &str, target: &str| {
            let all = expanded(filter);
            let found = all.split(',').rfind(|one| one.split(['=', '[']).next() == Some(target));
            found.unwrap_or_default().to_owned()
        };
        let filter = "info,ms_framework=debug";
        assert!(expanded(filter).starts_with("info,"));
        for target in TARGETS {
            assert_eq!(level(filter, target), format!("{target}=debug"));
        }
        assert_eq!(level("ms_framework", "ms_store"), "ms_store", "without a level: all of it");
        assert_eq!(level("ms_framework[ask{n=1,m=2}]=trace", "ms_store"), "ms_store[ask{n=1");
        for filter in ["ms_actor=warn,ms_framework=debug", "ms_framework=debug, ms_actor=warn"] {
            assert_eq!(level(filter, "ms_actor"), "ms_actor=warn", "said by name: {filter}");
            assert_eq!(level(filter, "ms_store"), "ms_store=debug", "{filter}");
        }
        for same in ["", "warn", "ms_frameworks=debug", "[a{b=1,c=2}]=debug,hyper=off"] {
            assert_eq!(expanded(same), same);
        }
    }

    /// The crates that this server is made of, by its own manifest and those of its parts.
    #[test]
    fn no_crate_of_the_framework_is_forgotten() {
        let crates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates");
        let manifest = |name: &str| std::fs::read_to_string(crates.join(name).join("Cargo.toml"));
        let mut seen = vec!["ms-server".to_owned()];
        let mut next = 0;
        while let Some(name) = seen.get(next).cloned() {
            let text = manifest(&name).expect("a manifest");
            let needed = text.split("[dev-dependencies]").next().unwrap_or_default().lines();
            let names = needed.filter_map(|line| line.split(['.', ' ', '=']).next());
            for name in names.filter(|name| name.starts_with("ms-")) {
                if !seen.iter().any(|known| known == name) {
                    seen.push(name.to_owned());
                }
            }
            assert!(TARGETS.contains(&name.replace('-', "_").as_str()), "{name} has no target");
            next += 1;
        }
        assert!(seen.len() > 10, "{seen:?}");
    }
}
