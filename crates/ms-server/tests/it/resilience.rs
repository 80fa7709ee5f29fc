//! Faults under load: agents, supervisors, the store and whole threads are lost, and no request of any
//! client fails. `MS_SEED` replays a run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use crate::common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{Http, Place, Server, clients, id_of, until};
use ms_control::proto::{Fault, Verb};
use ms_core::view::TreeNode;
use serde_json::{Value, json};

/// Connections that ask without pause.
const CLIENTS: usize = 8;
/// Answers that clients must get between two faults: the load is there when one strikes.
const BETWEEN: usize = 20;
const APPLICATION: &str = "/root/components/application";
const STORE: &str = "/root/components/database/store";

fn dice() -> fastrand::Rng {
    fastrand::Rng::with_seed(ms_testkit::seed())
}

/// Faults may come at any rate: the restart budget is not what is tested.
fn place() -> Place {
    Place::new()
        .set("core.supervision.max_restarts=1000")
        .set("tasks.agents=8")
        // A thread that is blocked for two seconds is abandoned.
        .set("core.supervision.heartbeat_interval=500ms")
        .set("core.supervision.heartbeat_missed=4")
        // The end of a test waits for a check of all components.
        .set("core.supervision.health_check_interval=500ms")
        .set("telemetry.log_filter=warn,ms_transport=info")
}

/// The observations of the clients.
#[derive(Default)]
struct Seen {
    answers: AtomicUsize,
    failed: Mutex<Vec<String>>,
    tasks: Mutex<BTreeSet<String>>,
    over: AtomicBool,
}

/// Ends the load also when the test panics.
struct Over<'a>(&'a Seen);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl Seen {
    /// Runs one client: it submits, reads its tasks and lists, until the test is over.
    fn client(&self, addr: SocketAddr, client: usize) -> impl FnMut(&mut Http, usize) -> bool {
        let mut last = None;
        move |http, turn| {
            if self.over.load(Ordering::Relaxed) {
                return false;
            }
            let (what, wanted, reply) = match (turn % 4, &last) {
                (1, Some(id)) => {
                    let path = format!("/api/v1/tasks/{id}");
                    (path.clone(), 200, http.call("GET", &path, "", ""))
                }
                (3, _) => {
                    let path = "/api/v1/tasks?limit=5";
                    (path.to_owned(), 200, http.call("GET", path, "", ""))
                }
                _ => {
                    let body = match turn % 3 {
                        0 => json!({"kind": "wait", "payload": {"ms": 5, "steps": 2}}),
                        _ => json!({"kind": "echo", "payload": {"client": client, "turn": turn}}),
                    };
                    let reply = http.call("POST", "/api/v1/tasks", "", &body.to_string());
                    ("a task".to_owned(), 201, reply)
                }
            };
            match reply {
                Ok(reply) if reply.status == wanted => {
                    if wanted == 201 {
                        let id = id_of(&reply);
                        last = Some(id.clone());
                        let fresh = self.tasks.lock().unwrap().insert(id);
                        assert!(fresh, "two requests share a task");
                    }
                    self.answers.fetch_add(1, Ordering::Relaxed);
                }
                Ok(reply) => self.failed.lock().unwrap().push(format!("{what}: {reply:?}")),
                Err(error) => {
                    self.failed.lock().unwrap().push(format!("{what}: {error}"));
                    *http = Http::to(addr);
                }
            }
            true
        }
    }

    fn wait_for_load(&self, server: &Server) {
        let enough = self.answers.load(Ordering::Relaxed) + BETWEEN;
        until("answers", || {
            self.judge(server);
            (self.answers.load(Ordering::Relaxed) >= enough).then_some(())
        });
    }

    fn judge(&self, server: &Server) {
        let failed = self.failed.lock().unwrap();
        assert!(failed.is_empty(), "failed requests: {failed:?}\n{}", server.log.text());
    }
}

