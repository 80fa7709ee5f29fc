//! `kill -9`, again and again: nothing that was acknowledged is lost, nothing is completed
//! twice.
//!
//! The test runs itself as a child process on one and the same store, kills it at random
//! points (seeded and printed; `MS_SEED` replays them), and looks at what is left. 50 points by
//! default; `MS_KILL_POINTS=1000` is the long mode.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(clippy::print_stdout, reason = "the seed, and the words of the child process")]

use crate::common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::{Fleet, Order, TEST_DEADLINE, order, run, start};
use ms_core::task::{IdempotencyKey, NewTask, TaskFilter, TaskId, TaskState, TaskTime};
use ms_testkit::child::{self, OwnTest};
use serde_json::json;

const DIR: &str = "MS_KILL_TEST_DIR";
const FROM: &str = "MS_KILL_TEST_FROM";

/// The child's part.
fn submit_and_do() {
    let dir = std::env::var_os(DIR).expect("handed over");
    let from = std::env::var(FROM).ok().and_then(|from| from.parse::<u64>().ok());
    run(|node| async move {
        let fleet = start(&node, Path::new(&dir), 8, vec![], |tasks| tasks).await;
        match from {
            Some(from) => work(&fleet, from).await,
            None => finish(&fleet).await,
        }
        fleet.stop().await;
    });
}

/// Submits without end and tells of every acknowledgement, of acceptance and of completion.
async fn work(fleet: &Fleet, from: u64) {
    let mut seen = tokio::task::JoinSet::new();
    for n in (from..).step_by(10) {
        let task = |n: u64| {
            let key = IdempotencyKey::new(format!("key-{n}")).ok();
            NewTask { idempotency_key: key, ..order(&Order::Echo(n)) }
        };
        let accepted = fleet.client.submit_all((n..n + 10).map(task).collect()).await.unwrap();
        for (n, one) in (n..).zip(accepted) {
            let id = one.unwrap().view.id;
            say(&format!("accepted {id} {n}"));
            let client = fleet.client.clone();
            seen.spawn_local(async move {
                let view = client.ended(id, TEST_DEADLINE).await.unwrap();
                let state = view.state;
                say(&format!("ended {id} {state} {}", view.timings.ended.unwrap()));
            });
        }
        while seen.len() > 40 {
            seen.join_next().await.unwrap().unwrap();
        }
    }
}

/// Waits until nothing is left to do.
async fn finish(fleet: &Fleet) {
    let open = [TaskState::Pending, TaskState::Assigned, TaskState::Running];
    loop {
        let stats = fleet.client.stats().await.unwrap();
        let left = |states: &BTreeMap<TaskState, u64>| {
            open.iter().filter_map(|state| states.get(state)).sum::<u64>()
        };
        if stats.tasks.values().map(left).sum::<u64>() == 0 {
            return say("done");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One line in one write, so that a kill does not leave half of one.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n@{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

struct Running {
    process: Child,
    lines: Receiver<String>,
}

fn spawn(own: &OwnTest, dir: &Path, from: Option<u64>) -> Running {
    let child = own.child("work").env(DIR, dir).with(move |command| {
        command.env_remove(FROM).stdout(Stdio::piped()).stderr(Stdio::null());
        command.envs(from.map(|from| (FROM, from.to_string())));
    });
    let mut process = child.spawn();
    let out = BufReader::new(process.stdout.take().unwrap());
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if let Some(line) = line.strip_prefix('@') {
                drop(sender.send(line.to_owned()));
            }
        }
    });
    Running { process, lines }
}

#[derive(Default)]
struct Promises {
    accepted: BTreeMap<TaskId, u64>,
    ended: BTreeMap<TaskId, TaskTime>,
    next: u64,
}

impl Promises {
    fn note(&mut self, line: &str) {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["accepted", id, n] => {
                let n: u64 = n.parse().unwrap();
                let id: TaskId = id.parse().unwrap();
                assert_eq!(*self.accepted.entry(id).or_insert(n), n);
                self.next = self.next.max(n + 1);
            }
            ["ended", id, state, at] => {
                assert_eq!(state, "completed");
                let at = TaskTime::from_millis(at.parse().unwrap());
                let id = id.parse().unwrap();
                assert_eq!(*self.ended.entry(id).or_insert(at), at, "completed twice");
            }
            _ => {}
        }
    }
}

/// S6.3-04, S6.3-05, S6.3-06, and S6.3-09: no loss.
#[test]
fn t1_after_any_number_of_kills_every_acknowledged_task_is_completed_once() {
    child::split(
        t1_after_any_number_of_kills_every_acknowledged_task_is_completed_once,
        |_| submit_and_do(),
        kill_again_and_again,
    );
}

fn kill_again_and_again(own: &OwnTest) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let points = number("MS_KILL_POINTS").unwrap_or(50);
    let mut seed = ms_testkit::seed();
    println!("MS_KILL_POINTS={points}");
    let dir = tempfile::tempdir().unwrap();
    let mut promises = Promises::default();
    for _ in 0..points {
        // Some tasks are sent again under the same keys, as a client does that saw no answer.
        let from = promises.next - promises.next % 10;
        let mut child = spawn(own, dir.path(), Some(from.saturating_sub(10)));
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // After so many words, and a little later: the point is where the work is, not where the
        // clock is.
        let (words, later) = ((seed >> 33) % 60, Duration::from_micros((seed >> 40) % 4_000));
        for _ in 0..words {
            match child.lines.recv_timeout(TEST_DEADLINE) {
                Ok(line) => promises.note(&line),
                Err(error) => panic!("the child said nothing: {error}"),
            }
        }
        let end = std::time::Instant::now() + later;
        while std::time::Instant::now() < end {
            std::hint::spin_loop();
        }
        child.process.kill().unwrap();
        child.process.wait().unwrap();
        child.lines.iter().for_each(|line| promises.note(&line));
    }
    let mut last = spawn(own, dir.path(), None);
    assert_eq!(last.lines.recv_timeout(3 * TEST_DEADLINE).as_deref(), Ok("done"));
    assert!(last.process.wait().unwrap().success());
    verify(dir.path(), &promises);
}

fn verify(dir: &Path, promises: &Promises) {
    run(|node| async move {
        let fleet = start(&node, dir, 1, vec![], |tasks| tasks).await;
        let mut found = BTreeMap::new();
        let mut filter = TaskFilter { limit: 1_000, ..TaskFilter::default() };
        loop {
            let page = fleet.client.list(filter.clone()).await.unwrap();
            found.extend(page.tasks.into_iter().map(|view| (view.id, view)));
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        println!(
            "{} accepted, {} seen completed, {} found, {} interrupted",
            promises.accepted.len(),
            promises.ended.len(),
            found.len(),
            found.values().filter(|view| view.interruptions > 0).count()
        );
        assert!(promises.accepted.len() > 100 && !promises.ended.is_empty());
        for (id, n) in &promises.accepted {
            let view = found.get(id).unwrap_or_else(|| panic!("task {id} was lost"));
            assert_eq!(view.state, TaskState::Completed, "{view:?}");
            assert_eq!(fleet.client.result(*id).await.unwrap(), Some(json!(n)));
        }
        for (id, at) in &promises.ended {
            assert_eq!(found[id].timings.ended, Some(*at), "task {id} was completed twice");
        }
        // A request sent twice made one task.
        let keys: std::collections::BTreeSet<_> =
            found.values().map(|view| view.idempotency_key.clone()).collect();
        assert_eq!(keys.len(), found.len());
        fleet.stop().await;
    });
}
