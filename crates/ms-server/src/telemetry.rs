//! Logs to standard error, metrics for whoever scrapes them.

use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use ms_config::{LogFormat, Telemetry};
use tracing_subscriber::EnvFilter;

use crate::error::ServerError;

/// Buckets of durations, in seconds: 100 ms is the target, 1 s the alert.
const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Renders the metrics of the process.
pub(crate) type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Sends log lines to standard error, as configured; `RUST_LOG` wins over the file.
pub(crate) fn logs(telemetry: &Telemetry) -> Result<(), ServerError> {
    let failed = |source| ServerError::Telemetry { what: "the log", source };
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| telemetry.log_filter.clone());
    let filter = EnvFilter::try_new(filter).map_err(|error| failed(error.into()))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match telemetry.log_format {
        LogFormat::Text => lines.with_ansi(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    }
    .map_err(failed)
}

/// Starts to keep metrics; gives what renders them.
pub(crate) fn metrics() -> Result<Metrics, ServerError> {
    let failed = |source| ServerError::Telemetry { what: "the metrics", source };
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .map_err(|error| failed(error.into()))?;
    let handle = builder.install_recorder().map_err(|error| failed(error.into()))?;
    Ok(Arc::new(move || {
        handle.run_upkeep();
        handle.render()
    }))
}
