//! The keys of the framework, each declared once.
//!
//! The names below `core` and `components` are those of the deployment's ConfigMap.
//! The other sections belong to the parts they are named after. Applications declare
//! sections of their own around [`FrameworkConfig`] with [`settings!`](crate::settings).

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ms_core::lifecycle::MIN_DEADLINE;
use ms_core::spec::{Intensity, Strategy, SupervisorFlags};

use crate::kind::Bytes;
use crate::secret::Secret;
use crate::{choices, settings, valid};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const DAY: Duration = secs(86_400);
const HOUR: Duration = secs(3_600);

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

choices! {
    /// The children that are restarted after a failure.
    pub enum StrategyName {
        OneForOne = "one_for_one", OneForAll = "one_for_all", RestForOne = "rest_for_one",
    }
}

choices! {
    /// The transport of events.
    pub enum BusType { Memory = "memory", Nats = "nats" }
}

choices! {
    /// The registry in which services are announced.
    pub enum RegistryType { Local = "local", Consul = "consul" }
}

choices! {
    /// The format of log lines.
    pub enum LogFormat { Text = "text", Json = "json" }
}

choices! {
    /// The answer to a failed call to an outside service.
    pub enum OutsideFallback {
        Off = "off", Cache = "cache", Default = "default", Alternative = "alternative",
    }
}

settings! {
    /// The supervision of the children of the root.
    pub struct Supervision rules own {
        /// The children that are restarted after a failure.
        strategy: StrategyName = StrategyName::OneForOne => restart;
        /// Restarts granted within the window; one more and the supervisor gives up.
        max_restarts: u32 = 5, in 0..=10_000, unit "restarts" => restart;
        /// Length of the sliding window of restarts; whole seconds.
        restart_window: Duration = secs(60), in secs(1)..=DAY => restart;
        /// Interval at which a supervisor asks a child for its health.
        health_check_interval: Duration = secs(10), in millis(100)..=HOUR => restart;
        /// Interval of the heartbeats of a child.
        heartbeat_interval: Duration = secs(5), in millis(100)..=HOUR => restart;
        /// Heartbeats missed in a row until a child counts as hung.
        heartbeat_missed: u32 = 3, in 1..=100, unit "heartbeats" => restart;
    } sections {}
}

impl Supervision {
    /// Returns the flags for a supervisor of `ms-supervisor`.
    #[must_use]
    pub fn flags(&self) -> SupervisorFlags {
        let strategy = match self.strategy {
            StrategyName::OneForOne => Strategy::OneForOne,
            StrategyName::OneForAll => Strategy::OneForAll,
            StrategyName::RestForOne => Strategy::RestForOne,
        };
        let intensity = Intensity { max_restarts: self.max_restarts, period: self.restart_window };
        SupervisorFlags { strategy, intensity, ..SupervisorFlags::default() }
    }
}

settings! {
    /// The event bus.
    pub struct EventBus rules own {
        /// The transport of events.
        type_: BusType = BusType::Memory,
            part "NATS" else "the bus of the process is used and no event leaves it" => restart;
        /// Addresses of the NATS servers.
        servers: Vec<String> = vec!["nats://127.0.0.1:4222".to_owned()], valid valid::nats,
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
        log_subjects: String = String::new(), valid valid::subjects => restart;
    } sections {}
}

settings! {
    /// The registry of services outside the process.
    pub struct ServiceRegistry rules own {
        /// The registry in which services are announced.
        type_: RegistryType = RegistryType::Local,
            part "Consul" else "services are known in this process only" => restart;
        /// Address of the Consul agent.
        url: String = "https://127.0.0.1:8501".to_owned(), valid valid::http,
            part "Consul" else "services are known in this process only" => restart;
        /// The datacenter to announce in.
        datacenter: String = "dc1".to_owned(), valid valid::datacenter,
            part "Consul" else "services are known in this process only" => restart;
        /// Whether the connection to the agent must use TLS.
        encryption: bool = true,
            part "Consul" else "services are known in this process only" protects => restart;
        /// The ACL token.
        token: Secret = Secret::default(),
            part "Consul" else "services are known in this process only" protects => restart;
    } sections {}
}

settings! {
    /// The parts of every node.
    pub struct Core rules none {} sections {
        supervision: Supervision = Supervision::default(),
        event_bus: EventBus = EventBus::default(),
        service_registry: ServiceRegistry = ServiceRegistry::default(),
    }
}

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

