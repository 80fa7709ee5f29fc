//! `kill -9` at random points: no task that was answered 201 is lost, and none ends twice.
//!
//! `MS_SEED` replays a run; `MS_SERVER_KILLS` is for the long mode
//! (`cargo xtask soak`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

use crate::common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use common::{Http, Place, clients, id_of, pause, until};
use serde_json::{Value, json};

/// Kills of the suite's own run.
const KILLS: usize = 50;
/// Tasks between two kills, on average.
const TASKS_A_KILL: usize = 40;
/// Connections that submit.
const CLIENTS: usize = 4;
/// One in this many submissions of a client is a batch.
const BATCH_EVERY: usize = 8;
const BATCH: usize = 10;

/// Stores that are killed while they are created.
const MAKINGS: usize = 8;
/// Longest creation of a store.
const MAKING_MICROS: u64 = 40_000;

fn from_env<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|text| text.parse().ok().expect("a number"))
}

/// S6.3-09: 1,000 tasks and three kills.
#[test]
fn a_thousand_tasks_survive_three_kills() {
    Campaign::new(1_000, 3).run();
}

/// S6.3-09: many kills in one state directory; a fifth of them during the boot.
#[test]
fn no_acknowledged_task_is_lost_or_ends_twice_over_many_kills() {
    let kills = from_env("MS_SERVER_KILLS").unwrap_or(KILLS);
    Campaign::new(kills * TASKS_A_KILL, kills).run();
}

/// S6.3-09: many stores, each killed within the milliseconds in which it is created.
#[test]
fn a_store_that_is_killed_while_it_is_made_is_made_by_the_next_start() {
    let mut dice = fastrand::Rng::with_seed(ms_testkit::seed());
    for _ in 0..MAKINGS {
        let place = Place::new().set("telemetry.log_filter=warn,ms_transport=info");
        let database = place.database();
        let mut server = place.launch();
        until("the database to be there", || database.exists().then_some(()));
        pause(Duration::from_micros(dice.u64(..MAKING_MICROS)));
        server.kill_9();
        let mut server = place.start();
        let taken = server.http().call("POST", "/api/v1/tasks", "", &task(0).to_string());
        id_of(&taken.unwrap());
        assert_eq!(server.stop(), 0, "{}", server.log.text());
    }
}

/// The point at which a life of the server ends.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// This long after the start of the process.
    Boot(Duration),
    /// This long after this many tasks have been acknowledged.
    Acknowledged(usize, Duration),
}

struct Campaign {
    place: Place,
    tasks: usize,
    points: Vec<Point>,
    tally: Tally,
}

/// The knowledge of the clients.
#[derive(Default)]
struct Tally {
    next: AtomicUsize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Ids by task: 201 was read.
    acknowledged: BTreeMap<usize, String>,
    /// Sent without an answer: to be sent again under the same key.
    doubtful: BTreeSet<usize>,
    /// Ended tasks, with the time and the number of attempts.
    ended: BTreeMap<String, (Value, Value)>,
}

impl Campaign {
    fn new(tasks: usize, kills: usize) -> Self {
        let seed = ms_testkit::seed();
        println!("{tasks} tasks, {kills} kills");
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut counts: Vec<usize> = (0..kills).map(|_| dice.usize(..tasks)).collect();
        counts.sort_unstable();
        let point = |count| match dice.u8(..5) {
            0 => Point::Boot(Duration::from_micros(dice.u64(..200_000))),
            _ => Point::Acknowledged(count, Duration::from_micros(dice.u64(..5_000))),
        };
        let points = counts.into_iter().map(point).collect();
        let place = Place::new().set("telemetry.log_filter=warn,ms_transport=info");
        Self { place, tasks, points, tally: Tally::default() }
    }

    fn run(self) {
        for (round, point) in self.points.iter().enumerate() {
            self.live_until(*point);
            if round % 10 == 9 {
                let server = self.place.start();
                self.tally.compare(&all(&mut server.http()));
            }
        }
        let mut server = self.place.start();
        self.tally.submit(server.api(), self.tasks, usize::MAX);
        let listed = until("all tasks to end", || {
            let open = |state: &str| {
                let page = server.get(&format!("/api/v1/tasks?limit=1&state={state}")).json();
                !page["tasks"].as_array().unwrap().is_empty()
            };
            let busy = ["pending", "assigned", "running"].iter().any(|state| open(state));
            (!busy).then(|| all(&mut server.http()))
        });
        self.tally.compare(&listed);
        self.judge(&mut server.http(), &listed);
        assert_eq!(server.stop(), 0, "{}", server.log.text());
    }

    fn live_until(&self, point: Point) {
        let mut server = self.place.launch();
        match point {
            Point::Boot(after) => pause(after),
            Point::Acknowledged(count, after) => {
                server.started();
                let addr = server.api();
                std::thread::scope(|scope| {
                    scope.spawn(|| self.tally.submit(addr, self.tasks, count + CLIENTS * BATCH));
                    until("enough answers", || {
                        (self.tally.known().acknowledged.len() >= count).then_some(())
                    });
                    pause(after);
                    server.kill_9();
                });
                return;
            }
        }
        server.kill_9();
    }