/// Runs faults under load; then every task must have ended well, and the service be healthy.
fn under_load(place: &Place, faults: impl FnOnce(&Server, &dyn Fn())) {
    let mut server = place.start();
    let (addr, seen) = (server.api(), Seen::default());
    std::thread::scope(|scope| {
        let found = scope.spawn(|| clients(addr, CLIENTS, |client| seen.client(addr, client)));
        let over = Over(&seen);
        seen.wait_for_load(&server);
        faults(&server, &|| seen.wait_for_load(&server));
        seen.wait_for_load(&server);
        drop(over);
        assert_eq!(found.join().expect("the clients end"), CLIENTS);
    });
    seen.judge(&server);
    let tasks = seen.tasks.into_inner().unwrap();
    println!("{} answers, {} tasks, none failed", seen.answers.into_inner(), tasks.len());
    let mut http = server.http();
    for id in &tasks {
        let view = until("the end of a task", || {
            let reply = http.get(&format!("/api/v1/tasks/{id}"));
            assert_eq!(reply.status, 200, "acknowledged, and lost: {reply:?}");
            let view = reply.json();
            view["state"].as_str().unwrap().starts_with(['c', 'f', 'd']).then_some(view)
        });
        assert_eq!(view["state"], "completed", "{view}");
    }
    let report = until("health", || {
        let reply = server.get("/health/ready");
        let healthy = reply.status == 200 && reply.json()["overall_status"] == "healthy";
        healthy.then(|| reply.json())
    });
    assert_eq!(report["critical_failures"], Value::from(Vec::<Value>::new()), "{report}");
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}

/// Returns the actors that may be hit: agents, and the supervisors above them.
fn victims(server: &Server) -> (Vec<String>, Vec<String>) {
    let tree = server.tree();
    let of = |node: &TreeNode| node.status.path.to_string();
    let within = |node: &&TreeNode| of(node).starts_with(APPLICATION);
    let (above, agents): (Vec<_>, Vec<_>) =
        tree.walk().filter(within).partition(|node| !node.children.is_empty());
    let paths = |nodes: Vec<&TreeNode>| nodes.into_iter().map(of).collect();
    (paths(agents), paths(above))
}

/// Returns whether it was hit: an actor that is being restarted cannot be.
fn inject(server: &Server, path: &str, fault: Fault) -> Option<()> {
    let path = path.parse().expect("a path");
    server.control(async |client| client.inject(path, fault).await).ok().map(drop)
}

fn kill(server: &Server, path: &str) -> Option<()> {
    server.try_steer(path, Verb::Kill).ok()
}

/// S6.3-09, S6.3-10, S6.3-06: agents and dispatcher killed and crashed, their supervisors killed, all
/// while clients ask: no request fails, no task is lost.
#[test]
fn no_request_fails_while_agents_and_supervisors_are_lost() {
    let mut dice = dice();
    under_load(&place(), |server, between| {
        let mut supervisors = 0;
        for _ in 0..30 {
            let kind = dice.u8(..4);
            // Another target each time, until one is hit.
            until("a fault to strike", || {
                let (agents, above) = victims(server);
                let victims = if kind == 3 { &above } else { &agents };
                let victim = dice.choice(victims)?;
                match kind {
                    0 | 3 => kill(server, victim),
                    1 => inject(server, victim, Fault::Crash),
                    _ => inject(server, victim, Fault::CrashAfterAwait),
                }
            });
            supervisors += u32::from(kind == 3);
            between();
        }
        // At least one of each, whatever the seed says.
        until("a supervisor to be killed", || kill(server, &format!("{APPLICATION}/tasks")));
        println!("{supervisors} supervisors by dice");
    });
}

/// S6.3-07, S6.3-08, S6.3-09: the store itself is killed and crashed while it has requests. They are
/// held until it is back and answered once, and the service is healthy again.
#[test]
fn no_request_fails_while_the_store_is_lost() {
    let mut dice = dice();
    under_load(&place(), |server, between| {
        for _ in 0..12 {
            let kills = dice.bool();
            until("the store to be hit", || match kills {
                true => kill(server, STORE),
                false => inject(server, STORE, Fault::Crash),
            });
            between();
        }
        until("its supervisor to be killed", || kill(server, "/root/components/database"));
        between();
        until("the store to be back", || {
            let tree = server.tree();
            let store = tree.walk().find(|node| node.status.path.to_string() == STORE)?;
            (store.status.restarts > 0 || store.status.incarnation.0 > 1).then_some(())
        });
    });
}

/// S6.3-09: an agent blocks its thread until the node abandons the arbiter and moves its other actors
/// away: every client is answered.
#[test]
fn no_request_fails_while_an_arbiter_is_lost() {
    let mut dice = dice();
    under_load(&place(), |server, between| {
        let wedged = || server.control(async |client| client.info().await).expect("answers").wedged;
        let before = wedged();
        until("a block", || {
            let (agents, _) = victims(server);
            let path = agents[dice.usize(..agents.len())].parse().expect("a path");
            server.control(async |client| client.inject(path, Fault::Block).await).ok()
        });
        until("the arbiter to be given up", || {
            between();
            (wedged() > before).then_some(())
        });
        between();
    });
}
