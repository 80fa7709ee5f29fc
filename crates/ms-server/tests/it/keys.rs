//! Every key of the reference has an effect on a real server, or a warning at the start that it has
//! none.
//!
//! A test sets a group of keys to values that are not their defaults, starts a server, and observes the
//! effect from outside. A key that is in no group fails the first test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use common::{Http, Place, Server, id_of, paths, until};
use ms_config::{Raw, Settings, keys};
use ms_control::Client;
use ms_control::proto::{Fault, Verb};
use ms_runtime::section::FrameworkConfig;
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::Signal;
use serde_json::Value;

/// Defines a test for each group of keys, which gets a place with the keys set.
macro_rules! groups {
    ($($(#[doc = $doc:literal])* $name:ident sets [$($key:literal = $value:literal),+ $(,)?] $see:expr;)+) => {
        /// All keys of the groups, for the test that compares them with the reference.
        const ALL: &[&[(&str, &str)]] = &[$(&[$(($key, $value)),+]),+];
        $(
            $(#[doc = $doc])*
            #[test]
            fn $name() {
                let set = [$(($key, $value)),+];
                let see: fn(Place) = $see;
                see(set.iter().fold(Place::new(), |place, (key, value)| {
                    place.set(&format!("{key}={value}"))
                }));
            }
        )+
    };
}

/// Keys that are not allowed on a command line, or that name files: the tests below set them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("core.event_bus.user", "me"),
    ("core.event_bus.password", "s3cret"),
    ("core.service_registry.token", "s3cret"),
    ("core.service_registry.encryption", "false"),
    ("http.auth_token_file", "/token"),
    ("http.tls_terminated_upstream", "true"),
    ("http.max_connections_per_ip", "1"),
    ("tasks.database", "/elsewhere/t.db"),
    ("persistence.enabled", "true"),
    ("persistence.dir", "/snapshots"),
    ("persistence.key_file", "/keys"),
    ("persistence.keep", "2"),
    ("persistence.interval", "1s"),
    ("components.initialization_order", "keyring"),
    ("components.startup_deadline", "1s"),
    ("emergency.crash_dir", "/reports"),
    // Their effect is tested in `outside.rs`, which has services to call.
    ("outside.allowed", "a:1"),
    ("outside.deadline", "1s"),
    ("outside.failures", "2"),
    ("outside.open_for", "1s"),
    ("outside.tries", "2"),
    ("outside.successes", "1"),
    ("outside.retries", "0"),
    ("outside.fallback", "cache"),
    ("outside.cache_for", "1s"),
    ("outside.default_body", "away"),
    ("outside.alternative", "b:1"),
];

/// Row 48: no key is accepted silently without an effect.
#[test]
fn every_key_is_set_by_a_test_to_a_value_that_is_not_its_default() {
    let set: Vec<_> = ALL.iter().copied().flatten().chain(ELSEWHERE).collect();
    let tested: BTreeSet<&str> = set.iter().map(|(key, _)| *key).collect();
    let declared: BTreeSet<String> =
        keys::<FrameworkConfig>().into_iter().map(|key| key.path).collect();
    let untested: Vec<_> = declared.iter().filter(|key| !tested.contains(key.as_str())).collect();
    assert!(untested.is_empty(), "no test sees what these keys do: {untested:?}");
    assert_eq!(tested.len(), set.len(), "a key is set twice");
    for (key, value) in set {
        let mut config = FrameworkConfig::default();
        config.set(key, &Raw::Word((*value).to_owned())).unwrap_or_else(|e| panic!("{key}: {e:?}"));
        assert!(!config.same(&FrameworkConfig::default(), key), "{key}: {value} is its default");
    }
}

fn state(server: &Server, path: &str) -> Value {
    let path = path.parse().expect("a path");
    let state = server.control(async |client: &mut Client| client.state(path).await);
    state.unwrap_or_else(|error| panic!("{error:?}")).state
}

fn inject(server: &Server, path: &str, fault: Fault) {
    let path = path.parse().expect("a path");
    let done = server.control(async |client: &mut Client| client.inject(path, fault).await);
    done.unwrap_or_else(|error| panic!("{error:?}"));
}

/// Returns the sum of a metric over all labels that contain this text.
fn metric(server: &Server, name: &str, label: &str) -> f64 {
    let text = Http::try_get(server.admin(), "/metrics").expect("answered").body;
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Submits a task that takes a minute.
fn long_task(server: &Server) -> common::Reply {
    let body = r#"{"kind":"wait","payload":{"ms":60000}}"#;
    server.http().post("/api/v1/tasks", body)
}

/// Writes a file that only its owner may read.
fn private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

/// Moves the end of a task by some milliseconds, in the file of a server that does not run.
fn ended_later(place: &Place, id: &str, ms: i64) {
    use sqlx::{Connection, SqliteConnection};
    let id = id.parse::<uuid::Uuid>().expect("a UUID");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite://{}", place.database().display());
        let mut file = SqliteConnection::connect(&url).await.expect("nobody else has it");
        let moved = sqlx::query("UPDATE tasks SET ended = ended + ?1 WHERE id = ?2")
            .bind(ms)
            .bind(&id.as_bytes()[..])
            .execute(&mut file);
        assert_eq!(moved.await.expect("written").rows_affected(), 1);
        file.close().await.expect("closed");
    });
}

groups! {
    /// The supervisor of the components is what the keys say.
    supervision sets [
        "core.supervision.strategy" = "rest_for_one",
        "core.supervision.max_restarts" = "7",
        "core.supervision.restart_window" = "2m",
    ] |place| {
        let supervisor = state(&place.start(), "/root/components");
        assert_eq!(supervisor["strategy"], "RestForOne", "{supervisor}");
        assert_eq!(supervisor["max_restarts"], 7, "{supervisor}");
        assert_eq!(supervisor["restart_window"], "120s", "{supervisor}");
    };

    /// The supervisor checks heartbeats many times before the default interval would be over, and
    /// replaces an actor that misses as many as the key says.
    heartbeats sets [
        "core.supervision.heartbeat_interval" = "200ms",
        "core.supervision.heartbeat_missed" = "2",
    ] |place| {
        let server = place.start();
        until("many looks", || {
            let looks = &state(&server, "/root/components")["looks_at_heartbeats"];
            (looks.as_u64()? > 20).then_some(())
        });
        inject(&server, "/root/components/storage", Fault::Hang);
        server.log.line("2 heartbeats missed");
    };

    /// At the default of 10 s there could not be so many rounds in a minute.
    health_checks_interval sets ["core.supervision.health_check_interval" = "200ms"] |place| {
        let server = place.start();
        let rounds = || metric(&server, "ms_framework_integration_duration_seconds_count", "storage");
        let before = rounds();
        until("ten rounds", || (rounds() > before + 10.0).then_some(()));
    };

    /// Keys without support in this build are named at the start, one by one.
    features sets [
        "core.event_bus.type" = "nats",
        "core.event_bus.servers" = "nats://127.0.0.1:4333",
        "core.event_bus.cluster_size" = "3",
        "core.event_bus.max_reconnects" = "11",
        "core.event_bus.reconnect_delay" = "6s",
        "core.service_registry.type" = "consul",
        "core.service_registry.url" = "https://127.0.0.1:8601",
        "core.service_registry.datacenter" = "dc2",
        "telemetry.otlp_endpoint" = "http://127.0.0.1:4317",
    ] |place| {
        let server = place.start();
        let line = server.log.line("pre-flight: warning");
        assert!(line.contains("WARN") && line.contains("features"), "{line}");
        for (key, part) in [
            ("core.event_bus.type", "NATS"),
            ("core.event_bus.servers", "NATS"),
            ("core.event_bus.cluster_size", "NATS"),
            ("core.event_bus.max_reconnects", "NATS"),
            ("core.event_bus.reconnect_delay", "NATS"),
            ("core.service_registry.type", "Consul"),
            ("core.service_registry.url", "Consul"),
            ("core.service_registry.datacenter", "Consul"),
            ("telemetry.otlp_endpoint", "OTLP"),
        ] {
            assert!(line.contains(&format!("`{key}` has no effect: this build has no {part}")), "{line}");
        }
    };

    /// The backlog of a subscriber without a limit of its own; the ids of the logged events.
    event_bus sets [
        "core.event_bus.subscriber_backlog" = "7",
        "core.event_bus.log_subjects" = "node.decided",
    ] |place| {
        let server = place.start();
        assert_eq!(state(&server, "/root/components/event-bus/bus")["buffer"], 7);
        server.steer("/root/components/database/store", Verb::Kill);
        assert!(server.log.line("subject=node.decided").contains("ms_bus::log"));
    };

    /// No component is asked for its health.
    health_checks sets ["components.health_checks.enabled" = "false"] |place| {
        let server = place.start();
        assert_eq!(state(&server, "/root/health")["armed"], false);
        assert_eq!(server.get("/health/ready").status, 200);
    };

    /// The settings of the probes; the tests of `ms-runtime`'s health cover their effect.
    probes sets [
        "components.health_checks.startup_probe.initial_delay" = "1s",
        "components.health_checks.startup_probe.period" = "2s",
        "components.health_checks.startup_probe.timeout" = "1500ms",
        "components.health_checks.startup_probe.success_threshold" = "2",
        "components.health_checks.startup_probe.failure_threshold" = "4",
        "components.health_checks.liveness_probe.initial_delay" = "1s",
        "components.health_checks.liveness_probe.period" = "3s",
        "components.health_checks.liveness_probe.timeout" = "2s",
        "components.health_checks.liveness_probe.failure_threshold" = "5",
        "components.health_checks.readiness_probe.initial_delay" = "1s",
        "components.health_checks.readiness_probe.period" = "4s",
        "components.health_checks.readiness_probe.timeout" = "2500ms",
        "components.health_checks.readiness_probe.success_threshold" = "3",
        "components.health_checks.readiness_probe.failure_threshold" = "6",
    ] |place| {
        let probes = state(&place.start(), "/root/health")["probes"].clone();
        let probe = |name: &str, times: [&str; 3], counts: [u64; 2]| {
            let probe = &probes[name];
            for (key, value) in ["initial_delay", "period", "timeout"].iter().zip(times) {
                assert_eq!(probe[key], value, "{name}.{key}: {probes}");
            }
            for (key, value) in ["success_threshold", "failure_threshold"].iter().zip(counts) {
                assert_eq!(probe[key], value, "{name}.{key}: {probes}");
            }
        };
        probe("startup", ["1s", "2s", "1.5s"], [2, 4]);
        probe("liveness", ["1s", "3s", "2s"], [1, 5]);
        probe("readiness", ["1s", "4s", "2.5s"], [3, 6]);
    };

    /// Kubernetes permits only one value for it, so any other is refused.
    liveness_success sets [
        "components.health_checks.liveness_probe.success_threshold" = "2",
    ] |place| {
        let (code, output) = place.refused();
        assert_eq!(code, 8, "{output}");
        assert!(output.contains("`components.health_checks.liveness_probe.success_threshold`"));
    };

    /// Each listener has the address of its key, and debug lines are written as JSON.
    places sets [
        "http.bind" = "127.0.0.3:0",
        "telemetry.metrics_bind" = "127.0.0.4:0",
        "telemetry.log_filter" = "info,ms_server=debug",
        "telemetry.log_format" = "json",
    ] |place| {
        let server = place.launch();
        let line = |text: &str| -> Value {
            serde_json::from_str(&server.log.line(text)).expect("a line of JSON")
        };
        for at in ["127.0.0.3:", "127.0.0.4:"] {
            assert!(line(at)["fields"]["message"].as_str().unwrap().contains("listening"));
        }
        assert_eq!(line("DEBUG")["target"].as_str().unwrap().split(':').next(), Some("ms_server"));
    };

    /// A body over the limit is refused. A head that stops halfway times out before a body that does,
    /// though it began later, and the body times out after the time of its key.
    http_requests sets [
        "http.max_body" = "2KiB",
        "http.header_timeout" = "200ms",
        "http.request_timeout" = "3s",
    ] |place| {
        let server = place.start();
        let large = format!(r#"{{"kind":"echo","payload":"{}"}}"#, "x".repeat(3 * 1024));
        assert_eq!(server.http().post("/api/v1/tasks", &large).status, 413);
        let (mut body, mut head) = (server.http(), server.http());
        body.say(
            b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
              Content-Length: 99\r\n\r\n{",
        );
        head.say(b"GET /health/live HTTP/1.1\r\n");
        let reply = body.reply().expect("answered");
        assert_eq!(reply.status, 408, "{reply:?}");
        assert!(reply.body.contains("within 3s"), "{reply:?}");
        assert!(!head.is_open(), "closed long before");
    };

    /// While one connection is open, the next one waits.
    http_connections sets ["http.max_connections" = "1"] |place| {
        let server = place.start();
        let mut first = server.http();
        assert_eq!(first.get("/health/live").status, 200);
        let mut second = server.http();
        second.say(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
        for _ in 0..20 {
            assert_eq!(first.get("/health/live").status, 200);
        }
        assert!(second.has_nothing_to_read(), "served beside the first");
        drop(first);
        assert_eq!(second.reply().expect("its turn").status, 200);
    };

    /// As many agents of each kind; a queue that is full; a task that takes too long.
    tasks sets [
        "tasks.agents" = "3",
        "tasks.queue_limit" = "1",
        "tasks.timeout" = "300ms",
    ] |place| {
        let server = place.start();
        let pool = "/root/components/application/tasks/wait/";
        let agents = paths(&server.tree()).into_iter().filter(|path| path.starts_with(pool)).count();
        assert_eq!(agents, 3);
        let id = id_of(&long_task(&server));
        let full = long_task(&server);
        assert_eq!(full.status, 503, "{full:?}");
        until("an attempt that is over its time", || {
            let task = server.get(&format!("/api/v1/tasks/{id}")).json();
            (task["failure"]["kind"] == "timed_out").then_some(())
        });
    };

    /// A result is deleted a minute after its end, while the default would keep it for a day. The
    /// minute passes in the file, between two lives of the server; younger results are kept.
    retention sets ["tasks.retention" = "1m"] |place| {
        let mut server = place.start();
        let done = || {
            let id = id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
            let path = format!("/api/v1/tasks/{id}");
            until("its end", || (server.get(&path).json()["state"] == "completed").then_some(()));
            (id, path)
        };
        let ((old, of_old), (young, of_young)) = (done(), done());
        assert_eq!(server.stop(), 0);
        ended_later(&place, &old, -61_000);
        // Even on a slow machine this takes less than a minute.
        ended_later(&place, &young, 600_000);
        let server = place.start();
        until("its removal", || (server.get(&of_old).status == 404).then_some(()));
        assert_eq!(server.get(&of_young).status, 200);
    };

    /// The time of a stop is split into its steps: with 2 s the drain ends within one.
    shutdown sets ["shutdown.within" = "2s"] |place| {
        let mut server = place.start();
        let mut half = server.http();
        half.say(
            b"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
              Content-Length: 99\r\n\r\n{",
        );
        // On another connection: the first one was accepted before the stop.
        assert_eq!(server.get("/api/v1/tasks?limit=1").status, 200);
        server.signal(Signal::TERM);
        let line = server.log.line("still in flight after");
        let after = line.split("still in flight after ").nth(1).unwrap();
        let after: f64 = after.split("ms").next().unwrap().parse().expect("milliseconds");
        assert!(after < 1_000.0, "{line}");
        server.exit();
    };

    /// The grace that Kubernetes grants bounds the stop: a longer stop needs a longer grace.
    grace sets ["shutdown.kubernetes_grace" = "70s"] |place| {
        let longer = "shutdown.within=60s";
        let (code, output) = Place::new().set(longer).refused();
        assert_eq!(code, 8, "{output}");
        assert!(output.contains("`shutdown.kubernetes_grace`"), "{output}");
        let place = place.set(longer);
        assert_eq!(place.start().stop(), 0);
    };

    /// The number of critical errors that end the process, and the duration of the emergency.
    emergency sets [
        "emergency.critical_errors" = "2",
        "emergency.memory_limit" = "1GiB",
        "emergency.within" = "3s",
    ] |place| {
        let place = place.set("core.supervision.max_restarts=0");
        let mut server = place.start();
        let emergency = state(&server, "/root/emergency");
        assert_eq!(emergency["gives_up_at"], 2);
        // `emergencies.rs` tests that it ends the process.
        assert_eq!(emergency["memory_limit"], 1_u64 << 30, "{emergency}");
        inject(&server, "/root/components/storage", Fault::Crash);
        let line = server.log.line("EMERGENCY SHUTDOWN INITIATED");
        assert!(line.contains("within=3s"), "{line}");
        assert_eq!(server.exit(), 102);
    };
}

/// S7.1-08: a password, a token or TLS that nothing in this build uses is refused as unsafe, by name.
#[test]
fn what_should_protect_and_cannot_is_refused_with_78() {
    for (key, lines) in [
        ("core.event_bus.user", "event_bus = { user = \"me\", password = \"s3cret\" }"),
        ("core.event_bus.password", "event_bus = { user = \"me\", password = \"s3cret\" }"),
        ("core.service_registry.token", "service_registry.token = \"s3cret\""),
        ("core.service_registry.encryption", "service_registry.encryption = false"),
    ] {
        let place = Place::new();
        private(&place.config().join("development.toml"), &format!("[core]\n{lines}\n"));
        let (code, output) = place.refused();
        assert_eq!(code, 78, "{output}");
        assert!(output.contains(&format!("`{key}` protects nothing")), "{output}");
        assert!(!output.contains("s3cret"), "{output}");
    }
}

/// Without a token it serves only this machine.
#[test]
fn an_unguarded_server_is_not_opened_for_others() {
    let place = Place::new().set("http.tls_terminated_upstream=true").set("http.bind=0.0.0.0:0");
    let (code, output) = place.refused();
    assert_eq!(code, 78, "{output}");
    assert!(output.contains("http.auth_token_file"), "{output}");
}

/// With a token and TLS in front it serves other machines, requires the token, and accepts one
/// connection from each address that is not loopback.
#[test]
fn a_guarded_server_listens_for_others_and_counts_their_connections() {
    let own = own_address();
    let place = Place::new();
    private(&place.file("token"), "0123456789abcdef\n");
    let place = place.set("http.tls_terminated_upstream=true").set("http.max_connections_per_ip=1");
    let token = place.file("token").display().to_string();
    let bind = format!("http.bind={own}:0");
    let place = place.set(&format!("http.auth_token_file={token}")).set(&bind);
    let server = place.start();
    let mut first = server.http();
    let tasks = |http: &mut Http, head: &str| http.call("GET", "/api/v1/tasks", head, "");
    assert_eq!(tasks(&mut first, "").expect("answered").status, 401);
    let credential = "Authorization: Bearer 0123456789abcdef\r\n";
    assert_eq!(tasks(&mut first, credential).expect("answered").status, 200);
    let mut second = server.http();
    assert!(second.closed(), "another one from the same address");
    assert_eq!(tasks(&mut first, credential).expect("answered").status, 200);
}

/// Returns an address of this machine that is not loopback, because loopback connections are not
/// counted.
fn own_address() -> std::net::IpAddr {
    let route = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    // Connecting a UDP socket chooses a route and sends nothing.
    let ip = route.connect("192.0.2.1:9").and_then(|()| route.local_addr()).map(|own| own.ip());
    let known = ip.ok().filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    known.or_else(listed_address).unwrap_or_else(|| {
        panic!(
            "this machine has no address but loopback, and what is counted for each address cannot \
             be seen; as root: ip address add 192.0.2.7/32 dev lo"
        )
    })
}

/// Returns the first one in the kernel's table of local addresses, if there is no route out.
fn listed_address() -> Option<std::net::IpAddr> {
    let table = fs::read_to_string("/proc/net/fib_trie").ok()?;
    let lines: Vec<&str> = table.lines().collect();
    let own = lines.windows(2).filter(|pair| pair[1].contains("/32 host LOCAL"));
    let mut own = own.filter_map(|pair| pair[0].trim().strip_prefix("|-- ")?.parse().ok());
    own.find(|ip: &std::net::IpAddr| !ip.is_loopback())
}

/// The file of the tasks has the path of its key.
#[test]
fn the_database_is_where_its_key_says() {
    let place = Place::new();
    let elsewhere = place.file("elsewhere");
    fs::DirBuilder::new().mode(0o700).create(&elsewhere).unwrap();
    let file = elsewhere.join("t.db");
    let place = place.set(&format!("tasks.database={}", file.display()));
    let server = place.start();
    id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
    assert!(file.exists() && !place.database().exists());
}

/// Returns a place with snapshots: keys, a directory, one save a second, two of which are kept.
fn with_snapshots() -> Place {
    let place = Place::new();
    let dir = place.file("snapshots");
    fs::DirBuilder::new().mode(0o700).create(&dir).unwrap();
    private(&place.file("keys"), &format!("key {}\n", "5a".repeat(32)));
    let (dir, keys) = (dir.display().to_string(), place.file("keys").display().to_string());
    place
        .set("persistence.enabled=true")
        .set(&format!("persistence.dir={dir}"))
        .set(&format!("persistence.key_file={keys}"))
        .set("persistence.keep=2")
        .set("persistence.interval=1s")
}

/// State is saved every second (by default every minute) and sealed with the file's key; two saves are
/// kept.
#[test]
fn snapshots_are_saved_where_and_as_often_as_their_keys_say() {
    let place = with_snapshots();
    let server = place.start();
    assert!(server.log.line("snapshots are sealed").contains("key=\"key\""));
    let saves = || {
        let entries = fs::read_dir(place.file("snapshots")).unwrap();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut saves: Vec<u64> =
            names.filter_map(|name| name.rsplit_once('-')?.1.parse().ok()).collect();
        saves.sort_unstable();
        saves
    };
    let first = until("a save", || saves().first().copied());
    until("three more", || saves().last().is_some_and(|last| *last >= first + 3).then_some(()));
    until("the older ones to be removed", || (saves().len() <= 2).then_some(()));
}

/// Of two components that could start, the one that the key names goes first.
#[test]
fn the_order_of_components_is_the_one_that_is_wished_for() {
    let order = |place: Place| {
        let paths = paths(&place.start().tree());
        let at = |name: &str| {
            let path = format!("/root/components/{name}");
            paths.iter().position(|one| *one == path).expect("it is there")
        };
        (at("credentials"), at("keyring"))
    };
    let (credentials, keyring) = order(with_snapshots());
    assert!(credentials < keyring, "by name, unless something else is wished for");
    let wished = with_snapshots().set("components.initialization_order=keyring");
    let (credentials, keyring) = order(wished);
    assert!(keyring < credentials);
}

/// S4.2-05: a start that takes longer than the key allows is undone and ends the process; the component
/// that it waited for is named.
#[test]
fn a_start_that_takes_too_long_is_undone_and_ends_with_4() {
    let place = Place::new();
    assert_eq!(place.start().stop(), 0);
    // SQLite waits for this lock, so the boot does.
    let file = fs::File::options().write(true).open(place.database()).unwrap();
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).expect("nobody else has it");
    let (code, output) = place.set("components.startup_deadline=1s").refused();
    assert_eq!(code, 4, "{output}");
    assert!(output.contains("was not done within 1s") && output.contains("database"), "{output}");
    assert!(output.contains("rolling back component=configuration"), "{output}");
    drop(file);
}

/// The crash report is in the directory of its key.
#[test]
fn crash_reports_are_where_their_key_says() {
    let place = Place::new();
    let reports = place.file("reports");
    let place = place.set(&format!("emergency.crash_dir={}", reports.display()));
    let place = place.set("core.supervision.max_restarts=0");
    let mut server = place.start();
    inject(&server, "/root/components/storage", Fault::Crash);
    assert_eq!(server.exit(), 102, "{}", server.log.text());
    assert_eq!(fs::read_dir(&reports).expect("made").count(), 1);
}
