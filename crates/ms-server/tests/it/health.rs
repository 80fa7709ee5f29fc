//! The three probes through a start, the loss of a component and its return; metrics.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::fs;
use std::path::Path;
use std::time::Duration;

use common::{Http, Place, end_own, own_options, until};
use ms_actor::unix_ms;
use ms_control::proto::Verb;
use ms_core::health::{Criticality, HealthResult};
use ms_runtime::{Component, ComponentContext, ComponentFailure, ComponentSpec};
use ms_server::Server;
use ms_server::agents::Echo;
use ms_testkit::child;
use serde_json::{Value, json};

/// The file whose presence lets a held boot go on.
const GO_ON: &str = "MS_HEALTH_TEST_GO_ON";

/// The last component to start: it waits for the test.
struct Held;

impl Component for Held {
    async fn start(&mut self, _: &ComponentContext) -> Result<(), ComponentFailure> {
        let file = std::env::var_os(GO_ON).ok_or("no file is named")?;
        while !Path::new(&file).exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

fn serve_held(_: &str) {
    let held = ComponentSpec::new("held", || Held).needs(["transport", "application"]);
    let held = held.start_within(common::LONGEST_WAIT);
    let server = Server::new("held").agents::<Echo>("echo", ()).component(held);
    end_own(server.run(&own_options()));
}

/// S7.2-03, S7.2-05, S4.4-10: until the boot is done the server is neither started nor ready on any
/// port, and alive on those that answer.
#[test]
fn startup_and_readiness_are_503_until_the_boot_is_done() {
    child::split(startup_and_readiness_are_503_until_the_boot_is_done, serve_held, |own| {
        let place = Place::new();
        let go_on = place.file("go-on");
        let mut server = place.launch_own_with(own, |child| child.env(GO_ON, &go_on));
        let listeners = [server.api(), server.admin()];
        for at in listeners {
            // It waits for one component and nothing else, without a limit.
            until("all but one component to run", || {
                let reply = Http::try_get(at, "/health/startup").ok()?;
                assert_eq!(reply.status, 503, "{reply:?}");
                Some(())
            });
            let reply = Http::try_get(at, "/health/ready").unwrap();
            assert_eq!(reply.status, 503, "{reply:?}");
            let reply = Http::try_get(at, "/health/live").unwrap();
            assert_eq!(reply.status, 200, "it lives all the while: {reply:?}");
        }
        assert!(!server.log.has("bootstrap completed successfully"), "{}", server.log.text());
        fs::write(go_on, "").unwrap();
        server.started();
        // It is started a moment before it logs that.
        server.log.line("bootstrap completed successfully");
        for path in ["/health/startup", "/health/live", "/health/ready"] {
            for at in listeners {
                assert_eq!(Http::try_get(at, path).unwrap().status, 200, "{path}");
            }
        }
        assert_eq!(server.stop(), 0, "{}", server.log.text());
    });
}

/// Asserts the content of the five fields, and returns the time of the checks.
fn five_fields(report: &Value) -> u64 {
    let text = |value: &Value| value.as_str().map(str::to_owned).expect("a text");
    let statuses = ["healthy", "unknown", "degraded", "unhealthy"];
    let overall = text(&report["overall_status"]);
    assert!(statuses.contains(&&*overall), "{report}");
    let components = report["components"].as_array().expect("a list");
    let names: Vec<_> = components.iter().map(|one| text(&one["name"])).collect();
    for wanted in ["application", "database", "event-bus", "transport"] {
        assert!(names.iter().any(|name| name == wanted), "no {wanted} in {report}");
    }
    assert!(components.iter().all(|one| statuses.contains(&&*text(&one["status"]))), "{report}");
    let failures = report["critical_failures"].as_array().expect("a list");
    assert!(failures.iter().all(|name| names.contains(&text(name))), "{report}");
    assert_eq!(overall == "unhealthy", !failures.is_empty(), "{report}");
    let took = &report["check_duration"];
    assert!(took["secs"].is_u64() && took["nanos"].is_u64(), "{report}");
    report["timestamp"].as_u64().expect("a time")
}

/// S4.4-08: `/health/ready` has, ready or not and on either port, the overall status, every component,
/// the critical ones that do not work, and the duration and the time of the checks. Later reports are
/// from later checks.
#[test]
fn the_report_of_readiness_has_its_five_fields_ready_or_not() {
    let began = unix_ms();
    let place = Place::new().set("core.supervision.health_check_interval=100ms");
    let server = place.start();
    let listeners = [server.api(), server.admin()];
    let report = |at, status: u16| {
        until(&format!("{status} and checks made"), || {
            let reply = Http::try_get(at, "/health/ready").ok()?;
            (reply.status == status && reply.json()["timestamp"] != 0).then(|| reply.json())
        })
    };
    for at in listeners {
        let first = report(at, 200);
        let made = five_fields(&first);
        assert!((began..=unix_ms()).contains(&made), "{first}");
        assert_eq!(first["critical_failures"], json!([]), "{first}");
        until("later checks", || (five_fields(&report(at, 200)) > made).then_some(()));
    }
    server.steer("/root/components/application", Verb::Stop);
    for at in listeners {
        let last = report(at, 503);
        assert!((began..=unix_ms()).contains(&five_fields(&last)), "{last}");
        assert_eq!(last["overall_status"], "unhealthy", "{last}");
        assert_eq!(last["critical_failures"], json!(["application"]), "{last}");
    }
}

/// The file with the answer that a component gives when it is checked.
const SAYS: &str = "MS_HEALTH_TEST_SAYS";

/// Two components, one of them critical, that answer with the content of a file, or not at all.
struct Checked(&'static str);

impl Component for Checked {
    async fn health(&mut self, _: &ComponentContext) -> HealthResult {
        let dir = std::env::var_os(SAYS).expect("a directory is named");
        let says = fs::read_to_string(Path::new(&dir).join(self.0)).unwrap_or_default();
        match &*says {
            "" => HealthResult::Healthy,
            "nothing" => std::future::pending().await,
            "degraded" => HealthResult::Degraded("slow today".to_owned()),
            _ => HealthResult::Unhealthy(says),
        }
    }
}

fn serve_checked(_: &str) {
    let critical = ComponentSpec::new("critical", || Checked("critical"));
    let other =
        ComponentSpec::new("other", || Checked("other")).criticality(Criticality::Degradable);
    end_own(Server::new("checked").component(critical).component(other).run(&own_options()));
}

/// S2.1-06, S2.1-12, S4.4-01, S4.4-02, S4.4-03, S4.4-05: the checks of a program's components are run again and again, and what they find is what
/// `/health/ready` answers: who is degraded is named, a critical component that is unhealthy, or says
/// nothing at all, makes the process unready, another one does not; liveness asks none of them.
#[test]
fn readiness_follows_the_checks_of_a_programs_components() {
    child::split(readiness_follows_the_checks_of_a_programs_components, serve_checked, |own| {
        let place = Place::new();
        place.write_config(
            "core.supervision.health_check_interval = \"200ms\"\n\
             [components.health_checks.readiness_probe]\nperiod = \"1s\"\ntimeout = \"1s\"\n",
        );
        let says = place.file("says");
        fs::create_dir(&says).unwrap();
        let server = place.launch_own_with(own, |child| child.env(SAYS, &says));
        server.started();
        let say = |name: &str, what: &str| {
            fs::write(place.file("new"), what).unwrap();
            fs::rename(place.file("new"), says.join(name)).unwrap();
        };
        let ready = |status: u16, overall: &str, name: &str, message: &str| {
            until(&format!("{status}, {overall}, {name}: {message}"), || {
                let reply = server.get("/health/ready");
                let report = reply.json();
                let components = report["components"].as_array()?;
                let own = components.iter().find(|one| one["name"] == name).expect("listed");
                let explained = own["message"].as_str().unwrap_or_default().contains(message);
                let whole = reply.status == status && report["overall_status"] == overall;
                (whole && explained).then_some(report)
            })
        };
        ready(200, "healthy", "critical", "");
        say("critical", "degraded");
        ready(200, "degraded", "critical", "slow today");
        say("critical", "no disk");
        let report = ready(503, "unhealthy", "critical", "no disk");
        assert_eq!(report["critical_failures"], json!(["critical"]), "{report}");
        assert_eq!(server.get("/health/live").status, 200);
        say("critical", "");
        ready(200, "healthy", "critical", "");
        say("other", "no disk");
        let report = ready(200, "degraded", "other", "no disk");
        assert_eq!(report["critical_failures"], json!([]), "{report}");
        say("other", "");
        ready(200, "healthy", "other", "");
        say("critical", "nothing");
        let report = ready(503, "unhealthy", "critical", "");
        assert_eq!(report["critical_failures"], json!(["critical"]), "{report}");
        assert_eq!(server.get("/health/live").status, 200);
    });
}

/// S1.2-01, S4.4-09, S7.2-04, S7.2-05: a component that is down is named at once; the process stays
/// alive.
#[test]
fn a_component_that_is_down_is_named_and_only_readiness_suffers() {
    let place = Place::new();
    let server = place.start();
    server.steer("/root/components/application", Verb::Stop);
    let report = until("not ready", || {
        let reply = server.get("/health/ready");
        (reply.status == 503).then(|| reply.json())
    });
    assert_eq!(report["critical_failures"][0], "application", "{report}");
    let components = report["components"].as_array().unwrap();
    let own = components.iter().find(|one| one["name"] == "application").expect("listed");
    assert_eq!(own["status"], "unhealthy", "{report}");
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.get("/health/startup").status, 200);
    // A task that was accepted while it was down is done when it is back.
    let id = common::id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
    server.steer("/root/components/application", Verb::Restart);
    until("ready again", || (server.get("/health/ready").status == 200).then_some(()));
    until("the task to end", || {
        let view = server.get(&format!("/api/v1/tasks/{id}")).json();
        (view["state"] == "completed").then_some(())
    });
}

/// S4.4-10, S7.2-04: without its database the server is not ready, says when to retry, and is alive:
/// a restart of the process would not bring the database back.
#[test]
fn without_its_database_it_lives_and_is_not_ready() {
    let place = Place::new();
    let server = place.start();
    server.steer("/root/components/database", Verb::Stop);
    until("not ready", || (server.get("/health/ready").status == 503).then_some(()));
    let report = server.get("/health/ready").json();
    assert_eq!(report["critical_failures"][0], "database", "{report}");
    assert_eq!(server.get("/health/live").status, 200);
    let refused = server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.head.to_lowercase().contains("retry-after"), "{refused:?}");
    assert_eq!(server.get("/health/live").status, 200);
    server.steer("/root/components/database", Verb::Restart);
    until("ready again", || (server.get("/health/ready").status == 200).then_some(()));
    let taken = server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#);
    common::id_of(&taken);
}

/// Row 52: if nothing can be written, everything can still be read. The server is not ready, names the
/// path that fails, and is ready again when writes succeed.
#[test]
fn a_store_that_takes_no_write_makes_it_unready_though_it_can_be_read() {
    use sqlx::{Connection, Executor, SqliteConnection};
    let place = Place::new()
        .set("components.health_checks.readiness_probe.period=1s")
        .set("components.health_checks.readiness_probe.timeout=1s");
    let server = place.start();
    let id = common::id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut other = runtime.block_on(async {
        let url = format!("sqlite://{}", place.database().display());
        let mut other = SqliteConnection::connect(&url).await.expect("it may be read");
        until_locked(&mut other).await;
        other
    });
    let report = until("not ready", || {
        let reply = server.get("/health/ready");
        (reply.status == 503).then(|| reply.json())
    });
    let paths = report["paths"].as_array().expect("listed");
    let storage = paths.iter().find(|one| one["name"] == "storage").expect("named");
    assert!(!storage["why"].is_null(), "{report}");
    assert_eq!(server.get(&format!("/api/v1/tasks/{id}")).status, 200, "reads go on");
    assert_eq!(server.get("/health/live").status, 200);
    runtime.block_on(async { other.execute("ROLLBACK").await.expect("it is ours") });
    until("ready again", || (server.get("/health/ready").status == 200).then_some(()));
}

/// The server writes now and then, until it releases the lock.
async fn until_locked(other: &mut sqlx::SqliteConnection) {
    use sqlx::Executor;
    let end = std::time::Instant::now() + common::LONGEST_WAIT;
    while let Err(error) = other.execute("BEGIN IMMEDIATE").await {
        assert!(std::time::Instant::now() < end, "{error}");
    }
}

/// Row 19, S7.1-16, S7.1-18: the keys of the probes have their effect on the server: with a delay it
/// is started before it is ready, and ready after the configured number of good checks.
#[test]
fn the_keys_of_the_probes_have_their_effect() {
    let place = Place::new()
        .set("components.health_checks.startup_probe.initial_delay=0s")
        .set("components.health_checks.startup_probe.period=1s")
        .set("components.health_checks.startup_probe.timeout=1s")
        .set("components.health_checks.startup_probe.success_threshold=3")
        // A busy machine may need longer than the three seconds of the default.
        .set("components.health_checks.startup_probe.failure_threshold=60")
        .set("components.health_checks.liveness_probe.initial_delay=100ms")
        .set("components.health_checks.liveness_probe.period=2s")
        .set("components.health_checks.liveness_probe.timeout=2s")
        .set("components.health_checks.liveness_probe.failure_threshold=2")
        .set("components.health_checks.readiness_probe.initial_delay=2s")
        .set("components.health_checks.readiness_probe.period=1s")
        .set("components.health_checks.readiness_probe.timeout=1s")
        .set("components.health_checks.readiness_probe.success_threshold=2");
    let began = std::time::Instant::now();
    let server = place.start();
    until("ready", || (server.get("/health/ready").status == 200).then_some(()));
    // The delay, and the period between two good checks. Without them it would be ready at once.
    let waited = began.elapsed();
    assert!(waited >= std::time::Duration::from_secs(3), "ready after {waited:?}");
    server.log.line("a readiness check passes again");
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.get("/health/startup").json()["overdue"], false);
}

