//! Watching the watchers: every actor of a running server is hung and blocked, one after another, under
//! load. Each is detected and replaced, and the service answers again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use crate::common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::{Http, Place, Server, pause, until};
use ms_control::proto::Fault;
use ms_core::ChildType;
use ms_core::view::TreeNode;
use rustix::process::Signal;

const TASK: &str = r#"{"kind":"echo","payload":1}"#;
/// Of another kind than the load, so that it does not queue behind it.
const TRIAL: &str = r#"{"kind":"wait","payload":{"ms":1,"steps":1}}"#;
/// The time after which a request counts as unanswered; the next one may be answered.
const ONE: Duration = Duration::from_secs(5);

/// Heartbeats that detect a hang within two seconds, so that the whole tree takes only minutes. Restart
/// budgets are not tested: there are as many faults here in a minute as elsewhere in a year.
fn place() -> Place {
    Place::new()
        .set("core.supervision.max_restarts=1000")
        .set("core.supervision.heartbeat_interval=500ms")
        .set("core.supervision.heartbeat_missed=4")
        .set("core.supervision.health_check_interval=500ms")
        .set("components.health_checks.readiness_probe.period=1s")
        .set("components.health_checks.readiness_probe.timeout=1s")
        .set("tasks.agents=1")
        .set("telemetry.log_filter=warn,ms_transport=info")
}

/// Returns whether a task is accepted and done soon.
fn works(api: SocketAddr) -> bool {
    let answer = || {
        let mut http = Http::try_to(api)?.within(ONE)?;
        http.call("POST", "/api/v1/tasks", "", TRIAL)
    };
    let Ok(reply) = answer() else { return false };
    let id = match reply.status {
        201 => common::id_of(&reply),
        _ => return false,
    };
    (0..100).any(|_| {
        pause(Duration::from_millis(50));
        let mut http = match Http::try_to(api).and_then(|http| http.within(ONE)) {
            Ok(http) => http,
            Err(_) => return false,
        };
        let view = http.call("GET", &format!("/api/v1/tasks/{id}"), "", "");
        view.is_ok_and(|view| view.status == 200 && view.json()["state"] == "completed")
    })
}

/// Returns the status of a probe; 0 without an answer.
fn probe(admin: SocketAddr, path: &str) -> u16 {
    let answer = || Http::try_to(admin)?.within(ONE)?.call("GET", path, "", "");
    answer().map_or(0, |reply| reply.status)
}

