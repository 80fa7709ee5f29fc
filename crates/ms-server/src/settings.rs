//! Translates the configuration into the settings of the parts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ms_core::{Backoff, SupervisorFlags};
use ms_runtime::logic::health::ProbeSettings;
use ms_runtime::section::{Components, FrameworkConfig, Probe};
use ms_runtime::{
    BootSettings, ControlEndpoint, EmergencySettings, HealthSettings, RunConfig, Settings,
    ShutdownSettings, SupervisionSettings,
};
use ms_store::StoreConfig;
use ms_supervisor::Heartbeat;
use ms_transport::{Access, Bind, BindError, HttpLimits, Token};

use crate::options::Options;

/// The pause between two restarts of an actor that others wait for. It grows with each failure in
/// a row, but stays short: callers have deadlines.
pub(crate) const RESTART_BACKOFF: Backoff = Backoff {
    min: Duration::from_millis(10),
    max: Duration::from_millis(100),
    jitter: 0.2,
    reset_after: Duration::from_secs(1),
};

/// The shortest silence after which a thread is abandoned. A busy machine may delay a thread by
/// as much as a short heartbeat.
const SHORTEST_WEDGED: Duration = Duration::from_millis(200);

/// Returns the settings of the runtime.
pub(crate) fn runtime(name: &str, options: &Options, config: &FrameworkConfig) -> Settings {
    let mut run = RunConfig::new(name);
    if let Some(path) = &options.control {
        run = run.control(ControlEndpoint::Path(path.clone()));
    }
    run.allow_faults = options.allow_faults;
    // The kernel reports supervised crashes itself; the hook of the log is for all other panics.
    run.node.quiet_panics = true;
    let supervision = supervision(config);
    // A blocked thread is abandoned after the time that makes an actor hung.
    run.node.wedged_after = Some(supervision.heartbeat.limit().max(SHORTEST_WEDGED));
    Settings {
        boot: boot(&config.components),
        supervision,
        health: health(config),
        shutdown: ShutdownSettings {
            grace: config.shutdown.kubernetes_grace,
            deadline: config.shutdown.within,
            ..ShutdownSettings::default()
        },
        emergency: EmergencySettings {
            critical_errors: config.emergency.critical_errors as usize,
            memory_limit: Some(config.emergency.memory_limit.0),
            limit: config.emergency.within,
            reports: named(&config.emergency.crash_dir),
            ..EmergencySettings::default()
        },
        ..Settings::of(run)
    }
}

fn supervision(config: &FrameworkConfig) -> SupervisionSettings {
    let supervision = &config.core.supervision;
    let SupervisorFlags { strategy, intensity, .. } = supervision.flags();
    let every = supervision.heartbeat_interval;
    let heartbeat = Heartbeat { every, missed: supervision.heartbeat_missed };
    SupervisionSettings { strategy, intensity, heartbeat }
}

fn boot(components: &Components) -> BootSettings {
    BootSettings {
        within: components.startup_deadline,
        initialization_order: components.initialization_order.clone(),
        ..BootSettings::default()
    }
}

fn health(config: &FrameworkConfig) -> HealthSettings {
    let checks = &config.components.health_checks;
    HealthSettings {
        enabled: checks.enabled,
        startup: probe(&checks.startup_probe),
        liveness: probe(&checks.liveness_probe),
        readiness: probe(&checks.readiness_probe),
        interval: config.core.supervision.health_check_interval,
    }
}

fn probe(probe: &Probe) -> ProbeSettings {
    ProbeSettings {
        initial_delay: probe.initial_delay,
        period: probe.period,
        timeout: probe.timeout,
        success_threshold: probe.success_threshold,
        failure_threshold: probe.failure_threshold,
    }
}

/// Returns the settings of the task store.
pub(crate) fn store(config: &FrameworkConfig) -> StoreConfig {
    StoreConfig {
        max_queue: u64::from(config.tasks.queue_limit),
        keep_ended: config.tasks.retention,
        ..StoreConfig::new(&config.tasks.database)
    }
}

