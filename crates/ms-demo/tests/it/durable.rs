//! Units as durable tasks: the content of the store after kills, and after a poisonous file.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use crate::common;

use std::collections::BTreeMap;

use common::{Bench, pause, until_done};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row};

/// Returns the records of all tasks in a state directory, by their file.
fn tasks(bench: &Bench, name: &str) -> BTreeMap<String, Value> {
    let file = bench.dir.path().join(format!("{name}.state/tasks.db"));
    let read = async {
        let mut conn = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        // A store that was killed before it had its tables has no task.
        let made = "SELECT 1 FROM sqlite_master WHERE name = 'requests'";
        if sqlx::query(made).fetch_optional(&mut conn).await.unwrap().is_none() {
            return Vec::new();
        }
        let sql = "SELECT t.record, r.request FROM tasks t JOIN requests r ON r.id = t.id";
        sqlx::query(sql).fetch_all(&mut conn).await.unwrap()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rows = runtime.block_on(read);
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let tasks: BTreeMap<String, Value> = rows
        .iter()
        .map(|row| {
            let label = json(row.get(1))["payload"]["label"].as_str().unwrap().to_owned();
            (label, json(row.get(0)))
        })
        .collect();
    assert_eq!(tasks.len(), rows.len(), "a file is two tasks");
    tasks
}

fn ended(tasks: &BTreeMap<String, Value>) -> BTreeMap<&String, &Value> {
    tasks.iter().filter(|(_, task)| task["state"] == "completed").collect()
}

/// Kills a run again and again, at moments chosen by a seed, and lets the last one finish: each file is
/// one task, finished tasks stay as they were, and the result is that of an undisturbed run.
#[test]
fn killed_at_any_moment_every_file_is_audited_and_none_is_done_over() {
    let bench = Bench::new();
    let baseline = bench.baseline();
    let all = baseline.tally("in");
    let mut resumed = Vec::new();
    // Every run has other moments.
    let given = std::env::var("MS_SEED").ok().map(|text| text.parse().expect("a number"));
    let first = given.unwrap_or_else(|| fastrand::u64(..1_000_000_000_000));
    println!("MS_SEED={first}");
    for seed in first..first + 3 {
        let mut random = fastrand::Rng::with_seed(seed);
        let name = format!("seed-{seed}");
        let mut before = BTreeMap::new();
        for kill in 0..4 {
            let mut child = bench.demo(&name, &["--pace", "100"]).spawn().unwrap();
            // Half of the kills come during the boot or soon after, half in the middle of the work.
            if kill % 2 == 1 {
                until_done(&mut child, ended(&before).len() as u64);
            }
            pause(random.u64(0..200));
            child.kill().unwrap();
            child.wait().unwrap();
            let json = bench.dir.path().join(format!("{name}.json"));
            assert!(!json.exists(), "seed {seed}, kill {kill}: it was over before it was killed");
            if !bench.dir.path().join(format!("{name}.state/tasks.db-wal")).exists() {
                continue;
            }
            let after = tasks(&bench, &name);
            for (label, task) in ended(&before) {
                assert_eq!(&after[label], task, "seed {seed}, kill {kill}");
            }
            before = after;
        }
        let last = bench.run(&name, &[]);
        last.assert_same_as(&baseline);
        let whole = tasks(&bench, &name);
        assert_eq!(whole.len() as u64, all, "seed {seed}");
        assert_eq!(ended(&whole).len() as u64, all, "seed {seed}");
        for (label, task) in ended(&before) {
            assert_eq!(&whole[label], task, "seed {seed}");
        }
        // A file is not to blame for a kill.
        assert!(whole.values().all(|task| task["attempts"] == 1), "seed {seed}");
        assert_eq!(last.fact("resumed"), ended(&before).len() as u64, "seed {seed}");
        resumed.push(last.fact("resumed"));
    }
    println!("resumed {resumed:?} of {all}");
    assert!(resumed.iter().any(|&n| n > 0 && n < all), "{resumed:?} of {all}");
}

#[test]
fn a_file_that_always_kills_its_auditor_is_a_dead_letter() {
    let bench = Bench::new();
    let poison = "crate-05/src/f03.rs";
    let run = bench.run("dead", &["--poison", poison]);
    assert_eq!((run.code, run.tally("quarantined")), (Some(0), 1), "{}", run.stderr);
    let tasks = tasks(&bench, "dead");
    let dead: Vec<_> = tasks.iter().filter(|(_, task)| task["state"] == "dead").collect();
    assert_eq!(dead.len(), 1, "{dead:?}");
    let (label, task) = dead[0];
    assert_eq!((label.as_str(), &task["attempts"]), (poison, &3.into()));
    assert_eq!(task["failure"]["kind"], "crashed");
    assert_eq!(ended(&tasks).len() as u64, run.tally("done"));
    assert_eq!(run.tally("done") + 1, run.tally("in"));
}

/// An injected fault hands its task back, so only real failures count as attempts.
#[test]
fn a_fault_that_was_injected_costs_the_file_no_attempt() {
    let bench = Bench::new();
    let run = bench.run("faults", &["--chaos", "7", "--rate", "0.2"]);
    assert_eq!((run.code, run.tally("quarantined")), (Some(0), 0), "{}", run.stderr);
    let tasks = tasks(&bench, "faults");
    let interrupted = tasks.values().filter(|task| task["interruptions"] != 0).count();
    assert!(interrupted > 10, "{interrupted}");
    assert_eq!(ended(&tasks).len() as u64, run.tally("in"));
}
