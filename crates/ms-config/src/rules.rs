//! The rules between keys, which a value alone cannot break.
//!
//! As far as the configuration alone shows it, whatever the start would refuse is refused here,
//! under the name of the key. Conditions of the machine (existing files, free ports) are the
//! business of the pre-flight checks.

use std::net::SocketAddr;

use ms_core::lifecycle::RESERVE;

use crate::components;
use crate::declare::Rules;
use crate::error::Problems;
use crate::keys::{
    BusType, Components, EventBus, FrameworkConfig, HealthChecks, Http, Outside, OutsideFallback,
    Persistence, Probe, ServiceRegistry, Shutdown, Supervision,
};

impl Rules for Supervision {
    fn rules(&self, at: &str, problems: &mut Problems) {
        // The window counts whole seconds, as OTP's does.
        if self.restart_window.subsec_nanos() != 0 {
            problems.add(format!("{at}restart_window"), "must be whole seconds");
        }
    }
}

impl Rules for EventBus {
    fn rules(&self, at: &str, problems: &mut Problems) {
        if self.type_ == BusType::Nats && self.servers.is_empty() {
            problems.add(format!("{at}servers"), "must not be empty with type nats");
        }
        if !self.password.is_empty() && self.user.is_empty() {
            problems.add(format!("{at}user"), format!("must be set together with `{at}password`"));
        }
    }
}

impl Rules for ServiceRegistry {
    fn rules(&self, at: &str, problems: &mut Problems) {
        if self.encryption && !self.url.starts_with("https://") {
            let problem = format!("must start with https:// while `{at}encryption` is true");
            problems.add(format!("{at}url"), problem);
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

impl Rules for HealthChecks {
    fn rules(&self, at: &str, problems: &mut Problems) {
        if self.liveness_probe.success_threshold != 1 {
            let key = format!("{at}liveness_probe.success_threshold");
            problems.add(key, "must be 1: Kubernetes has no other for liveness");
        }
    }
}

impl Rules for Components {
    fn rules(&self, at: &str, problems: &mut Problems) {
        if let Err(problem) = components::order(&self.initialization_order, &[]) {
            problems.add(format!("{at}initialization_order"), problem);
        }
    }
}

impl Rules for Persistence {
    fn rules(&self, at: &str, problems: &mut Problems) {
        for (name, path) in [("dir", &self.dir), ("key_file", &self.key_file)] {
            // A relative path depends on the directory the process is started in, and so would the state.
            if self.enabled && !path.is_absolute() {
                let problem = format!("must be an absolute path while `{at}enabled` is true");
                problems.add(format!("{at}{name}"), problem);
            }
        }
    }
}

impl Rules for Shutdown {
    fn rules(&self, at: &str, problems: &mut Problems) {
        let longest = self.kubernetes_grace.saturating_sub(RESERVE);
        if self.within > longest {
            let problem = format!(
                "must be at least {RESERVE:?} less than `{at}kubernetes_grace`, when the rest is \
                 killed: raise that one, or lower this one to {longest:?}"
            );
            problems.add(format!("{at}within"), problem);
        }
    }
}

impl Rules for Http {
    fn rules(&self, at: &str, problems: &mut Problems) {
        if self.is_open_at(self.bind) {
            let problem = format!(
                "can be reached from other machines: set `{at}auth_token_file` and, if a proxy in \
                 front ends TLS, `{at}tls_terminated_upstream`; or bind to a loopback address"
            );
            // Unsafe and not merely wrong: whoever reaches the port could steer the node.
            problems.add_unsafe(format!("{at}bind"), problem);
        }
    }
}

impl Http {
    /// Returns whether others could reach a listener at this address without a token over TLS.
    fn is_open_at(&self, addr: SocketAddr) -> bool {
        let guarded = !self.auth_token_file.as_os_str().is_empty() && self.tls_terminated_upstream;
        // Canonical, because `::ffff:127.0.0.1` is loopback too.
        !addr.ip().to_canonical().is_loopback() && !guarded
    }
}

impl Rules for Outside {
    fn rules(&self, at: &str, problems: &mut Problems) {
        let other = &self.alternative;
        if !other.is_empty() && !self.allowed.contains(other) {
            problems.add(format!("{at}alternative"), format!("must be among `{at}allowed`"));
        }
        if self.fallback == OutsideFallback::Alternative && other.is_empty() {
            let problem = format!("must not be empty with `{at}fallback` alternative");
            problems.add(format!("{at}alternative"), problem);
        }
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
