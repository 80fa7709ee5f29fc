//! The section `http` of the configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ms_config::units::{HOUR, millis, secs};
use ms_config::{Bytes, Problems, Rules, settings, valid};

settings! {
    /// The HTTP endpoint.
    pub struct Http rules own {
        /// Address to listen on.
        bind: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)) => restart;
        /// Largest request body; more is answered with 413.
        max_body: Bytes = Bytes(1 << 20), in Bytes(1 << 10)..=Bytes(1 << 30) => restart;
        /// Longest wait for the header of a request.
        header_timeout: Duration = secs(5), in millis(100)..=secs(60) => restart;
        /// Longest time for a request with its body.
        request_timeout: Duration = secs(30), in millis(100)..=HOUR => restart;
        /// Largest number of concurrent connections; more wait.
        max_connections: u32 = 1_024, in 1..=1_000_000, unit "connections" => restart;
        /// File with the bearer token that callers must send, mode 0600; empty for none.
        auth_token_file: PathBuf = PathBuf::new(), valid valid::file_or_none => restart;
        /// Whether a proxy in front terminates TLS; with it and a token, an address that others can reach may be bound.
        tls_terminated_upstream: bool = false => restart;
        /// Largest number of concurrent connections from one address.
        max_connections_per_ip: u32 = 64, in 1..=1_000_000, unit "connections" => restart;
    } sections {}
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
    #[must_use]
    pub fn is_open_at(&self, addr: SocketAddr) -> bool {
        let guarded = !self.auth_token_file.as_os_str().is_empty() && self.tls_terminated_upstream;
        // Canonical, because `::ffff:127.0.0.1` is loopback too.
        !addr.ip().to_canonical().is_loopback() && !guarded
    }
}
