//! Partitions: clients cut off from the server by the network, and the server from its store by another
//! program. Acknowledged tasks are kept, none is done twice, and everything recovers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

use crate::common;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Http, LONGEST_WAIT, Place, Reply, Server, id_of, pause, until};
use ms_testkit::network::{Link, Proxy};
use serde_json::{Value, json};
use sqlx::{Connection, Executor};

/// Connections that ask without pause.
const CLIENTS: usize = 8;
/// Answers that clients must get between two faults.
const BETWEEN: usize = 40;
/// A client without an answer for this long tries again.
const CLIENT_TIMEOUT: Duration = Duration::from_millis(300);
/// Shortest time for which the store is cut off.
const CUT: Duration = Duration::from_secs(5);

/// The answers that clients got and did not get.
#[derive(Default)]
struct Seen {
    /// Ids that were answered, by key.
    acknowledged: Mutex<BTreeMap<String, String>>,
    /// Requests without an answer.
    lost: AtomicUsize,
    /// Answers that said that the request had come before.
    replayed: AtomicUsize,
    /// Refusals with a time to retry.
    asked_to_wait: AtomicUsize,
    over: AtomicBool,
}

impl Seen {
    /// Submits one task after the other, each until it is acknowledged, always under its key.
    fn client(&self, addr: SocketAddr, client: usize, timeout: Duration) {
        let mut connection = None;
        for turn in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("client-{client}-{turn}");
            let reply = self.acknowledged(addr, &mut connection, &key, timeout);
            if reply.head.to_lowercase().contains("idempotency-replayed: true") {
                self.replayed.fetch_add(1, Ordering::Relaxed);
            }
            self.acknowledged.lock().unwrap().insert(key, id_of(&reply));
        }
    }

    fn acknowledged(
        &self,
        addr: SocketAddr,
        connection: &mut Option<Http>,
        key: &str,
        timeout: Duration,
    ) -> Reply {
        let body = json!({"kind": "echo", "payload": key}).to_string();
        let head = format!("Idempotency-Key: {key}\r\n");
        let end = Instant::now() + LONGEST_WAIT;
        while Instant::now() < end {
            let http = match connection.take() {
                Some(http) => Ok(http),
                None => Http::try_to(addr).and_then(|http| http.within(timeout)),
            };
            let asked = http.and_then(|mut http| {
                let reply = http.call("POST", "/api/v1/tasks", &head, &body)?;
                Ok((http, reply))
            });
            match asked {
                Ok((http, reply)) if reply.status == 503 => {
                    let announced = reply.head.to_lowercase().contains("retry-after");
                    assert!(announced, "when to come again: {reply:?}");
                    self.asked_to_wait.fetch_add(1, Ordering::Relaxed);
                    *connection = Some(http);
                    pause(Duration::from_millis(50));
                }
                Ok((http, reply)) => {
                    *connection = Some(http);
                    return reply;
                }
                Err(_) => {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    pause(Duration::from_millis(5));
                }
            }
        }
        panic!("{key} was not acknowledged within {LONGEST_WAIT:?}");
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    fn wait_for_load(&self) {
        let enough = self.count() + BETWEEN;
        until("answers", || (self.count() >= enough).then_some(()));
    }
}

/// Ends the load also when the test panics.
struct Over<'a>(&'a Seen);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

/// Runs `faults` while clients ask at this address.
fn background_load(addr: SocketAddr, timeout: Duration, faults: impl FnOnce(&Seen)) -> Seen {
    let seen = Seen::default();
    std::thread::scope(|scope| {
        let _over = Over(&seen);
        for client in 0..CLIENTS {
            let seen = &seen;
            scope.spawn(move || seen.client(addr, client, timeout));
        }
        seen.wait_for_load();
        faults(&seen);
        seen.wait_for_load();
    });
    seen
}

