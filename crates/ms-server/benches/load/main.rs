//! The server under load over HTTP, beside a plain axum + sqlx insert server, in one run on one
//! machine: `cargo xtask load`. Nothing here asserts a time; a load with more than 1 % errors is
//! stopped, and the program fails.
//!
//! Both servers are processes of their own with their database in one directory, both wait for
//! the disk before they answer (`synchronous = FULL`, write-ahead log), and both are given the
//! same requests by the same clients.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark"
)]

mod client;
mod plain;
mod plan;
mod report;
mod server;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use client::LoadGenerator;
use plan::{Args, LoadScenario, LoadTestReport, MetricsCollector, ScenarioType, StopRule};
use report::Report;
use server::Running;

/// Connections that submit one task at a time.
const SINGLE: usize = 64;
/// Connections that submit batches, and tasks of one batch.
const BATCHERS: usize = 8;
const BATCH: usize = 500;
/// Longest of a load beside the other server, which has no ramp.
const BESIDE: Duration = Duration::from_secs(10);
/// Tasks of the run from the first request to the last result.
const WHOLE: usize = 20_000;
/// Tasks a second of the run that looks at latency, and connections it comes from.
const RATE: usize = 1_000;
const PACED: usize = 20;
/// Starts and stops that are timed.
const STARTS: usize = 10;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, database, ..] = args.as_slice()
        && first == plain::FLAG
    {
        plain::serve(database);
        return ExitCode::SUCCESS;
    }
    // Built and run by `cargo test --benches` too, which wants nothing of it; and by
    // `cargo bench NAME`, which wants another.
    let other = args.first().is_some_and(|first| !first.starts_with("--"));
    if other || !args.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let args = match Args::parse(&args) {
        Ok(args) => args,
        Err(problem) => {
            say(&problem);
            return ExitCode::from(2);
        }
    };
    client::raise_descriptors();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime.expect("a runtime").block_on(run(&args));
    match args.json {
        true => println!("{}", report.json()),
        false => print!("{}", report.table()),
    }
    if report.broken() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[allow(clippy::print_stderr, reason = "a benchmark")]
fn say(text: &str) {
    eprintln!("{text}");
}

async fn run(args: &Args) -> Report {
    let dir = args.dir.as_ref().map_or_else(std::env::temp_dir, PathBuf::from);
    let suite = args.suite();
    let mut report = Report { rule: suite.rule, ..Report::default() };
    if !args.only_ladder {
        report.starts = starts(&dir).await;
    }
    for scenario in &suite.scenarios {
        let mut ours = Running::ours(&dir).await;
        let mut row = load("ms-server", &ours, scenario, suite.rule).await;
        row.database_p99_ms = client::database_p99(ours.api).await;
        report.rows.push(row);
        ours.stop().await;
        if report.broken() {
            return report;
        }
    }
    if !args.only_ladder {
        beside(args, &dir, &mut report).await;
    }
    report
}

async fn load(
    name: &'static str,
    server: &Running,
    scenario: &LoadScenario,
    rule: StopRule,
) -> LoadTestReport {
    let generator = LoadGenerator { addr: server.api, scenario: *scenario, rule };
    let report = LoadTestReport::of(name, scenario, rule, &generator.run().await);
    report.warning(rule).iter().for_each(|warning| say(&format!("warning: {warning}")));
    report
}

/// The same loads on both servers, then what only ours can do.
async fn beside(args: &Args, dir: &Path, report: &mut Report) {
    let hold = args.hold.min(BESIDE);
    let scenario = |kind, clients| LoadScenario { kind, clients, ramp: Duration::ZERO, hold };
    let loads = [
        scenario(ScenarioType::ConstantLoad, SINGLE),
        scenario(ScenarioType::Batches(BATCH), BATCHERS),
    ];
    for name in ["ms-server", "axum + sqlx"] {
        for scenario in &loads {
            let mut server = match name {
                "ms-server" => Running::ours(dir).await,
                _ => Running::plain(dir).await,
            };
            report.rows.push(load(name, &server, scenario, report.rule).await);
            server.stop().await;
            if report.broken() {
                return;
            }
        }
    }
    let mut server = Running::ours(dir).await;
    let began = Instant::now();
    client::batches(server.api, WHOLE / BATCH, BATCH).await;
    client::all_done(server.api).await;
    report.end_to_end = Some(WHOLE as f64 / began.elapsed().as_secs_f64());
    server.stop().await;
    let mut server = Running::ours(dir).await;
    report.latency = Some(client::paced(server.api, PACED, RATE, hold * 2).await);
    server.stop().await;
}

/// From the start of the process to `/health/startup` 200, and from SIGTERM to its end, idle.
async fn starts(dir: &Path) -> (MetricsCollector, MetricsCollector) {
    let (mut up, mut down) = (MetricsCollector::default(), MetricsCollector::default());
    for _ in 0..STARTS {
        let mut server = Running::ours(dir).await;
        up.note(server.up);
        down.note(server.stop().await);
    }
    (up, down)
}
