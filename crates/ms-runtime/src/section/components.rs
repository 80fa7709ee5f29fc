//! The section `components` of the configuration: order, deadline and health checks.
//!
//! The components of `ms-server` and their dependencies are repeated here so that `msctl config
//! validate` can check a configured order without a server.

use std::time::Duration;

use ms_config::units::{HOUR, millis, secs};
use ms_config::{Problems, Rules, settings};
use ms_core::lifecycle::ComponentId;

use crate::service::logic::graph::{DependencyGraph, GraphError, OrderHint};

settings! {
    /// One of the three probes.
    pub struct Probe rules own {
        /// Wait before the first check.
        initial_delay: Duration = secs(0), in secs(0)..=HOUR => restart;
        /// Time between two checks.
        period: Duration = secs(10), in millis(100)..=HOUR => restart;
        /// Longest wait for a check; one that takes longer has failed.
        timeout: Duration = secs(5), in millis(10)..=HOUR => restart;
        /// Successes in a row after which a failed probe is good again.
        success_threshold: u32 = 1, in 1..=100, unit "checks" => restart;
        /// Failures in a row after which the probe has failed.
        failure_threshold: u32 = 3, in 1..=100, unit "checks" => restart;
    } sections {}
}

impl Probe {
    fn new(initial_delay: u64, period: u64, timeout: u64) -> Self {
        Self {
            initial_delay: secs(initial_delay),
            period: secs(period),
            timeout: secs(timeout),
            ..Self::default()
        }
    }
}

impl Rules for Probe {
    fn rules(&self, at: &str, problems: &mut Problems) {
        if self.timeout > self.period {
            let problem = format!("must not be longer than `{at}period`: checks would overlap");
            problems.add(format!("{at}timeout"), problem);
        }
    }
}

settings! {
    /// Health checks of the components.
    pub struct HealthChecks rules own {
        /// Whether components are checked; if not, only the process itself is.
        enabled: bool = true => restart;
    } sections {
        startup_probe: Probe = Probe::new(10, 5, 3),
        liveness_probe: Probe = Probe::new(0, 10, 5),
        readiness_probe: Probe = Probe::new(0, 5, 3),
    }
}

impl Rules for HealthChecks {
    fn rules(&self, at: &str, problems: &mut Problems) {
        if self.liveness_probe.success_threshold != 1 {
            let key = format!("{at}liveness_probe.success_threshold");
            problems.add(key, "must be 1: Kubernetes has no other for liveness");
        }
    }
}

settings! {
    /// The components of the application.
    pub struct Components rules own {
        /// Order of components that could start at the same time; dependencies take precedence.
        initialization_order: Vec<String> = [
            "logging", "metrics", "configuration", "database",
            "cache", "security", "transport", "application",
        ].map(str::to_owned).to_vec() => restart;
        /// Longest start of the whole process; a longer one is rolled back, and the process ends.
        startup_deadline: Duration = secs(30), in secs(1)..=HOUR => restart;
    } sections {
        health_checks: HealthChecks = HealthChecks::default(),
    }
}

impl Rules for Components {
    fn rules(&self, at: &str, problems: &mut Problems) {
        if let Err(problem) = order(&self.initialization_order, &[]) {
            problems.add(format!("{at}initialization_order"), problem);
        }
    }
}

/// The components of `ms-server`, each with the components it needs. A test of the server compares
/// this list with the real components.
pub const COMPONENTS: [(&str, &[&str]); 13] = [
    ("configuration", &[]),
    ("observability", &["configuration"]),
    ("database", &[]),
    ("storage", &["database"]),
    ("credentials", &[]),
    ("keyring", &[]),
    ("ledger", &["keyring"]),
    ("event-bus", &[]),
    ("router", &[]),
    ("outside", &[]),
    ("budgets", &[]),
    ("transport", &["database", "credentials"]),
    ("application", &["database", "budgets"]),
];

/// Checks a configured order against the dependencies of the server's own components and of
/// `more`, which a program adds. A dependency on a component that is not among them is ignored.
///
/// # Errors
/// The problem as a clause, such as "has an entry that is not an id".
pub fn order(wish: &[String], more: &[(String, Vec<String>)]) -> Result<(), String> {
    let mut ids = Vec::with_capacity(wish.len());
    for name in wish {
        let id = ComponentId::new(name);
        let id = id.map_err(|error| format!("has an entry that is not an id: {error}"))?;
        if ids.contains(&id) {
            return Err(format!("has {name:?} twice; keep one"));
        }
        ids.push(id);
    }
    let graph = graph(more).map_err(|error| format!("cannot be checked: {error}"))?;
    graph.check_hint(&OrderHint::new(ids)).map_err(|error| format!("cannot be kept: {error}"))
}

fn graph(more: &[(String, Vec<String>)]) -> Result<DependencyGraph, GraphError> {
    let own = COMPONENTS.iter().map(|(id, needs)| (*id, needs.to_vec()));
    let more = more.iter().map(|(id, needs)| (&**id, needs.iter().map(String::as_str).collect()));
    // A program may replace a component of the server by its own, whose needs count then.
    let own = own.filter(|(id, _)| !more.clone().any(|(other, _): (&str, Vec<&str>)| other == *id));
    let all: Vec<(&str, Vec<&str>)> = own.chain(more.clone()).collect();
    let known = |name: &&str| all.iter().any(|(id, _)| id == name);
    let nodes = all.iter().filter_map(|(id, needs)| {
        let needs = needs.iter().filter(|need| known(need));
        let needs = needs.filter_map(|need| ComponentId::new(need).ok()).collect();
        Some((ComponentId::new(id).ok()?, needs))
    });
    DependencyGraph::new(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(names: &str) -> Vec<String> {
        names.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_order_that_what_components_need_forbids_is_refused() {
        assert_eq!(order(&wish("logging database transport application"), &[]), Ok(()));
        assert!(order(&wish("transport database"), &[]).is_err_and(|why| why.contains("swap")));
        assert!(order(&wish("a a"), &[]).is_err_and(|why| why.contains("twice")));
        assert!(order(&wish("../a"), &[]).is_err_and(|why| why.contains("not an id")));
        let own = [("api".to_owned(), wish("database cache"))];
        assert!(order(&wish("api database"), &own).is_err());
        assert_eq!(order(&wish("database api"), &own), Ok(()));
    }
}
