//! Logs on standard error, and metrics for scrapers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use ms_runtime::logic::interactions::BUCKETS_US;
use ms_runtime::section::{LogFormat, Telemetry, log_filter};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::util::SubscriberInitExt;

use crate::error::ServerError;
use crate::log_sink::LogSink;

/// Buckets for lengths of actors' lives, in seconds: from a moment to a day.
const LIVES: [f64; 8] = [0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3_600.0, 86_400.0];
/// Log lines that were dropped because their sink did not accept them.
const LOST_LINES: &str = "ms_framework_log_lines_lost_total";
/// Longest wait at the end of the process for the last log lines to be written.
const FINISH_WITHIN: Duration = Duration::from_secs(1);
/// The environment variable that wins over the file.
const VARIABLE: &str = "RUST_LOG";

/// Renders the metrics of the process.
pub(crate) type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Changes which log lines are written. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LogFilter(Arc<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>);

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogFilter")
    }
}

impl LogFilter {
    /// Sets the filter of the log lines that are written.
    pub(crate) fn set(&self, filter: &str) -> Result<(), String> {
        if std::env::var_os(VARIABLE).is_some() {
            return Err(format!("{VARIABLE} is set and overrides telemetry.log_filter"));
        }
        let parsed = log_filter(filter);
        (self.0)(parsed.map_err(|why| format!("telemetry.log_filter {why}"))?)?;
        tracing::info!(filter, "the log filter was changed");
        Ok(())
    }
}

/// Handles of the log and the metrics of a running server.
pub(crate) struct TelemetryHandles {
    pub(crate) metrics: Metrics,
    pub(crate) filter: LogFilter,
    /// The sink of the log lines; none for a server that is only checked.
    pub(crate) sink: Option<LogSink>,
}

impl TelemetryHandles {
    /// Returns handles of nothing, for a server that is checked and not run.
    pub(crate) fn none() -> Self {
        let filter = LogFilter(Arc::new(|_| Ok(())));
        Self { metrics: Arc::new(String::new), filter, sink: None }
    }

    /// Starts the log on standard error and the recorder of metrics.
    pub(crate) fn start(telemetry: &Telemetry) -> Result<Self, ServerError> {
        let failed = |source: std::io::Error| ServerError::Telemetry {
            what: "the log",
            source: source.into(),
        };
        let sink = LogSink::start(std::io::stderr()).map_err(failed)?;
        let filter = logs(telemetry, &sink)?;
        log_panics();
        Ok(Self { metrics: metrics(&sink)?, filter, sink: Some(sink) })
    }
}

impl Drop for TelemetryHandles {
    /// Waits until everything that was logged is written, or until the sink has had its time.
    fn drop(&mut self) {
        if let Some(sink) = &self.sink {
            sink.finish(FINISH_WITHIN);
        }
    }
}

/// Logs panics, in place of the default hook.
///
/// The default hook writes to standard error directly. If nobody reads that, the thread that
/// panics stands still and its supervisor never learns of the crash.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        tracing::error!(thread = thread.name(), %panic, "a thread panicked");
    }));
}

/// Checks that logs can be set up, and sets up nothing.
pub(crate) fn check(telemetry: &Telemetry) -> Result<(), ServerError> {
    filter_of(telemetry).map(drop)
}

/// Returns the log filter of the start.
fn filter_of(telemetry: &Telemetry) -> Result<EnvFilter, ServerError> {
    let (name, filter) = match std::env::var(VARIABLE) {
        Ok(filter) => (VARIABLE, filter),
        Err(_) => ("telemetry.log_filter", telemetry.log_filter.clone()),
    };
    log_filter(&filter).map_err(|why| ServerError::Telemetry {
        what: "the log",
        source: format!("{name} {why}").into(),
    })
}

/// Starts to log into `sink`, as configured; `RUST_LOG` wins over the file.
fn logs(telemetry: &Telemetry, sink: &LogSink) -> Result<LogFilter, ServerError> {
    let failed = |source| ServerError::Telemetry { what: "the log", source };
    let filter = filter_of(telemetry)?;
    let lines = SubscriberBuilder::default()
        .with_env_filter(filter)
        .with_writer(sink.clone())
        // By default a failed write is reported with `eprintln!`, which panics when standard error
        // is the broken sink.
        .log_internal_errors(false);
    // The handle's type names the format, so each has its own.
    let (filter, started) = match telemetry.log_format {
        LogFormat::Text => {
            let lines = lines.with_ansi(false).with_filter_reloading();
            let handle = lines.reload_handle();
            let set = move |filter| handle.reload(filter).map_err(|error| error.to_string());
            (LogFilter(Arc::new(set)), lines.finish().try_init())
        }
        LogFormat::Json => {
            let lines = lines.json().with_filter_reloading();
            let handle = lines.reload_handle();
            let set = move |filter| handle.reload(filter).map_err(|error| error.to_string());
            (LogFilter(Arc::new(set)), lines.finish().try_init())
        }
    };
    started.map_err(|error| failed(error.into()))?;
    Ok(filter)
}

/// Installs the recorder of metrics, and returns what renders them.
fn metrics(sink: &LogSink) -> Result<Metrics, ServerError> {
    let failed = |source| ServerError::Telemetry { what: "the metrics", source };
    // In seconds. The buckets include 100 ms, the target, and 1 s, the alert.
    #[allow(clippy::cast_precision_loss, reason = "up to 10 s in microseconds: exact")]
    let seconds = BUCKETS_US.map(|us| us as f64 / 1e6);
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &seconds)
        .and_then(|builder| {
            let lives = Matcher::Full("ms_framework_task_duration_seconds".to_owned());
            let away = Matcher::Full("ms_framework_task_replacement_seconds".to_owned());
            builder.set_buckets_for_metric(lives, &LIVES)?.set_buckets_for_metric(away, &LIVES)
        })
        .map_err(|error| failed(error.into()))?;
    let handle = builder.install_recorder().map_err(|error| failed(error.into()))?;
    let sink = sink.clone();
    Ok(Arc::new(move || {
        metrics::counter!(LOST_LINES).absolute(sink.lost());
        handle.run_upkeep();
        handle.render()
    }))
}