/// Sends requests without pause until the test is over; some are expected to fail.
fn load(api: SocketAddr, over: &AtomicBool, answers: &AtomicUsize) {
    while !over.load(Ordering::Relaxed) {
        let Ok(mut http) = Http::try_to(api).and_then(|http| http.within(ONE)) else {
            pause(Duration::from_millis(20));
            continue;
        };
        while !over.load(Ordering::Relaxed) {
            match http.call("POST", "/api/v1/tasks", "", TASK) {
                Ok(reply) if reply.status == 201 => {
                    answers.fetch_add(1, Ordering::Relaxed);
                }
                _ => break,
            }
            // A moderate load: how much the server can take is not tested here.
            pause(Duration::from_millis(20));
        }
    }
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns the running incarnation of the actor at a path; `None` while there is none.
fn life(server: &Server, path: &str) -> Option<u64> {
    let tree = server.tree();
    let found = tree.walk().find(|node| node.status.path.as_str() == path)?;
    Some(found.status.incarnation.0)
}

/// Returns the path of the next actor to hit, and the name of its group: the buffers of subscriptions
/// are numbered, and one stands for all.
fn next(tree: &TreeNode, fault: Fault, done: &BTreeSet<String>) -> Option<(String, String)> {
    // Supervisors live beside the root, so blocking one blocks all supervision, which is another test.
    let hit = |node: &&TreeNode| fault == Fault::Hang || node.status.kind != ChildType::Supervisor;
    let below = tree.children.iter().flat_map(TreeNode::walk);
    let mut names = below.filter(hit).map(|node| {
        let path = node.status.path.as_str();
        let class = match path.split_once("/outlets/") {
            Some((bus, _)) => format!("{bus}/outlets/*"),
            None => path.to_owned(),
        };
        (path.to_owned(), class)
    });
    names.find(|(_, class)| !done.contains(class))
}

/// Hits every actor of the tree with a fault. A new actor is hit without a change here.
fn every_actor(fault: Fault) {
    let place = place();
    let mut server = place.start();
    let (api, admin) = (server.api(), server.admin());
    let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut done = BTreeSet::new();
    std::thread::scope(|scope| {
        let _over = Over(&over);
        for _ in 0..2 {
            scope.spawn(|| load(api, &over, &answers));
        }
        while let Some((path, class)) = next(&server.tree(), fault, &done) {
            let before = until("an injection", || {
                let before = life(&server, &path)?;
                let actor = path.parse().expect("a path");
                let done = server.control(async |client| client.inject(actor, fault).await);
                // An actor that is being restarted cannot be hit.
                done.map(|_| before).map_err(|error| println!("{path}: {error}")).ok()
            });
            let gone = || life(&server, &path).is_none_or(|life| life > before);
            until(&format!("{path} to be replaced after {fault}"), || gone().then_some(()));
            until(&format!("the service to answer after {fault} of {path}"), || {
                (works(api) && probe(admin, "/health/ready") == 200).then_some(())
            });
            assert_eq!(probe(admin, "/health/live"), 200, "after {fault} of {path}");
            done.insert(class);
        }
    });
    println!("{} actors, {} answers", done.len(), answers.into_inner());
    assert!(done.len() >= 15, "the tree has more actors than {done:?}");
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}

/// S2.4-05, rows 16 and 17: an actor that awaits for ever, anywhere in the tree, including supervisors.
#[test]
fn every_actor_that_hangs_is_replaced_and_the_service_answers_again() {
    every_actor(Fault::Hang);
}

/// Row 16: an actor that blocks its thread, anywhere in the tree.
#[test]
fn every_actor_that_blocks_its_thread_is_replaced_and_the_service_answers_again() {
    every_actor(Fault::Block);
}

/// Row 17: while an actor on the way of work hangs, readiness fails and names the path, and the process
/// is alive. When the actor is replaced it is ready again.
#[test]
fn readiness_says_which_path_is_closed_until_its_actor_is_replaced() {
    let hung = [
        ("/root/components/database/store", "storage"),
        ("/root/components/application/tasks/dispatcher", "dispatcher"),
        ("/root/components/transport/api", "api"),
    ];
    // Time enough to see it before it is repaired.
    let place = place().set("core.supervision.heartbeat_missed=30");
    let place = place.set("components.health_checks.readiness_probe.failure_threshold=2");
    let server = place.start();
    let admin = server.admin();
    let ready = || Http::try_get(admin, "/health/ready").expect("the admin port answers");
    for (actor, path) in hung {
        until("ready", || (ready().status == 200).then_some(()));
        let actor = actor.parse().expect("a path");
        server.control(async |client| client.inject(actor, Fault::Hang).await).expect("may be");
        until(&format!("not ready, for the path {path}"), || {
            let reply = ready();
            let report = reply.json();
            let paths = report["paths"].as_array()?.clone();
            let closed = paths.iter().any(|one| one["name"] == path && !one["why"].is_null());
            (reply.status == 503 && closed).then_some(())
        });
        assert_eq!(probe(admin, "/health/live"), 200, "no restart of the process is wanted");
    }
    until("ready again", || (ready().status == 200).then_some(()));
}

/// Row 17: the lifecycle actor hangs when the process gets SIGTERM: its next incarnation carries out the
/// whole shutdown.
#[test]
fn a_shutdown_is_carried_out_in_order_though_the_lifecycle_hangs() {
    let place = place().set("telemetry.log_filter=info");
    let mut server = place.start();
    let lifecycle = "/root/lifecycle".parse().expect("a path");
    server.control(async |client| client.inject(lifecycle, Fault::Hang).await).expect("may be");
    server.signal(Signal::TERM);
    assert_eq!(server.exit(), 0, "{}", server.log.text());
    let text = server.log.text();
    assert!(text.contains("stopped component=database"), "{text}");
    assert!(text.contains("clean=true"), "{text}");
}

/// Row 16: a store whose thread is blocked does not hinder its successor, neither by the lock of its
/// file nor by a transaction that it had begun.
#[test]
fn a_blocked_store_keeps_neither_the_file_nor_a_transaction_from_its_successor() {
    const STORE: &str = "/root/components/database/store";
    let place = place();
    let mut server = place.start();
    let api = server.api();
    let (over, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let _over = Over(&over);
        for _ in 0..4 {
            scope.spawn(|| load(api, &over, &answers));
        }
        for _ in 0..3 {
            let enough = answers.load(Ordering::Relaxed) + 20;
            until("load", || (answers.load(Ordering::Relaxed) > enough).then_some(()));
            let before = life(&server, STORE).expect("it runs");
            let store = STORE.parse().expect("a path");
            server.control(async |client| client.inject(store, Fault::Block).await).expect("may");
            until("another life", || (life(&server, STORE)? > before).then_some(()));
            until("work to be done", || works(api).then_some(()));
        }
    });
    assert!(!server.log.has("in use by another process"), "{}", server.log.text());
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}

/// S2.4-06: a blocked thread is detected and its actor replaced. The test prints how long the thread
/// was blocked until then; the metrics have how long the actor was missing.
#[test]
fn the_replacement_of_an_actor_whose_thread_is_blocked_is_measured() {
    const NAME: &str = "ms_framework_task_replacement_seconds";
    let place = place();
    let server = place.start();
    let of = |end: &str| {
        let page = Http::try_get(server.admin(), "/metrics").expect("answered").body;
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("{NAME}_{end} ")));
        line.and_then(|number| number.parse::<f64>().ok()).unwrap_or_default()
    };
    assert_eq!(of("count"), 0.0, "nobody was replaced yet");
    let path = "/root/components/storage".parse().expect("a path");
    let began = std::time::Instant::now();
    server
        .control(async |client| client.inject(path, Fault::Block).await.map(drop))
        .expect("injected");
    until("the replacement", || (of("count") >= 1.0).then_some(()));
    println!("blocked until it was replaced: {:?}", began.elapsed());
    println!("nobody in its place: {} s, {} time(s)", of("sum"), of("count"));
    assert!(began.elapsed() > Duration::from_secs(1), "four beats of 500 ms have to be missed");
    assert!(of("sum") > 0.0, "it is not replaced in no time: restarts wait 20 ms at least");
}