settings! {
    /// The HTTP endpoint.
    pub struct Http rules own {
        /// Address to listen on.
        bind: SocketAddr = loopback(8080) => restart;
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

settings! {
    /// Durable tasks.
    pub struct Tasks rules none {
        /// The database file; its directory must belong to the process's user.
        database: PathBuf = PathBuf::from("ms-tasks.db"), valid valid::database => restart;
        /// Number of agents of each kind.
        agents: u32 = 64, in 1..=4_096, unit "agents" => restart;
        /// Largest number of waiting tasks; more are refused with 503.
        queue_limit: u32 = 100_000, in 1..=10_000_000, unit "tasks" => restart;
        /// Longest run of one attempt, unless the task sets its own.
        timeout: Duration = secs(60), in millis(100)..=DAY => restart;
        /// Time for which results are kept.
        retention: Duration = DAY, in secs(60)..=secs(31_536_000) => restart;
    } sections {}
}

settings! {
    /// Calls to outside services by the agents of the kind `http`.
    pub struct Outside rules own {
        /// Services that may be called, as HOST:PORT; all others are refused. Empty for none.
        allowed: Vec<String> = Vec::new(), valid valid::services => restart;
        /// Longest call, with its retries; a task may ask for less.
        deadline: Duration = secs(10), in millis(10)..=HOUR => restart;
        /// Failures in a row after which a service is not called for a while.
        failures: u32 = 5, in 1..=1_000, unit "calls" => restart;
        /// Time for which it is not called then.
        open_for: Duration = secs(30), in millis(10)..=DAY => restart;
        /// Largest number of concurrent calls after that time, to test whether it is back.
        tries: u32 = 1, in 1..=1_000, unit "calls" => restart;
        /// Successes among these after which it is called as before.
        successes: u32 = 2, in 1..=1_000, unit "calls" => restart;
        /// Share of the calls to each service that may be retried once within their deadline.
        retries: u32 = 20, in 0..=100, unit "percent" => restart;
        /// The answer to a failed call: none, the last good answer to the same call, a fixed text, or that of another service.
        fallback: OutsideFallback = OutsideFallback::Off => restart;
        /// Longest age of the last good answer.
        cache_for: Duration = HOUR, in secs(1)..=secs(31_536_000) => restart;
        /// The fixed text of the fallback `default`.
        default_body: String = String::new() => restart;
        /// The other service, as HOST:PORT; it must be among those allowed. Empty for none.
        alternative: String = String::new(), valid valid::service_or_none => restart;
    } sections {}
}

settings! {
    /// Snapshots of state.
    pub struct Persistence rules own {
        /// Whether state is saved and restored.
        enabled: bool = false => restart;
        /// Directory of the snapshots; must belong to the process's user, mode 0700.
        dir: PathBuf = PathBuf::new() => restart;
        /// File with the keys, mode 0600; the first key encrypts, the others still decrypt.
        key_file: PathBuf = PathBuf::new(), valid valid::file_or_none => restart;
        /// Number of saves that are kept; older ones are removed.
        keep: u32 = 5, in 2..=1_000, unit "saves" => restart;
        /// Time between two saves while running; at an orderly stop there is one more.
        interval: Duration = secs(60), in secs(1)..=DAY => restart;
    } sections {}
}

settings! {
    /// The orderly stop.
    pub struct Shutdown rules own {
        /// Longest orderly stop; whatever still runs then is killed.
        within: Duration = secs(25), in MIN_DEADLINE..=HOUR => restart;
        /// The grace period of Kubernetes (terminationGracePeriodSeconds).
        kubernetes_grace: Duration = secs(30), in secs(1)..=HOUR => restart;
    } sections {}
}

settings! {
    /// The emergency stop.
    pub struct Emergency rules none {
        /// Critical errors within a minute after which the process ends.
        critical_errors: u32 = 5, in 1..=1_000, unit "errors" => restart;
        /// Largest resident memory of the process; above it for three seconds the process ends with 103.
        memory_limit: Bytes = Bytes(1 << 40), in Bytes(1 << 20)..=Bytes(1 << 40) => restart;
        /// Longest run of the emergency procedures before the process ends.
        within: Duration = secs(10), in millis(10)..=secs(60) => restart;
        /// Directory of crash reports; empty for none.
        crash_dir: PathBuf = PathBuf::new() => restart;
    } sections {}
}

settings! {
    /// Logs, metrics and traces.
    pub struct Telemetry rules none {
        /// Filter of log lines, in the form of RUST_LOG; `ms_framework` stands for all crates of the framework.
        log_filter: String = "info".to_owned(), valid valid::log_filter => live;
        /// The format of log lines.
        log_format: LogFormat = LogFormat::Text => restart;
        /// Address to serve metrics on.
        metrics_bind: SocketAddr = loopback(9090) => restart;
        /// Endpoint for traces over OTLP; empty for none.
        otlp_endpoint: String = String::new(), valid valid::http_or_none,
            part "OTLP" else "no traces are sent" => restart;
    } sections {}
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
