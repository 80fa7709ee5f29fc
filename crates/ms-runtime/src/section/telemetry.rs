//! The section `telemetry` of the configuration.

use std::net::SocketAddr;

use ms_config::{choices, settings, valid};

use super::log_filter::log_filter;

choices! {
    /// The format of log lines.
    pub enum LogFormat { Text = "text", Json = "json" }
}

settings! {
    /// Logs, metrics and traces.
    pub struct Telemetry rules none {
        /// Filter of log lines, in the form of RUST_LOG; `ms_framework` stands for all crates of the framework.
        log_filter: String = "info".to_owned(), valid filter => live;
        /// The format of log lines.
        log_format: LogFormat = LogFormat::Text => restart;
        /// Address to serve metrics on.
        metrics_bind: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9090)) => restart;
        /// Endpoint for traces over OTLP; empty for none.
        otlp_endpoint: String = String::new(), valid valid::http_or_none,
            part "OTLP" else "no traces are sent" => restart;
    } sections {}
}

/// Checks a filter of log lines.
fn filter(filter: &str) -> Result<(), String> {
    log_filter(filter).map(drop)
}