/// S2.4-02, S5.4-02, S5.4-03, S5.4-04: a panic of an agent is logged and ends only that life of the
/// agent. Its supervisor restarts it, and the server keeps running.
#[test]
fn a_panic_of_an_agent_is_logged_and_healed() {
    const AGENT: &str = "/root/components/application/tasks/echo/echo-1";
    let place = Place::new();
    let mut server = place.start();
    let incarnation = || {
        let tree = server.tree();
        let agent = tree.walk().find(|node| node.status.path.to_string() == AGENT)?;
        Some(agent.status.incarnation.0)
    };
    // A tree leaves out what does not answer at once.
    assert_eq!(until("the agent", incarnation), 1);
    let path = AGENT.parse().expect("a path");
    server
        .control(async |client| client.inject(path, ms_control::proto::Fault::Crash).await)
        .expect("it may be");
    let line = server.log.line("PANIC DETECTED");
    assert!(line.contains("injected"), "{line}");
    until("another life", || (incarnation() == Some(2)).then_some(()));
    common::id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
    assert!(!server.log.has("EMERGENCY"), "{}", server.log.text());
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}

/// Returns the value of a series.
fn value(metrics: &str, series: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.starts_with(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// S7.2-08, S10.1-01, S1.1-07, S7.4-03, S3.4-07, S2.2-12, S4.1-05: metrics are Prometheus' text: the
/// duration of the boot, each component's status, tasks by state, restarts.
#[test]
fn metrics_tell_of_the_boot_components_tasks_and_restarts() {
    let place = Place::new();
    let server = place.start();
    let id = common::id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
    let metric = |series: &str| {
        until(series, || {
            let reply = Http::try_get(server.admin(), "/metrics").ok()?;
            assert!(reply.head.contains("content-type: text/plain; version=0.0.4"), "{reply:?}");
            value(&reply.body, series)
        })
    };
    let boot = metric("ms_framework_bootstrap_duration_seconds ");
    assert!(boot > 0.0 && boot < 30.0, "{boot}");
    let status = |component: &str, status: &str| {
        let name = "ms_framework_component_health_status";
        format!("{name}{{component=\"{component}\",status=\"{status}\"}} ")
    };
    until("healthy", || (metric(&status("application", "healthy")) == 1.0).then_some(()));
    assert_eq!(metric(&status("application", "unhealthy")), 0.0);
    let completed = r#"ms_framework_tasks{queue="default",state="completed"} "#;
    until("the task to be counted", || (metric(completed) == 1.0).then_some(()));

    let restarts = "ms_framework_task_restarts_total ";
    let view = server.get(&format!("/api/v1/tasks/{id}")).json();
    server.steer(view["assigned_agent"].as_str().unwrap(), Verb::Kill);
    until("the restart to be counted", || (metric(restarts) >= 1.0).then_some(()));
    server.steer("/root/components/application", Verb::Stop);
    until("unhealthy", || (metric(&status("application", "unhealthy")) == 1.0).then_some(()));
    assert_eq!(metric(&status("application", "healthy")), 0.0, "the old status goes to 0");
}

/// S7.2-02, S4.3-10: the log filter changes while the server runs. A wrong file changes nothing, and a
/// key that needs a restart is named.
#[test]
fn the_log_filter_changes_while_it_runs() {
    let place = Place::new();
    place.write_config("telemetry.log_filter = \"info\"\n");
    let server = place.start();
    assert!(!server.log.has("DEBUG"), "{}", server.log.text());
    place.write_config("telemetry.log_filter = \"info,ms_server=debug\"\n");
    server.log.line("the log filter was changed");
    server.log.line("DEBUG ms_server");
    place.write_config("telemetry.log_filter = \"no=such=filter\"\n");
    let line = server.log.line("config_reload_failed");
    assert!(line.contains("`telemetry.log_filter` must be a log filter"), "{line}");
    place.write_config("telemetry.log_filtr = \"info\"\n");
    let line = server.log.nth(1, "config_reload_failed");
    assert!(line.contains("telemetry.log_filter"), "the nearest key: {line}");
    place.write_config("telemetry.log_filter = \"info\"\nhttp.max_connections = 7\n");
    let line = server.log.line("config_needs_restart");
    assert!(line.contains("http.max_connections"), "{line}");
    assert_eq!(server.get("/health/ready").status, 200);
}

/// A configuration directory that is renamed away degrades the service, which keeps the configuration
/// it read. It is healthy again when the directory is back, and watches it again.
#[test]
fn a_configuration_directory_that_is_away_degrades_the_service_until_it_is_back() {
    let place = Place::new();
    let server = place.start();
    let overall = |wanted: &str| {
        until(wanted, || {
            let reply = server.get("/health/ready");
            assert_eq!(reply.status, 200, "{reply:?}");
            let report = reply.json();
            (report["overall_status"] == wanted).then_some(report)
        })
    };
    overall("healthy");
    std::fs::rename(place.config(), place.file("away")).unwrap();
    let report = overall("degraded");
    let text = report.to_string();
    assert!(text.contains("reload of the configuration"), "{text}");
    server.log.line("config_not_watched");
    std::fs::rename(place.file("away"), place.config()).unwrap();
    overall("healthy");
    place.write_config("telemetry.log_filter = \"info,ms_server=debug\"\n");
    server.log.line("the log filter was changed");
}