    /// None lost, none twice, each result its own.
    fn judge(&self, http: &mut Http, listed: &[Value]) {
        let known = self.tally.known();
        assert!(known.doubtful.is_empty(), "{:?}", known.doubtful);
        assert_eq!(known.acknowledged.len(), self.tasks);
        let ids: BTreeSet<&str> = listed.iter().map(|view| view["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), listed.len(), "an id is listed twice");
        let acknowledged: BTreeSet<&str> =
            known.acknowledged.values().map(String::as_str).collect();
        assert_eq!(acknowledged.len(), self.tasks, "two requests share a task");
        assert_eq!(ids, acknowledged, "the store has other tasks than were acknowledged");
        for (n, id) in &known.acknowledged {
            let result = http.get(&format!("/api/v1/tasks/{id}/result")).json();
            let output = if waits(*n) { json!(2) } else { json!({ "n": n }) };
            assert_eq!(
                (&result["success"], &result["output"]),
                (&json!(true), &output),
                "{n}: {id}"
            );
        }
    }
}

fn waits(n: usize) -> bool {
    n % 7 == 6
}

/// Returns a task with a key of its own, so that it can be sent again.
fn task(n: usize) -> Value {
    let (kind, payload) = match waits(n) {
        true => ("wait", json!({ "ms": 2, "steps": 2 })),
        false => ("echo", json!({ "n": n })),
    };
    json!({ "kind": kind, "payload": payload, "idempotency_key": format!("task-{n}") })
}

impl Tally {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap()
    }

    /// Submits until all `tasks` are accepted, `enough` are acknowledged, or the server is gone.
    fn submit(&self, addr: SocketAddr, tasks: usize, enough: usize) {
        clients(addr, CLIENTS, |_| {
            |http: &mut Http, turn: usize| {
                let want = if (turn + 1).is_multiple_of(BATCH_EVERY) { BATCH } else { 1 };
                let taken = self.take(want, tasks);
                if taken.is_empty() || self.known().acknowledged.len() >= enough {
                    self.known().doubtful.extend(taken);
                    return false;
                }
                self.send(http, taken)
            }
        });
    }

    fn take(&self, want: usize, tasks: usize) -> Vec<usize> {
        let mut taken: Vec<usize> = {
            let mut known = self.known();
            (0..want).map_while(|_| known.doubtful.pop_first()).collect()
        };
        let fresh = (taken.len()..want).map(|_| self.next.fetch_add(1, Ordering::Relaxed));
        taken.extend(fresh.filter(|n| *n < tasks).collect::<Vec<_>>());
        taken
    }

    /// Sends them, and returns whether the connection is still good.
    fn send(&self, http: &mut Http, taken: Vec<usize>) -> bool {
        let answer = match taken.as_slice() {
            [one] => http.call("POST", "/api/v1/tasks", "", &task(*one).to_string()),
            many => {
                let batch: Vec<Value> = many.iter().copied().map(task).collect();
                http.call("POST", "/api/v1/tasks/batch", "", &json!(batch).to_string())
            }
        };
        let Ok(reply) = answer else {
            self.known().doubtful.extend(taken);
            return false;
        };
        let ids = match taken.as_slice() {
            [_] => vec![id_of(&reply)],
            _ => {
                assert_eq!(reply.status, 201, "{reply:?}");
                let ids = reply.json();
                let ids = ids.as_array().unwrap().iter();
                ids.map(|one| one["id"].as_str().expect("taken").to_owned()).collect()
            }
        };
        assert_eq!(ids.len(), taken.len());
        self.known().acknowledged.extend(taken.into_iter().zip(ids));
        true
    }

    /// Asserts that a task that has ended does not end again, whatever crashes.
    fn compare(&self, listed: &[Value]) {
        let mut known = self.known();
        for view in listed.iter().filter(|view| view["state"] == "completed") {
            let end = (view["timings"]["ended"].clone(), view["attempts"].clone());
            let id = view["id"].as_str().unwrap().to_owned();
            let first = known.ended.entry(id).or_insert_with(|| end.clone());
            assert_eq!(*first, end, "ended twice: {view}");
        }
        let ids: BTreeSet<&str> = listed.iter().map(|view| view["id"].as_str().unwrap()).collect();
        let lost = known.acknowledged.values().find(|id| !ids.contains(id.as_str()));
        assert_eq!(lost, None, "acknowledged, and not in the store");
        let bad = listed.iter().find(|view| {
            ["failed", "dead", "cancelled"].contains(&view["state"].as_str().unwrap())
        });
        assert_eq!(bad, None, "no task of this kind fails");
    }
}

/// All tasks, page by page.
fn all(http: &mut Http) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = http.get(&format!("/api/v1/tasks?limit=1000{cursor}")).json();
        found.extend(page["tasks"].as_array().expect("tasks").iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}
