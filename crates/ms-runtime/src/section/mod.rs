//! The keys of the framework: the section of each crate, put together under one root.
//!
//! A crate declares its own section, in its `section.rs` and behind its feature `config`, with
//! defaults, bounds and rules. This module has those of the runtime itself, the order in which
//! all of them are shown, and the rules between sections. Applications declare sections of their
//! own around [`FrameworkConfig`] with [`settings!`](ms_config::settings).
//!
//! The names below `core` and `components` are those of the deployment's ConfigMap. The other
//! sections belong to the parts they are named after.
//!
//! As far as the configuration alone shows it, whatever the start would refuse is refused by a
//! rule, under the name of the key. Conditions of the machine (existing files, free ports) are
//! the business of the pre-flight checks.

pub mod components;
mod ending;
mod log_filter;
mod telemetry;

use std::net::SocketAddr;

use ms_config::{Problems, Rules, settings};

pub use components::{Components, HealthChecks, Probe};
pub use ending::{Emergency, Shutdown};
pub use log_filter::log_filter;
pub use ms_bus::section::{BusType, EventBus};
pub use ms_registry::section::{RegistryType, ServiceRegistry};
pub use ms_resilience::section::{Outside, OutsideFallback};
pub use ms_snapshot::section::Persistence;
pub use ms_supervisor::section::{StrategyName, Supervision};
pub use ms_transport::section::Http;
pub use ms_worker::section::Tasks;
pub use telemetry::{LogFormat, Telemetry};

settings! {
    /// The parts of every node.
    pub struct Core rules none {} sections {
        supervision: Supervision = Supervision::default(),
        event_bus: EventBus = EventBus::default(),
        service_registry: ServiceRegistry = ServiceRegistry::default(),
    }
}

settings! {
    /// All keys of the framework.
    pub struct FrameworkConfig rules own {} sections {
        core: Core = Core::default(),
        components: Components = Components::default(),
        http: Http = Http::default(),
        tasks: Tasks = Tasks::default(),
        outside: Outside = Outside::default(),
        persistence: Persistence = Persistence::default(),
        shutdown: Shutdown = Shutdown::default(),
        emergency: Emergency = Emergency::default(),
        telemetry: Telemetry = Telemetry::default(),
    }
}

impl Rules for FrameworkConfig {
    fn rules(&self, at: &str, problems: &mut Problems) {
        let key = format!("{at}telemetry.metrics_bind");
        let (api, admin) = (self.http.bind, self.telemetry.metrics_bind);
        if overlap(api, admin) {
            let problem = format!("takes the port of `{at}http.bind`; choose another one");
            problems.add(key.clone(), problem);
        }
        if self.http.is_open_at(admin) {
            let problem = format!(
                "can be reached from other machines: set `{at}http.auth_token_file` and, if a \
                 proxy in front ends TLS, `{at}http.tls_terminated_upstream`; or bind to a loopback \
                 address"
            );
            problems.add_unsafe(key, problem);
        }
    }
}

/// Returns whether one listener keeps the other from its port. An address of all interfaces takes
/// the port of each; port 0 is any free port.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let ips = [one.ip().to_canonical(), other.ip().to_canonical()];
    let same_ip = ips[0] == ips[1] || ips.iter().any(std::net::IpAddr::is_unspecified);
    one.port() != 0 && one.port() == other.port() && same_ip
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_listeners_cannot_share_a_port_that_is_named() {
        let overlap = |one: &str, other: &str| {
            overlap(one.parse().expect("an address"), other.parse().expect("an address"))
        };
        for other in ["127.0.0.1:8080", "0.0.0.0:8080", "[::]:8080", "[::ffff:127.0.0.1]:8080"] {
            assert!(overlap("127.0.0.1:8080", other), "{other}");
        }
        for other in ["127.0.0.1:8081", "127.0.0.2:8080", "[::1]:8080"] {
            assert!(!overlap("127.0.0.1:8080", other), "{other}");
        }
        assert!(!overlap("127.0.0.1:0", "127.0.0.1:0"), "each takes a free one");
    }
}
