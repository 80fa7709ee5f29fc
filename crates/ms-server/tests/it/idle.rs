//! A server without work costs almost nothing, and one full of waiting agents stops at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use crate::common;

use std::fs;
use std::time::Duration;

use common::{Http, Place, Server, pause, until};
use rustix::process::Signal;
use serde_json::Value;

/// Returns the store's commits so far, from the metrics.
fn commits(server: &Server) -> u64 {
    let metrics = Http::try_get(server.admin(), "/metrics").expect("answered");
    let line =
        metrics.body.lines().find(|line| line.starts_with("ms_framework_store_commits_total "));
    let line = line.unwrap_or_else(|| panic!("no commits in {}", metrics.body));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Returns how often the threads of the server have slept so far: all of them, and the watchdog.
fn wakes(server: &Server) -> (u64, u64) {
    let tasks = format!("/proc/{}/task", server.pid().as_raw_nonzero());
    let threads = fs::read_dir(tasks).expect("Linux").filter_map(Result::ok);
    // A thread that ends meanwhile is not counted any more.
    let of_thread = |thread: fs::DirEntry| {
        let status = fs::read_to_string(thread.path().join("status")).ok()?;
        let of = |field: &str| status.lines().find_map(|line| line.strip_prefix(field));
        let slept: u64 = of("voluntary_ctxt_switches:")?.trim().parse().ok()?;
        Some((slept, if of("Name:")?.trim() == "ms-watchdog" { slept } else { 0 }))
    };
    let add = |sum: (u64, u64), one: (u64, u64)| (sum.0 + one.0, sum.1 + one.1);
    threads.filter_map(of_thread).fold((0, 0), add)
}

/// Polling without a reason would cost a commit or a wake each time.
#[test]
fn an_idle_server_commits_nothing() {
    let place = Place::new();
    let mut server = place.start();
    let accepted = server.http().post("/api/v1/tasks", r#"{"kind":"echo","payload":1}"#);
    let id = common::id_of(&accepted);
    until("the task to end", || {
        let view = server.get(&format!("/api/v1/tasks/{id}")).json();
        (view["state"] == "completed").then_some(())
    });
    // The figure lags behind by an interval of the observer, which a busy machine stretches. The cost
    // of the task is in it once it is above zero and has not changed for a while.
    let (mut before, mut still) = (0, 0);
    until("calm", || {
        pause(Duration::from_secs(2));
        let now = commits(&server);
        still = if now == before { still + 1 } else { 0 };
        before = now;
        (before > 0 && still >= 4).then_some(())
    });
    let (all, of_watchdog) = wakes(&server);
    pause(Duration::from_secs(10));
    assert_eq!(commits(&server) - before, 0, "commits in ten idle seconds");
    // The watchdog's clock is the measure: a busy machine slows it down like everything else. Of
    // about 60 wakes a second 10 are the watchdog's, or more if it finds an arbiter awake. There were
    // 500 when each arbiter proved with a timer that its loop turns.
    let now = wakes(&server);
    let (all, of_watchdog) = (now.0.saturating_sub(all), now.1 - of_watchdog);
    assert!(of_watchdog > 0 && all < 15 * of_watchdog, "{all} wakes, {of_watchdog} the watchdog's");
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}

fn page(http: &mut Http, filter: &str) -> Vec<Value> {
    let page = http.get(&format!("/api/v1/tasks?limit=1000&{filter}")).json();
    page["tasks"].as_array().unwrap_or_else(|| panic!("{page}")).clone()
}

/// EASE 3: agents that wait for a person when Ctrl-C comes.
#[test]
fn a_thousand_waiting_agents_hold_no_stop_up_and_lose_no_attempt() {
    const AGENTS: usize = 1_000;
    let place = Place::new();
    // A debug build starts thousands of actors, beside all other tests, and stops as many. A stop that
    // waited for their work would leave no task to be done again.
    let patient = "components.startup_deadline = \"170s\"\nshutdown.within = \"160s\"\n\
                   shutdown.kubernetes_grace = \"170s\"";
    place.write_config(&format!("tasks.agents = {AGENTS}\n{patient}\n"));
    let mut server = place.start();
    let mut http = server.http();
    let one = r#"{"kind":"wait","payload":{"ms":60000,"steps":60}}"#;
    for _ in 0..AGENTS / 100 {
        let batch = format!("[{}]", [one; 100].join(","));
        let taken = http.post("/api/v1/tasks/batch", &batch);
        assert!(taken.status < 300, "{taken:?}");
    }
    until("all are at work", || (page(&mut http, "state=running").len() == AGENTS).then_some(()));
    drop(http);
    server.signal(Signal::INT);
    assert_eq!(server.exit(), 0, "{}", server.log.text());
    assert!(server.log.has("clean=true"), "{}", server.log.text());
    assert!(!server.log.has("by force"), "{}", server.log.text());

    // With one agent of a kind the other tasks are as the stop left them.
    place.write_config("tasks.agents = 1\n");
    let mut server = place.start();
    let mut http = server.http();
    until("the one agent is at work", || {
        (page(&mut http, "state=running").len() == 1).then_some(())
    });
    let waiting = page(&mut http, "state=pending");
    assert_eq!(waiting.len(), AGENTS - 1);
    for task in waiting.iter().chain(&page(&mut http, "state=running")) {
        let own = u64::from(task["state"] == "running");
        assert_eq!(
            (task["attempts"].as_u64(), task["interruptions"].as_u64()),
            (Some(own), Some(0))
        );
    }
    drop(http);
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}
