//! The section `core.event_bus` of the configuration.

use std::time::Duration;

use ms_config::units::{millis, secs};
use ms_config::{Problems, Rules, Secret, choices, settings, valid};
use ms_core::subject::Filter;

choices! {
    /// The transport of events.
    pub enum BusType { Memory = "memory", Nats = "nats" }
}

settings! {
    /// The event bus.
    pub struct EventBus rules own {
        /// The transport of events.
        type_: BusType = BusType::Memory,
            part "NATS" else "the bus of the process is used and no event leaves it" => restart;
        /// Addresses of the NATS servers.
        servers: Vec<String> = vec!["nats://127.0.0.1:4222".to_owned()], valid nats,
            part "NATS" else "the bus of the process is used and no event leaves it" => restart;
        /// The user at the NATS servers; empty for none.
        user: String = String::new(),
            part "NATS" else "the bus of the process is used and no event leaves it" protects => restart;
        /// The password at the NATS servers.
        password: Secret = Secret::default(),
            part "NATS" else "the bus of the process is used and no event leaves it" protects => restart;
        /// Copies JetStream keeps of each event; at most the number of servers.
        cluster_size: u32 = 1, in 1..=5, unit "replicas",
            part "NATS" else "the bus of the process is used and no event leaves it" => restart;
        /// Attempts to reconnect before the supervisor of the connection takes over.
        max_reconnects: u32 = 10, in 1..=1_000, unit "tries",
            part "NATS" else "the bus of the process is used and no event leaves it" => restart;
        /// Delay between two attempts.
        reconnect_delay: Duration = secs(5), in millis(100)..=secs(300),
            part "NATS" else "the bus of the process is used and no event leaves it" => restart;
        /// Events kept for a subscriber that is behind; older ones are counted and dropped.
        subscriber_backlog: u32 = 1_024, in 1..=1_000_000, unit "events" => restart;
        /// Filter of the events whose ids are written to the log; empty for none.
        log_subjects: String = String::new(), valid subjects => restart;
    } sections {}
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

/// Checks addresses of NATS servers.
fn nats(servers: &[String]) -> Result<(), String> {
    servers.iter().try_for_each(|one| valid::url(one, &["nats", "tls"]))
}

/// Checks a filter of subjects, which may be empty.
fn subjects(filter: &str) -> Result<(), String> {
    match filter {
        "" => Ok(()),
        filter => Filter::new(filter).map(drop).map_err(|error| {
            format!("must be a filter of subjects such as node.> or orders.*.created: {error}")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_address_of_nats() {
        assert_eq!(nats(&["nats://a:4222".to_owned(), "tls://[::1]:4222".to_owned()]), Ok(()));
        assert!(nats(&["nats://a:4222".to_owned(), "b".to_owned()]).is_err());
    }
}
