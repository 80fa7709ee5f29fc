//! Runs the loads one after another, each on a fresh server. The program and `tests/it/load.rs` share
//! it, so that the test checks what `cargo xtask load` runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::client::{self, LoadGenerator};
use super::plan::{Args, LoadScenario, LoadTestReport, MetricsCollector, ScenarioType, StopRule};
use super::report::Report;
use super::server::Running;

/// Connections that submit one task at a time.
const SINGLE: usize = 64;
/// Connections that submit batches, and tasks of one batch.
const BATCHERS: usize = 8;
const BATCH: usize = 500;
/// Longest load in the comparison with the plain server, which has no ramp.
const BESIDE: Duration = Duration::from_secs(10);
/// Tasks of the run from the first request to the last result.
const WHOLE: usize = 20_000;
/// Tasks a second of the run that looks at latency, and connections it comes from.
const RATE: usize = 1_000;
const PACED: usize = 20;
/// Starts and stops that are timed.
const STARTS: usize = 10;

#[allow(clippy::print_stderr, reason = "a benchmark")]
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// Runs what the command line asks for, and reports it.
pub async fn run(args: &Args) -> Report {
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

/// Runs the same loads on both servers, then those that only ours supports.
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

/// Measures the time from the start of the process to `/health/startup` 200, and from SIGTERM to the
/// end of an idle server.
async fn starts(dir: &Path) -> (MetricsCollector, MetricsCollector) {
    let (mut up, mut down) = (MetricsCollector::default(), MetricsCollector::default());
    for _ in 0..STARTS {
        let mut server = Running::ours(dir).await;
        up.note(server.up);
        down.note(server.stop().await);
    }
    (up, down)
}
