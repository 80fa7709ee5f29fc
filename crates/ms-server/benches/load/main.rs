//! The server under load over HTTP, beside a plain axum + sqlx insert server, in one run on one
//! machine. `cargo xtask load [--json] [--dir DIR] [--seconds N]`. Nothing here asserts a time.
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
mod report;
mod server;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use client::{Load, Tally};
use report::{Report, Row};
use server::Running;

/// Clients of the ladder; one connection each.
const LADDER: [usize; 5] = [10, 50, 100, 500, 1_000];
/// Connections that submit one task at a time.
const SINGLE: usize = 64;
/// Connections that submit batches, and tasks of one batch.
const BATCHERS: usize = 8;
const BATCH: usize = 500;
/// Tasks of the run from the first request to the last result.
const WHOLE: usize = 20_000;
/// Tasks a second of the run that looks at latency, and connections it comes from.
const RATE: usize = 1_000;
const PACED: usize = 20;
/// Starts and stops that are timed.
const STARTS: usize = 10;

struct Args {
    json: bool,
    dir: PathBuf,
    each: Duration,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, database, ..] = args.as_slice()
        && first == plain::FLAG
    {
        return plain::serve(database);
    }
    // Built and run by `cargo test --benches` too, which wants nothing of it.
    if !args.iter().any(|arg| arg == "--bench") {
        return;
    }
    client::raise_descriptors();
    let args = parse(&args);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime.expect("a runtime").block_on(run(&args));
    match args.json {
        true => println!("{}", report.json()),
        false => print!("{}", report.table()),
    }
}

fn parse(args: &[String]) -> Args {
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1).cloned()
    };
    let seconds = value("--seconds").map_or(2, |text| text.parse().expect("--seconds N"));
    Args {
        json: args.iter().any(|arg| arg == "--json"),
        dir: value("--dir").map_or_else(std::env::temp_dir, PathBuf::from),
        each: Duration::from_secs(seconds),
    }
}

async fn run(args: &Args) -> Report {
    let mut report = Report { starts: starts(args).await, ..Report::default() };
    for clients in LADDER {
        let mut ours = Running::ours(&args.dir).await;
        let tally = Load::single(ours.api, clients, args.each).run().await;
        report.rows.push(Row::of("ms-server", "one task a request", clients, 1, &tally));
        ours.stop().await;
    }
    for plain in [false, true] {
        let name = if plain { "axum + sqlx" } else { "ms-server" };
        let start = async || match plain {
            true => Running::plain(&args.dir).await,
            false => Running::ours(&args.dir).await,
        };
        let mut server = start().await;
        let tally = Load::single(server.api, SINGLE, args.each).run().await;
        report.rows.push(Row::of(name, "one task a request", SINGLE, 1, &tally));
        server.stop().await;
        let mut server = start().await;
        let tally = Load::batch(server.api, BATCHERS, BATCH, args.each).run().await;
        report.rows.push(Row::of(name, "batches of 500", BATCHERS, BATCH, &tally));
        server.stop().await;
    }
    let mut server = Running::ours(&args.dir).await;
    let began = Instant::now();
    client::batches(server.api, WHOLE / BATCH, BATCH).await;
    client::all_done(server.api).await;
    report.end_to_end = Some(WHOLE as f64 / began.elapsed().as_secs_f64());
    server.stop().await;
    let mut server = Running::ours(&args.dir).await;
    report.latency = Some(client::paced(server.api, PACED, RATE, args.each * 2).await);
    server.stop().await;
    report
}

/// From the start of the process to `/health/startup` 200, and from SIGTERM to its end, idle.
async fn starts(args: &Args) -> (Tally, Tally) {
    let (mut up, mut down) = (Tally::default(), Tally::default());
    for _ in 0..STARTS {
        let mut server = Running::ours(&args.dir).await;
        up.note(server.up);
        down.note(server.stop().await);
    }
    (up, down)
}
