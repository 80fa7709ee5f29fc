//! How the components get along, as the real server tells it over HTTP and to Prometheus.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use common::{Http, Place, Server, id_of, until};
use ms_control::proto::Verb;
use serde_json::Value;

fn integration(server: &Server) -> Value {
    let reply = server.get("/api/v1/metrics/integration");
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

fn of<'a>(metrics: &'a Value, list: &str, component: &str) -> Option<&'a Value> {
    metrics[list].as_array().unwrap().iter().find(|one| one["component"] == component)
}

fn pair<'a>(metrics: &'a Value, from: &str, to: &str) -> Option<&'a Value> {
    let pairs = metrics["latencies"].as_array().unwrap();
    pairs.iter().find(|one| one["from"] == from && one["to"] == to)
}

/// The value of a series.
fn value(server: &Server, series: &str) -> Option<f64> {
    let page = Http::try_get(server.admin(), "/metrics").ok()?.body;
    let line = page.lines().find(|line| line.starts_with(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn wait_for(server: &Server, series: &str, good: impl Fn(f64) -> bool) {
    until(series, || value(server, series).filter(|&found| good(found)));
}

/// S10.2-01, S10.2-02, S10.2-03, S10.1-03: every component has a score and an error rate; health
/// checks, requests of the API and the dispatcher's calls have latencies, with buckets at 0.1 s
/// and at 1 s.
#[test]
fn scores_error_rates_and_latencies_are_there() {
    let place = Place::new();
    let server = place.start();
    let id = id_of(&server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#));
    until("the task to end", || {
        let view = server.get(&format!("/api/v1/tasks/{id}")).json();
        (view["state"] == "completed").then_some(())
    });
    let refused = server.http().post(&format!("/api/v1/tasks/{id}/cancel"), "");
    assert_eq!(refused.status, 409, "it has ended");
    let metrics = integration(&server);
    for component in ["application", "configuration", "database", "observability", "transport"] {
        let score = of(&metrics, "health_scores", component).expect(component);
        assert_eq!(score["score"], 1.0, "{metrics}");
        let rate = of(&metrics, "error_rates", component).expect(component);
        assert_eq!(rate["rate"], 0.0, "a refusal is no failure: {metrics}");
        assert!(pair(&metrics, "health", component).expect(component)["count"].as_u64() > Some(0));
    }
    for (from, to, least) in [
        ("transport", "database", 2),
        ("transport", "application", 1),
        ("application", "database", 3),
    ] {
        let pair = pair(&metrics, from, to).unwrap_or_else(|| panic!("{from} -> {to}: {metrics}"));
        assert!(pair["count"].as_u64().unwrap() >= least, "{pair}");
        assert_eq!(pair["failed"], 0, "{pair}");
        assert!(pair["max_us"].as_u64().unwrap() > 0, "{pair}");
    }
    // What `msctl metrics` asks tells the same.
    let told = server.control(async |client| client.interactions().await).unwrap();
    let pairs = told.latencies.iter().map(|one| (one.from.as_str(), one.to.as_str()));
    assert!(pairs.collect::<Vec<_>>().contains(&("transport", "database")), "{told:?}");
    assert_eq!((&metrics["incidents"], &metrics["lost"]), (&0.into(), &0.into()));
    assert_eq!(metrics["mean_time_to_recovery_ms"], Value::Null);

    let bucket = |le: &str| {
        let name = "ms_framework_integration_duration_seconds_bucket";
        format!("{name}{{from=\"transport\",to=\"database\",le=\"{le}\"}} ")
    };
    for le in ["0.1", "1", "+Inf"] {
        wait_for(&server, &bucket(le), |calls| calls >= 2.0);
    }
    let score = "ms_framework_component_health_score{component=\"database\"} ";
    wait_for(&server, score, |score| score == 1.0);
    let rate = "ms_framework_component_error_rate{component=\"database\"} ";
    wait_for(&server, rate, |rate| rate == 0.0);
    wait_for(&server, "ms_framework_incidents_total{component=\"database\"} ", |n| n == 0.0);
}

/// S10.2-04, S10.1-04: a component that is stopped is an incident; when it is back and was found
/// healthy, the incident is over and its time to recovery is told.
#[test]
fn s10_1_04_a_component_that_was_down_is_an_incident_with_its_time_to_recovery() {
    let place = Place::new().set("core.supervision.health_check_interval=1s");
    let server = place.start();
    server.steer("/root/components/application", Verb::Stop);
    let opened = until("an incident", || {
        let metrics = integration(&server);
        of(&metrics, "open_incidents", "application").cloned()
    });
    let score = of(&integration(&server), "health_scores", "application").cloned().unwrap();
    assert!(score["score"].as_f64() < Some(1.0), "{score}");
    assert!(
        of(&integration(&server), "error_rates", "application").unwrap()["rate"].as_f64()
            > Some(0.0)
    );
    wait_for(&server, "ms_framework_incidents_open ", |open| open == 1.0);
    server.steer("/root/components/application", Verb::Restart);
    let metrics = until("its end", || {
        let metrics = integration(&server);
        of(&metrics, "recovery_times", "application").is_some().then_some(metrics)
    });
    let recovery = of(&metrics, "recovery_times", "application").unwrap();
    assert_eq!(recovery["incident"], opened["incident"]);
    assert_eq!(recovery["opened_ms"], opened["opened_ms"]);
    let took = recovery["took_ms"].as_u64().unwrap();
    let between =
        |one: &Value| one["recovered_ms"].as_u64().unwrap() - one["opened_ms"].as_u64().unwrap();
    assert_eq!(took.abs_diff(between(recovery)).min(2), took.abs_diff(between(recovery)));
    assert_eq!(metrics["mean_time_to_recovery_ms"], took, "the only one so far");
    assert!(took < 5 * 60 * 1_000, "S10.1-04: within five minutes");
    assert_eq!((&metrics["incidents"], &metrics["recovered"]), (&1.into(), &1.into()));
    let seconds = took as f64 / 1_000.0;
    wait_for(&server, "ms_framework_incidents_total{component=\"application\"} ", |n| n == 1.0);
    wait_for(&server, "ms_framework_incidents_open ", |open| open == 0.0);
    for series in ["ms_framework_last_recovery_seconds ", "ms_framework_mean_recovery_seconds "] {
        wait_for(&server, series, |told| (told - seconds).abs() < 0.002);
    }
}

/// S10.2-03, S10.2-04: an actor that is killed is a failed operation of its component. The tree it
/// is in has not gone, so there is no incident.
#[test]
fn an_actor_that_is_killed_is_a_failed_operation() {
    let place = Place::new();
    let server = place.start();
    server.steer("/root/components/application/tasks/echo/echo-1", Verb::Kill);
    until("the failure", || {
        let rate = of(&integration(&server), "error_rates", "application").cloned()?;
        (rate["failed"].as_u64() >= Some(1)).then_some(())
    });
    server.steer("/root/components/observability", Verb::Kill);
    until("an incident", || {
        let metrics = integration(&server);
        let list = ["open_incidents", "recovery_times"];
        list.iter().any(|list| of(&metrics, list, "observability").is_some()).then_some(())
    });
    assert!(of(&integration(&server), "open_incidents", "application").is_none());
}

/// S2.2-12: spawned, failed, restarted, running, with durations.
#[test]
fn s2_2_12_lives_of_actors_are_counted_with_how_long_they_ran() {
    let place = Place::new();
    let server = place.start();
    let metric = |series: &str| until(series, || value(&server, series));
    let running = metric("ms_framework_task_running ");
    let count = server.tree().walk().count();
    wait_for(&server, "ms_framework_task_running ", |running| running == count as f64);
    assert!(running > 0.0 && metric("ms_framework_task_spawned_total ") > 0.0);
    let before = |name: &str| metric(&format!("ms_framework_task_{name} "));
    // There from the first end on.
    let ended = value(&server, "ms_framework_task_duration_seconds_count ").unwrap_or(0.0);
    let (restarts, failures, ended) = (before("restarts_total"), before("failures_total"), ended);
    server.steer("/root/components/application/tasks/echo/echo-1", Verb::Kill);
    wait_for(&server, "ms_framework_task_restarts_total ", |now| now == restarts + 1.0);
    wait_for(&server, "ms_framework_task_failures_total ", |now| now == failures + 1.0);
    wait_for(&server, "ms_framework_task_duration_seconds_count ", |now| now == ended + 1.0);
    wait_for(&server, "ms_framework_task_running ", |running| running == count as f64);
    let longest = "ms_framework_task_duration_seconds_bucket{le=\"86400\"} ";
    assert_eq!(metric(longest), ended + 1.0);
}