/// Returns the directory of the task store, which has to be writable.
pub(crate) fn state_directory(config: &FrameworkConfig) -> PathBuf {
    match config.tasks.database.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Returns the limits of both listeners.
pub(crate) fn http(config: &FrameworkConfig) -> HttpLimits {
    let http = &config.http;
    HttpLimits {
        connections: http.max_connections as usize,
        connections_per_ip: http.max_connections_per_ip as usize,
        requests: http.max_connections as usize,
        head_within: http.header_timeout,
        body_bytes: usize::try_from(http.max_body.0).unwrap_or(usize::MAX),
        body_within: http.request_timeout,
        answer_within: http.request_timeout,
        ..HttpLimits::default()
    }
}

/// Returns the address of the API and who is admitted.
pub(crate) fn api_bind(config: &FrameworkConfig) -> Result<Bind, BindError> {
    let http = &config.http;
    let access = match named(&http.auth_token_file) {
        Some(file) => Access::Token(Token::from_file(&file)?),
        None => Access::Loopback,
    };
    let tls_terminated_upstream = http.tls_terminated_upstream;
    Ok(Bind { addr: http.bind, access, tls_terminated_upstream })
}

/// Returns the address of metrics and probes, with the same admission as the API's.
pub(crate) fn admin_bind(config: &FrameworkConfig, api: &Bind) -> Bind {
    Bind { addr: config.telemetry.metrics_bind, ..api.clone() }
}

/// Returns the longest attempt of a task that sets no limit itself.
pub(crate) fn attempt(config: &FrameworkConfig) -> Duration {
    config.tasks.timeout
}

/// Returns the path unless it is empty, which stands for none.
pub(crate) fn named(path: &Path) -> Option<PathBuf> {
    (path != Path::new("")).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use ms_worker::tasks::DEFAULT_ATTEMPT;

    use super::*;

    /// The reference of the keys documents their defaults; a part without settings does the same.
    #[test]
    fn the_defaults_of_the_keys_are_those_of_the_libraries() {
        let config = FrameworkConfig::default();
        let of = runtime("test", &Options::from_dir("."), &config);
        assert_eq!(of.supervision, SupervisionSettings::default());
        assert_eq!(of.boot, BootSettings::default());
        assert_eq!(of.health, HealthSettings::default());
        assert_eq!(of.shutdown, ShutdownSettings::default());
        let emergency = EmergencySettings { memory_limit: None, ..of.emergency };
        assert_eq!(emergency, EmergencySettings::default());
        assert_eq!(http(&config), HttpLimits::default());
        assert_eq!(config.http.bind.port(), ms_transport::API_PORT);
        assert_eq!(config.telemetry.metrics_bind.port(), ms_transport::ADMIN_PORT);
        assert_eq!(
            config.core.event_bus.subscriber_backlog as usize,
            ms_bus::BusConfig::default().buffer
        );
    }

    /// Four defaults of the server differ from the libraries' on purpose. Callers wait for its
    /// answers, and nobody watches its disk (docs/tasks.md has both). And a key for a size has no
    /// value for "none", so the greatest one stands for no limit of memory.
    #[test]
    fn what_the_server_sets_otherwise_is_known() {
        let config = FrameworkConfig::default();
        let (of_server, usual) = (store(&config), StoreConfig::new("x"));
        assert_eq!((of_server.max_queue, usual.max_queue), (100_000, 1_000_000));
        let day = Duration::from_secs(86_400);
        assert_eq!((of_server.keep_ended, usual.keep_ended), (day, day * 7));
        let minute = Duration::from_secs(60);
        assert_eq!((attempt(&config), DEFAULT_ATTEMPT), (minute, minute * 15));
        let of = runtime("test", &Options::from_dir("."), &config);
        let usual = EmergencySettings::default();
        assert_eq!((of.emergency.memory_limit, usual.memory_limit), (Some(1 << 40), None));
    }
}