/// All tasks of the server.
fn tasks(server: &Server) -> Vec<Value> {
    let (mut http, mut all, mut cursor) = (server.http(), Vec::new(), String::new());
    loop {
        let page = http.get(&format!("/api/v1/tasks?limit=1000{cursor}")).json();
        all.extend(page["tasks"].as_array().expect("a page").clone());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// Asserts that every acknowledged key is one task, done in one attempt, and that there are no others.
fn nothing_was_lost_or_done_twice(server: &Server, seen: &Seen) {
    let acknowledged = seen.acknowledged.lock().unwrap();
    let all = until("the end of all tasks", || {
        let all = tasks(server);
        all.iter().all(|task| task["state"] == "completed").then_some(all)
    });
    let kept: BTreeMap<String, String> = all
        .iter()
        .map(|task| {
            assert_eq!(task["attempts"], 1, "done once: {task}");
            let text = |field: &str| task[field].as_str().expect("text").to_owned();
            (text("idempotency_key"), text("id"))
        })
        .collect();
    assert_eq!(kept, *acknowledged, "what was acknowledged is what is kept");
}

/// S6.3-09, S6.3-10: clients lose their connections, their requests and their answers while they work.
/// They send again under the same key, lose no acknowledged task, and nothing is done twice.
#[test]
fn clients_behind_a_partition_lose_nothing_acknowledged() {
    let place = Place::new().set("tasks.agents=4");
    let mut server = place.start();
    let proxy = Proxy::to(server.api()).expect("a port");
    let seen = background_load(proxy.addr(), CLIENT_TIMEOUT, |seen| {
        for link in [Link::Cut, Link::HalfOpen, Link::Silent, Link::Cut] {
            let enough = seen.lost.load(Ordering::Relaxed) + 3 * CLIENTS;
            match link {
                Link::Cut => proxy.inject_network_partition(),
                other => proxy.set(other),
            }
            until("clients without an answer", || {
                (seen.lost.load(Ordering::Relaxed) >= enough).then_some(())
            });
            // The server's side does not notice it.
            let report = server.get("/health/ready");
            assert_eq!(report.status, 200, "{link:?}: {report:?}");
            proxy.restore_network();
            seen.wait_for_load();
        }
    });
    let replayed = seen.replayed.load(Ordering::Relaxed);
    println!("{} acknowledged, {replayed} of them asked again", seen.count());
    assert!(replayed > 0, "answers were lost: somebody must have asked for one again");
    drop(proxy);
    nothing_was_lost_or_done_twice(&server, &seen);
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}

/// Returns the report's status of the whole and of the store.
fn health(server: &Server) -> (u16, String, Value) {
    let reply = server.get("/health/ready");
    let report = reply.json();
    let components = report["components"].as_array().expect("components");
    let storage = components.iter().find(|one| one["name"] == "storage").expect("listed").clone();
    (reply.status, report["overall_status"].as_str().expect("a word").to_owned(), storage)
}

/// S6.3-07, S6.3-08, S6.3-09: under load the store cannot write for five seconds. The report is
/// degraded with the reason, the server stays ready, requests wait or are asked to retry later, none is
/// lost, and the server is healthy again by itself.
#[test]
fn test_system_resilience() {
    let place = Place::new().set("core.supervision.health_check_interval=1s");
    let mut server = place.start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("sqlite://{}", place.database().display());
    let seen = background_load(server.api(), LONGEST_WAIT, |seen| {
        until("healthy", || (health(&server).1 == "healthy").then_some(()));
        let mut other = runtime.block_on(async {
            let mut conn = sqlx::SqliteConnection::connect(&url).await.unwrap();
            // It takes the lock like every program that writes to this file.
            conn.execute("PRAGMA busy_timeout = 60000").await.unwrap();
            conn.execute("BEGIN IMMEDIATE").await.unwrap();
            conn
        });
        let since = Instant::now();
        let (status, _, storage) = until("degraded", || {
            let now = health(&server);
            (now.1 == "degraded").then_some(now)
        });
        assert_eq!(status, 200, "what only degrades takes no readiness: {storage}");
        assert_eq!(storage["status"], "degraded", "{storage}");
        assert!(storage["message"].to_string().contains("commit"), "it says why: {storage}");
        // Stored tasks can be read all the time.
        assert_eq!(server.get("/api/v1/tasks?limit=1").status, 200);
        // Long enough for requests to wait, and for some to be asked to retry later.
        until("the cut to have lasted", || {
            let announced = seen.asked_to_wait.load(Ordering::Relaxed) > 0;
            (announced && since.elapsed() >= CUT).then_some(())
        });
        let acknowledged = seen.count();
        assert_eq!(health(&server).1, "degraded");
        assert_eq!(seen.count(), acknowledged, "nothing is acknowledged that is not written");
        runtime.block_on(async {
            other.execute("ROLLBACK").await.unwrap();
            other.close().await.unwrap();
        });
        until("healthy again", || (health(&server).1 == "healthy").then_some(()));
    });
    println!(
        "{} acknowledged, {} told to come again, {} without an answer",
        seen.count(),
        seen.asked_to_wait.load(Ordering::Relaxed),
        seen.lost.load(Ordering::Relaxed)
    );
    assert_eq!(seen.lost.load(Ordering::Relaxed), 0, "every request is answered");
    nothing_was_lost_or_done_twice(&server, &seen);
    assert_eq!(server.stop(), 0, "{}", server.log.text());
}
