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
mod suite;

use std::process::ExitCode;

use plan::Args;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, database, ..] = args.as_slice()
        && first == plain::FLAG
    {
        plain::serve(database);
        return ExitCode::SUCCESS;
    }
    // `cargo test --benches` and `cargo bench NAME` for another bench also run this program, and want
    // nothing of it.
    let other = args.first().is_some_and(|first| !first.starts_with("--"));
    if other || !args.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    let args = match Args::parse(&args) {
        Ok(args) => args,
        Err(problem) => {
            suite::say(&problem);
            return ExitCode::from(2);
        }
    };
    client::raise_descriptors();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime.expect("a runtime").block_on(suite::run(&args));
    match args.json {
        true => println!("{}", report.json()),
        false => print!("{}", report.table()),
    }
    if report.broken() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
