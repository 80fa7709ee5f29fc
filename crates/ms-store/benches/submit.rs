//! Durable submissions beside a plain sqlx insert loop, in one run on one disk.
//!
//! `cargo xtask bench submit`. Every contender waits for the disk (`synchronous = FULL`,
//! write-ahead log) before it counts a task as done. Contenders run interleaved, five rounds
//! each; the table shows medians. Nothing here asserts a time.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a benchmark")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use actix::System;
use ms_actor::{Node, NodeConfig};
use ms_core::ActorPath;
use ms_core::task::{AgentKind, NewTask, QueueName, TaskId};
use ms_store::{SqliteTasks, StoreConfig, sqlite};
use ms_supervisor::{Root, SupervisorSpec, start_root};
use ms_task::{ClaimSpec, Submission, TaskCommand, TaskOutcome, TaskStore};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Executor, SqlitePool};
use uuid::Uuid;

const ROUNDS: usize = 5;
/// Clients that send one request at a time.
const CLIENTS: usize = 64;
/// Tasks of one client in one round.
const EACH: usize = 100;
/// Tasks of one call, and calls of one round, in the batch contenders.
const BATCH: usize = 100;
const BATCHES: usize = 200;
/// Inserts of the loop without concurrency.
const ALONE: usize = 500;

fn task(n: usize) -> NewTask {
    let kind = AgentKind::new("worker").expect("valid");
    NewTask::new(kind, json!({ "url": format!("https://example.org/{n}"), "depth": 3 }))
}

fn submission(n: usize) -> Submission {
    Submission { id: TaskId::new(Uuid::now_v7()), task: task(n) }
}

async fn plain(dir: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(dir.join("plain.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(60));
    let pool = pool.connect_with(options).await.expect("opens");
    let table =
        "CREATE TABLE tasks (id BLOB PRIMARY KEY, state INTEGER NOT NULL, body TEXT NOT NULL)";
    pool.execute(table).await.expect("creates");
    pool
}

async fn plain_insert(pool: &SqlitePool, n: usize) {
    let body = serde_json::to_string(&task(n)).expect("json");
    let id = Uuid::now_v7();
    sqlx::query("INSERT INTO tasks (id, state, body) VALUES (?1, 0, ?2)")
        .bind(id.as_bytes().as_slice())
        .bind(body)
        .execute(pool)
        .await
        .expect("inserts");
}

/// Runs `EACH` steps of `CLIENTS` clients at a time; gives steps a second.
async fn clients<F: Future<Output = ()> + 'static>(
    step: impl Fn(usize) -> F + Clone + 'static,
) -> f64 {
    let begin = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let step = step.clone();
        all.spawn_local(async move {
            for n in 0..EACH {
                step(client * EACH + n).await;
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.expect("no panic");
    }
    (CLIENTS * EACH) as f64 / begin.elapsed().as_secs_f64()
}

async fn batches(store: &SqliteTasks) -> f64 {
    let begin = Instant::now();
    for _ in 0..BATCHES {
        let answers = store.submit((0..BATCH).map(submission).collect()).await.expect("stored");
        assert!(answers.iter().all(Result::is_ok));
    }
    (BATCH * BATCHES) as f64 / begin.elapsed().as_secs_f64()
}

/// The rest of the lives of what was submitted: claimed, begun, completed.
async fn lives(store: &SqliteTasks) -> f64 {
    let agents = (0..BATCH).map(|n| ActorPath::new(format!("/w/{n}")).expect("valid")).collect();
    let wish = ClaimSpec {
        room: BTreeMap::from([(QueueName::default(), BATCH)]),
        free: BTreeMap::from([(AgentKind::new("worker").expect("valid"), agents)]),
        lease: Duration::from_secs(600),
    };
    let (begin, mut done) = (Instant::now(), 0);
    for _ in 0..BATCHES / 2 {
        let claimed = store.claim(wish.clone()).await.expect("claims").assignments;
        let begun = claimed.iter().map(|one| TaskCommand::Start(one.view.id, one.token)).collect();
        store.execute(begun).await.expect("stored");
        let finish = claimed.iter().map(|one| {
            TaskCommand::Finish(one.view.id, one.token, TaskOutcome::Completed(json!({ "ok": 1 })))
        });
        done += store.execute(finish.collect()).await.expect("stored").len();
    }
    done as f64 / begin.elapsed().as_secs_f64()
}

async fn ours(node: &Node, dir: &Path) -> (SqliteTasks, Root) {
    let (store, child) = sqlite("store", StoreConfig::new(dir.join("tasks.db")));
    let root =
        start_root(node, SupervisorSpec::one_for_one("root").child(child)).await.expect("opens");
    (store, root)
}

async fn rounds(node: Node) {
    let dir = tempfile::tempdir().expect("a directory");
    let pool = plain(dir.path()).await;
    let (store, root) = ours(&node, dir.path()).await;
    let names = [
        "plain sqlx, one insert after the other",
        "plain sqlx, 64 clients on one connection",
        "store, single requests of 64 clients",
        "store, batches of 100 by one client",
        "store, claim + start + complete in batches of 100",
    ];
    let mut figures = vec![Vec::new(); names.len()];
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        for n in 0..ALONE {
            plain_insert(&pool, n).await;
        }
        figures[0].push(ALONE as f64 / begin.elapsed().as_secs_f64());
        let shared = pool.clone();
        figures[1].push(
            clients(move |n| {
                let pool = shared.clone();
                async move { plain_insert(&pool, n).await }
            })
            .await,
        );
        let shared = store.clone();
        figures[2].push(
            clients(move |n| {
                let store = shared.clone();
                async move {
                    let answers = store.submit(vec![submission(n)]).await.expect("stored");
                    assert!(answers[0].is_ok());
                }
            })
            .await,
        );
        figures[3].push(batches(&store).await);
        figures[4].push(lives(&store).await);
    }
    println!("{:<52} {:>10}", "durable tasks a second, median of 5 rounds", "tasks/s");
    for (name, mut of) in names.into_iter().zip(figures) {
        of.sort_by(f64::total_cmp);
        println!("{name:<52} {:>10.0}", of[of.len() / 2]);
    }
    let stats = store.stats().await.expect("reads");
    println!("{} requests in {} commits", stats.requests, stats.commits);
    root.stop(Duration::from_secs(10)).await;
}

/// `cargo test --benches` wants nothing of it, `cargo bench NAME` perhaps another.
fn is_wanted() -> bool {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let named = args.iter().find(|arg| !arg.starts_with("--"));
    named.is_none_or(|name| "submit".contains(name.as_str()))
        && args.iter().any(|arg| arg == "--bench")
}

fn main() {
    if !is_wanted() {
        return;
    }
    System::new().block_on(async {
        let config = NodeConfig { arbiters: 1, ..NodeConfig::default() };
        rounds(Node::boot(config).expect("boots")).await;
    });
}
